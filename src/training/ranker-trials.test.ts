// Goal: a trial's value is that of a ranker which learned before the validation window and is asked about in it, and nothing later has a part in it. Method: the same is
// measured by the funnel's evaluation, from its own rows; then everything later is tampered with, and a planted look ahead has to be found by it.
import { describe, expect, test } from 'vitest'
import { definitionOf } from '../domain/feature-corpus.contract.ts'
import type { FeatureSource } from '../domain/feature-source.ts'
import { sequencesOf } from '../domain/interaction-sequences.ts'
import {
  type InteractionTable,
  InteractionTableBuilder,
  interactionsBetween,
  newestTimeMs,
} from '../domain/interaction-table.ts'
import { meanOf } from '../lib/bootstrap.ts'
import { seededRng } from '../lib/rng.ts'
import { itemNeighbours } from '../models/item-neighbours/item-neighbours.ts'
import { lambdaMart } from '../models/lambda-mart/lambda-mart.ts'
import { popularity } from '../models/popularity/popularity.ts'
import { measureFunnel } from './evaluate-funnel.ts'
import { encoderFor } from './question-rows.ts'
import { rankerTrials, trialWindows } from './ranker-trials.ts'
import { rankingQuestions } from './ranking-questions.ts'
import { type ExampleInput, questionRowsAsOf, trainRanker } from './train-ranker.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 0, 1)
const context = { seed: 1, threadCount: 1, log: () => {} }
const plan = {
  from: 'history' as const,
  windowCount: 2,
  windowMs: 4 * DAY_MS,
  attributionMs: DAY_MS,
  questionsPerUser: 2,
  perGenerator: 30,
  wrongPerQuestion: 10,
}
const kind = lambdaMart({ trees: 12, minRowsPerLeaf: 5 })
const k = 10

/** Three tastes of twenty items. The moment before the validation window is somebody's, so that a table that ends there has the same windows of learning. */
function shop(days = 36): InteractionTable {
  const rng = seededRng('trials')
  const builder = new InteractionTableBuilder()
  for (let day = 0; day < days; day++) {
    for (let visit = 0; visit < 16; visit++) {
      const user = rng.integer(40)
      for (let step = 0; step < 4; step++) {
        const item = (user % 3) * 100 + Math.floor(20 * rng.next() ** 2)
        builder.add(`u${user}`, `i${item}`, 1, START_MS + day * DAY_MS + visit * 3_600_000 + step * 60_000)
      }
    }
  }
  const newestMs = newestTimeMs(builder.build())
  builder.add('u0', 'i1', 1, newestMs - 2 * plan.windowMs)
  return builder.build()
}

/** The kind of item, in texts, of which more turn up every week; and how often it was chosen before, plus `lookAheadMs`. */
function featuresOf(table: InteractionTable, lookAheadMs = 0): FeatureSource {
  const window = { windowMs: 90 * DAY_MS }
  return {
    definitions: [
      definitionOf('choices', { family: 'count', by: 'item', of: 'any', ...window }),
      definitionOf('shelf', { family: 'attribute', by: 'item', attribute: 'item.shelf', kind: 'text' } as never),
    ],
    async read(momentMs, _, itemIds) {
      const counts = new Map<string, number>()
      table.itemIndexes.forEach((item, i) => {
        if (table.eventTimesMs[i]! >= momentMs + lookAheadMs) return
        counts.set(table.itemIds[item]!, (counts.get(table.itemIds[item]!) ?? 0) + 1)
      })
      const week = Math.floor((momentMs - START_MS) / (7 * DAY_MS))
      return itemIds.map((itemId) => [
        { status: 'present' as const, value: counts.get(itemId) ?? 0, newestEventTimeMs: undefined },
        { status: 'present' as const, value: `${week}-${itemId.slice(-1)}`, newestEventTimeMs: undefined },
      ])
    },
  }
}

const inputOf = (table: InteractionTable, features = featuresOf(table)): ExampleInput => ({
  table,
  generators: { alike: itemNeighbours(), trending: popularity({ halfLifeDays: 5 }) },
  plan,
  lightestWeight: 1,
  features,
  context,
})

/** From a moment on everybody chooses the item that somebody chose first. */
function tamperedFrom(table: InteractionTable, fromMs: number, chosenBy = (_userIndex: number): number => 0) {
  const { userIndexes, eventTimesMs } = table
  const itemIndexes = table.itemIndexes.map((item, i) => (eventTimesMs[i]! < fromMs ? item : chosenBy(userIndexes[i]!)))
  return { ...table, itemIndexes }
}

