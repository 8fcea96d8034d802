import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ndcgAtK } from '../domain/ranking-metrics.ts'
import { keepQuestions, ndcgByUser, scoreColumns } from './kept-questions.ts'
import type { RankingQuestion } from './ranking-questions.ts'

const question = (userIndex: number, ...relevantItems: number[]): RankingQuestion => ({
  userIndex,
  momentMs: 1,
  historyEnd: 0,
  relevantItems,
  grades: relevantItems.map(() => 1),
})

/** Candidates of one question: items with a value each, in the order in which they were proposed. */
const candidates = fc.uniqueArray(fc.record({ item: fc.nat(20), value: fc.integer({ min: 0, max: 4 }) }), {
  selector: ({ item }) => item,
  maxLength: 12,
})
const asked = fc.record({
  user: fc.nat(3),
  candidates,
  relevant: fc.uniqueArray(fc.nat(20), { minLength: 1, maxLength: 5 }),
})

test('by user it is the mean of the NDCG of the sorted lists, ties and choices that nobody proposed included', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(asked, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 6 }),
      async (all, k) => {
        let next = 0
        const rows = {
          columnNames: ['other', 'value'],
          ask: async () => {
            const proposed = all[next++]!.candidates
            return {
              itemIndexes: Int32Array.from(proposed, ({ item }) => item),
              rows: Float32Array.from(proposed.flatMap(({ value }) => [9, value])),
            }
          },
        }
        const kept = await keepQuestions(
          all.map(({ user, relevant }) => question(user, ...relevant)),
          rows,
        )
        const byUser = new Map<number, number[]>()
        for (const { user, candidates: proposed, relevant } of all) {
          const list = proposed.toSorted((a, b) => b.value - a.value).map(({ item }) => item)
          byUser.set(user, [...(byUser.get(user) ?? []), ndcgAtK(list, new Set(relevant), k)!])
        }
        const expected = [...byUser]
          .sort(([a], [b]) => a - b)
          .map(([, values]) => values.reduce((sum, value) => sum + value, 0) / values.length)
        const found = ndcgByUser(kept, k)(kept.columns[1]!)
        expect(found).toHaveLength(expected.length)
        for (const [u, value] of expected.entries()) expect(found[u]).toBeCloseTo(value, 12)
      },
    ),
  )
})

test('a ranker is given every row once, in its own order of columns, however many there are', async () => {
  const rowCount = 10_000
  const columns = [0.5, 2].map((step) => Float32Array.from({ length: rowCount }, (_, row) => row * step))
  const calls: number[] = []
  const ranker = {
    featureNames: ['half', 'double'],
    score(rows: Float32Array, count: number, out: Float64Array) {
      calls.push(count)
      for (let row = 0; row < count; row++) out[row] = rows[2 * row + 1]! - rows[2 * row]!
    },
  }
  const scores = await scoreColumns(ranker, columns)
  expect(Array.from(scores)).toEqual(Array.from({ length: rowCount }, (_, row) => row * 1.5))
  expect(calls.reduce((sum, count) => sum + count, 0)).toBe(rowCount)
  expect(await scoreColumns(ranker, [new Float32Array(0), new Float32Array(0)])).toHaveLength(0)
})
