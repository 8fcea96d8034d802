import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededRng } from '../../lib/rng.ts'
import { categoryBins, findBounds, findCategories, sampleOf } from './feature-bins.ts'

const boundsOf = (values: ArrayLike<number>, mostBins = 255): number[] =>
  Array.from(findBounds(Float32Array.from(values).sort(), mostBins))

const repeated = (values: readonly number[], times: number): number[] => values.flatMap((v) => new Array(times).fill(v))

describe('bounds', () => {
  test('lie in the middle between few values', () => {
    expect(boundsOf(repeated([3, 1, 2], 5))).toEqual([1.5, 2.5])
  })

  test('are none for one value, and for none', () => {
    expect(boundsOf(repeated([7], 9))).toEqual([])
    expect(boundsOf(repeated([Number.NaN], 9))).toEqual([])
    expect(boundsOf([])).toEqual([])
  })

  test('put values that fewer than three rows have together', () => {
    expect(boundsOf([1, 1, 1, 2, 3, 3, 4, 4, 4])).toEqual([1.5, 3.5])
  })

  test('part infinities from the numbers', () => {
    const values = repeated([Number.NEGATIVE_INFINITY, 0, Number.POSITIVE_INFINITY], 4)
    const bounds = boundsOf(values)
    expect(bounds).toHaveLength(2)
    expect(values.map((value) => bounds.filter((bound) => bound < value).length)).toEqual(repeated([0, 1, 2], 4))
  })

  test('give a frequent value a bin with few others, and the others equal shares', () => {
    const frequent = new Array(5000).fill(0.5)
    const others = Array.from({ length: 5000 }, (_, i) => i / 5000)
    const bounds = boundsOf([...frequent, ...others], 20)
    expect(bounds.length).toBeGreaterThanOrEqual(17)
    const binOf = (value: number): number => bounds.filter((bound) => bound < value).length
    const sizes = new Array(bounds.length + 1).fill(0)
    for (const value of others) sizes[binOf(value)]++
    // 5000 rows in 19 bins: 263 each. Up to half a bin before the frequent value goes with it; more would be a bin that is cut short.
    expect(sizes[binOf(0.5)]).toBeLessThan(0.6 * 263)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2 * 264)
    expect(sizes.filter((size) => size > 200 && size < 300).length).toBeGreaterThanOrEqual(16)
  })

  test('ascend, are at most as many as asked, and part values as their order does', () => {
    const value = fc.oneof(
      fc.integer({ min: 0, max: 6 }),
      fc.float({ noNaN: true }),
      fc.float({ min: 1, max: Math.fround(1.000001), noNaN: true }),
      fc.constant(Number.NaN),
    )
    fc.assert(
      fc.property(fc.array(value, { maxLength: 300 }), fc.integer({ min: 2, max: 255 }), (values, mostBins) => {
        const bounds = boundsOf(values, mostBins)
        expect(bounds.length).toBeLessThan(mostBins)
        expect(bounds).toEqual([...new Set(bounds)].sort((a, b) => a - b))
        // Every bin has rows.
        const present = values.map(Math.fround).filter((v) => !Number.isNaN(v))
        const filled = new Set(present.map((v) => bounds.filter((bound) => bound < v).length))
        if (present.length > 0) expect(filled.size).toBe(bounds.length + 1)
      }),
    )
  })

  test('of a sample cut a large column into nearly equal parts', () => {
    const random = seededRng(2)
    const values = Float32Array.from({ length: 500_000 }, () => random.normal())
    const bounds = findBounds(sampleOf(values, random).sort(), 100)
    expect(bounds.length).toBe(99)
    const sizes = new Array(100).fill(0)
    for (const value of values) sizes[bounds.findIndex((bound) => value <= bound) + 1 || 0]++
    // 5000 a bin. A bin's share of a sample of 200,000 is off by about sqrt(2000) of 2000, 2.2 %; 8 of these never come with 100 bins.
    expect(Math.max(...sizes)).toBeLessThan(5000 * 1.18)
    expect(Math.min(...sizes)).toBeGreaterThan(5000 * 0.82)
  })
})

test('the most frequent categories have bins, all others that of the missing', () => {
  const values = Float32Array.of(7, 7, 7, 2, 2, 9, 9, 4, Number.NaN)
  const categories = findCategories(values, 3)
  expect(Array.from(categories)).toEqual([7, 2, 9])
  expect(Array.from(categoryBins(values, categories))).toEqual([1, 1, 1, 2, 2, 3, 3, 0, 0])
  expect(Array.from(categoryBins(Float32Array.of(5), categories))).toEqual([0])
})
