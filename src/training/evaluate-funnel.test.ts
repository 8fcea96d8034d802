import { expect, test } from 'vitest'
import { sequencesOf } from '../domain/interaction-sequences.ts'
import { InteractionTableBuilder } from '../domain/interaction-table.ts'
import type { Rng } from '../lib/rng.ts'
import { FeatureEncoder } from '../models/ranking/feature-encoder.ts'
import type { CandidateGenerator } from '../ports/candidate-generator.ts'
import type { Ranker } from '../ports/ranker.ts'
import { funnelReport, measureFunnel } from './evaluate-funnel.ts'
import { QuestionRows } from './question-rows.ts'
import { type ExampleQuestion, RankingExamples } from './ranking-examples.ts'
import type { RankingQuestion } from './ranking-questions.ts'

/** Proposes these items to everybody, in this order. */
const always = (...items: number[]): CandidateGenerator => ({
  supportsEmptyHistory: true,
  generate(_, k, __, out) {
    items.slice(0, k).forEach((item, rank) => {
      out.itemIndexes[rank] = item
      out.scores[rank] = item
    })
    return Math.min(k, items.length)
  },
})

const question = (userIndex: number, ...relevantItems: number[]): RankingQuestion => ({
  userIndex,
  momentMs: 1,
  historyEnd: 0,
  relevantItems,
  grades: relevantItems.map(() => 1),
})

function rowsOf(generators: Record<string, CandidateGenerator>, itemCount = 10, perGenerator = 5): QuestionRows {
  const builder = new InteractionTableBuilder()
  for (const userId of ['u0', 'u1']) builder.addUser(userId)
  for (let item = 0; item < itemCount; item++) builder.addItem(`i${item}`)
  const { userIds, itemIds, ...columns } = builder.build()
  const sequences = { ...sequencesOf({ ...columns }, 2), offsets: new Int32Array(3) }
  const model = { itemIds, generators: new Map(Object.entries(generators)) }
  return new QuestionRows({ userIds, itemIds, sequences, model, perGenerator, encoder: new FeatureEncoder([]) })
}

/** Orders by the item's number, which the generators' scores say. */
const byScore: Ranker = {
  featureNames: ['ranked.score', 'other.score'],
  score(rows, rowCount, out) {
    for (let row = 0; row < rowCount; row++)
      out[row] = Math.max(...rows.subarray(row * 2, row * 2 + 2).filter((n) => n >= 0))
  },
}

test('the ranked list, each generator and the candidates are judged on the same questions, user by user', async () => {
  // A generator may be called as it likes: its list is not the ranker's.
  const rows = rowsOf({ ranked: always(1, 2, 9), other: always(3, 8) })
  const measured = await measureFunnel([question(0, 9), question(0, 9, 5), question(1, 1)], rows, byScore, 2)
  expect([...measured.ranked.userIndexes]).toEqual([0, 1])
  // User 0: 9 is first in both of two lists, of one and of two right ones; user 1 wants what comes last.
  const half = 1 / (1 + 1 / Math.log2(3))
  expect(measured.ranked.values.ndcg[0]).toBeCloseTo((1 + half) / 2, 12)
  expect(measured.ranked.values.ndcg[1]).toBe(0)
  expect([...measured.generators.ranked!.values.ndcg]).toEqual([0, 1])
  expect([...measured.generators.other!.values.ndcg]).toEqual([0, 0])
  expect([...measured.candidateRecall]).toEqual([0.75, 1])
  expect(measured.candidateCountMean).toBe(5)
  expect(funnelReport(measured, { seed: 1 })).toMatchObject({ bestGenerator: 'ranked', userCount: 2, questionCount: 3 })
})

test('the reduced list is of the candidates that generators put furthest up, as the ranker orders them', async () => {
  // Of each generator 63 are among the first 125: the ranker's favourite, item 299, is not.
  const upTo = (first: number): number[] => Array.from({ length: 150 }, (_, rank) => first + rank)
  const rows = rowsOf({ ranked: always(...upTo(0)), other: always(...upTo(150)) }, 300, 150)
  const measured = await measureFunnel([question(0, 299), question(1, 211)], rows, byScore, 1)
  expect([...measured.ranked.values.recall]).toEqual([1, 0])
  expect([...measured.reduced.values.recall]).toEqual([0, 1])
  expect(funnelReport(measured, { seed: 1 })).toMatchObject({ reduced: { recall: 0.5 }, overReduced: { mean: 0 } })
})

test('a ranker whose columns are not there is a programming error, not a guess', async () => {
  const rows = rowsOf({ other: always(1) })
  await expect(measureFunnel([question(0, 1)], rows, byScore, 2)).rejects.toThrow(/lack one of ranked\.score/)
})

test('hundreds of thousands of answered questions are joined', async () => {
  const examples = new RankingExamples(['only'])
  const asked = { rows: Float32Array.of(0, 1), grades: [1, 0], areShown: false }
  const questions = new Array<ExampleQuestion>(200_000).fill({ userIndex: 0, momentMs: 0, ask: async () => asked })
  const drawn: Rng = { next: () => 0, integer: () => 0, integers: () => {}, normal: () => 0, fork: () => drawn }
  await examples.add(questions, { wrongPerQuestion: 1, rng: drawn })
  expect(RankingExamples.joined([examples, examples]).answeredCount).toBe(400_000)
})
