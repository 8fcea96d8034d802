import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Moments, MomentsBuilder, mergeMoments, noMoments, varianceOf } from './moments.ts'

const momentsOf = (values: readonly number[]): Moments => {
  const builder = new MomentsBuilder()
  for (const value of values) builder.add(value)
  return builder.finish()
}
const numbers = fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { maxLength: 50 })

describe('moments', () => {
  test('of 2, 4, 4, 4, 5, 5, 7, 9 are mean 5 and a sum of squares of 32', () => {
    expect(momentsOf([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({ count: 8, mean: 5, squares: 32 })
    expect(varianceOf(momentsOf([1, 3]))).toBe(2)
    expect(varianceOf(momentsOf([1]))).toBe(0)
    expect(varianceOf(noMoments)).toBe(0)
  })

  test('keep the variance of small differences on a large offset, which the sum of squares loses', () => {
    expect(varianceOf(momentsOf([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]))).toBeCloseTo(30, 6)
    const merged = mergeMoments(momentsOf([1e9 + 4, 1e9 + 7]), momentsOf([1e9 + 13, 1e9 + 16]))
    expect(varianceOf(merged)).toBeCloseTo(30, 6)
  })

  test('of two parts merged are those of the whole, within rounding', () => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const merged = mergeMoments(momentsOf(a), momentsOf(b))
        const whole = momentsOf([...a, ...b])
        const scale = Math.max(1, ...[...a, ...b].map(Math.abs))
        expect(merged.count).toBe(whole.count)
        expect(Math.abs(merged.mean - whole.mean)).toBeLessThanOrEqual(1e-12 * scale)
        expect(Math.abs(merged.squares - whole.squares)).toBeLessThanOrEqual(
          1e-11 * scale * scale * (a.length + b.length),
        )
      }),
    )
  })

  test('merge in either order to the same bits', () => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        expect(mergeMoments(momentsOf(a), momentsOf(b))).toEqual(mergeMoments(momentsOf(b), momentsOf(a)))
      }),
    )
  })

  test('stay finite at the ends of float64', () => {
    const far = [Number.MAX_VALUE, -Number.MAX_VALUE, Number.MAX_VALUE, 5e-324]
    for (const found of [momentsOf(far), mergeMoments(momentsOf(far.slice(0, 1)), momentsOf(far.slice(1, 2)))]) {
      expect(Number.isFinite(found.mean)).toBe(true)
      expect(Number.isFinite(found.squares)).toBe(true)
    }
  })

  test('of a constant have no spread at all', () => {
    expect(momentsOf(Array(1000).fill(0.1))).toEqual({ count: 1000, mean: 0.1, squares: 0 })
    expect(mergeMoments(momentsOf([0.1]), momentsOf([0.1, 0.1])).squares).toBe(0)
  })
})
