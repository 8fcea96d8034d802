import { expect, test } from 'vitest'
import type { Ranker, RankingRows } from '../ports/ranker.ts'
import { tryRanker } from './ranker-trial.ts'

const featureNames = ['cf.score', 'views']

/** Two questions with two and three candidates. */
const rows: RankingRows = {
  columns: [
    { name: 'cf.score', values: Float32Array.of(1, 2, Number.NaN, 4, 5) },
    { name: 'views', values: Float32Array.of(7, 7, 3, 3, 3) },
  ],
  labels: Float32Array.of(1, 0, 0, 0, 1),
  querySizes: Int32Array.of(2, 3),
}

function rankerOf(scoreOf: (score: number, views: number) => number) {
  const calls: string[] = []
  const ranker: Ranker = {
    featureNames,
    score(batch, rowCount, out) {
      calls.push(`score ${rowCount}`)
      for (let row = 0; row < rowCount; row++) out[row] = scoreOf(batch[2 * row]!, batch[2 * row + 1]!)
    },
    close: async () => void calls.push('close'),
  }
  return { ranker, calls }
}

test('a ranker that tells the candidates of one question apart is let through, and closed', async () => {
  const { ranker, calls } = rankerOf((score) => (score > 4 ? 1 : 0))
  await tryRanker(ranker, rows)
  expect(calls).toEqual(['score 5', 'close'])
})

test('scores that are no numbers are told with what the candidate lacks', async () => {
  const { ranker, calls } = rankerOf((score, views) => score + views)
  await expect(tryRanker(ranker, rows)).rejects.toMatchObject({
    code: 'MODEL_FILE_INVALID',
    message:
      'The ranker gives NaN for 1 of 5 candidates of the past, expected finite numbers; the first of them lacks cf.score.',
    fix: expect.stringContaining('let the model itself fill them in'),
  })
  expect(calls).toEqual(['score 5', 'close'])
  const infinite = rankerOf((_, views) => 1 / (views - 7)).ranker
  await expect(tryRanker(infinite, rows)).rejects.toMatchObject({
    message: expect.stringMatching(/gives Infinity for 2 of 5 candidates of the past, expected finite numbers\.$/),
  })
})

test('a ranker that differs from question to question only orders nothing, and is refused', async () => {
  for (const scoreOf of [() => 0.5, (_: number, views: number) => views]) {
    await expect(tryRanker(rankerOf(scoreOf).ranker, rows)).rejects.toMatchObject({
      code: 'MODEL_FILE_INVALID',
      message: expect.stringContaining('the same score, in each of 2 questions of the past with 5 candidates'),
      fix: expect.stringContaining('cf.score, views'),
    })
  }
})

test('where each question has one candidate there is nothing to tell apart', async () => {
  await tryRanker(rankerOf(() => 0.5).ranker, { ...rows, querySizes: Int32Array.of(1, 1, 1, 1, 1) })
})

test('thousands of rows are scored in parts, as one', async () => {
  const count = 10_000
  const many = { columns: rows.columns.map(({ name }) => ({ name, values: new Float32Array(count).fill(1) })) }
  many.columns[1]!.values[count - 1] = 2
  const { ranker, calls } = rankerOf((score, views) => score * views)
  await tryRanker(ranker, { ...many, labels: new Float32Array(count), querySizes: Int32Array.of(count) })
  expect(calls).toEqual(['score 4096', 'score 4096', 'score 1808', 'close'])
})
