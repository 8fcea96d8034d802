// Where is a metric worse than elsewhere? Looks through slices of users for those that fare worse than the rest, beyond what looking at so many explains.
import { alignedColumns } from '../lib/aligned-columns.ts'
import { bootstrapDifference, type MeanInterval, meanOf } from '../lib/bootstrap.ts'
import { MomentsBuilder, varianceOf } from '../lib/moments.ts'
import { seededRng } from '../lib/rng.ts'
import { studentTTail } from '../lib/tail-probabilities.ts'
import type { Slice } from './slices.ts'

export interface SliceMetric {
  readonly conditions: readonly string[]
  readonly unitCount: number
  readonly mean: number
  /** The slice's mean minus that of all other units. */
  readonly difference: number
  /** How often chance gives some slice that is as far below its rest as this one; in (0, 1]. */
  readonly adjustedPValue: number
}

export interface WeakSlice extends SliceMetric {
  /** 95 %, of the difference, for this slice alone. */
  readonly interval: MeanInterval['interval']
}

export interface WeakSliceSearch {
  readonly unitCount: number
  readonly mean: number
  /** If no attribute has to do with the metric, the chance of finding any weak slice is at most this. */
  readonly alpha: number
  /** All that were looked at, the lowest mean first. */
  readonly slices: readonly SliceMetric[]
  /** Of those, the ones below the rest beyond chance that say something of their own; the lowest mean first. */
  readonly weak: readonly WeakSlice[]
}

export interface WeakSliceOptions {
  readonly seed: number
  /** Default 0.05. */
  readonly alpha?: number
  /** Default 1,000: p-values of at least 0.001. Time is in proportion to it and to the members of all slices. */
  readonly permutationCount?: number
}

/**
 * The search. Each slice is compared with all units outside of it by t = (mean outside - mean inside) / (s sqrt(1/n + 1/(N-n))), s being the deviation of all N
 * values. The values are dealt out among the units many times, and a slice's p-value is the share of deals in which the *largest* t of all slices is
 * at least its own (Westfall & Young, "Resampling-based multiple testing", 1993, the single-step maxT). So p-values are corrected for the number of slices, and little is
 * lost where slices overlap, as nested ones do.
 *
 * Left out are slices that repeat: of the same units as a simpler one; of two conditions, where they fare no worse than the rest of a weak slice that has one of
 * them (alpha is shared by all its pairs); and of one condition, where without the pairs that remain it fares no worse than the others (alpha is shared by
 * all slices of one condition).
 *
 * @param values the metric of each unit, such as one of `UserMetricValues`; more is better
 */
export function findWeakSlices(
  values: Float64Array,
  slices: readonly Slice[],
  { seed, alpha = 0.05, permutationCount = 1000 }: WeakSliceOptions,
): WeakSliceSearch {
  const measured = measure(values, slices, { seed, permutationCount })
  const beyondChance = measured.filter(({ adjustedPValue }) => adjustedPValue <= alpha)
  const weak = withoutRepeats(values, beyondChance, { slices, alpha })
  const metricOf = ({ slice, ...metric }: MeasuredSlice): SliceMetric => ({
    conditions: slice.conditions,
    unitCount: slice.members.length,
    mean: metric.mean,
    difference: metric.difference,
    adjustedPValue: metric.adjustedPValue,
  })
  const lowestFirst = (a: SliceMetric, b: SliceMetric): number => a.mean - b.mean
  return {
    unitCount: values.length,
    mean: values.length === 0 ? 0 : meanOf(values),
    alpha,
    slices: measured.map(metricOf).sort(lowestFirst),
    weak: weak
      .map((found) => ({ ...metricOf(found), interval: intervalOf(values, found.slice, seed) }))
      .sort(lowestFirst),
  }
}

interface MeasuredSlice {
  readonly slice: Slice
  readonly mean: number
  readonly difference: number
  readonly adjustedPValue: number
}

function measure(
  values: Float64Array,
  slices: readonly Slice[],
  { seed, permutationCount }: { readonly seed: number; readonly permutationCount: number },
): MeasuredSlice[] {
  if (slices.length === 0) return []
  // Around the mean, t is -(sum of the members) * scale, whoever is outside.
  const mean = meanOf(values)
  const centred = values.map((value) => value - mean)
  const deviation = Math.sqrt(meanOf(centred.map((value) => value ** 2)))
  const scales = slices.map(({ members: { length: n } }) =>
    deviation > 0 ? Math.sqrt(values.length / (n * (values.length - n))) / deviation : 0,
  )
  const tOf = (of: Float64Array, s: number): number => -sumOf(of, slices[s]!.members) * scales[s]!
  const found = slices.map((_, s) => tOf(centred, s))
  const atLeast = new Int32Array(slices.length)
  const rng = seededRng(seed).fork('weak slices')
  const dealt = centred.slice()
  for (let p = 0; p < permutationCount; p++) {
    shuffle(dealt, rng.integer)
    let largest = Number.NEGATIVE_INFINITY
    for (let s = 0; s < slices.length; s++) largest = Math.max(largest, tOf(dealt, s))
    // The slack lets sums that differ by rounding alone count as equal.
    for (let s = 0; s < slices.length; s++) if (largest >= found[s]! - 1e-9) atLeast[s]!++
  }
  const total = values.reduce((sum, value) => sum + value, 0)
  return slices.map((slice, s) => {
    const n = slice.members.length
    // Of the values as they are: what is 0 everywhere has a mean of 0, not of a rounding error.
    const sum = sumOf(values, slice.members)
    return {
      slice,
      mean: sum / n,
      difference: sum / n - (total - sum) / (values.length - n),
      adjustedPValue: (atLeast[s]! + 1) / (permutationCount + 1),
    }
  })
}

