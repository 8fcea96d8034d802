import type { DailyFigure } from '../../lib/shift-test.ts'
import { type CheckInput, isOutside, type Measurement, notMeasured, type ProfiledDay } from './measurement.ts'
import { findShift, type Scale, shortHistory } from './shift-evidence.ts'
import { bandText, numberText, plural } from './wording.ts'

/** Half or double: less than that is business, not a fault. */
const LEAST_FACTOR = 2

/** While there is no history to know the week by, a weekend may well be a fifth of a weekday. */
const SHORT_HISTORY_FACTOR = 5

/** Days grow and shrink by factors; the one keeps an empty day finite. */
const rowsScale: Scale = {
  to: (rows) => Math.log(rows + 1),
  from: (figure) => Math.max(0, Math.exp(figure) - 1),
  slope: (rows) => 1 / (rows + 1),
}

/** Rows of the day against the days before. */
export function measureVolume({ today, history }: CheckInput): Measurement {
  const rows = today.profile.rowCount
  if (history.length === 0) return { ...notMeasured(`${plural(rows, 'row')}; no day before`), value: rows }
  const found = findShift([...history, today].map(figureOf), rowsScale)
  const expected = found ? found.expected : history.reduce((sum, day) => sum + day.profile.rowCount, 0) / history.length
  const value = found && found.test.windowDays > 1 ? found.found : rows
  const factor = found ? LEAST_FACTOR : SHORT_HISTORY_FACTOR
  const threshold = { low: expected / factor, high: expected * factor }
  return {
    value,
    expected,
    threshold,
    isBeyondThreshold: isOutside(value, threshold),
    evidence: found?.evidence ?? { kind: 'unknown' },
    meanRule: null,
    historyUsed: found?.historyUsed ?? shortHistory(history.length),
    message: `${numberText(value)} rows${value === rows ? '' : ' a day in the last week'}, expected about ${numberText(expected)}; worth an alarm outside ${bandText(threshold, numberText)}`,
  }
}

function figureOf({ dayNumber, profile: { rowCount } }: ProfiledDay): DailyFigure {
  // Poisson: even a day's count that never "varies" varies by its root.
  return { dayNumber, figure: rowsScale.to(rowCount), samplingVariance: 1 / (rowCount + 1) }
}
