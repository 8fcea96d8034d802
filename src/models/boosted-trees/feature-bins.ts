// Sorting the values of a feature into bins: fine enough that trees lose nothing, few enough for a byte.
import type { Rng } from '../../lib/rng.ts'

/** Bounds are found from a sample of as many rows, as in LightGBM. */
const SAMPLED_ROWS = 200_000
/** A bin of fewer sampled rows would only be learned by heart. */
const LEAST_ROWS_PER_BIN = 3

/** The values to find bounds from: one random row out of each of SAMPLED_ROWS equal stretches, or all of fewer rows. */
export function sampleOf(values: Float32Array, rng: Rng): Float32Array {
  if (values.length <= SAMPLED_ROWS) return values
  const stretch = values.length / SAMPLED_ROWS
  const sample = new Float32Array(SAMPLED_ROWS)
  for (let i = 0; i < SAMPLED_ROWS; i++) sample[i] = values[Math.floor((i + rng.next()) * stretch)]!
  return sample
}

/**
 * Ascending bounds for the values of a numeric feature: a value belongs to the bin 1 + (bounds below it), and a tree that splits after a bin has
 * the bin's bound as its threshold. Bounds are float32 and lie from one value of the sample to before the next, so that comparing values and
 * comparing bins is the same.
 *
 * About equally many rows fall into every bin, but a value that is more frequent than that shares one with few.
 * @param sorted   ascending, NaN last: these are missing and have no part in this
 * @param mostBins without the one for the missing, at most 255
 */
export function findBounds(sorted: Float32Array, mostBins: number): Float32Array {
  let present = sorted.length
  while (present > 0 && Number.isNaN(sorted[present - 1]!)) present--
  const { distinct, counts } = countDistinct(sorted.subarray(0, present))
  const ends = distinct.length <= mostBins ? ownBins(counts) : sharedBins(counts, present, mostBins)
  return Float32Array.from(ends, (end) => boundBetween(distinct[end]!, distinct[end + 1]!))
}

function countDistinct(sorted: Float32Array): { distinct: Float32Array; counts: Int32Array } {
  const distinct = new Float32Array(sorted.length)
  const counts = new Int32Array(sorted.length)
  let last = -1
  for (let i = 0; i < sorted.length; i++) {
    if (last < 0 || sorted[i] !== distinct[last]) distinct[++last] = sorted[i]!
    counts[last]!++
  }
  return { distinct: distinct.subarray(0, last + 1), counts: counts.subarray(0, last + 1) }
}

/** A bin for each value, unless it is too rare: then the next shares it. Returns the last value of each bin but the last. */
function ownBins(counts: Int32Array): number[] {
  const ends: number[] = []
  let rowCount = 0
  for (let i = 0; i + 1 < counts.length; i++) {
    rowCount += counts[i]!
    if (rowCount < LEAST_ROWS_PER_BIN) continue
    ends.push(i)
    rowCount = 0
  }
  return ends
}

/** Closes a bin where it has its share of the rows that frequent values leave over. */
function sharedBins(counts: Int32Array, present: number, mostBins: number): number[] {
  const share = present / mostBins
  const isFrequent = (i: number): boolean => counts[i]! >= share
  let restRows = present
  let restBins = mostBins
  for (const count of counts) {
    if (count < share) continue
    restRows -= count
    restBins--
  }
  const ends: number[] = []
  let rowCount = 0
  for (let i = 0; i + 1 < counts.length && ends.length < mostBins - 1; i++) {
    rowCount += counts[i]!
    if (!isFrequent(i)) restRows -= counts[i]!
    const target = (restRows + (isFrequent(i) ? 0 : rowCount)) / Math.max(1, restBins)
    const isFull = rowCount >= Math.max(target, LEAST_ROWS_PER_BIN)
    // Half a bin is closed too where a frequent value comes next, which would swallow it.
    const isCutOff = isFrequent(i + 1) && rowCount >= Math.max(target / 2, LEAST_ROWS_PER_BIN)
    if (!isFrequent(i) && !isFull && !isCutOff) continue
    ends.push(i)
    if (!isFrequent(i)) restBins--
    rowCount = 0
  }
  return ends
}

/** At least `low`, below `high`: their middle, unless rounding or an infinity forbids. */
function boundBetween(low: number, high: number): number {
  const middle = Math.fround(low / 2 + high / 2)
  return middle >= low && middle < high ? middle : low
}

/**
 * The most frequent categories, the first in bin 1; fewer rows come later, equally many by number. All others share bin 0 with the missing.
 * @param values whole numbers from 0, NaN for missing
 */
export function findCategories(values: Float32Array, mostBins: number): Int32Array {
  const counts = new Map<number, number>()
  for (const value of values) if (!Number.isNaN(value)) counts.set(value, (counts.get(value) ?? 0) + 1)
  const byCount = [...counts].sort(([a, countA], [b, countB]) => countB - countA || a - b)
  return Int32Array.from(byCount.slice(0, mostBins), ([category]) => category)
}

/** The bin of each value: 1 + its position in `categories`, or 0. */
export function categoryBins(values: Float32Array, categories: Int32Array): Uint8Array {
  const binOf = new Map(Array.from(categories, (category, i) => [category, i + 1]))
  return Uint8Array.from(values, (value) => binOf.get(value) ?? 0)
}
