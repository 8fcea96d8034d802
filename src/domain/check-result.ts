// What checks found, as it is kept.
import type { CheckResult } from './check.ts'

export interface StoredCheckResult extends CheckResult {
  /** The version of the table that was checked, where it has versions. */
  readonly tableVersion?: number
  readonly checkedAtMs: number
}

/** The results of checks that ran together. */
export interface CheckRun {
  /** Unique to the run, for all time. */
  readonly runId: string
  readonly results: readonly StoredCheckResult[]
}
