import fc from 'fast-check'
import { expect, test } from 'vitest'
import { holmAdjusted } from './holm.ts'

const equal = (pValues: readonly number[]) => holmAdjusted(pValues.map((pValue) => ({ pValue, weight: 1 })))

test('equal weights give the step-down of the paper', () => {
  // By hand: 4 x 0.01, 3 x 0.02, then never less than the one before.
  expect(equal([0.04, 0.01, 0.03, 0.02])).toEqual([0.06, 0.04, 0.06, 0.06])
  expect(equal([])).toEqual([])
  expect(equal([0.2])).toEqual([0.2])
  expect(equal([0.9, 0.8])).toEqual([1, 1])
})

test('a test with three quarters of the weight is raised by a third, the other fourfold', () => {
  const adjusted = holmAdjusted([
    { pValue: 0.03, weight: 3 },
    { pValue: 0.02, weight: 1 },
  ])
  expect(adjusted[0]).toBeCloseTo(0.04, 12)
  expect(adjusted[1]).toBeCloseTo(0.04, 12)
})

test('adjusting never lowers a p-value and keeps it a probability, and order does not matter', () => {
  const tests = fc.array(
    fc.record({ pValue: fc.double({ min: 0, max: 1, noNaN: true }), weight: fc.integer({ min: 1, max: 5 }) }),
    { maxLength: 30 },
  )
  fc.assert(
    fc.property(tests, (given) => {
      const adjusted = holmAdjusted(given)
      adjusted.forEach((p, i) => {
        expect(p).toBeGreaterThanOrEqual(given[i]!.pValue - 1e-12)
        expect(p).toBeLessThanOrEqual(1)
      })
      const backwards = holmAdjusted([...given].reverse()).reverse()
      // Tests of the same ratio change places, which does not change what they get.
      backwards.forEach((p, i) => {
        expect(p).toBeCloseTo(adjusted[i]!, 9)
      })
    }),
  )
})

test('under any number of true hypotheses the family-wise error stays below alpha: the smallest adjusted p-value is Bonferroni', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 }), (pValues) => {
      expect(Math.min(...equal(pValues))).toBeCloseTo(Math.min(1, Math.min(...pValues) * pValues.length), 12)
    }),
  )
})
