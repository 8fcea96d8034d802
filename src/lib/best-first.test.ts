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
