// Goal: rows as served stand in for computed ones exactly where they mean the same, and neither they nor the labels know of later. Method: lists of a made shop, whose
// served rows are those that a model of then would have been asked with; then the same with something wrong.
import { beforeAll, describe, expect, test } from 'vitest'
import type { FeatureSource } from '../domain/feature-source.ts'
import { type ImpressionTable, ImpressionTableBuilder } from '../domain/impression-table.ts'
import { sequencesOf } from '../domain/interaction-sequences.ts'
import type { InteractionTable } from '../domain/interaction-table.ts'
import { seededRng } from '../lib/rng.ts'
import { itemNeighbours } from '../models/item-neighbours/item-neighbours.ts'
import { lambdaMart } from '../models/lambda-mart/lambda-mart.ts'
import { popularity } from '../models/popularity/popularity.ts'
import type { RankerKind, RankingRows } from '../ports/ranker.ts'
import { encoderFor, QuestionRows } from './question-rows.ts'
import { choices, DAY_MS, examplePlan, madeBefore, START_MS, shop } from './ranker-shop.testing.ts'
import { rankingWindows } from './ranking-questions.ts'
import type { ServedModel } from './served-columns.ts'
import { ShownQuestions } from './shown-questions.ts'
import { modelAsOf, type RankerTraining, trainRanker } from './train-ranker.ts'

const context = { seed: 1, threadCount: 1, log: () => {} }
const generators = { alike: itemNeighbours(), trending: popularity({ halfLifeDays: 5 }) }
const plan = { ...examplePlan, from: 'impressions' } as const
const table = shop()
const END_MS = START_MS + 30 * DAY_MS

interface Shown {
  readonly userId: string
  readonly itemIds: readonly string[]
  readonly timeMs: number
}

/** A minute before each fourth step or so of somebody: eight items of all, and among them the next choice. */
function listsOf({ userIds, itemIds, userIndexes, itemIndexes, eventTimesMs }: InteractionTable): Shown[] {
  const rng = seededRng('lists')
  return Array.from(eventTimesMs.keys())
    .filter(() => rng.integer(4) === 0)
    .map((entry) => {
      const others = Array.from({ length: 7 }, () => itemIds[rng.integer(itemIds.length)]!)
      const all = [...others, itemIds[itemIndexes[entry]!]!, ...(rng.integer(5) === 0 ? ['nobody knows it'] : [])]
      const shuffled = [...new Set(all)].sort(() => rng.next() - 0.5)
      return { userId: userIds[userIndexes[entry]!]!, itemIds: shuffled, timeMs: eventTimesMs[entry]! - 60_000 }
    })
    .sort((a, b) => a.timeMs - b.timeMs)
}

const lists = listsOf(table)

/** @param servedOf the rows of each list; without it none were kept */
function impressionsOf(servedOf?: (impression: number) => Float32Array | undefined): ImpressionTable {
  const builder = new ImpressionTableBuilder()
  for (const list of lists) builder.add({ ...list, servedBy: servedOf && 'v1' })
  return builder.build({
    read: async (impressions) =>
      new Map(impressions.flatMap((n) => (servedOf?.(n) === undefined ? [] : [[n, servedOf(n)!] as const]))),
  })
}

/** A kind that shows what it was given. */
function spied(): RankerKind & { readonly given: RankingRows[] } {
  const given: RankingRows[] = []
  const kind = lambdaMart({ trees: 10, minRowsPerLeaf: 5 })
  return {
    ...kind,
    given,
    train: (rows, validation, trainContext) => {
      given.push(rows, ...(validation ? [validation] : []))
      return kind.train(rows, validation, trainContext)
    },
  }
}

const features = (): FeatureSource => choices(table)
const trained = async (given: Partial<RankerTraining> = {}) => {
  const ranker = spied()
  const options = { table, generators, ranker, plan, lightestWeight: 1, features: features(), context, ...given }
  return { ...(await trainRanker(options)), given: ranker.given }
}
const columnNames = [
  ...['alike.score', 'alike.rank', 'trending.score', 'trending.rank'],
  ...['history.length', 'history.items', 'choices'],
]
const servedModel = (given: Partial<ServedModel> = {}): ServedModel => ({
  featureNames: columnNames,
  features: features().definitions.map(({ name, version }) => ({ name, version })),
  generatorNames: Object.keys(generators),
  perGenerator: plan.perGenerator,
  dictionaries: {},
  generators,
  asOfMs: START_MS,
  ...given,
})

