// Did a daily figure move? The unit is the day, not the row: with a million rows every difference between two days is significant, so what counts
// is how far the figure usually moves from one day to the next.
import { studentTTail } from './tail-probabilities.ts'

/** A figure of one day. */
export interface DailyFigure {
  /** Days since 1970, UTC; the weekday follows from it. */
  readonly dayNumber: number
  readonly figure: number
  /** Variance that the figure has only because its day holds finitely many rows: row-level variance / rows. 0 where that plays no part. */
  readonly samplingVariance: number
}

export interface ShiftTest {
  /** [0, 1], two-sided, over both windows. */
  readonly pValue: number
  /** The window that gave the p-value: this many of the newest days stand against the days before them. */
  readonly windowDays: number
  /** Mean figure of the window's days. */
  readonly found: number
  /** What the days before, at the same weekdays, say it should be. */
  readonly expected: number
  /** Of found - expected, if nothing moved; above 0 unless all days are equal. */
  readonly standardError: number
  readonly degreesOfFreedom: number
  /** By how much the p-value was raised for having looked through more than one window. */
  readonly windowCount: number
  /** Days before the window that were used, and outlying ones among them that were not. */
  readonly historyDays: number
  readonly setAsideDays: number
  readonly isByWeekday: boolean
}

/** Fewer days of history give no test: two weeks show every weekday twice. */
export const SHIFT_HISTORY_MIN_DAYS = 14

/** The newest day finds a jump; the newest week finds a shift that stays, at 1/sqrt(7) of the size. */
const windowsDays = [1, 7] as const

/** Weekdays are told apart once each has been seen three times. */
const WEEKDAY_HISTORY_MIN_DAYS = 21

/** Days farther from the median than this many robust standard deviations are mishaps of the past, which must not widen the band of today. */
const OUTLIER_SIGMAS = 6

/**
 * Tests the newest day, and the newest seven, against the days before: ordinary least squares of the figure on weekday and "is in the window",
 * Student's t of the latter (for a window of one day, a prediction interval). p is twice the smaller of the two windows' (Bonferroni).
 *
 * We differ from the textbook: outlying days of the history are set aside (6 robust standard deviations); the standard error grows with the autocorrelation of the days, estimated as by Marriott & Pope, "Bias in the estimation of
 * autocorrelations", Biometrika 1954, plus half its standard error, where that is positive (without the addition the far tail, which decides
 * in a large family, comes up twice as often as it should); and a day of few rows adds the sampling variance that the days before did not have.
 *
 * @param days ascending, the day to test last
 * @returns `undefined` with fewer than 14 days of history, or figures that are not finite
 */
export function shiftTest(days: readonly DailyFigure[]): ShiftTest | undefined {
  if (days.some(({ figure, samplingVariance }) => !Number.isFinite(figure) || !Number.isFinite(samplingVariance))) {
    return undefined
  }
  // In units of the largest figure, so that no square over- or underflows.
  const unit = days.reduce((largest, { figure }) => Math.max(largest, Math.abs(figure)), 0) || 1
  const scaled = days.map(({ dayNumber, figure, samplingVariance }) => ({
    dayNumber,
    figure: figure / unit,
    samplingVariance: Math.min(Number.MAX_VALUE, samplingVariance / unit / unit),
  }))
  const tests = windowsDays.flatMap((windowDays) => testWindow(scaled, windowDays) ?? [])
  const best = tests.reduce<ShiftTest | undefined>((a, b) => (a && a.pValue <= b.pValue ? a : b), undefined)
  return (
    best && {
      ...best,
      windowCount: tests.length,
      pValue: Math.min(1, best.pValue * tests.length),
      found: best.found * unit,
      expected: best.expected * unit,
      standardError: Math.min(Number.MAX_VALUE, best.standardError * unit),
    }
  )
}

function testWindow(days: readonly DailyFigure[], windowDays: number): ShiftTest | undefined {
  const before = days.slice(0, -windowDays)
  if (before.length < SHIFT_HISTORY_MIN_DAYS) return undefined
  const window = days.slice(-windowDays)
  const isByWeekday = before.length >= WEEKDAY_HISTORY_MIN_DAYS && isEachWeekdayKnown(window, before)
  const kept = withoutOutliers(before, isByWeekday)
  const fit = leastSquares([...kept, ...window], kept.length, isByWeekday)
  if (!fit) return undefined

  const windowNoise = meanOf(window.map(({ samplingVariance }) => samplingVariance))
  const usualNoise = meanOf(kept.map(({ samplingVariance }) => samplingVariance))
  const variance = Math.max(
    fit.shiftVariance * autocorrelationInflation(fit.residuals.slice(0, kept.length), windowDays) +
      Math.max(0, windowNoise - usualNoise) / windowDays,
    // No history can make a figure of few rows surer than its rows.
    windowNoise / windowDays,
  )
  const found = meanOf(window.map(({ figure }) => figure))
  // Equal days differ by rounding; that is no evidence.
  const roundingDust = 1e-12
  const standardError = Math.sqrt(variance)
  const isStill = Math.abs(fit.shift) <= roundingDust
  return {
    pValue: isStill ? 1 : studentTTail(fit.shift / standardError, fit.degreesOfFreedom),
    windowDays,
    found,
    expected: found - fit.shift,
    standardError,
    degreesOfFreedom: fit.degreesOfFreedom,
    windowCount: 1,
    historyDays: kept.length,
    setAsideDays: before.length - kept.length,
    isByWeekday,
  }
}

