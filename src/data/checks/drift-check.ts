// Has the shape of a column moved, beyond its mean? Kullback-Leibler divergence of a day from the other days, over ten bins of equal weight or the
// twenty most frequent categories. What is usual is measured: how far each past day was from the others.
import type { ColumnProfile } from '../../domain/column-profile.ts'
import { mergeHeavyHitters, noHeavyHitters } from '../../lib/heavy-hitters.ts'
import { binCounts, evenBinBounds, mergeHistograms } from '../../lib/log-histogram.ts'
import type { DailyFigure } from '../../lib/shift-test.ts'
import { type CheckInput, type Measurement, notMeasured } from './measurement.ts'
import { findShift, logScale, shortHistory } from './shift-evidence.ts'
import { numberText, percentText, plural } from './wording.ts'

const BIN_COUNT = 10
const CATEGORY_COUNT = 20

/** Fewer values show no shape. */
const VALUES_MIN = 100

/** While history is short. */
const SHORT_HISTORY_DIVERGENCE = 0.5

interface DayCounts {
  readonly dayNumber: number
  readonly counts: Float64Array
}

export function measureDrift({ today, history, settings }: CheckInput, name: string): Measurement {
  const column = today.profile.columns[name]
  const isNumeric = column?.type === 'number' || column?.type === 'integer'
  const countOf = (of: ColumnProfile) => (isNumeric ? of.moments.count : of.categories.total)
  if (!column || countOf(column) < VALUES_MIN) {
    return notMeasured(`${plural(column ? countOf(column) : 0, 'value')}; shapes are compared from ${VALUES_MIN} on`)
  }
  const days = [...history, today].flatMap(({ dayNumber, profile }) => {
    const of = profile.columns[name]
    return of && of.type === column.type && countOf(of) >= VALUES_MIN ? [{ dayNumber, column: of }] : []
  })
  if (days.length === 1) return notMeasured('no day before to compare the shape with')
  const { labels, counted } = isNumeric ? inBins(days) : inCategories(days)
  return compareShapes(counted, labels, settings.drift)
}

interface Counted {
  /** What the cells are, for the message; empty for bins. */
  readonly labels: readonly string[]
  readonly counted: readonly DayCounts[]
}

type ColumnDay = { readonly dayNumber: number; readonly column: ColumnProfile }

/** The bins are made from all days, the tested one too, so that no day is special by them. */
function inBins(days: readonly ColumnDay[]): Counted {
  const bounds = evenBinBounds(mergeHistograms(...days.map(({ column }) => column.histogram)), BIN_COUNT)
  return {
    labels: [],
    counted: days.map(({ dayNumber, column }) => ({ dayNumber, counts: binCounts(column.histogram, bounds) })),
  }
}

function inCategories(days: readonly ColumnDay[]): Counted {
  const all = days.reduce((sum, { column }) => mergeHeavyHitters(sum, column.categories), noHeavyHitters)
  const labels = Object.entries(all.counts)
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, CATEGORY_COUNT)
    .map(([label]) => label)
  const counted = days.map(({ dayNumber, column: { categories } }) => {
    const counts = Float64Array.from(labels, (label) =>
      Object.hasOwn(categories.counts, label) ? categories.counts[label]! : 0,
    )
    const other = categories.total - counts.reduce((sum, count) => sum + count, 0)
    return { dayNumber, counts: Float64Array.of(...counts, other) }
  })
  return { labels: [...labels, 'other'], counted }
}

