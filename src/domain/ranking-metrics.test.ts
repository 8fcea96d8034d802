import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  averagePrecisionAtK,
  catalogueCoverage,
  giniOfExposure,
  meanSelfInformationBits,
  ndcgAtK,
  precisionAtK,
  recallAtK,
  reciprocalRankAtK,
} from './ranking-metrics.ts'

const perUser = { recallAtK, precisionAtK, ndcgAtK, reciprocalRankAtK, averagePrecisionAtK }

describe('of one user, by hand: 7 and 9 are relevant, and so is 5, which is never proposed', () => {
  const ranked = [3, 7, 1, 9]
  const relevant = new Set([5, 7, 9])
  test('recall', () => {
    expect(recallAtK(ranked, relevant, 1)).toBe(0)
    expect(recallAtK(ranked, relevant, 2)).toBe(1 / 3)
    expect(recallAtK(ranked, relevant, 4)).toBe(2 / 3)
    expect(recallAtK(ranked, relevant, 100)).toBe(2 / 3)
  })
  test('precision counts the empty places of a short list as misses', () => {
    expect(precisionAtK(ranked, relevant, 2)).toBe(1 / 2)
    expect(precisionAtK(ranked, relevant, 4)).toBe(1 / 2)
    expect(precisionAtK(ranked, relevant, 10)).toBe(1 / 5)
  })
  test('NDCG', () => {
    // Places 2 and 4: 1 / log2(3) + 1 / log2(5); ideal places 1, 2 and 3: 1 + 1 / log2(3) + 1 / log2(4).
    const dcg = 1 / Math.log2(3) + 1 / Math.log2(5)
    expect(ndcgAtK(ranked, relevant, 4)).toBeCloseTo(dcg / (1 + 1 / Math.log2(3) + 0.5), 12)
    // The ideal list at 2 holds two items.
    expect(ndcgAtK(ranked, relevant, 2)).toBeCloseTo(1 / Math.log2(3) / (1 + 1 / Math.log2(3)), 12)
  })
  test('reciprocal rank', () => {
    expect(reciprocalRankAtK(ranked, relevant, 4)).toBe(1 / 2)
    expect(reciprocalRankAtK(ranked, relevant, 1)).toBe(0)
  })
  test('average precision', () => {
    // Precision 1/2 at place 2 and 2/4 at place 4, over three relevant items.
    expect(averagePrecisionAtK(ranked, relevant, 4)).toBeCloseTo((1 / 2 + 2 / 4) / 3, 12)
    expect(averagePrecisionAtK(ranked, relevant, 2)).toBeCloseTo(1 / 2 / 2, 12)
  })
})

test('every metric of a user is undefined where nothing is relevant', () => {
  for (const metric of Object.values(perUser)) expect(metric([1, 2], new Set(), 2)).toBeUndefined()
})

test('an empty list scores 0', () => {
  for (const metric of Object.values(perUser)) expect(metric([], new Set([1]), 5)).toBe(0)
})

const cases = fc.record({
  ranked: fc.uniqueArray(fc.nat(30), { maxLength: 20 }),
  relevant: fc.uniqueArray(fc.nat(30), { minLength: 1, maxLength: 20 }).map((items) => new Set(items)),
  k: fc.integer({ min: 1, max: 25 }),
})

test('every metric of a user lies in [0, 1]', () => {
  fc.assert(
    fc.property(cases, ({ ranked, relevant, k }) => {
      for (const metric of Object.values(perUser)) {
        const value = metric(ranked, relevant, k)!
        expect(value).toBeGreaterThanOrEqual(0)
        expect(value).toBeLessThanOrEqual(1 + 1e-12)
      }
    }),
  )
})

test('a perfect list scores 1 in NDCG, average precision and reciprocal rank, for every k', () => {
  fc.assert(
    fc.property(cases, ({ relevant, k }) => {
      expect(ndcgAtK([...relevant], relevant, k)).toBeCloseTo(1, 12)
      expect(averagePrecisionAtK([...relevant], relevant, k)).toBeCloseTo(1, 12)
      expect(reciprocalRankAtK([...relevant], relevant, k)).toBe(1)
    }),
  )
})

test('moving a hit one place up never lowers a metric', () => {
  fc.assert(
    fc.property(cases, fc.nat(18), ({ ranked, relevant, k }, place) => {
      fc.pre(place + 1 < ranked.length)
      const [first, second] = [ranked[place]!, ranked[place + 1]!]
      fc.pre(!relevant.has(first) && relevant.has(second))
      const better = ranked.with(place, second).with(place + 1, first)
      for (const metric of Object.values(perUser)) {
        expect(metric(better, relevant, k)!).toBeGreaterThanOrEqual(metric(ranked, relevant, k)! - 1e-12)
      }
    }),
  )
})

test('what stands after place k does not matter', () => {
  fc.assert(
    fc.property(cases, ({ ranked, relevant, k }) => {
      for (const metric of Object.values(perUser)) {
        expect(metric(ranked, relevant, k)).toBe(metric(ranked.slice(0, k), relevant, k))
      }
    }),
  )
})

describe('of all lists together', () => {
  test('coverage is the share of items that were proposed', () => {
    expect(catalogueCoverage([0, 3, 1, 0])).toBe(0.5)
    expect(catalogueCoverage([])).toBeUndefined()
  })
  test('Gini is 0 when places are shared alike and 1 - 1/items when one item has them all', () => {
    expect(giniOfExposure([2, 2, 2])).toBe(0)
    expect(giniOfExposure([0, 0, 0, 9])).toBe(0.75)
    // Ascending 1, 3: ((2 - 3) * 1 + (4 - 3) * 3) / (2 * 4).
    expect(giniOfExposure([3, 1])).toBe(0.25)
    expect(giniOfExposure([0, 0])).toBeUndefined()
  })
  test('novelty is the mean of -log2 of the share of users who had the item', () => {
    // Item 0: half of 8 users, 1 bit, three places; item 1: one of 8, 3 bits, one place; item 2 was never had, as if by one: 3 bits.
    expect(meanSelfInformationBits([3, 1, 0], [4, 1, 0], 8)).toBe(1.5)
    expect(meanSelfInformationBits([0, 0, 2], [4, 1, 0], 8)).toBe(3)
    expect(meanSelfInformationBits([0], [1], 8)).toBeUndefined()
  })
  test('they keep their ranges', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { minLength: 1, maxLength: 30 }), (counts) => {
        const coverage = catalogueCoverage(counts)!
        expect(coverage >= 0 && coverage <= 1).toBe(true)
        const gini = giniOfExposure(counts)
        if (gini !== undefined) {
          expect(gini).toBeGreaterThanOrEqual(-1e-12)
          expect(gini).toBeLessThanOrEqual(1 - 1 / counts.length + 1e-12)
        }
        const bits = meanSelfInformationBits(counts, counts, 50)
        if (bits !== undefined) expect(bits >= 0 && bits <= Math.log2(50)).toBe(true)
      }),
    )
  })
})