const table = shop()
const windows = trialWindows(table, plan)!
const { learning, validation, confirmation } = windows
const ndcgOf = async (input: ExampleInput, share = 1) =>
  (await (await rankerTrials(input, windows, k)).validate(kind, share)).values.ndcg

test('learning, comparing and confirming follow each other without a gap, and none reaches beyond the table', () => {
  expect(learning.map(({ beforeMs }) => beforeMs)).toEqual([learning[1]!.fromMs, validation.fromMs])
  expect(validation.beforeMs).toBe(confirmation.fromMs)
  expect(confirmation.beforeMs).toBe(Math.max(...table.eventTimesMs) + 1)
})

describe('a trial', () => {
  test('says what the evaluation of the funnel says of a ranker that was trained before the validation window', async () => {
    const trials = await rankerTrials(inputOf(table), windows, k)
    for (const [window, measured] of [
      [validation, await trials.validate(kind, 1)],
      [confirmation, await trials.confirm(kind)],
    ] as const) {
      const past = interactionsBetween(table, 0, validation.fromMs)
      expect(newestTimeMs(past)).toBe(validation.fromMs - 1)
      const ranker = await trainRanker({ ...inputOf(past, featuresOf(table)), ranker: kind })
      const sequences = sequencesOf(table, table.userIds.length)
      const questions = rankingQuestions(sequences, {
        ...window,
        ...plan,
        lightestWeight: 1,
        rng: seededRng(`trial questions 1 ${window.fromMs}`),
      })
      const encoder = encoderFor(featuresOf(table), ranker.dictionaries)
      const rows = await questionRowsAsOf(window.fromMs, sequences, encoder, inputOf(table))
      const { ranked } = await measureFunnel(questions, rows, await kind.open(ranker.artifacts, ranker.featureNames), k)
      expect(measured.userIndexes).toEqual(ranked.userIndexes)
      expect(meanOf(measured.values.ndcg)).toBeGreaterThan(0.05)
      expect(measured.values).toEqual(ranked.values)
    }
  })

  test('is not changed by anything that happens after the validation window', async () => {
    const later = tamperedFrom(table, confirmation.fromMs)
    expect(later).not.toEqual(table)
    expect(await ndcgOf(inputOf(later))).toEqual(await ndcgOf(inputOf(table)))
  })

  test('of a ranker with a planted feature that looks ahead is changed by it', async () => {
    const later = tamperedFrom(table, confirmation.fromMs)
    const leaking = (of: InteractionTable) => inputOf(of, featuresOf(of, 10 * DAY_MS))
    expect(await ndcgOf(leaking(later))).not.toEqual(await ndcgOf(leaking(table)))
  })

  test('of a part of the users asks these, the same ones every time', async () => {
    const trials = await rankerTrials(inputOf(table), windows, k)
    const [all, part] = [await trials.validate(kind, 1), await trials.validate(kind, 0.4)]
    expect(part).toEqual(await trials.validate(kind, 0.4))
    expect(part.userIndexes.length).toBeGreaterThan(5)
    expect(part.userIndexes.length).toBeLessThan(0.7 * all.userIndexes.length)
    expect((await trials.validate(kind, 1e-9)).values.ndcg).toHaveLength(0)
  })

  test('differs by settings, and is the same with 2 threads', async () => {
    const trials = await rankerTrials(inputOf(table), windows, k)
    const first = await trials.validate(kind, 1)
    const other = kind.with({ leaves: 2, learningRate: 0.2, minRowsPerLeaf: 100 })
    expect(await trials.validate(other, 1)).not.toEqual(first)
    const threaded = await rankerTrials({ ...inputOf(table), context: { ...context, threadCount: 2 } }, windows, k)
    expect(await threaded.validate(kind, 1)).toEqual(first)
  })
})

test('where nobody can be told right, that is said instead of comparing zeros', async () => {
  // From the validation window on people choose what they chose at first, which is new to nobody.
  const firstOf = (user: number): number => table.itemIndexes[table.userIndexes.indexOf(user)]!
  const loyal = inputOf(tamperedFrom(table, validation.fromMs, firstOf))
  await expect(rankerTrials(loyal, windows, k)).rejects.toMatchObject({ code: 'TUNING_INPUT_INVALID' })
  const same = new InteractionTableBuilder()
  for (let day = 0; day < 36; day++) same.add('u', 'i', 1, START_MS + day * DAY_MS)
  await expect(rankerTrials({ ...loyal, table: same.build() }, windows, k)).rejects.toMatchObject({
    code: 'NOTHING_TO_TRAIN_ON',
  })
})