function sumOf(values: Float64Array, members: Int32Array): number {
  let sum = 0
  for (let m = 0; m < members.length; m++) sum += values[members[m]!]!
  return sum
}

/** Fisher & Yates. */
function shuffle(values: Float64Array, integer: (bound: number) => number): void {
  for (let i = values.length - 1; i > 0; i--) {
    const other = integer(i + 1)
    const value = values[i]!
    values[i] = values[other]!
    values[other] = value
  }
}

/** The simple slices come first, as in `slicesOf`. */
function withoutRepeats(
  values: Float64Array,
  found: readonly MeasuredSlice[],
  { slices, alpha }: { readonly slices: readonly Slice[]; readonly alpha: number },
): MeasuredSlice[] {
  const kept: MeasuredSlice[] = []
  for (const candidate of found) {
    if (kept.some(({ slice }) => isSame(slice.members, candidate.slice.members))) continue
    const parents = found.filter(({ slice }) => isParent(slice, candidate.slice))
    const addsTo = ({ slice }: MeasuredSlice): boolean => {
      const siblingCount = slices.filter((other) => isParent(slice, other)).length
      return isBelow(values, candidate.slice.members, slice.members, alpha / siblingCount)
    }
    if (parents.every(addsTo)) kept.push(candidate)
  }
  const simpleCount = slices.filter(({ conditions }) => conditions.length === 1).length
  return kept.filter(({ slice }) => {
    const children = kept.filter((other) => isParent(slice, other.slice))
    if (children.length === 0) return true
    const inChildren = new Set(children.flatMap((child) => Array.from(child.slice.members)))
    const others = slice.members.filter((unit) => !inChildren.has(unit))
    // The pairs count on neither side.
    const all = Int32Array.from(values.keys()).filter((unit) => !inChildren.has(unit))
    return isBelow(values, others, all, alpha / simpleCount)
  })
}

const isParent = (a: Slice, b: Slice): boolean =>
  a.conditions.length < b.conditions.length && a.conditions.every((condition) => b.conditions.includes(condition))

const isSame = (a: Int32Array, b: Int32Array): boolean => a.length === b.length && a.every((unit, i) => unit === b[i])

/** Whether the part's mean is below that of the rest of the whole by more than chance: Welch's statistic against Student's t, one-sided. */
function isBelow(values: Float64Array, part: Int32Array, whole: Int32Array, alpha: number): boolean {
  const inPart = new Set(part)
  const inside = new MomentsBuilder()
  const outside = new MomentsBuilder()
  for (const unit of whole) (inPart.has(unit) ? inside : outside).add(values[unit]!)
  const [a, b] = [inside.finish(), outside.finish()]
  if (a.count < 2 || b.count < 2) return false
  const t = (b.mean - a.mean) / Math.sqrt(varianceOf(a) / a.count + varianceOf(b) / b.count)
  return t > 0 && studentTTail(t, Math.min(a.count, b.count) - 1) / 2 <= alpha
}

function intervalOf(values: Float64Array, { members }: Slice, seed: number): MeanInterval['interval'] {
  const inside = new Set(members)
  const difference = bootstrapDifference(
    { values: values.filter((_, unit) => inside.has(unit)), others: values.filter((_, unit) => !inside.has(unit)) },
    { seed },
  )
  return difference!.interval
}

/** What was found as lines for people. @param units what they are called; users where it is left out */
export function describeWeakSlices(
  { unitCount, mean, alpha, slices, weak }: WeakSliceSearch,
  units = 'users',
): readonly string[] {
  const looked = `${slices.length} slices of ${unitCount} ${units}, mean ${mean.toFixed(4)}`
  const risk = `were there none, something would be found here in at most ${Number((100 * alpha).toFixed(1))} % of cases`
  if (weak.length === 0) return [`No slice is worse than the rest beyond chance: ${looked}.`]
  const rows = [['slice', units, 'mean', 'minus the rest', '95 %', 'p']]
  for (const { conditions, unitCount, mean, difference, interval, adjustedPValue } of weak) {
    const bounds = interval.map((bound) => bound.toFixed(4)).join(' … ')
    const name = conditions.join(' and ')
    rows.push([name, String(unitCount), mean.toFixed(4), difference.toFixed(4), bounds, adjustedPValue.toPrecision(2)])
  }
  return [`Worse than the rest, of ${looked}; ${risk}.`, ...alignedColumns(rows)]
}
