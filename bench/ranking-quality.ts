// How good the generators are on a given split: trains each, asks each through the call that serves requests, and reports means with intervals.
// Users' histories carry a weight of 1 an item, in the order of the item indexes.
import { cpus } from 'node:os'
import type { TrainingData } from '../src/domain/training-data.ts'
import { bootstrapMean, comparePaired, meanOf } from '../src/lib/bootstrap.ts'
import { type Csr, csrFromTriplets } from '../src/lib/csr.ts'
import { seededRng } from '../src/lib/rng.ts'
import type { GeneratorKind } from '../src/ports/candidate-generator.ts'
import {
  type HeldOut,
  type ListMetrics,
  measureLists,
  measureUsers,
  rankForUsers,
  type UserMetric,
  type UserMetricValues,
} from '../src/training/evaluate.ts'
import { type Figure, median, spreadOf } from './figure.ts'

export interface AssessedGenerator {
  readonly users: UserMetricValues
  readonly lists: ListMetrics
  readonly trainSeconds: number
  /** Mean over all evaluated users, filtering of seen items included. */
  readonly answerMs: number
  /** Size of what training left behind. */
  readonly artifactBytes: number
}

/** Trains the kind on the histories and measures it on what was held out. */
export async function assess(
  kind: GeneratorKind,
  heldOut: HeldOut,
  options: { readonly k: number; readonly seed: number },
): Promise<AssessedGenerator> {
  const data = trainingDataOf(heldOut.trainItemsByUser)
  const context = { seed: options.seed, threadCount: Math.min(2, cpus().length), log: () => {} }
  const startedAt = performance.now()
  const artifacts = await kind.train(data, context)
  const trainSeconds = (performance.now() - startedAt) / 1000
  const generator = kind.open(artifacts, { itemCount: data.itemIds.length })
  const askedAt = performance.now()
  const lists = rankForUsers(generator, heldOut, options.k)
  const answerMs = (performance.now() - askedAt) / Math.max(1, lists.userIndexes.length)
  return {
    users: measureUsers(lists, heldOut.testItemsByUser),
    lists: measureLists(lists, heldOut.trainItemsByUser),
    trainSeconds,
    answerMs,
    artifactBytes: Object.values(artifacts).reduce((sum, array) => sum + array.byteLength, 0),
  }
}

/** Training data without times; ids are the indexes. */
export function trainingDataOf(itemsByUser: Csr): TrainingData {
  return {
    userIds: Array.from({ length: itemsByUser.rowCount }, (_, user) => String(user)),
    itemIds: Array.from({ length: itemsByUser.columnCount }, (_, item) => String(item)),
    itemsByUser,
    newestTimesMs: undefined,
    asOfMs: 0,
  }
}

/**
 * Holds out a random share of each user's items, rounded, with at least one left on both sides where the user has two or more.
 * @param share in (0, 1)
 */
export function splitPerUser(itemsByUser: Csr, share: number, seed: number): HeldOut {
  const rng = seededRng(seed).fork('split-per-user')
  const train = { rows: [] as number[], columns: [] as number[], values: [] as number[] }
  const test = { rows: [] as number[], columns: [] as number[], values: [] as number[] }
  for (let user = 0; user < itemsByUser.rowCount; user++) {
    const start = itemsByUser.offsets[user]!
    const entryCount = itemsByUser.offsets[user + 1]! - start
    const entries = Int32Array.from({ length: entryCount }, (_, i) => start + i)
    const heldOutCount = entryCount < 2 ? 0 : Math.min(entryCount - 1, Math.max(1, Math.round(entryCount * share)))
    for (let i = 0; i < entryCount; i++) {
      const other = i + rng.integer(entryCount - i)
      const entry = entries[other]!
      entries[other] = entries[i]!
      const side = i < heldOutCount ? test : train
      side.rows.push(user)
      side.columns.push(itemsByUser.columns[entry]!)
      side.values.push(itemsByUser.values[entry]!)
    }
  }
  const size = { rowCount: itemsByUser.rowCount, columnCount: itemsByUser.columnCount }
  return { trainItemsByUser: csrFromTriplets(train, size), testItemsByUser: csrFromTriplets(test, size) }
}

/** Users with skewed tastes for one of four groups of items: something to learn in a second. */
export function smokeItemsByUser(): Csr {
  const rng = seededRng('smoke')
  const rows: number[] = []
  const columns: number[] = []
  for (let user = 0; user < 300; user++) {
    for (let n = 0; n < 12; n++) {
      rows.push(user)
      columns.push((user % 4) * 50 + Math.floor(50 * rng.next() ** 2))
    }
  }
  const summed = csrFromTriplets({ rows, columns, values: rows }, { rowCount: 300, columnCount: 200 })
  return { ...summed, values: new Float32Array(summed.values.length).fill(1) }
}

export interface ContestantKind {
  readonly name: string
  readonly kind: GeneratorKind
}

interface Contest {
  readonly dataset: string
  readonly k: number
  /** What is reported with an interval. */
  readonly metrics: readonly UserMetric[]
  /** The generator that was best on the validation part: the bars are its. */
  readonly best: string
  /** What the best must reach, and what it should. */
  readonly bars: Readonly<Partial<Record<UserMetric, { readonly bar: number; readonly goal: number }>>>
  readonly published: string
}

