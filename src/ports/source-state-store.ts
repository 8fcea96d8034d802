// What is remembered of each source between two pulls.

/** What one run of a source did. */
export interface SourceRun {
  readonly startMs: number
  readonly durationMs: number
  /** Rows that the source gave. */
  readonly readCount: number
  /** Of these, rows the log did not have yet. */
  readonly acceptedCount: number
  /** Rows that say what the log knew already. */
  readonly unchangedCount: number
  readonly quarantinedCount: number
  /** Entities that a complete snapshot no longer had. */
  readonly deletedCount: number
  readonly pageCount: number
  readonly isNotModified: boolean
}

export interface SourceFailure {
  readonly code: string
  readonly message: string
  readonly fix?: string
  readonly atMs: number
}

export interface SourceState {
  /** The source's name in the system file. */
  readonly source: string
  /** Of the source's definition: where it changes, the cursor no longer holds. */
  readonly definitionHash: string
  readonly cursor?: string
  /** Runs begun, failed ones too. Numbers the snapshots. */
  readonly runCount: number
  /** The event time that the newest run gave to rows without one; ascends from run to run. 0 before the first. */
  readonly momentMs: number
  readonly lastSuccessMs?: number
  /** The newest run that came to its end. */
  readonly lastRun?: SourceRun
  /** The newest failure, also where a success came after it. */
  readonly lastFailure?: SourceFailure
  /** Failures since the last success. */
  readonly consecutiveFailureCount: number
  /** Rows accepted into the log, of all runs. */
  readonly rowCount: number
  /** The newest event time among the accepted rows. */
  readonly newestEventTimeMs?: number
  readonly nextRunMs: number
}

export interface SourceStateStore {
  /** Undefined for a source that never ran. */
  read(source: string): Promise<SourceState | undefined>
  /** Durable when it resolves. Replaces what was there. */
  write(state: SourceState): Promise<void>
  /** By name. */
  list(): Promise<readonly SourceState[]>
}
