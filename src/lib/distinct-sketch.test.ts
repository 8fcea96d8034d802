import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type DistinctSketch, DistinctSketchBuilder, distinctCount, mergeDistinct } from './distinct-sketch.ts'

const of = (labels: Iterable<string>): DistinctSketch => {
  const builder = new DistinctSketchBuilder()
  for (const label of labels) builder.add(label)
  return builder.finish()
}

describe('a sketch of distinct labels', () => {
  test('of two parts merged is that of the whole, exactly, in either order', () => {
    const labels = fc.array(fc.string(), { maxLength: 80 })
    fc.assert(
      fc.property(labels, labels, (a, b) => {
        const whole = of([...a, ...b])
        expect(mergeDistinct(of(a), of(b))).toBe(whole)
        expect(mergeDistinct(of(b), of(a))).toBe(whole)
        expect(of([...a, ...a])).toBe(of(a))
      }),
    )
  })

  // Standard error 3.25 %; five of them: a sound hash fails for fewer than one set of labels in a million. The labels are fixed.
  test.each([0, 1, 10, 1000, 5000, 100_000])('counts %d labels within 17 %', (count) => {
    for (const prefix of ['user', 'https://shop.example/p/', '']) {
      const found = distinctCount(of(Array.from({ length: count }, (_, i) => `${prefix}${i}`)))
      expect(Math.abs(found - count)).toBeLessThanOrEqual(0.17 * count)
    }
  })

  test('is off by 3.25 % in the root mean square', () => {
    const errors = Array.from({ length: 100 }, (_, set) => {
      const labels = Array.from({ length: 20_000 }, (_, i) => `${set}:${i}`)
      return distinctCount(of(labels)) / 20_000 - 1
    })
    const rootMeanSquare = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length)
    // The spread of a standard deviation of 100 is 1 / sqrt(200) = 7 % of it; six of those.
    expect(rootMeanSquare).toBeLessThan(0.0325 * 1.42)
    expect(rootMeanSquare).toBeGreaterThan(0.0325 * 0.58)
  })
})