/** What a model of each window would have been asked with, by impression. */
async function rowsAsServed(): Promise<ReadonlyMap<number, Float32Array>> {
  const sequences = sequencesOf(table, table.userIds.length)
  const impressions = impressionsOf()
  const { attributionMs, perGenerator } = plan
  const options = { attributionMs, beforeMs: END_MS, lightestWeight: 1 }
  const questions = new ShownQuestions(impressions, { ...table, sequences }, options)
  const lastMs = table.eventTimesMs.reduce((last, timeMs) => Math.max(last, timeMs), 0)
  const source = features()
  const served = new Map<number, Float32Array>()
  for (const window of rankingWindows({ firstMs: START_MS, endMs: lastMs + 1, ...plan })) {
    const model = await modelAsOf(table, window.fromMs, generators, context)
    const encoder = encoderFor(source)
    const rows = new QuestionRows({ ...table, sequences, model, perGenerator, features: source, encoder })
    const wanted = questions.in(window, { questionsPerUser: 1e6, rng: seededRng(1) })
    for (const question of wanted)
      served.set(question.impression, (await rows.askAbout(question, question.itemIds)).slice())
  }
  return served
}

describe('rows as they were served', () => {
  let served: ReadonlyMap<number, Float32Array>
  let computed: Awaited<ReturnType<typeof trained>>
  beforeAll(async () => {
    served = await rowsAsServed()
    computed = await trained({ impressions: { table: impressionsOf(), modelOf: async () => undefined } })
  })

  const withServed = (
    model: ServedModel | undefined,
    change: (rows: Float32Array, impression: number) => Float32Array = (rows) => rows,
  ) => {
    const servedOf = (n: number) => (served.has(n) ? change(served.get(n)!, n) : undefined)
    return trained({ impressions: { table: impressionsOf(servedOf), modelOf: async () => model } })
  }

  test('give the same ranker to the byte as the same rows computed, and nobody trains a model for them', async () => {
    const asked: string[] = []
    const spying = Object.fromEntries(
      Object.entries(generators).map(([name, kind]) => {
        const train = (...args: Parameters<typeof kind.train>) => {
          asked.push(name)
          return kind.train(...args)
        }
        return [name, { ...kind, train }]
      }),
    )
    const servedOf = (n: number) => served.get(n)
    const fromServed = await trained({
      generators: spying,
      impressions: { table: impressionsOf(servedOf), modelOf: async () => servedModel() },
    })
    expect(computed.examples.impressions!.servedCount).toBe(0)
    const { impressions } = fromServed.examples
    expect(impressions!.askedCount).toBeGreaterThan(100)
    expect(impressions!.servedCount).toBe(impressions!.askedCount)
    expect(fromServed.given).toEqual(computed.given)
    expect(fromServed.artifacts).toEqual(computed.artifacts)
    expect(asked).toEqual([])
  })

  test('are what the ranker learns from, right or wrong', async () => {
    const wrong = await withServed(servedModel(), (rows) => rows.map((value) => value + 1))
    expect(wrong.given).not.toEqual(computed.given)
  })

  const doneMs = Map.groupBy(table.eventTimesMs.keys(), (entry) =>
    [table.userIds[table.userIndexes[entry]!], table.itemIds[table.itemIndexes[entry]!]].join(' '),
  )
  // Planted: rows that know which item will be chosen. What they say must not be learned from.
  const knowing = (rows: Float32Array, impression: number): Float32Array => {
    const { userId, itemIds, timeMs } = lists[impression]!
    const known = rows.slice()
    for (const [i, itemId] of itemIds.entries()) {
      const times = (doneMs.get(`${userId} ${itemId}`) ?? []).map((entry) => table.eventTimesMs[entry]! - timeMs)
      known[i * columnNames.length] = Number(times.some((laterMs) => laterMs >= 0 && laterMs < DAY_MS))
    }
    return known
  }

  test.each<[string, ServedModel | undefined, typeof knowing]>([
    ['of a model that was trained later than it served', servedModel({ asOfMs: END_MS }), knowing],
    ['of a model whose bundle is gone', undefined, knowing],
    ['of another width than the model had', servedModel(), (rows) => rows.subarray(1)],
    [
      'of a generator with other settings',
      servedModel({ generators: { ...generators, trending: popularity() } }),
      knowing,
    ],
    ['of a generator that is not there any more', servedModel({ generatorNames: ['alike'] }), knowing],
    ['of fewer candidates', servedModel({ perGenerator: 29 }), knowing],
    ['of a feature of another version', servedModel({ features: [{ name: 'choices', version: 'old' }] }), knowing],
    ['without a column that there is now', servedModel({ featureNames: columnNames.with(0, 'other.score') }), knowing],
  ])('%s are computed anew', async (_, model, change) => {
    const again = await withServed(model, change)
    expect(again.examples.impressions!.servedCount).toBe(0)
    expect(again.given).toEqual(computed.given)
  })

  test('that know of later would show in what is learned, if they were used', async () => {
    const leaking = await withServed(servedModel(), knowing)
    expect(leaking.given).not.toEqual(computed.given)
  })
})

