import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  binCounts,
  bucketOf,
  evenBinBounds,
  histogramOf,
  histogramQuantile,
  type LogHistogram,
  mergeHistograms,
  noHistogram,
  RELATIVE_ERROR,
} from './log-histogram.ts'

const of = (values: readonly number[]): LogHistogram => {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(bucketOf(value), (counts.get(bucketOf(value)) ?? 0) + 1)
  return histogramOf(counts)
}
const numbers = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 60 })
const ordinary = fc.double({ min: -1e12, max: 1e12, noNaN: true })

describe('a logarithmic histogram', () => {
  test('has at most 6,221 buckets, the ends of float64 included', () => {
    // ln gamma = 0.0200007: 10^18 lies in bucket 2073 of 1, 10^-9 in -1036; 3110 buckets, twice, and one for zero.
    const top = bucketOf(Number.MAX_VALUE)
    expect(2 * top + 1).toBe(6221)
    expect(bucketOf(1e18)).toBe(top)
    expect(bucketOf(-Number.MAX_VALUE)).toBe(-top)
    expect(bucketOf(1.0000001e-9)).toBeGreaterThan(0)
    expect(bucketOf(5e-324)).toBe(0)
    expect(bucketOf(-0)).toBe(0)
  })

  test('keeps the order of numbers', () => {
    fc.assert(
      fc.property(ordinary, ordinary, (a, b) => {
        expect(bucketOf(Math.min(a, b))).toBeLessThanOrEqual(bucketOf(Math.max(a, b)))
      }),
    )
  })

  test('of two parts merged is that of the whole, exactly, in either order, and survives JSON', () => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const whole = of([...a, ...b])
        expect(mergeHistograms(of(a), of(b))).toEqual(whole)
        expect(mergeHistograms(of(b), of(a))).toEqual(whole)
        expect(JSON.parse(JSON.stringify(whole))).toEqual(whole)
      }),
    )
  })

  test('gives quantiles within 1 % of themselves', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), { minLength: 1, maxLength: 80 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, fraction) => {
          const ascending = [...values].sort((a, b) => a - b)
          const exact = ascending[Math.max(1, Math.ceil(fraction * values.length)) - 1]!
          const found = histogramQuantile(of(values), fraction)!
          expect(Math.abs(found - exact)).toBeLessThanOrEqual(RELATIVE_ERROR * exact * (1 + 1e-9))
        },
      ),
    )
    expect(histogramQuantile(noHistogram, 0.5)).toBeUndefined()
    expect(histogramQuantile(of([0, 0, -5]), 1)).toBe(0)
  })

  test('is cut into bins of equal weight, and a heavy value has one of its own', () => {
    const values = Array.from({ length: 1000 }, (_, i) => 1.05 ** (i % 100))
    const bounds = evenBinBounds(of(values), 10)
    expect(bounds).toHaveLength(9)
    for (const count of binCounts(of(values), bounds)) expect(Math.abs(count - 100)).toBeLessThanOrEqual(10)

    const zeros = [...Array(900).fill(0), ...Array.from({ length: 100 }, (_, i) => 1 + i)]
    const counts = binCounts(of(zeros), evenBinBounds(of(zeros), 10))
    expect(counts[0]).toBe(900)
    expect([...counts].reduce((a, b) => a + b)).toBe(1000)
  })

  test('loses nothing in bins, whatever they were made from', () => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const counts = binCounts(of(a), evenBinBounds(of(b), 10))
        expect(counts.length).toBeLessThanOrEqual(10)
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(a.length)
      }),
    )
  })
})
