// All checks of a run: measured one by one, judged together, because how surprising the largest of three hundred surprises is depends on the other 299.
import type { CheckResult, Verdict } from '../../domain/check.ts'
import type { CheckSettings } from '../../domain/check-settings.ts'
import type { TableRules } from '../../domain/table-profile.ts'
import { holmAdjusted } from '../../lib/holm.ts'
import { measureDrift } from './drift-check.ts'
import { measureFreshness } from './freshness-checks.ts'
import { measureMean } from './mean-check.ts'
import type { CheckInput, Measurement, ProfiledDay } from './measurement.ts'
import { measureNullRate, measureNullRateShift } from './null-rate-checks.ts'
import { type PlannedCheck, plannedChecks } from './planned-checks.ts'
import { measureColumn, measureViolations } from './schema-checks.ts'
import { measureVolume } from './volume-check.ts'
import { bandText, chanceText, numberText, plural } from './wording.ts'

/** A table to check. */
export interface TableToCheck {
  readonly rules: TableRules
  readonly today: ProfiledDay
  /** Published days, in any order; of those before today the newest 56 are used. */
  readonly history: readonly ProfiledDay[]
}

/** More of the past says less of today. */
const HISTORY_MAX_DAYS = 56

/**
 * Every default check of every table. An alarm needs both: the threshold crossed, and significance after Holm's adjustment over the whole run (or a
 * fact, such as a broken rule). Never NaN; JSON without loss.
 *
 * @returns in the order of tables and `plannedChecks`
 */
export function runChecks(tables: readonly TableToCheck[], settings: CheckSettings, nowMs: number): CheckResult[] {
  const measured = tables.flatMap(({ rules, today, history }) => {
    const input: CheckInput = { today, history: newestBefore(history, today.dayNumber), nowMs, settings }
    return plannedChecks(rules, settings).map((plan) => ({ plan, measurement: measure(plan, rules, input) }))
  })
  const tested = measured.flatMap(({ plan, measurement: { evidence } }, i) =>
    evidence.kind === 'test' ? [{ i, pValue: evidence.pValue, weight: plan.weight }] : [],
  )
  const totalWeight = tested.reduce((sum, { weight }) => sum + weight, 0)
  const adjusted = new Map(holmAdjusted(tested).map((p, at) => [tested[at]!.i, p]))
  return measured.map(({ plan, measurement }, i) =>
    judged(plan, measurement, {
      adjustedPValue: adjusted.get(i) ?? null,
      testCount: tested.length,
      ownAlpha: (settings.falseAlarmsPerRun * plan.weight) / totalWeight,
      falseAlarmsPerRun: settings.falseAlarmsPerRun,
    }),
  )
}

const newestBefore = (history: readonly ProfiledDay[], dayNumber: number): ProfiledDay[] =>
  history
    .filter((day) => day.dayNumber < dayNumber)
    .sort((a, b) => a.dayNumber - b.dayNumber)
    .slice(-HISTORY_MAX_DAYS)

function measure({ check, column }: PlannedCheck, rules: TableRules, input: CheckInput): Measurement {
  const name = column ?? ''
  switch (check) {
    case 'eventFreshness':
      return measureFreshness(input, 'event')
    case 'availableFreshness':
      return measureFreshness(input, 'available')
    case 'volume':
      return measureVolume(input)
    case 'column':
      return measureColumn(input.today.profile, name, rules.columns[name]!.isRequired)
    case 'nullRate':
      return measureNullRate(input, name)
    case 'nullRateShift':
      return measureNullRateShift(input, name)
    case 'mean':
      return measureMean(input, name)
    case 'drift':
      return measureDrift(input, name)
    default:
      return measureViolations(input.today.profile, name, check)
  }
}

interface RunContext {
  readonly adjustedPValue: number | null
  readonly testCount: number
  /** This check's share of the run's false alarms, before any other is rejected. */
  readonly ownAlpha: number
  readonly falseAlarmsPerRun: number
}

function judged(plan: PlannedCheck, measurement: Measurement, context: RunContext): CheckResult {
  const { evidence, isBeyondThreshold } = measurement
  const isSignificant =
    evidence.kind === 'certain' ? isBeyondThreshold : (context.adjustedPValue ?? 1) <= context.falseAlarmsPerRun
  const calibratedBand = evidence.kind === 'test' ? evidence.bandAt(context.ownAlpha) : null
  const alarm: Verdict = plan.severity === 'warn' ? 'warn' : 'fail'
  const unknown: Verdict = isBeyondThreshold ? 'warn' : 'notEnoughHistory'
  const result: Omit<CheckResult, 'message'> = {
    check: plan.check,
    table: plan.table,
    column: plan.column,
    value: measurement.value,
    expected: measurement.expected,
    threshold: measurement.threshold,
    isBeyondThreshold,
    calibratedBand,
    pValue: evidence.kind === 'test' ? evidence.pValue : null,
    adjustedPValue: context.adjustedPValue,
    isSignificant,
    meanRule: measurement.meanRule,
    historyUsed: measurement.historyUsed,
    verdict: evidence.kind === 'unknown' ? unknown : isBeyondThreshold && isSignificant ? alarm : 'pass',
    severity: plan.severity,
    owner: plan.owner,
  }
  return { ...result, message: [measurement.message, ...significanceOf(result, context), ...ruleOf(result)].join('; ') }
}

function significanceOf(result: Omit<CheckResult, 'message'>, { testCount }: RunContext): string[] {
  const { adjustedPValue, calibratedBand, historyUsed, isSignificant, verdict } = result
  if (adjustedPValue === null) {
    if (historyUsed === null || verdict === 'pass') return []
    return [`only ${plural(historyUsed.dayCount, 'day')} of history, so the threshold is a fixed, wide one`]
  }
  const band = calibratedBand === null ? '' : `, usual ${bandText(calibratedBand, numberText)}`
  const days =
    historyUsed === null
      ? ''
      : `, by ${plural(historyUsed.dayCount, 'day')}${historyUsed.isByWeekday ? ' and weekday' : ''}`
  return [
    `${isSignificant ? 'significant' : 'not significant'} (${chanceText(adjustedPValue)} for ${plural(testCount, 'test')}${band}${days})`,
  ]
}

function ruleOf({ meanRule }: Omit<CheckResult, 'message'>): string[] {
  if (meanRule === null) return []
  const { stdDevs, band, holds } = meanRule
  return [
    `rule of ${numberText(stdDevs)} standard deviations ${holds ? 'kept' : 'broken'} (${bandText(band, numberText)})`,
  ]
}
