// Goal: examples know nothing of what came at their moment or later. Method: the same questions are asked with the whole history and with the past alone, column by
// column; planted leaks have to be found by it.
import { describe, expect, test } from 'vitest'
import type { FeatureSource } from '../domain/feature-source.ts'
import { sequencesOf } from '../domain/interaction-sequences.ts'
import { type InteractionTable, InteractionTableBuilder, knownBefore } from '../domain/interaction-table.ts'
import { seededRng } from '../lib/rng.ts'
import { graphFilter } from '../models/graph-filter/graph-filter.ts'
import { ials } from '../models/ials/ials.ts'
import { itemNeighbours } from '../models/item-neighbours/item-neighbours.ts'
import { lambdaMart } from '../models/lambda-mart/lambda-mart.ts'
import { popularity } from '../models/popularity/popularity.ts'
import type { GeneratorKind } from '../ports/candidate-generator.ts'
import { alignedGenerator } from './aligned-generator.ts'
import { encoderFor, QuestionRows } from './question-rows.ts'
import { choices, DAY_MS, madeBefore, examplePlan as plan, START_MS, shop } from './ranker-shop.testing.ts'
import { type RankingQuestion, rankingQuestions } from './ranking-questions.ts'
import { modelAsOf, type RankerTraining, trainRanker } from './train-ranker.ts'

const context = { seed: 1, threadCount: 1, log: () => {} }
const generators = { alike: itemNeighbours(), trending: popularity({ halfLifeDays: 5 }) }
const ranker = lambdaMart({ trees: 20, minRowsPerLeaf: 5 })

type Model = Awaited<ReturnType<typeof modelAsOf>>

/** By item what is in its row, for each user's first question. */
function asker(table: InteractionTable, model: Model, features: FeatureSource) {
  const { userIds, itemIds } = table
  const sequences = sequencesOf(table, userIds.length)
  const encoder = encoderFor(features)
  const rows = new QuestionRows({ userIds, itemIds, sequences, model, perGenerator: 60, features, encoder })
  const { columnNames } = rows
  return {
    columnNames,
    /** @param shown instead of candidates */
    async ask(
      userId: string,
      question: RankingQuestion,
      shown?: readonly string[],
    ): Promise<ReadonlyMap<string, Float32Array>> {
      const userIndex = userIds.indexOf(userId)
      const historyEnd = sequences.offsets[userIndex]! + question.historyEnd
      const width = columnNames.length
      if (shown !== undefined) {
        const ofShown = await rows.askAbout({ ...question, userIndex, historyEnd }, shown)
        return new Map(shown.map((itemId, i) => [itemId, ofShown.slice(i * width, (i + 1) * width)]))
      }
      const asked = await rows.ask({ ...question, userIndex, historyEnd })
      return new Map(
        Array.from(asked.itemIndexes, (item, i) => [itemIds[item]!, asked.rows.slice(i * width, (i + 1) * width)]),
      )
    },
  }
}

