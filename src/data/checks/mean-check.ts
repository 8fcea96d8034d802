// Has a column's mean moved? Two rules. The plain one (within two standard deviations of the past days' means) is what people ask for, and is
// shown; over fifty columns it is broken by chance nearly every day. The calibrated one decides: a t-test whose unit is the day.
import type { Band, MeanRule } from '../../domain/check.ts'
import type { ColumnProfile } from '../../domain/column-profile.ts'
import { mergeMoments, noMoments, varianceOf } from '../../lib/moments.ts'
import { type CheckInput, isOutside, type Measurement, notMeasured } from './measurement.ts'
import { findShift, logitScale, logScale, plainScale, type Scale, shortHistory } from './shift-evidence.ts'
import { bandText, numberText, plural } from './wording.ts'

/** A shift below this part of the standard deviation between rows is real at most in the statistical sense. */
const LEAST_SHIFT_ROW_STD_DEVS = 0.01
const SHORT_HISTORY_ROW_STD_DEVS = 0.5

/** Means of fewer values are not compared. */
const VALUES_MIN = 30

interface DayMean {
  readonly dayNumber: number
  readonly column: ColumnProfile
  readonly mean: number
}

export function measureMean({ today, history, settings }: CheckInput, name: string): Measurement {
  const column = today.profile.columns[name]
  const count = column?.moments.count ?? 0
  if (!column || count < VALUES_MIN) {
    return notMeasured(`${plural(count, 'value')}; means are compared from ${VALUES_MIN} on`)
  }
  const before: DayMean[] = history.flatMap(({ dayNumber, profile }) => {
    const of = profile.columns[name]
    return of && of.type === column.type && of.moments.count >= VALUES_MIN
      ? [{ dayNumber, column: of, mean: of.moments.mean }]
      : []
  })
  const mean = column.moments.mean
  if (before.length === 0) return { ...notMeasured(`mean ${numberText(mean)}; no day before`), value: mean }
  return compareMeans([...before, { dayNumber: today.dayNumber, column, mean }], settings.meanWithinStdDevs)
}

function compareMeans(days: readonly DayMean[], stdDevs: number): Measurement {
  const today = days.at(-1)!
  const before = days.slice(0, -1)
  const scale = scaleOf(days)
  // The rows' usual spread: today's may be part of what is wrong. A column that was constant has only today's.
  const usual = varianceOf(before.reduce((moments, day) => mergeMoments(moments, day.column.moments), noMoments))
  const rowVariance = usual > 0 ? usual : varianceOf(today.column.moments)
  const found = findShift(
    days.map(({ dayNumber, column, mean }) => ({
      dayNumber,
      figure: scale.to(mean),
      samplingVariance: (varianceOf(column.moments) / column.moments.count) * scale.slope(mean) ** 2,
    })),
    scale,
  )
  const expected = found ? found.expected : meanOf(before.map(({ mean }) => mean))
  const value = found && found.test.windowDays > 1 ? found.found : today.mean
  const least = Math.sqrt(rowVariance) * (found ? LEAST_SHIFT_ROW_STD_DEVS : SHORT_HISTORY_ROW_STD_DEVS)
  const threshold = finiteBand(expected - least, expected + least)
  const isWeek = found !== undefined && found.test.windowDays > 1
  return {
    value,
    expected,
    threshold,
    isBeyondThreshold: isOutside(value, threshold),
    evidence: found?.evidence ?? { kind: 'unknown' },
    meanRule: meanRuleOf(
      before.map(({ mean }) => mean),
      today.mean,
      stdDevs,
    ),
    historyUsed: found?.historyUsed ?? shortHistory(before.length),
    message: `mean ${numberText(value)}${isWeek ? ' in the last week' : ''}, expected ${numberText(expected)}; worth an alarm outside ${bandText(threshold, numberText)}`,
  }
}

/**
 * Day effects multiply what is never negative (more traffic, dearer baskets) and shift the odds of a rate; on those scales days spread evenly. A
 * mean that reaches the scale's end on some day is compared as it is.
 */
function scaleOf(days: readonly DayMean[]): Scale {
  const min = Math.min(...days.map(({ column }) => column.min ?? 0))
  const max = Math.max(...days.map(({ column }) => column.max ?? 0))
  if (min < 0 || days.some(({ mean }) => mean <= 0)) return plainScale
  return max <= 1 && days.every(({ mean }) => mean < 1) ? logitScale : logScale
}

function meanRuleOf(means: readonly number[], today: number, stdDevs: number): MeanRule | null {
  if (means.length < 2) return null
  const centre = meanOf(means)
  const variance = means.reduce((sum, mean) => sum + (mean - centre) ** 2, 0) / (means.length - 1)
  const band = finiteBand(centre - stdDevs * Math.sqrt(variance), centre + stdDevs * Math.sqrt(variance))
  return { stdDevs, band, holds: !isOutside(today, band) }
}

const finiteBand = (low: number, high: number): Band => ({
  low: Number.isFinite(low) ? low : null,
  high: Number.isFinite(high) ? high : null,
})

/** Divided before it is added, so that it cannot overflow. */
const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value / values.length, 0)
