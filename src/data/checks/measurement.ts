// What a check measured, before it is known how many checks the run has: significance and verdict come after all are measured (`run-checks.ts`).
import type { Band, HistoryUsed, MeanRule } from '../../domain/check.ts'
import type { CheckSettings } from '../../domain/check-settings.ts'
import type { TableProfile } from '../../domain/table-profile.ts'

/** The rows of one day, or one scheduled batch a day. */
export interface ProfiledDay {
  /** Days since 1970, UTC. */
  readonly dayNumber: number
  readonly profile: TableProfile
}

/** What a check is given. */
export interface CheckInput {
  readonly today: ProfiledDay
  /** Published days before today, ascending. Eight weeks serve best; more than that is not looked at. */
  readonly history: readonly ProfiledDay[]
  readonly nowMs: number
  readonly settings: CheckSettings
}

export interface Measurement {
  readonly value: number | null
  readonly expected: number | null
  readonly threshold: Band
  readonly isBeyondThreshold: boolean
  /** `certain`: the fault is a fact and needs no statistics. `unknown`: history is too short, the threshold is the fixed one. */
  readonly evidence: Evidence
  readonly meanRule: MeanRule | null
  readonly historyUsed: HistoryUsed | null
  /** What was found; `run-checks` adds how significant it is. */
  readonly message: string
}

export type Evidence =
  | { readonly kind: 'certain' }
  | { readonly kind: 'unknown' }
  | {
      readonly kind: 'test'
      readonly pValue: number
      /** The band of the value that a test at this level accepts. */
      readonly bandAt: (alpha: number) => Band | null
    }

export const openBand: Band = { low: null, high: null }

export const isOutside = (value: number, { low, high }: Band): boolean =>
  (low !== null && value < low) || (high !== null && value > high)

/** A measurement of nothing: there is no row, or no column. */
export const notMeasured = (message: string): Measurement => ({
  value: null,
  expected: null,
  threshold: openBand,
  isBeyondThreshold: false,
  evidence: { kind: 'unknown' },
  meanRule: null,
  historyUsed: null,
  message,
})
