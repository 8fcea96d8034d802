// What one check of one table, or of one of its columns, found.
import type { JsonValue } from '../lib/json.ts'

/** `undecided`: too little history to judge by. */
export type CheckVerdict = 'pass' | 'fail' | 'undecided'

/** What a failed check does: tells its owner, holds the table's new version back, or stops the run. */
export type CheckSeverity = 'warn' | 'hold' | 'stop'

export interface CheckResult {
  readonly table: string
  /** The version of the table that was checked, where it has versions. */
  readonly tableVersion?: number
  /** The check's name, such as "null rate". */
  readonly check: string
  /** Undefined where the check is of the whole table. */
  readonly column?: string
  /** What was measured; undefined where nothing could be. Finite, as are all numbers here. */
  readonly value?: number
  /** What the value was held against. Either end may be open. */
  readonly threshold?: { readonly min?: number; readonly max?: number }
  /** Where the check is a statistical test: the probability of a value at least this far off if nothing has changed. */
  readonly pValue?: number
  readonly verdict: CheckVerdict
  readonly severity: CheckSeverity
  readonly owner: string
  /** The earlier values that it was judged by, in whatever form the check keeps them. */
  readonly history?: JsonValue
  /** What was found and what was expected, in one sentence. */
  readonly message?: string
  readonly checkedAtMs: number
}

/** The results of checks that ran together. */
export interface CheckRun {
  /** Unique to the run, for all time. */
  readonly runId: string
  readonly results: readonly CheckResult[]
}
