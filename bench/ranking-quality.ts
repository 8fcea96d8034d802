// How good the generators are on a given split: trains each, asks each through the call that serves requests, and reports means with intervals.
// Users' histories carry a weight of 1 an item, in the order of the item indexes.
import { cpus } from 'node:os'
import type { TrainingData } from '../src/domain/training-data.ts'
import { type Csr, csrFromTriplets } from '../src/lib/csr.ts'
import { seededRng } from '../src/lib/rng.ts'
import type { GeneratorKind } from '../src/ports/candidate-generator.ts'
import {
  type HeldOut,
  type ListMetrics,
  measureLists,
  measureUsers,
  rankForUsers,
  type UserMetricValues,
} from '../src/training/evaluate.ts'

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
