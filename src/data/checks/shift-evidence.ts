// From daily figures to evidence: the figure is tested on a scale on which days spread evenly (a logarithm, say), bands are shown on the value's own.
import type { HistoryUsed } from '../../domain/check.ts'
import { type DailyFigure, type ShiftTest, shiftTest } from '../../lib/shift-test.ts'
import { studentTQuantile } from '../../lib/tail-probabilities.ts'
import type { Evidence } from './measurement.ts'

/** A monotone scale and its inverse. */
export interface Scale {
  readonly to: (value: number) => number
  readonly from: (figure: number) => number
  /** Derivative of `to`: how a standard error of the value becomes one of the figure. */
  readonly slope: (value: number) => number
}

export const plainScale: Scale = { to: (value) => value, from: (figure) => figure, slope: () => 1 }
export const logScale: Scale = { to: Math.log, from: Math.exp, slope: (value) => 1 / value }
export const logitScale: Scale = {
  to: (share) => Math.log(share / (1 - share)),
  from: (figure) => 1 / (1 + Math.exp(-figure)),
  slope: (share) => 1 / (share * (1 - share)),
}

export interface ShiftFound {
  readonly test: ShiftTest
  readonly evidence: Evidence
  /** Found and expected in the tested days, on the value's own scale. */
  readonly found: number
  readonly expected: number
  readonly historyUsed: HistoryUsed
}

/** @returns `undefined` where history is too short for a test */
export function findShift(days: readonly DailyFigure[], scale: Scale): ShiftFound | undefined {
  const test = shiftTest(days)
  if (!test) return undefined
  const bandAt = (alpha: number) => {
    const reach = studentTQuantile(alpha / test.windowCount, test.degreesOfFreedom) * test.standardError
    return { low: finite(scale.from(test.expected - reach)), high: finite(scale.from(test.expected + reach)) }
  }
  return {
    test,
    evidence: { kind: 'test', pValue: test.pValue, bandAt },
    found: scale.from(test.found),
    expected: scale.from(test.expected),
    historyUsed: {
      dayCount: test.historyDays,
      setAsideDayCount: test.setAsideDays,
      isByWeekday: test.isByWeekday,
      testedDayCount: test.windowDays,
    },
  }
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)

/** Days of the past that were looked at without a test. */
export const shortHistory = (dayCount: number): HistoryUsed => ({
  dayCount,
  setAsideDayCount: 0,
  isByWeekday: false,
  testedDayCount: 1,
})
