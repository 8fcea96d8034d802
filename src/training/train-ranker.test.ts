// Goal: examples know nothing of what came at their moment or later. Method: the same questions are asked with the whole history and with the past alone, column by
// column; planted leaks have to be found by it.
import { describe, expect, test } from 'vitest'
import { definitionOf } from '../domain/feature-corpus.contract.ts'
import type { FeatureSource } from '../domain/feature-source.ts'
import {
  type InteractionTable,
  InteractionTableBuilder,
  interactionsBetween,
  trainingDataOf,
} from '../domain/interaction-table.ts'
import { seededRng } from '../lib/rng.ts'
import { itemNeighbours } from '../models/item-neighbours/item-neighbours.ts'
import { lambdaMart } from '../models/lambda-mart/lambda-mart.ts'
import { popularity } from '../models/popularity/popularity.ts'
import type { CandidateGenerator, GeneratorKind } from '../ports/candidate-generator.ts'
import { encoderFor, QuestionRows } from './question-rows.ts'
import { type RankingQuestion, rankingQuestions } from './ranking-questions.ts'
import { generatorsAsOf, type RankerTraining, trainRanker } from './train-ranker.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 0, 1)
const context = { seed: 1, threadCount: 1, log: () => {} }
const plan = {
  windowCount: 3,
  windowMs: 4 * DAY_MS,
  attributionMs: DAY_MS,
  questionsPerUser: 2,
  perGenerator: 30,
  wrongPerQuestion: 30,
}
const generators = { alike: itemNeighbours(), trending: popularity({ halfLifeDays: 5 }) }
const ranker = lambdaMart({ trees: 20, minRowsPerLeaf: 5 })

/** Three tastes of twenty items each; visits of four items. */
function shop({ days = 30, visitsPerDay = 20, seed = 1 } = {}): InteractionTable {
  const rng = seededRng(`shop ${seed}`)
  const builder = new InteractionTableBuilder()
  for (let day = 0; day < days; day++) {
    for (let visit = 0; visit < visitsPerDay; visit++) {
      const user = rng.integer(60)
      for (let step = 0; step < 4; step++) {
        const item = (user % 3) * 20 + Math.floor(20 * rng.next() ** 2)
        builder.add(
          `u${user}`,
          `i${item}`,
          rng.next() < 0.2 ? 10 : 1,
          START_MS + day * DAY_MS + visit * 3_600_000 + step * 60_000,
        )
      }
    }
  }
  return builder.build()
}

/** How often an item was chosen before the moment, plus `lookAheadMs`: above 0 it sees the future. */
function choices(table: InteractionTable, lookAheadMs = 0): FeatureSource {
  const definition = definitionOf('choices', { family: 'count', by: 'item', of: 'any', windowMs: 90 * DAY_MS })
  return {
    definitions: [definition],
    async read(momentMs, _, itemIds) {
      const counts = new Map<string, number>()
      table.itemIndexes.forEach((item, i) => {
        if (table.eventTimesMs[i]! >= momentMs + lookAheadMs) return
        counts.set(table.itemIds[item]!, (counts.get(table.itemIds[item]!) ?? 0) + 1)
      })
      return itemIds.map((itemId) => [
        { status: 'present' as const, value: counts.get(itemId) ?? 0, newestEventTimeMs: undefined },
      ])
    },
  }
}

function rowsOf(
  table: InteractionTable,
  opened: ReadonlyMap<string, CandidateGenerator>,
  features: FeatureSource,
): QuestionRows {
  const { sequences, userIds, itemIds } = trainingDataOf(table, 0)
  const encoder = encoderFor(features)
  return new QuestionRows({
    userIds,
    itemIds,
    sequences: sequences!,
    generators: opened,
    perGenerator: 30,
    features,
    encoder,
  })
}

/** Columns that differ for a candidate of a question, or whose candidates differ. */
async function differingColumns(
  questions: readonly RankingQuestion[],
  rows: QuestionRows,
  blind: QuestionRows,
  endInPast: (question: RankingQuestion) => number,
) {
  const names = rows.columnNames
  const differing = new Set<string>()
  const byItem = async (of: QuestionRows, question: RankingQuestion) => {
    const asked = await of.ask(question)
    return new Map(
      Array.from(asked.itemIndexes, (item, i) => [item, asked.rows.slice(i * names.length, (i + 1) * names.length)]),
    )
  }
  for (const question of questions) {
    const seen = await byItem(rows, question)
    const past = await byItem(blind, { ...question, historyEnd: endInPast(question) })
    const nothing = new Float32Array(names.length).fill(Number.NaN)
    for (const item of new Set([...seen.keys(), ...past.keys()])) {
      const [a, b] = [seen.get(item), past.get(item)]
      names.forEach((name, c) => {
        // A candidate of the one only differs in what its generators say of it.
        const isOfPool = name.endsWith('.score') || name.endsWith('.rank')
        if ((a && b) || isOfPool) if (!Object.is((a ?? nothing)[c], (b ?? nothing)[c])) differing.add(name)
      })
    }
  }
  return [...differing]
}

describe('examples of a window', () => {
  const table = shop()
  const fromMs = START_MS + 20 * DAY_MS
  const questions = rankingQuestions(trainingDataOf(table, 0).sequences!, {
    fromMs,
    beforeMs: fromMs + 4 * DAY_MS,
    attributionMs: DAY_MS,
    perUser: 1,
    rng: seededRng(1),
  }).slice(0, 30)
  const past = interactionsBetween(table, Number.NEGATIVE_INFINITY, fromMs)
  /** The whole history up to the last question's moment, which no question's own history goes beyond. */
  const untilLast = interactionsBetween(table, Number.NEGATIVE_INFINITY, questions.at(-1)!.momentMs)
  const starts = trainingDataOf(table, 0).sequences!.offsets
  const startsInPast = trainingDataOf(untilLast, 0).sequences!.offsets
  const endInPast = ({ userIndex, historyEnd }: RankingQuestion) =>
    startsInPast[userIndex]! + historyEnd - starts[userIndex]!
  const blind = async () =>
    rowsOf(untilLast, await generatorsAsOf(past, fromMs, generators, context), choices(untilLast))

  test('are the same when everything from their moments on is gone', async () => {
    const opened = await generatorsAsOf(table, fromMs, generators, context)
    expect(questions.length).toBeGreaterThan(20)
    expect(await differingColumns(questions, rowsOf(table, opened, choices(table)), await blind(), endInPast)).toEqual(
      [],
    )
  })

  test('a planted generator that was trained on everything is found', async () => {
    const opened = new Map(await generatorsAsOf(table, fromMs, generators, context))
    const all = await generatorsAsOf(table, Number.POSITIVE_INFINITY, { alike: generators.alike }, context)
    opened.set('alike', all.get('alike')!)
    const found = await differingColumns(questions, rowsOf(table, opened, choices(table)), await blind(), endInPast)
    expect(found.sort()).toEqual(['alike.rank', 'alike.score'])
  })

  test('a planted feature that reads a day ahead is found', async () => {
    const opened = await generatorsAsOf(table, fromMs, generators, context)
    expect(
      await differingColumns(questions, rowsOf(table, opened, choices(table, DAY_MS)), await blind(), endInPast),
    ).toEqual(['choices'])
  })
})

describe('a ranker', () => {
  const training = (given: Partial<RankerTraining> = {}): RankerTraining => ({
    table: shop(),
    generators,
    ranker,
    plan,
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
