// How numbers are distributed, in buckets that grow with the number: Masson, Rim & Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
// relative-error guarantees", VLDB 2019. Buckets are fixed beforehand, so merging adds counts: exact, and in any order.
//
// We differ: instead of collapsing the lowest buckets when there are too many, which makes merging depend on what came first, the range is
// fixed: below 10^-9 in size a number counts as 0, above 10^18 as 10^18. That bounds the buckets at 6,221.
// Where numbers lie close together far from 0 (1,000 to 1,010) they share a bucket: their shape has to be seen in mean and variance.

/** Bucket indexes, ascending, and how many numbers lie in each. Plain data: survives JSON. */
export interface LogHistogram {
  readonly buckets: readonly number[]
  readonly counts: readonly number[]
}

/** Quantiles are right within this part of themselves. */
export const RELATIVE_ERROR = 0.01

const GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
const LN_GAMMA = Math.log(GAMMA)
const SMALLEST = 1e-9
const LARGEST = 1e18
const SMALLEST_EXPONENT = Math.ceil(Math.log(SMALLEST) / LN_GAMMA)

export const noHistogram: LogHistogram = { buckets: [], counts: [] }

/**
 * 0 for numbers around 0; n > 0 for sizes in (gamma^(n - 1), gamma^n] times the smallest one; the same, negative, for negative numbers. So
 * buckets ascend with the numbers.
 */
export function bucketOf(value: number): number {
  const size = Math.abs(value)
  if (size < SMALLEST) return 0
  const exponent = Math.ceil(Math.log(Math.min(size, LARGEST)) / LN_GAMMA)
  const bucket = exponent - SMALLEST_EXPONENT + 1
  return value < 0 ? -bucket : bucket
}

/** The number that is within the relative error of all numbers of a bucket. */
function middleOf(bucket: number): number {
  if (bucket === 0) return 0
  const exponent = Math.abs(bucket) - 1 + SMALLEST_EXPONENT
  return (Math.sign(bucket) * 2 * GAMMA ** exponent) / (GAMMA + 1)
}

export function histogramOf(countByBucket: ReadonlyMap<number, number>): LogHistogram {
  const buckets = [...countByBucket.keys()].sort((a, b) => a - b)
  return { buckets, counts: buckets.map((bucket) => countByBucket.get(bucket)!) }
}

export function mergeHistograms(...histograms: readonly LogHistogram[]): LogHistogram {
  const counts = new Map<number, number>()
  for (const histogram of histograms) {
    histogram.buckets.forEach((bucket, i) => {
      counts.set(bucket, (counts.get(bucket) ?? 0) + histogram.counts[i]!)
    })
  }
  return histogramOf(counts)
}

/**
 * The value that the given part of the numbers does not exceed.
 * @param fraction in [0, 1]
 * @returns within 1 % of the true one; `undefined` where there is no number
 */
export function histogramQuantile(histogram: LogHistogram, fraction: number): number | undefined {
  const total = histogram.counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return undefined
  const rank = Math.max(1, Math.ceil(fraction * total))
  let seen = 0
  for (let i = 0; i < histogram.buckets.length; i++) {
    seen += histogram.counts[i]!
    if (seen >= rank) return middleOf(histogram.buckets[i]!)
  }
  return middleOf(histogram.buckets.at(-1)!)
}

/**
 * The upper buckets of at most `binCount` bins that hold about equally many numbers each; the last bin is open. Fewer bins where single buckets
 * hold more than their part, as with zeros.
 */
export function evenBinBounds(histogram: LogHistogram, binCount: number): number[] {
  const total = histogram.counts.reduce((sum, count) => sum + count, 0)
  const bounds: number[] = []
  let seen = 0
  for (let i = 0; i < histogram.buckets.length - 1; i++) {
    seen += histogram.counts[i]!
    if (seen >= ((bounds.length + 1) * total) / binCount) {
      bounds.push(histogram.buckets[i]!)
      // A heavy bucket may pass several marks; count on from where it ends.
      while (bounds.length < binCount - 1 && seen >= ((bounds.length + 1) * total) / binCount)
        bounds.push(histogram.buckets[i]!)
    }
    if (bounds.length === binCount - 1) break
  }
  return [...new Set(bounds)]
}

/** How many numbers lie in each bin: up to and including each bound, and above the last. */
export function binCounts(histogram: LogHistogram, bounds: readonly number[]): Float64Array {
  const counts = new Float64Array(bounds.length + 1)
  let bin = 0
  for (let i = 0; i < histogram.buckets.length; i++) {
    while (bin < bounds.length && histogram.buckets[i]! > bounds[bin]!) bin++
    counts[bin]! += histogram.counts[i]!
  }
  return counts
}
