import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BestFirst } from './best-first.ts'

function bestOf(offers: readonly (readonly [number, number])[], k: number): [number, number][] {
  const out = { itemIndexes: new Int32Array(k), scores: new Float32Array(k) }
  const best = new BestFirst()
  best.reset(k, out)
  for (const [index, score] of offers) best.offer(index, score)
  const count = best.finish()
  return Array.from({ length: count }, (_, i) => [out.itemIndexes[i]!, out.scores[i]!])
}

const offers = fc.uniqueArray(fc.tuple(fc.nat(200), fc.integer({ min: -5, max: 5 })), { selector: ([index]) => index })

test('keeps what sorting everything would keep, ties by the smaller index', () => {
  fc.assert(
    fc.property(offers, fc.integer({ min: 0, max: 30 }), (all, k) => {
      const sorted = [...all].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, k)
      expect(bestOf(all, k)).toEqual(sorted)
    }),
  )
})

test('the order of the offers does not matter', () => {
  fc.assert(
    fc.property(offers, fc.integer({ min: 1, max: 30 }), (all, k) => {
      expect(bestOf([...all].reverse(), k)).toEqual(bestOf(all, k))
    }),
  )
})

test('many offers at once are kept as one by one, whatever their signs and however alike they are', () => {
  const score = fc.oneof(
    fc.float({ noNaN: true }),
    fc.constantFrom(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY),
    fc.integer({ min: -3, max: 3 }),
    fc.float({ min: 1, max: Math.fround(1.1), noNaN: true }),
  )
  const many = fc.uniqueArray(
    fc.tuple(
      fc.nat(5000),
      score.map((value) => Math.fround(value) + 0),
    ),
    {
      selector: ([index]) => index,
      maxLength: 300,
    },
  )
  fc.assert(
    fc.property(many, fc.integer({ min: 0, max: 60 }), (all, k) => {
      const out = { itemIndexes: new Int32Array(k), scores: new Float32Array(k) }
      const best = new BestFirst()
      best.reset(k, out)
      const indexes = Int32Array.from(all, ([index]) => index)
      best.offerAll(
        Int32Array.of(...indexes, 1),
        Float32Array.of(...all.map(([, value]) => value), Infinity),
        all.length,
      )
      const count = best.finish()
      expect(Array.from({ length: count }, (_, i) => [out.itemIndexes[i]!, out.scores[i]!])).toEqual(bestOf(all, k))
    }),
  )
})

test('k = 0 keeps nothing, and a reset forgets the past', () => {
  expect(bestOf([[1, 1]], 0)).toEqual([])
  const out = { itemIndexes: new Int32Array(2), scores: new Float32Array(2) }
  const best = new BestFirst()
  best.reset(2, out)
  best.offer(1, 9)
  best.reset(2, out)
  best.offer(2, 1)
  expect(best.finish()).toBe(1)
  expect(out.itemIndexes[0]).toBe(2)
})