function compareShapes(days: readonly DayCounts[], labels: readonly string[], leastDivergence: number): Measurement {
  const total = new Float64Array(days[0]!.counts.length)
  for (const { counts } of days) for (let cell = 0; cell < counts.length; cell++) total[cell]! += counts[cell]!
  const divergences = days.map(({ counts }) => divergenceOf(counts, total))
  const value = divergences.at(-1)!
  // Where all values share one cell on all days there is no shape to move.
  if (total.length === 1) return { ...notMeasured('all values alike on all days'), value: 0, evidence: sameShape }
  const found = findShift(figuresOf(days, divergences), logScale)
  const limit = found ? leastDivergence : SHORT_HISTORY_DIVERGENCE
  const today = days.at(-1)!
  const part = labels.length > 0 ? `; ${largestChange(today.counts, total, labels)}` : ''
  return {
    value,
    expected: null,
    threshold: { low: null, high: limit },
    isBeyondThreshold: value > limit,
    evidence: found ? upwards(found) : { kind: 'unknown' },
    meanRule: null,
    historyUsed: found?.historyUsed ?? shortHistory(days.length - 1),
    message: `divergence ${numberText(value)} from the days before, worth an alarm above ${limit}${part}`,
  }
}

const sameShape: Measurement['evidence'] = { kind: 'test', pValue: 1, bandAt: () => null }

/**
 * KL(day || other days) in nats: sum p ln(p / q), with half a row in every cell so that a cell empty on one side stays finite.
 * @param total counts of all days, the day's own among them
 */
function divergenceOf(counts: Float64Array, total: Float64Array): number {
  const dayRows = sumOf(counts) + counts.length / 2
  const otherRows = sumOf(total) - sumOf(counts) + counts.length / 2
  let divergence = 0
  for (let cell = 0; cell < counts.length; cell++) {
    const p = (counts[cell]! + 0.5) / dayRows
    const q = (total[cell]! - counts[cell]! + 0.5) / otherRows
    divergence += p * Math.log(p / q)
  }
  return Math.max(0, divergence)
}

/**
 * Logarithms of the divergences. Even of one and the same distribution a day of n rows diverges by (cells - 1) / 2n (Wilks 1938), so days with many
 * rows are given the difference to the day with fewest: what is left to differ is the shape. On the logarithm a chi-square has a shorter upper tail
 * than the normal, so that the test errs towards silence.
 */
function figuresOf(days: readonly DayCounts[], divergences: readonly number[]): DailyFigure[] {
  const freedom = days[0]!.counts.length - 1
  const noises = days.map(({ counts }) => freedom / (2 * sumOf(counts)))
  const most = Math.max(...noises)
  return days.map(({ dayNumber, counts }, i) => {
    const levelled = divergences[i]! + most - noises[i]!
    const beyondNoise = Math.max(0, divergences[i]! - noises[i]!)
    // 2 n KL is about chi-square, central or not: variance 2 freedom + 4 noncentrality.
    const variance = (freedom / 2 / sumOf(counts) + 2 * beyondNoise) / sumOf(counts)
    // A day may be nearer to the others than chance has it; the smallest noise keeps its logarithm finite.
    const figure = Math.max(levelled, most * 1e-6)
    return { dayNumber, figure: Math.log(figure), samplingVariance: variance / (figure * figure) }
  })
}

/** Only a larger divergence is drift: half of the two-sided p-value on that side. */
function upwards({ test, evidence }: NonNullable<ReturnType<typeof findShift>>): Measurement['evidence'] {
  if (evidence.kind !== 'test') return evidence
  return {
    kind: 'test',
    pValue: test.found > test.expected ? test.pValue / 2 : 1,
    // The levelled scale is not the value's.
    bandAt: () => null,
  }
}

function largestChange(counts: Float64Array, total: Float64Array, labels: readonly string[]): string {
  const dayRows = sumOf(counts)
  const otherRows = sumOf(total) - dayRows
  const shares = labels.map((label, cell) => ({
    label,
    now: counts[cell]! / dayRows,
    before: (total[cell]! - counts[cell]!) / otherRows,
  }))
  const { label, now, before } = shares.reduce((a, b) =>
    Math.abs(b.now - b.before) > Math.abs(a.now - a.before) ? b : a,
  )
  return `most of it "${label}", ${percentText(before)} before and ${percentText(now)} now`
}

const sumOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0)
