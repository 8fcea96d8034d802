// Where a source stands: what its next run needs to go on, and what a person wants to see of the runs before.
import type { JsonValue } from '../lib/json.ts'

export interface SourceState {
  /** The source's name in the system file. */
  readonly source: string
  /** How far it was read, in the source's own terms; undefined where it was never read or begins anew. */
  readonly cursor?: JsonValue
  /** What the other side wants to be told again, to answer "nothing new", by name: `etag`, `lastModified`. */
  readonly validators?: Readonly<Record<string, string>>
  /** When a run last began, ended well, and failed. */
  readonly lastAttemptAtMs?: number
  readonly lastSuccessAtMs?: number
  readonly lastFailureAtMs?: number
  /** Why the last failed run failed; stays when later runs succeed. Without credentials: it is shown. */
  readonly lastFailureMessage?: string
  /** 0 after a success. */
  readonly consecutiveFailureCount: number
  /** Rows read in all runs together. */
  readonly rowCount: number
  readonly newestEventTimeMs?: number
  /** Undefined where nothing is scheduled. */
  readonly nextRunAtMs?: number
}

/** A state as it is stored. */
export interface StoredSourceState {
  readonly state: SourceState
  /** How many times the source's state was saved: 1 after the first time. */
  readonly generation: number
}

/** Of a source that never ran. */
export const newSourceState = (source: string): SourceState => ({ source, consecutiveFailureCount: 0, rowCount: 0 })
