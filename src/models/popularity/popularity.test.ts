import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { TrainingData } from '../../domain/training-data.ts'
import { csrFromTriplets } from '../../lib/csr.ts'
import type { SteadySet } from '../../lib/steady-sets.ts'
import { popularity } from './popularity.ts'

const dayMs = 86_400_000
// User 0: items 0 (weight 4) and 1 (weight 1); user 1: items 1 (weight 1) and 2 (weight 2). Item 3 is nobody's.
const data: TrainingData = {
  userIds: ['a', 'b'],
  itemIds: ['0', '1', '2', '3'],
  itemsByUser: csrFromTriplets(
    { rows: [0, 0, 1, 1], columns: [0, 1, 1, 2], values: [4, 1, 1, 2] },
    { rowCount: 2, columnCount: 4 },
  ),
  newestTimesMs: Float64Array.from([8, 10, 9, 10], (day) => day * dayMs),
  asOfMs: 10 * dayMs,
}
const context = { seed: 1, threadCount: 1, log: () => {} }
const noHistory = { itemIndexes: new Int32Array(0), weights: new Float32Array(0) }

async function answer(halfLifeDays: number, k = 4, allowed?: Uint32Array, from: TrainingData = data) {
  const kind = popularity({ halfLifeDays })
  const generator = kind.open(await kind.train(from, context), { itemCount: 4 })
  expect(generator.supportsEmptyHistory).toBe(true)
  expect(generator.similar).toBeUndefined()
  const out = { itemIndexes: new Int32Array(k), scores: new Float32Array(k) }
  const count = generator.generate(noHistory, k, allowed, out)
  return Array.from({ length: count }, (_, i) => [out.itemIndexes[i], out.scores[i]])
}

test('items come by the sum of their weights, ties by the smaller index, and never one that nobody chose', async () => {
  expect(await answer(0)).toEqual([
    [0, 4],
    [1, 2],
    [2, 2],
  ])
})

test('a weight halves with every half-life', async () => {
  // Half-life one day: item 0: 4 / 4 = 1; item 1: 1 + 1 / 2 = 1.5; item 2: 2.
  expect(await answer(1)).toEqual([
    [2, 2],
    [1, 1.5],
    [0, 1],
  ])
})

test('an endless half-life and data without times do not fade', async () => {
  expect(await answer(Number.POSITIVE_INFINITY)).toEqual(await answer(0))
  expect(await answer(1, 4, undefined, { ...data, newestTimesMs: undefined })).toEqual(await answer(0))
  expect(popularity({ halfLifeDays: Number.POSITIVE_INFINITY }).options).toEqual({ halfLifeDays: 0 })
})

test('the answer is filled with allowed items', async () => {
  expect(await answer(0, 1, Uint32Array.from([0b1110]))).toEqual([[1, 2]])
})

test('however few items a filter leaves, they are the most popular of these', () => {
  const itemCount = 9000
  const scoreOf = (item: number): number => (item * 7919) % 4001
  const scores = Float32Array.from({ length: itemCount }, (_, item) => scoreOf(item))
  const generator = popularity().open({ scores }, { itemCount })
  const out = { itemIndexes: new Int32Array(300), scores: new Float32Array(300) }
  fc.assert(
    fc.property(
      fc.constantFrom(1, 2, 7, 40, 600, 5000),
      fc.nat(6000),
      fc.integer({ min: 0, max: 300 }),
      (step, from, k) => {
        const allowed = new Uint32Array(Math.ceil(itemCount / 32))
        const left: number[] = []
        for (let item = from; item < itemCount; item += step) {
          allowed[item >> 5]! |= 1 << (item & 31)
          if (scoreOf(item) > 0) left.push(item)
        }
        left.sort((a, b) => scoreOf(b) - scoreOf(a) || a - b)
        const count = generator.generate(noHistory, k, allowed, out)
        expect([...out.itemIndexes.subarray(0, count)]).toEqual(left.slice(0, k))
        expect([...out.scores.subarray(0, count)]).toEqual(left.slice(0, k).map(scoreOf))
      },
    ),
  )
})

test('with a set that comes again the most popular of those that are left are proposed, each time', () => {
  const itemCount = 9000
  const scores = Float32Array.from({ length: itemCount }, (_, item) => (item * 7919) % 4001)
  const generator = popularity().open({ scores }, { itemCount })
  const ask = (k: number, allowed: Uint32Array, steady?: SteadySet): number[][] => {
    const out = { itemIndexes: new Int32Array(k), scores: new Float32Array(k) }
    const count = generator.generate(noHistory, k, allowed, out, { steady })
    return [[...out.itemIndexes.subarray(0, count)], [...out.scores.subarray(0, count)]]
  }
  const asked = fc.record({
    step: fc.constantFrom(1, 2, 7, 40, 600),
    ks: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 3, maxLength: 5 }),
    // So many of the most popular ones are withheld.
    withheldCounts: fc.array(fc.constantFrom(0, 1, 30, 300, 900), { minLength: 5, maxLength: 5 }),
  })
  fc.assert(
    fc.property(asked, ({ step, ks, withheldCounts }) => {
      const allowed = new Uint32Array(Math.ceil(itemCount / 32))
      for (let item = 0; item < itemCount; item += step) allowed[item >> 5]! |= 1 << (item & 31)
      const best = Int32Array.from(ask(900, allowed)[0]!)
      ks.forEach((k, time) => {
        const withheld = best.slice(0, withheldCounts[time])
        for (const item of withheld) allowed[item >> 5]! &= ~(1 << (item & 31))
        const steady = { version: 0, withheld, withheldCount: withheld.length }
        expect(ask(k, allowed, steady)).toEqual(ask(k, allowed))
        for (const item of withheld) allowed[item >> 5]! |= 1 << (item & 31)
      })
    }),
  )
})

test('a negative half-life is refused', async () => {
  await expect(popularity({ halfLifeDays: -1 }).train(data, context)).rejects.toThrow('popularity cannot be trained')
})