const weekdayOf = (dayNumber: number): number => ((dayNumber % 7) + 7) % 7

function isEachWeekdayKnown(window: readonly DailyFigure[], before: readonly DailyFigure[]): boolean {
  const counts = new Float64Array(7)
  for (const { dayNumber } of before) counts[weekdayOf(dayNumber)]!++
  return window.every(({ dayNumber }) => counts[weekdayOf(dayNumber)]! >= 3)
}

/**
 * Least squares of the figure on group (weekday, or one group for all) and an indicator of the days from `windowStart` on. Groups are
 * partialled out (Frisch & Waugh 1933): with x~ and y~ the deviations from the group's means, shift = sum x~ y~ / sum x~^2.
 */
function leastSquares(days: readonly DailyFigure[], windowStart: number, isByWeekday: boolean) {
  const groupOf = (day: DailyFigure): number => (isByWeekday ? weekdayOf(day.dayNumber) : 0)
  const counts = new Float64Array(7)
  const windowCounts = new Float64Array(7)
  const sums = new Float64Array(7)
  for (let i = 0; i < days.length; i++) {
    const group = groupOf(days[i]!)
    counts[group]!++
    sums[group]! += days[i]!.figure
    if (i >= windowStart) windowCounts[group]!++
  }
  let xx = 0
  let xy = 0
  const x = new Float64Array(days.length)
  const y = new Float64Array(days.length)
  for (let i = 0; i < days.length; i++) {
    const group = groupOf(days[i]!)
    x[i] = (i >= windowStart ? 1 : 0) - windowCounts[group]! / counts[group]!
    y[i] = days[i]!.figure - sums[group]! / counts[group]!
    xx += x[i]! * x[i]!
    xy += x[i]! * y[i]!
  }
  const degreesOfFreedom = days.length - counts.filter((count) => count > 0).length - 1
  if (degreesOfFreedom < 1 || xx < 1e-9) return undefined
  const shift = xy / xx
  const residuals = y.map((deviation, i) => deviation - shift * x[i]!)
  const squares = residuals.reduce((sum, residual) => sum + residual * residual, 0)
  return { shift, residuals, degreesOfFreedom, shiftVariance: squares / degreesOfFreedom / xx }
}

/**
 * Far from the median of its own weekday, by the spread of all days: a day that is always different (closed on Sundays) is no outlier, and the spread
 * does not rest on three values a weekday.
 */
function withoutOutliers(days: readonly DailyFigure[], isByWeekday: boolean): readonly DailyFigure[] {
  const groupOf = (day: DailyFigure): number => (isByWeekday ? weekdayOf(day.dayNumber) : 0)
  const figures = days.map(({ figure }) => figure)
  const middle = medianOf(figures)
  // 1.4826: the median distance of normal values from their middle is 1 / 1.4826 standard deviations.
  const reach = OUTLIER_SIGMAS * 1.4826 * medianOf(figures.map((figure) => Math.abs(figure - middle)))
  if (reach === 0) return days
  const middles = Array.from({ length: 7 }, (_, group) =>
    medianOf(days.filter((day) => groupOf(day) === group).map(({ figure }) => figure)),
  )
  const kept = days.filter((day) => Math.abs(day.figure - middles[groupOf(day)]!) <= reach)
  // Where many days are "outlying" they are no mishaps but how the figure is.
  return kept.length >= Math.max(SHIFT_HISTORY_MIN_DAYS - 1, 0.85 * days.length) ? kept : days
}

/**
 * How much larger the variance of (mean of the window - mean of the days before) is for days that follow each other like AR(1) than for
 * independent ones. 1 where neighbours are not positively correlated.
 */
function autocorrelationInflation(residuals: Float64Array, windowDays: number): number {
  const n = residuals.length
  let products = 0
  let squares = 0
  for (let i = 0; i < n; i++) {
    squares += residuals[i]! * residuals[i]!
    if (i > 0) products += residuals[i]! * residuals[i - 1]!
  }
  if (squares === 0) return 1
  const estimate = (products / squares + 1 / n) / (1 - 3 / n)
  const rho = Math.min(0.9, estimate + 0.5 / Math.sqrt(n))
  if (rho <= 0) return 1
  return (meanInflation(rho, windowDays) / windowDays + meanInflation(rho, n) / n) / (1 / windowDays + 1 / n)
}

/** n Var(mean of n AR(1) values) / Var(one of them) = 1 + 2 sum_(k < n) (1 - k / n) rho^k, in closed form. */
const meanInflation = (rho: number, n: number): number =>
  (1 + rho) / (1 - rho) - (2 * rho * (1 - rho ** n)) / (n * (1 - rho) ** 2)

function meanOf(values: readonly number[]): number {
  let sum = 0
  for (const value of values) sum += value
  return values.length === 0 ? 0 : sum / values.length
}

function medianOf(values: readonly number[]): number {
  const ascending = Float64Array.from(values).sort()
  if (ascending.length === 0) return 0
  const half = ascending.length >> 1
  return ascending.length % 2 === 1 ? ascending[half]! : (ascending[half - 1]! + ascending[half]!) / 2
}
