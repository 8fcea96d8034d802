// Checks of data: what is asked, what was found, and what follows from it. Which checks a table gets and how they are computed is `data/checks`.

/** What a check looks at. Of one column, except `volume` and the two of freshness. */
export const checkNames = [
  // Rules of the schema: no row may break them.
  'column',
  'type',
  'range',
  'enumeration',
  'uniqueness',
  'reference',
  // Limits: nulls in a required column; age of the newest row, by when it happened and by when it became available.
  'nullRate',
  'eventFreshness',
  'availableFreshness',
  // Against history.
  'volume',
  'mean',
  'drift',
  'nullRateShift',
] as const
export type CheckName = (typeof checkNames)[number]

/** What an alarm leads to. `warn`: publish, and tell. `hold`: keep the table's new version back. `stop`: end the run, nothing after it may start. */
export type Severity = 'warn' | 'hold' | 'stop'

/** `warn`: an alarm of severity `warn`, or a fixed threshold crossed while history is short. `fail`: an alarm of a higher severity. */
export type Verdict = 'pass' | 'warn' | 'fail' | 'notEnoughHistory'

/** Between these the value is as it should be; null where that side is open. In the unit of the value. */
export interface Band {
  readonly low: number | null
  readonly high: number | null
}

export interface HistoryUsed {
  /** Days compared with, those set aside as outlying not counted. */
  readonly dayCount: number
  readonly setAsideDayCount: number
  /** Whether the expectation is that of the weekday. */
  readonly isByWeekday: boolean
  /** How many of the newest days were tested together: 1, or 7 where the shift shows only in the week. */
  readonly testedDayCount: number
}

export interface CheckResult {
  readonly check: CheckName
  readonly table: string
  /** Null for checks of the whole table. */
  readonly column: string | null
  /** What was measured: a share, rows, milliseconds of age, a mean, a divergence in nats. Null where there was nothing to measure. */
  readonly value: number | null
  /** What the value is compared with, where that is one number: the expected mean, volume or null rate. */
  readonly expected: number | null
  /** The smallest change worth an alarm, or the limit of the system file. */
  readonly threshold: Band
  /** Whether the value lies outside the threshold. */
  readonly isBeyondThreshold: boolean
  /** Where the value would have to lie to be significant if this check were the only one to be so. Null where significance plays no part. */
  readonly calibratedBand: Band | null
  /** Of this check alone, and after Holm's adjustment for all checks of the run. Null where a fault is certain, or history too short. */
  readonly pValue: number | null
  readonly adjustedPValue: number | null
  /** The adjusted p-value is at most the run's rate of false alarms; or the fault is certain, as for a broken rule. */
  readonly isSignificant: boolean
  /** For `mean`: the plain rule beside the calibrated one. It decides nothing. */
  readonly meanRule: MeanRule | null
  readonly historyUsed: HistoryUsed | null
  readonly verdict: Verdict
  readonly severity: Severity
  readonly owner: string
  /** What was found and what was expected, in one sentence or two. */
  readonly message: string
}

/** "The day's mean lies within so many standard deviations of the means of the past days." */
export interface MeanRule {
  readonly stdDevs: number
  readonly band: Band
  readonly holds: boolean
}

export interface Decision {
  readonly decision: 'publish' | 'hold' | 'stop'
  /** The results that led there, gravest first; with `publish`, the warnings. */
  readonly reasons: readonly CheckResult[]
}

/** Write, audit, publish: whether a new version of a table may be read by others. The gravest failed check decides; without checks, it is published. */
export function decide(results: readonly CheckResult[]): Decision {
  const failed = results.filter(({ verdict }) => verdict === 'fail')
  const gravest = (['stop', 'hold'] as const).find((severity) => failed.some((result) => result.severity === severity))
  const alarms = results.filter(({ verdict }) => verdict === 'fail' || verdict === 'warn')
  return { decision: gravest ?? 'publish', reasons: [...alarms].sort((a, b) => gravityOf(b) - gravityOf(a)) }
}

const gravityOf = ({ verdict, severity }: CheckResult): number =>
  verdict === 'fail' ? (['warn', 'hold', 'stop'] as const).indexOf(severity) : -1

/** One line for a terminal: verdict, where, what, and both facts that an alarm needs. */
export function describeCheck(result: CheckResult): string {
  const where = result.column === null ? result.table : `${result.table}.${result.column}`
  const verdict = {
    pass: 'pass',
    warn: 'WARN',
    fail: `FAIL (${result.severity})`,
    notEnoughHistory: 'too little history',
  }
  return `${verdict[result.verdict]} · ${where} · ${result.check}: ${result.message}`
}
