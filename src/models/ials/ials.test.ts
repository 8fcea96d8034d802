import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { TrainingData } from '../../domain/training-data.ts'
import { csrFromTriplets } from '../../lib/csr.ts'
import { seededRng } from '../../lib/rng.ts'
import type { CandidateGenerator, ItemSet } from '../../ports/candidate-generator.ts'
import { ials } from './ials.ts'

const context = { seed: 1, threadCount: 1, log: () => {} }
const groupSize = 20
const itemCount = 2 * groupSize

/** Users 0..29 choose among the first half of the items, users 30..59 among the second. */
function twoGroups(): TrainingData {
  const rng = seededRng(2)
  const rows: number[] = []
  const columns: number[] = []
  for (let user = 0; user < 60; user++) {
    for (let n = 0; n < 8; n++) {
      rows.push(user)
      columns.push((user < 30 ? 0 : groupSize) + rng.integer(groupSize))
    }
  }
  return {
    userIds: Array.from({ length: 60 }, (_, i) => `u${i}`),
    itemIds: Array.from({ length: itemCount }, (_, i) => `i${i}`),
    itemsByUser: csrFromTriplets(
      { rows, columns, values: rows.map(() => 1) },
      { rowCount: 60, columnCount: itemCount },
    ),
    newestTimesMs: undefined,
    asOfMs: 0,
  }
}

const kind = ials({ factors: 2, iterations: 10, unobservedWeight: 0.1 })
const generator = kind.open(await kind.train(twoGroups(), context), { itemCount })

const history = (...items: number[]) => ({
  itemIndexes: Int32Array.from(items),
  weights: Float32Array.from(items, () => 1),
})

function generated(open: CandidateGenerator, items: number[], k: number, allowed?: ItemSet) {
  const out = { itemIndexes: new Int32Array(k), scores: new Float32Array(k) }
  const count = open.generate(history(...items), k, allowed, out)
  return { items: Array.from(out.itemIndexes.subarray(0, count)), scores: Array.from(out.scores.subarray(0, count)) }
}

test('a session is offered the items of its own group', () => {
  expect(generated(generator, [1, 5], groupSize).items.every((item) => item < groupSize)).toBe(true)
  expect(generated(generator, [25, 31], groupSize).items.every((item) => item >= groupSize)).toBe(true)
})

test('nothing is offered for an empty history', () => {
  expect(generator.supportsEmptyHistory).toBe(false)
  expect(generated(generator, [], 5).items).toEqual([])
})

test('similar items are of the same group, without the item itself', () => {
  const out = { itemIndexes: new Int32Array(groupSize - 1), scores: new Float32Array(groupSize - 1) }
  expect(generator.similar?.(3, groupSize - 1, undefined, out)).toBe(groupSize - 1)
  expect(Array.from(out.itemIndexes).sort((a, b) => a - b)).toEqual(
    Array.from({ length: groupSize }, (_, i) => i).filter((item) => item !== 3),
  )
  expect(out.scores.every((cosine) => cosine <= 1.000001)).toBe(true)
})

test('similar items are taken from the allowed ones', () => {
  const out = { itemIndexes: new Int32Array(10), scores: new Float32Array(10) }
  const allowed = Uint32Array.from([(1 << 3) | (1 << 4), 1])
  expect(generator.similar?.(3, 10, allowed, out)).toBe(2)
  expect(Array.from(out.itemIndexes.subarray(0, 2))).toEqual([4, 32])
})

test('candidates are the best of the allowed items in order, as sorting all scores gives them', () => {
  const all = generated(generator, [1, 30], itemCount)
  const ranks = all.items.map((item, rank) => ({ item, score: all.scores[rank]! }))
  expect(ranks).toEqual([...ranks].sort((a, b) => b.score - a.score || a.item - b.item))
  fc.assert(
    fc.property(fc.uint32Array({ minLength: 2, maxLength: 2 }), fc.integer({ min: 0, max: 60 }), (allowed, k) => {
      const expected = all.items.filter((item) => allowed[item >> 5]! & (1 << (item & 31))).slice(0, k)
      expect(generated(generator, [1, 30], k, allowed).items).toEqual(expected)
    }),
  )
})

test('settings can be replaced one by one, and every tunable one is a setting', () => {
  expect(kind.with({ factors: 16 }).options).toEqual({ ...kind.options, factors: 16 })
  for (const name of Object.keys(kind.tunable)) expect(kind.options).toHaveProperty(name)
})