/** One generator's results, one for each split. */
interface Assessed {
  readonly name: string
  readonly results: readonly AssessedGenerator[]
}

const metricNames: Readonly<Record<UserMetric, string>> = {
  recall: 'Recall',
  precision: 'Precision',
  ndcg: 'NDCG',
  reciprocalRank: 'MRR',
  averagePrecision: 'MAP',
}

/** The best generator's metrics with their bars, then every generator's metrics, time to train, time to answer and lists. */
export function contestFigures(assessed: readonly Assessed[], contest: Contest): Figure[] {
  const figures: Figure[] = []
  const lead = contest.metrics.at(-1)!
  const best = assessed.find(({ name }) => name === contest.best)!
  for (const metric of contest.metrics) {
    const value = meanOfMetric(best, metric)
    const bounds = contest.bars[metric]
    figures.push({
      ...metricFigure(best, metric, contest),
      name: `best generator ${metricNames[metric]}@${contest.k}`,
      ...(bounds && {
        bar: `>= ${bounds.bar}`,
        ok: value >= bounds.bar,
        note: `${best.name}; the goal of ${bounds.goal} is ${value >= bounds.goal ? 'met' : 'missed'}; ${contest.published}`,
      }),
    })
  }
  for (const one of assessed) {
    for (const metric of contest.metrics) figures.push(metricFigure(one, metric, contest))
    figures.push(...costFigures(one, contest))
  }
  for (const other of assessed) if (other !== best) figures.push(differenceFigure(best, other, lead, contest))
  return figures
}

/** Mean over splits; the spread is the 95 % interval over users for one split, smallest and largest mean for several. */
function metricFigure(one: Assessed, metric: UserMetric, { dataset, k }: Contest): Figure {
  const means = one.results.map(({ users }) => meanOf(users.values[metric]))
  const single = one.results.length === 1 ? one.results[0]! : undefined
  const interval = single && bootstrapMean(single.users.values[metric], { seed: 1, resampleCount: 1000 })?.interval
  return {
    name: `${one.name} ${metricNames[metric]}@${k}`,
    value: meanOf(means),
    unit: '',
    spread: interval ?? [Math.min(...means), Math.max(...means)],
    note: single
      ? `${dataset}, ${single.users.userIndexes.length} users, all items ranked; spread: 95 % bootstrap interval over users`
      : `${dataset}, ${means.length} random splits, all items ranked; spread: smallest and largest mean over the splits`,
  }
}

function costFigures({ name, results }: Assessed, { dataset }: Contest): Figure[] {
  const trainSeconds = results.map((result) => result.trainSeconds)
  const answerMs = results.map((result) => result.answerMs)
  const lists = results[0]!.lists
  return [
    { name: `${name} training`, value: median(trainSeconds), unit: 's', spread: spreadOf(trainSeconds) },
    {
      name: `${name} answer`,
      value: median(answerMs),
      unit: 'ms',
      spread: spreadOf(answerMs),
      note: `${dataset}: mean over users, from the history alone; coverage ${percent(lists.coverage)}, Gini ${lists.gini?.toFixed(3)}, novelty ${lists.noveltyBits?.toFixed(2)} bits, artifacts ${(results[0]!.artifactBytes / 2 ** 20).toFixed(1)} MiB`,
    },
  ]
}

/** User by user; where there are several splits, a user's values are averaged first, because they are not independent. */
function differenceFigure(best: Assessed, other: Assessed, metric: UserMetric, { k }: Contest): Figure {
  const challengerValues = valuesByUser(best, metric)
  const championValues = valuesByUser(other, metric)
  const users = [...challengerValues.keys()]
  const difference = comparePaired(
    {
      challenger: users.map((user) => challengerValues.get(user)!),
      champion: users.map((user) => championValues.get(user)!),
    },
    { seed: 1, resampleCount: 1000 },
  )!
  return {
    name: `${best.name} - ${other.name}, ${metricNames[metric]}@${k}`,
    value: difference.mean,
    unit: '',
    spread: difference.interval,
    note: `paired by user; spread: 95 % bootstrap interval; sign-flip p ${difference.pValue.toFixed(4)}`,
  }
}

/** The mean over the splits in which the user had something held out. */
function valuesByUser({ results }: Assessed, metric: UserMetric): Map<number, number> {
  const valuesOfUser = new Map<number, number[]>()
  for (const { users } of results) {
    users.userIndexes.forEach((user, i) => {
      const values = valuesOfUser.get(user) ?? []
      values.push(users.values[metric][i]!)
      valuesOfUser.set(user, values)
    })
  }
  return new Map([...valuesOfUser].map(([user, values]) => [user, meanOf(values)]))
}

const meanOfMetric = (one: Assessed, metric: UserMetric): number =>
  meanOf(one.results.map(({ users }) => meanOf(users.values[metric])))

const percent = (share: number | undefined): string => `${((share ?? 0) * 100).toFixed(1)} %`