describe('labels of a list', () => {
  const gradesIn = (source: InteractionTable, attributionMs: number, beforeMs: number) => {
    const sequences = sequencesOf(source, source.userIds.length)
    const options = { attributionMs, beforeMs, lightestWeight: 1 }
    const questions = new ShownQuestions(impressionsOf(), { ...source, sequences }, options)
    const all = { fromMs: Number.NEGATIVE_INFINITY, beforeMs: Number.POSITIVE_INFINITY }
    return questions.in(all, { questionsPerUser: 1e6, rng: seededRng(1) })
  }
  const cutMs = START_MS + 20 * DAY_MS

  /** Lists that are over at the cut and whose labels change where nothing is there that came after it. */
  function leaking(attributionMs: number): number {
    const inPast = new Map(
      gradesIn(madeBefore(table, cutMs), attributionMs, END_MS).map(({ impression, grades }) => [
        impression,
        [...grades],
      ]),
    )
    const over = gradesIn(table, attributionMs, END_MS).filter(({ momentMs }) => momentMs + DAY_MS <= cutMs)
    expect(over.length).toBeGreaterThan(100)
    return over.filter(({ impression, grades }) => String(inPast.get(impression)) !== String([...grades])).length
  }

  test('are the same when everything from the end of its attribution on is gone', () => {
    expect(leaking(DAY_MS)).toBe(0)
  })

  test('that look nine days further are found', () => {
    expect(leaking(10 * DAY_MS)).toBeGreaterThan(0)
  })

  test('are not there before the data are: a list that is not over at the split is not learned from', () => {
    const before = gradesIn(table, DAY_MS, cutMs)
    expect(before.every(({ momentMs }) => momentMs + DAY_MS <= cutMs)).toBe(true)
    expect(before.length).toBeLessThan(gradesIn(table, DAY_MS, END_MS).length)
  })
})

describe('a ranker that learns from what was shown', () => {
  const impressions = { table: impressionsOf(), modelOf: async () => undefined }

  test('knows the places, and none of candidates', async () => {
    const { given, examples } = await trained({ plan: { ...plan, from: 'both' }, impressions })
    const { positions, querySizes, labels } = given[0]!
    let row = 0
    let [shownCount, candidateCount] = [0, 0]
    for (const size of querySizes) {
      const own = [...positions!.subarray(row, row + size)]
      expect([...labels.subarray(row, row + size)].some((label) => label > 0)).toBe(true)
      if (own.every((position) => position === 0)) candidateCount++
      else {
        shownCount++
        expect(own).toEqual(Array.from({ length: size }, (_, i) => i + 1))
      }
      row += size
    }
    expect(Math.min(shownCount, candidateCount)).toBeGreaterThan(20)
    expect(examples.questionCount).toBeGreaterThan(examples.impressions!.askedCount)
  })

  test('learns from plain history as if nothing had been shown where the system file says so', async () => {
    const history = { ...plan, from: 'history' } as const
    const alone = await trained({ plan: history })
    expect(await trained({ plan: history, impressions })).toEqual(alone)
    expect(alone.given[0]!.positions).toBeUndefined()
    expect(alone.examples.impressions).toBeUndefined()
  })

  test('is the same with both where nothing was shown', async () => {
    const none = new ImpressionTableBuilder().build({ read: async () => new Map() })
    const both = await trained({
      plan: { ...plan, from: 'both' },
      impressions: { table: none, modelOf: async () => undefined },
    })
    const history = await trained({ plan: { ...plan, from: 'history' } })
    expect(both.artifacts).toEqual(history.artifacts)
  })

  test('ends where the split is, however much was shown after it', async () => {
    const beforeMs = START_MS + 20 * DAY_MS
    const past = madeBefore(table, beforeMs)
    const cut = await trained({ table: past, impressions: { ...impressions, beforeMs } })
    const builder = new ImpressionTableBuilder()
    for (const list of lists) if (list.timeMs < beforeMs) builder.add(list)
    const then = { table: builder.build({ read: async () => new Map() }), modelOf: async () => undefined, beforeMs }
    expect(cut).toEqual(await trained({ table: past, impressions: then }))
  })

  test.each([
    ['nothing was shown', [], /Of 0 impressions 0 were followed/],
    [
      'nothing came of it',
      [{ userId: 'u1', itemIds: ['ghost'], timeMs: END_MS - 5 * DAY_MS }],
      /Of 1 impressions 0 were/,
    ],
    ['it is too early to say', [{ userId: 'u1', itemIds: ['i1'], timeMs: END_MS }], /of 1 it is too early to say/],
  ] as const)('refuses where %s, and says so', async (_, shown, message) => {
    const builder = new ImpressionTableBuilder()
    for (const list of shown) builder.add(list)
    const found = { table: builder.build({ read: async () => new Map() }), modelOf: async () => undefined }
    const refused = expect(trained({ impressions: found })).rejects
    await refused.toMatchObject({ code: 'NOTHING_TO_TRAIN_ON', message: expect.stringMatching(message) })
  })
})
