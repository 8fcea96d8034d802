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
  return bootstrapMeans([values], options)?.[0]
}

/**
 * As `bootstrapMean` of every column, which are several measurements of the same units: what is drawn is drawn once.
 * @param columns of one length
 * @returns in the order of the columns; undefined for no values
 */
export function bootstrapMeans(
  columns: readonly ArrayLike<number>[],
  options: BootstrapOptions,
): readonly MeanInterval[] | undefined {
  const count = columns[0]!.length
  if (count === 0) return undefined
  const { confidence = DEFAULT_CONFIDENCE, resampleCount = DEFAULT_RESAMPLE_COUNT } = options
  const rng = seededRng(options.seed).fork('bootstrap')
  const groups = groupsOf(count, rng)
  const units = columns.map((values) => groupSums(values, groups))
  const means = columns.map(() => new Float64Array(resampleCount))
  const drawn = new Int32Array(units[0]!.sums.length)
  for (let r = 0; r < resampleCount; r++) {
    rng.integers(drawn.length, drawn)
    for (let column = 0; column < columns.length; column++) means[column]![r] = drawnMean(units[column]!, drawn)
  }
  return columns.map((values, column) => ({
    mean: meanOf(values),
    interval: middleOf(means[column]!, confidence),
    count,
  }))
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
  const resampled = [values, others].map((group) => {
    const units = groupSums(group, groupsOf(group.length, rng))
    return { units, drawn: new Int32Array(units.sums.length) }
  })
  const differences = Float64Array.from({ length: resampleCount }, () => {
    for (const { drawn } of resampled) rng.integers(drawn.length, drawn)
    const [mean, otherMean] = resampled.map(({ units, drawn }) => drawnMean(units, drawn))
    return mean! - otherMean!
  })
  return {
    mean: meanOf(values) - meanOf(others),
    interval: middleOf(differences, confidence),
    count: values.length,
  }
}

/** The mean of the units that were drawn. */
function drawnMean({ sums, sizes }: GroupSums, drawn: Int32Array): number {
  let sum = 0
  for (let i = 0; i < drawn.length; i++) sum += sums[drawn[i]!]!
  if (sizes === undefined) return sum / drawn.length
  let size = 0
  for (let i = 0; i < drawn.length; i++) size += sizes[drawn[i]!]!
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
  /** Undefined where every group is one value. */
  readonly sizes?: Int32Array
}

interface Groups {
  readonly size: number
  /** Places in the order in which they fill the groups. */
  readonly order: Int32Array
}

/** Undefined for values one by one; where there are many, groups drawn at random. */
function groupsOf(valueCount: number, rng: Rng): Groups | undefined {
  if (valueCount <= 20_000) return undefined
  const order = Int32Array.from({ length: valueCount }, (_, place) => place)
  for (let i = order.length - 1; i > 0; i--) {
    const other = rng.integer(i + 1)
    const place = order[i]!
    order[i] = order[other]!
    order[other] = place
  }
  return { size: Math.floor(valueCount / 10_000), order }
}

function groupSums(values: ArrayLike<number>, groups: Groups | undefined): GroupSums {
  if (groups === undefined) return { sums: Float64Array.from(values) }
  const { size, order } = groups
  const groupCount = Math.ceil(order.length / size)
  const sums = new Float64Array(groupCount)
  const sizes = new Int32Array(groupCount)
  for (let i = 0; i < order.length; i++) {
    sums[Math.floor(i / size)]! += values[order[i]!]!
    sizes[Math.floor(i / size)]!++
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
