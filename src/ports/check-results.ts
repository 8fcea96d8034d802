// What the checks of the tables found, and the profiles of the tables' days that later checks compare with.
import type { CheckRun, StoredCheckResult } from '../domain/check-result.ts'

export interface CheckResultQuery {
  readonly table?: string
  readonly check?: string
  readonly column?: string
  /** Only results of checks that ran before this moment. */
  readonly beforeMs?: number
  readonly limit: number
}

export interface TableProfile {
  /** UTC, such as "2026-03-01". */
  readonly date: string
  /** As it was saved; only whoever made it knows what is in it. */
  readonly profile: Uint8Array
}

export interface CheckResults {
  /** All or nothing, durably. A run that is there already stays as it is, so appending again after METADATA_UNAVAILABLE is safe. */
  append(run: CheckRun): Promise<void>
  /** By the time of the check, newest first; results of one run in the order of the run. */
  list(query: CheckResultQuery): Promise<readonly StoredCheckResult[]>
  /** Removes the results of checks that ran before this moment. Profiles stay. */
  trim(beforeMs: number): Promise<{ readonly removedCount: number }>
  /** Replaces what was saved for this table and day, durably. */
  saveProfile(table: string, profile: TableProfile): Promise<void>
  /** The profiles of the days from `from` to `to`, both included, by date. Days without one are left out. */
  profiles(table: string, days: { readonly from: string; readonly to: string }): Promise<readonly TableProfile[]>
}