describe.each([
  ['candidates', false],
  ['lists that were shown', true],
])('examples of a window, of %s,', (_, areShown) => {
  const table = shop()
  const fromMs = START_MS + 20 * DAY_MS
  const { offsets } = sequencesOf(table, table.userIds.length)
  // Of users who were there before, so that the past can be asked about them; histories counted from their beginning.
  const past = madeBefore(table, fromMs)
  const questions = rankingQuestions(sequencesOf(table, table.userIds.length), {
    fromMs,
    beforeMs: fromMs + 4 * DAY_MS,
    attributionMs: DAY_MS,
    questionsPerUser: 1,
    lightestWeight: 1,
    rng: seededRng(1),
  })
    .filter(({ userIndex }) => past.userIds.includes(table.userIds[userIndex]!))
    .slice(0, 30)
  // What was chosen next and what had been chosen before, an item that came much later, one that nobody knows, and some of all.
  const shownTo = ({ userIndex, historyEnd }: RankingQuestion): readonly string[] => {
    const { itemIndexes } = sequencesOf(table, table.userIds.length)
    const own = itemIndexes.slice(Math.max(offsets[userIndex]!, historyEnd - 2), historyEnd + 3)
    const some = Array.from({ length: 20 }, (_, n) => Math.floor((n * table.itemIds.length) / 20))
    return [...new Set([...own, ...some].map((item) => table.itemIds[item]!)), 'nobody knows it']
  }
  const kinds = { ...generators, cf: ials({ factors: 8, iterations: 3 }), taste: graphFilter() }
  const untilLast = madeBefore(table, questions.at(-1)!.momentMs)

  /** Columns that differ for a candidate of a question, or whose candidates differ, from what was there in the past. */
  async function differingColumns(model: Model, features: FeatureSource): Promise<string[]> {
    const blind = asker(untilLast, await modelAsOf(past, fromMs, kinds, context), choices(untilLast))
    const seeing = asker(table, model, features)
    const nothing = new Float32Array(seeing.columnNames.length).fill(Number.NaN)
    const differing = new Set<string>()
    for (const question of questions) {
      const userId = table.userIds[question.userIndex]!
      const fromStart = { ...question, historyEnd: question.historyEnd - offsets[question.userIndex]! }
      const shown = areShown ? shownTo(question) : undefined
      const [seen, then] = [await seeing.ask(userId, fromStart, shown), await blind.ask(userId, fromStart, shown)]
      for (const itemId of new Set([...seen.keys(), ...then.keys()])) {
        const [a, b] = [seen.get(itemId), then.get(itemId)]
        seeing.columnNames.forEach((name, c) => {
          // A candidate that only one of them has differs in what its generators say of it.
          const isOfGenerator = name.endsWith('.score') || name.endsWith('.rank')
          if (!(a && b) && !isOfGenerator) return
          if (!Object.is((a ?? nothing)[c], (b ?? nothing)[c])) differing.add(name)
        })
      }
    }
    return [...differing].sort()
  }

  test('are the same when everything from their moments on is gone, the users and items of later too', async () => {
    expect(questions.length).toBeGreaterThan(20)
    expect(past.itemIds.length).toBeLessThan(table.itemIds.length)
    expect(past.userIds.length).toBeLessThan(table.userIds.length)
    expect(await differingColumns(await modelAsOf(table, fromMs, kinds, context), choices(table))).toEqual([])
  })

  test('a planted generator that was trained on everything is found', async () => {
    const model = await modelAsOf(table, fromMs, kinds, context)
    const all = await modelAsOf(table, Number.POSITIVE_INFINITY, kinds, context)
    const alike = alignedGenerator(all.generators.get('alike')!, { from: model.itemIds, to: all.itemIds })
    const planted = { ...model, generators: new Map([...model.generators, ['alike', alike]]) }
    expect(await differingColumns(planted, choices(table))).toEqual(['alike.rank', 'alike.score'])
  })

  test('a planted feature that reads a day ahead is found', async () => {
    const model = await modelAsOf(table, fromMs, kinds, context)
    expect(await differingColumns(model, choices(table, DAY_MS))).toEqual(['choices'])
  })

  test('of late comers, what is known before is as if nobody had come', () => {
    expect(knownBefore(table, fromMs)).toEqual(past)
  })
})

describe('a ranker', () => {
  const training = (given: Partial<RankerTraining> = {}): RankerTraining => ({
    table: shop(),
    generators,
    ranker,
    plan,
    lightestWeight: 1,
    features: choices(shop()),
    context,
    ...given,
  })

  test('learns from candidates of generators that know only what came before each window', async () => {
    const newest: number[] = []
    const spy: GeneratorKind = {
      ...popularity(),
      train: async (data, trainContext) => {
        newest.push(data.asOfMs - Math.max(...data.sequences!.timesMs!))
        return popularity().train(data, trainContext)
      },
    }
    const { examples } = await trainRanker(training({ generators: { spy } }))
    expect(newest.length).toBe(3)
    expect(Math.min(...newest)).toBeGreaterThan(0)
    expect(examples.beforeMs - examples.fromMs).toBe(3 * 4 * DAY_MS)
    expect(examples.answeredCount).toBeGreaterThan(50)
  })

  test('is the same to the byte twice, and with 1 and 2 threads, and another with another seed', async () => {
    const first = await trainRanker(training())
    expect(first.featureNames).toEqual([
      'alike.score',
      'alike.rank',
      'trending.score',
      'trending.rank',
      'history.length',
      'history.items',
      'choices',
    ])
    expect(await trainRanker(training())).toEqual(first)
    expect(await trainRanker(training({ context: { ...context, threadCount: 2 } }))).toEqual(first)
    expect((await trainRanker(training({ context: { ...context, seed: 2 } }))).artifacts).not.toEqual(first.artifacts)
  })

  test.each([
    ['everything at one moment', () => shop({ days: 1, visitsPerDay: 1 }), /nothing to learn from/],
    [
      'one item',
      () => {
        const builder = new InteractionTableBuilder()
        for (let day = 0; day < 20; day++) builder.add(`u${day % 5}`, 'i', 1, START_MS + day * DAY_MS)
        return builder.build()
      },
      /nothing to learn from/,
    ],
  ])('of %s is refused with what is lacking', async (_, table, message) => {
    const refused = trainRanker(training({ table: table(), features: undefined }))
    await expect(refused).rejects.toMatchObject({
      code: 'NOTHING_TO_TRAIN_ON',
      message: expect.stringMatching(message),
    })
  })
})
