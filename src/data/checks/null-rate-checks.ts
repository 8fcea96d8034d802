import type { ColumnProfile } from '../../domain/column-profile.ts'
import type { DailyFigure } from '../../lib/shift-test.ts'
import { binomialUpperTail } from '../../lib/tail-probabilities.ts'
import { type CheckInput, isOutside, type Measurement, notMeasured } from './measurement.ts'
import { findShift, logitScale, shortHistory } from './shift-evidence.ts'
import { bandText, percentText } from './wording.ts'

/** Half a point more or less of all rows is the least that is worth an alarm; ten points while history is short. */
const LEAST_CHANGE = 0.005
const SHORT_HISTORY_CHANGE = 0.1

const rateOf = ({ nullCount, rowCount }: ColumnProfile): number => nullCount / rowCount

/**
 * Nulls in a required column against the limit. It is a promise, so history excuses nothing; but the rate of few rows may lie above the limit by
 * chance, so it must be significantly above: exact binomial test.
 */
export function measureNullRate({ today, settings }: CheckInput, name: string): Measurement {
  const column = today.profile.columns[name]
  if (!column || column.rowCount === 0) return { ...notMeasured('no row to look at'), evidence: { kind: 'certain' } }
  const value = rateOf(column)
  const threshold = { low: null, high: settings.nullRate }
  return {
    ...notMeasured(
      `${percentText(value)} of ${column.rowCount} rows are null; at most ${percentText(settings.nullRate)} may be`,
    ),
    value,
    threshold,
    isBeyondThreshold: isOutside(value, threshold),
    evidence: {
      kind: 'test',
      pValue: binomialUpperTail(column.nullCount, column.rowCount, settings.nullRate),
      bandAt: () => null,
    },
  }
}

/** The part of nulls against the days before, in any column. */
export function measureNullRateShift({ today, history }: CheckInput, name: string): Measurement {
  const column = today.profile.columns[name]
  if (!column || column.rowCount === 0) return notMeasured('no row to look at')
  const days = [...history, today].flatMap(({ dayNumber, profile }) => {
    const of = profile.columns[name]
    return of && of.rowCount > 0 ? [{ dayNumber, column: of }] : []
  })
  const rate = rateOf(column)
  if (days.length === 1) return { ...notMeasured(`${percentText(rate)} null; no day before`), value: rate }
  const found = findShift(
    days.map((day) => figureOf(day.dayNumber, day.column)),
    logitScale,
  )
  const expected = found ? found.expected : meanRate(days.slice(0, -1).map((day) => day.column))
  const value = found && found.test.windowDays > 1 ? found.found : rate
  const change = found ? LEAST_CHANGE : SHORT_HISTORY_CHANGE
  const threshold = { low: Math.max(0, expected - change), high: Math.min(1, expected + change) }
  return {
    value,
    expected,
    threshold,
    isBeyondThreshold: isOutside(value, threshold),
    evidence: found?.evidence ?? { kind: 'unknown' },
    meanRule: null,
    historyUsed: found?.historyUsed ?? shortHistory(days.length - 1),
    message: `${percentText(value)} null, expected ${percentText(expected)}; worth an alarm outside ${bandText(threshold, percentText)}`,
  }
}

/** Logit of the rate, with half a row added on either side so that no nulls and only nulls are finite (Haldane 1956; Anscombe 1956). */
function figureOf(dayNumber: number, { nullCount, rowCount }: ColumnProfile): DailyFigure {
  const nulls = nullCount + 0.5
  const others = rowCount - nullCount + 0.5
  return { dayNumber, figure: Math.log(nulls / others), samplingVariance: 1 / nulls + 1 / others }
}

const meanRate = (columns: readonly ColumnProfile[]): number =>
  columns.reduce((sum, column) => sum + rateOf(column), 0) / columns.length
