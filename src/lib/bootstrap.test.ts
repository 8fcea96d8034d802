import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bootstrapDifference, bootstrapMean, bootstrapMeans, comparePaired } from './bootstrap.ts'
import { seededRng } from './rng.ts'

test('no values give no interval, one value or equal values give that value', () => {
  expect(bootstrapMean([], { seed: 1 })).toBeUndefined()
  expect(bootstrapMean([0.25], { seed: 1 })).toEqual({ mean: 0.25, interval: [0.25, 0.25], count: 1 })
  expect(bootstrapMean([3, 3, 3], { seed: 1 })).toEqual({ mean: 3, interval: [3, 3], count: 3 })
})

test('the interval lies within the values, its bounds are in order, and the same seed repeats it', () => {
  const values = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 50 })
  fc.assert(
    fc.property(values, fc.nat(), (all, seed) => {
      const { interval } = bootstrapMean(all, { seed, resampleCount: 100 })!
      expect(interval[0]).toBeLessThanOrEqual(interval[1])
      expect(interval[0]).toBeGreaterThanOrEqual(Math.min(...all) - 1e-12)
      expect(interval[1]).toBeLessThanOrEqual(Math.max(...all) + 1e-12)
      expect(bootstrapMean(all, { seed, resampleCount: 100 })!.interval).toEqual(interval)
    }),
  )
})

/**
 * Goal: a 90 % interval holds the true mean in about 90 % of experiments. Method: 1,000 experiments with 100 values of a skewed distribution (0 with
 * probability 0.7, else uniform), like a ranking metric; the true mean is 0.15. The percentile interval of a skewed mean of n = 100 undercovers by
 * O(1/n): over 20 seeds it covered 0.886 of 20,000 experiments. The count is binomial, so five sigma are 5 * sqrt(0.886 * 0.114 / 1000) = 0.05,
 * and a correct implementation fails with probability below 1e-6.
 */
test('intervals cover the true mean as often as they promise', () => {
  const rng = seededRng(20_260_101)
  const experimentCount = 1000
  let covered = 0
  for (let e = 0; e < experimentCount; e++) {
    const values = Array.from({ length: 100 }, () => (rng.next() < 0.7 ? 0 : rng.next()))
    const { interval } = bootstrapMean(values, { seed: e, confidence: 0.9, resampleCount: 300 })!
    if (interval[0] <= 0.15 && 0.15 <= interval[1]) covered++
  }
  expect(Math.abs(covered / experimentCount - 0.886)).toBeLessThan(0.05)
})

/**
 * Goal: grouping many values leaves the interval as wide as theory says. Method: the width of a 95 % interval of a mean is 2 * 1.96 * sd / sqrt(n);
 * with 2,000 resamples each bound has a standard error near 0.054 sd / sqrt(n), so the width's is below 2 %, and 10 % are five of them.
 */
test('above 20,000 values the interval keeps its width', () => {
  const rng = seededRng(3)
  const values = Array.from({ length: 50_000 }, () => rng.normal())
  const { interval } = bootstrapMean(values, { seed: 4 })!
  const expected = (2 * 1.96) / Math.sqrt(values.length)
  expect(Math.abs(interval[1] - interval[0] - expected)).toBeLessThan(0.1 * expected)
})

test('columns of the same units have the intervals that each has alone, in groups too', () => {
  const rng = seededRng(7)
  for (const count of [1, 300, 25_000]) {
    const columns = [0, 1, 2].map(() => Float64Array.from({ length: count }, () => rng.normal()))
    const options = { seed: 8, resampleCount: 50 }
    expect(bootstrapMeans(columns, options)).toEqual(columns.map((values) => bootstrapMean(values, options)))
  }
  expect(bootstrapMeans([[], []], { seed: 8 })).toBeUndefined()
})

// The width of the interval of a difference is 2 * 1.96 * sqrt(sd1^2 / n1 + sd2^2 / n2), here 2 * 1.96 * sqrt(4 / 400 + 1 / 1600); each bound's standard error is
// below 2 % of it as above, the sampled deviations' below 4 %: 20 % are more than five.
test('the interval of a difference is as wide as theory says, and repeats with the seed', () => {
  const rng = seededRng(5)
  const values = Array.from({ length: 400 }, () => 3 + 2 * rng.normal())
  const others = Array.from({ length: 1600 }, () => rng.normal())
  const { mean, interval, count } = bootstrapDifference({ values, others }, { seed: 4 })!
  const width = 2 * 1.96 * Math.sqrt(4 / 400 + 1 / 1600)
  expect(count).toBe(400)
  expect(Math.abs(mean - 3)).toBeLessThan(1.5 * width)
  expect(Math.abs(interval[1] - interval[0] - width)).toBeLessThan(0.2 * width)
  expect(bootstrapDifference({ values, others }, { seed: 4 })!.interval).toEqual(interval)
  expect(bootstrapDifference({ values, others: [] }, { seed: 4 })).toBeUndefined()
})

test('two equal vectors do not differ', () => {
  const values = [0.1, 0.5, 0]
  expect(comparePaired({ challenger: values, champion: values }, { seed: 1 })).toMatchObject({
    mean: 0,
    interval: [0, 0],
    pValue: 1,
  })
})

test('the p-value of few pairs is the exact share of sign patterns, within its resampling error', () => {
  // Five differences of +1: two of the 32 sign patterns are as extreme, p = 1/16. With 20,000 resamples one sigma is 0.0017.
  const { pValue } = comparePaired(
    { challenger: [1, 1, 1, 1, 1], champion: [0, 0, 0, 0, 0] },
    { seed: 1, resampleCount: 20_000 },
  )!
  expect(Math.abs(pValue - 1 / 16)).toBeLessThan(5 * 0.0017)
})

test('swapping the two sides turns the sign and keeps the p-value', () => {
  const rng = seededRng(9)
  const a = Array.from({ length: 40 }, () => rng.next())
  const b = Array.from({ length: 40 }, () => rng.next())
  const there = comparePaired({ challenger: a, champion: b }, { seed: 5 })!
  const back = comparePaired({ challenger: b, champion: a }, { seed: 5 })!
  expect(back.mean).toBeCloseTo(-there.mean, 12)
  expect(back.pValue).toBe(there.pValue)
})

test('a planted improvement is found, and vectors of different length are refused', () => {
  const rng = seededRng(11)
  const champion = Array.from({ length: 2000 }, () => rng.next())
  const challenger = champion.map((value) => value + 0.05 + 0.2 * rng.normal())
  const found = comparePaired({ challenger, champion }, { seed: 1 })!
  // The true difference is 0.05 with a standard error of 0.0045: eleven sigma above zero.
  expect(found.interval[0]).toBeGreaterThan(0)
  expect(found.pValue).toBeLessThan(0.001)
  expect(() => comparePaired({ challenger: [1], champion: [] }, { seed: 1 })).toThrow('1 of the challenger')
})
