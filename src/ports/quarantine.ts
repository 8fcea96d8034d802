// Rows that could not be accepted, kept with the reason until someone mends and replays them. Nothing is dropped in silence.

export interface RejectedRow {
  /** Stable reason, one of the codes in `domain/rejection.ts`, such as "MISSING_USER_ID". */
  readonly reason: string
  /** What was found and what was expected. */
  readonly message: string
  /** The source's name, or "http". */
  readonly source: string
  /** File and line, or request id and position in the batch. */
  readonly where: string
  /** The row as it came, as JSON; cut at 64 KiB. */
  readonly payload: string
  /** How the source was described, as JSON, where it is none of the system file's: a replay could not know it otherwise. */
  readonly sourceDefinition?: string
}

export interface QuarantinedRow extends RejectedRow {
  readonly id: number
  readonly rejectedAtMs: number
}

export interface Quarantine {
  /** Durable when it resolves. The same source, place, reason and payload again is kept once. */
  add(rows: readonly RejectedRow[]): Promise<void>
  /** Oldest first, beginning after `afterId`. */
  list(query: {
    readonly afterId?: number
    readonly limit: number
    readonly reason?: string
    readonly source?: string
  }): Promise<readonly QuarantinedRow[]>
  /** Number of rows by source and reason, in this order. */
  counts(): Promise<readonly { readonly source: string; readonly reason: string; readonly count: number }[]>
  /** Ids that are not there are passed over. An id is never used again. */
  remove(ids: readonly number[]): Promise<void>
  close(): Promise<void>
}
