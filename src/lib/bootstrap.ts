// Uncertainty of a mean over independent units (users, sessions), and of the difference of two, without assuming a distribution.
import { type Rng, seededRng } from './rng.ts'

export interface MeanInterval {
  readonly mean: number
  /** Bounds of the confidence interval, low and high. */
  readonly interval: readonly [number, number]
  /** How many values the mean is over. */
  readonly count: number
}

export interface PairedComparison extends MeanInterval {
  /** Two-sided: how often chance alone, swapping the pairs, gives a mean difference at least as large. In (0, 1]. */
  readonly pValue: number
}

export interface BootstrapOptions {
  readonly seed: number
  /** Default 0.95. */
  readonly confidence?: number
  /** Default 2,000: the bounds of a 95 % interval then vary by about 2 % of its width. */
  readonly resampleCount?: number
}

const DEFAULT_CONFIDENCE = 0.95
const DEFAULT_RESAMPLE_COUNT = 2000

/**
 * The mean and its percentile bootstrap interval. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 1979.
 * Above 20,000 values we resample means of equal groups of about count/10,000 values each: for a mean that changes the interval by less than
 * the resampling noise, and bounds the time.
 *
 * @returns undefined for no values; with one value the interval is that value
 */
export function bootstrapMean(values: ArrayLike<number>, options: BootstrapOptions): MeanInterval | undefined {
  if (values.length === 0) return undefined
  const { confidence = DEFAULT_CONFIDENCE, resampleCount = DEFAULT_RESAMPLE_COUNT } = options
  const rng = seededRng(options.seed).fork('bootstrap')
  const units = groupSums(values, (bound) => rng.integer(bound))
  const means = Float64Array.from({ length: resampleCount }, () => resampledMean(units, rng))
  return { mean: meanOf(values), interval: middleOf(means, confidence), count: values.length }
}

/**
 * How much higher the mean of `values` is than that of `others`, which are other units: the percentile interval of the difference, both resampled. As
 * `bootstrapMean` otherwise.
 * @returns undefined where either has no values; `count` is that of `values`
 */
export function bootstrapDifference(
  { values, others }: { readonly values: ArrayLike<number>; readonly others: ArrayLike<number> },
  options: BootstrapOptions,
): MeanInterval | undefined {
  if (values.length === 0 || others.length === 0) return undefined
  const { confidence = DEFAULT_CONFIDENCE, resampleCount = DEFAULT_RESAMPLE_COUNT } = options
  const rng = seededRng(options.seed).fork('bootstrap of a difference')
  const [units, otherUnits] = [values, others].map((group) => groupSums(group, (bound) => rng.integer(bound)))
  const differences = Float64Array.from(
    { length: resampleCount },
    () => resampledMean(units!, rng) - resampledMean(otherUnits!, rng),
  )
  return {
    mean: meanOf(values) - meanOf(others),
    interval: middleOf(differences, confidence),
    count: values.length,
  }
}

/** The mean of as many units as there are, drawn with replacement. */
function resampledMean({ sums, sizes }: GroupSums, rng: Rng): number {
  let sum = 0
  let size = 0
  for (let i = 0; i < sums.length; i++) {
    const drawn = rng.integer(sums.length)
    sum += sums[drawn]!
    size += sizes[drawn]!
  }
  return sum / size
}

/** Bounds of the middle part. */
function middleOf(resampled: Float64Array, confidence: number): [number, number] {
  const ascending = resampled.toSorted()
  const tail = (1 - confidence) / 2
  return [quantile(ascending, tail), quantile(ascending, 1 - tail)]
}

/**
 * Whether `challenger` differs from `champion`, unit by unit: the mean of challenger - champion with its bootstrap interval, and a sign-flip
 * permutation test (Fisher, "The design of experiments", 1935, chapter 3; Smucker et al., CIKM 2007, on its use for ranking metrics).
 * The smallest p-value that can come out is 1 / (resampleCount + 1).
 *
 * @param pair two arrays of equal length, the same unit at the same place
 * @returns undefined for no units
 */
export function comparePaired(
  pair: { readonly challenger: ArrayLike<number>; readonly champion: ArrayLike<number> },
  options: BootstrapOptions,
): PairedComparison | undefined {
  const { challenger, champion } = pair
  if (challenger.length !== champion.length) {
    throw new Error(
      `paired values must match: ${challenger.length} of the challenger, ${champion.length} of the champion`,
    )
  }
  const differences = Float64Array.from(challenger, (value, i) => value - champion[i]!)
  const summary = bootstrapMean(differences, options)
  return summary && { ...summary, pValue: signFlipPValue(differences, options) }
}

function signFlipPValue(differences: Float64Array, options: BootstrapOptions): number {
  const { resampleCount = DEFAULT_RESAMPLE_COUNT } = options
  const rng = seededRng(options.seed).fork('sign-flip')
  // Differences of 0 keep their value whatever the sign.
  const moved = differences.filter((difference) => difference !== 0)
  const observed = Math.abs(moved.reduce((sum, difference) => sum + difference, 0))
  let atLeastAsLarge = 0
  for (let r = 0; r < resampleCount; r++) {
    let sum = 0
    let bits = 0
    for (let i = 0; i < moved.length; i++) {
      if (i % 32 === 0) bits = Math.floor(rng.next() * 2 ** 32)
      sum += bits & 1 ? moved[i]! : -moved[i]!
      bits >>>= 1
    }
    // The slack lets sums that differ by rounding alone count as equal.
    if (Math.abs(sum) >= observed * (1 - 1e-12)) atLeastAsLarge++
  }
  return (atLeastAsLarge + 1) / (resampleCount + 1)
}

interface GroupSums {
  readonly sums: Float64Array
  readonly sizes: Int32Array
}

/** Values one by one, or, where there are many, summed in groups drawn at random. */
function groupSums(values: ArrayLike<number>, integer: (bound: number) => number): GroupSums {
  const groupSize = values.length <= 20_000 ? 1 : Math.floor(values.length / 10_000)
  if (groupSize === 1) return { sums: Float64Array.from(values), sizes: new Int32Array(values.length).fill(1) }
  const shuffled = Float64Array.from(values)
  for (let i = shuffled.length - 1; i > 0; i--) {
    const other = integer(i + 1)
    const value = shuffled[i]!
    shuffled[i] = shuffled[other]!
    shuffled[other] = value
  }
  const groupCount = Math.ceil(shuffled.length / groupSize)
  const sums = new Float64Array(groupCount)
  const sizes = new Int32Array(groupCount)
  for (let i = 0; i < shuffled.length; i++) {
    sums[Math.floor(i / groupSize)]! += shuffled[i]!
    sizes[Math.floor(i / groupSize)]!++
  }
  return { sums, sizes }
}

export function meanOf(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  return sum / values.length
}

/** Linear interpolation between the order statistics; `ascending` must not be empty. */
function quantile(ascending: Float64Array, fraction: number): number {
  const position = fraction * (ascending.length - 1)
  const low = Math.floor(position)
  const high = Math.min(low + 1, ascending.length - 1)
  return ascending[low]! + (position - low) * (ascending[high]! - ascending[low]!)
}
