import type { CheckName, Severity } from './check.ts'

/** `checks` of the system file, with its defaults filled in. */
export interface CheckSettings {
  /** The newest row may be this old. */
  readonly freshnessMs: number
  /** Part of the rows that may lack a required column, in [0, 1]. */
  readonly nullRate: number
  /** The plain rule on means, shown beside the calibrated one. */
  readonly meanWithinStdDevs: number
  /** Kullback-Leibler divergence of a day from the days before, in nats, that is worth an alarm. */
  readonly drift: number
  /** The chance that a run over sound data raises any alarm, in (0, 1): all checks of the run together. */
  readonly falseAlarmsPerRun: number
  readonly severities: Readonly<Record<CheckName, Severity>>
}

/**
 * The thresholds are the mission's. Of false alarms half of the 1 % that a run may have is spent: the test of days is exact for normal days only,
 * and the other half is for days that are not quite. Freshness only warns, because keeping a table back makes it no fresher; drift and a change
 * of nulls in an optional column are often someone's intention.
 */
export const defaultCheckSettings: CheckSettings = {
  freshnessMs: 2 * 3_600_000,
  nullRate: 0.01,
  meanWithinStdDevs: 2,
  drift: 0.1,
  falseAlarmsPerRun: 0.005,
  severities: {
    column: 'stop',
    type: 'hold',
    range: 'hold',
    enumeration: 'hold',
    uniqueness: 'hold',
    reference: 'warn',
    nullRate: 'hold',
    eventFreshness: 'warn',
    availableFreshness: 'warn',
    volume: 'hold',
    mean: 'hold',
    drift: 'warn',
    nullRateShift: 'warn',
  },
}
