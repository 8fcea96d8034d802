// The spine of the system: a durable, ordered, idempotent record of what happened.
import type { LogEvent } from '../domain/event.ts'

export interface StoredEvent {
  /** Its place in the log: 0, 1, 2 ... without gaps, never used twice. */
  readonly offset: number
  /** From when on it could be known, as `availableTimeMsOf` says: when the log took it, or earlier where that was declared. Milliseconds since 1970. */
  readonly availableTimeMs: number
  /** When the log took it, which never descends with the offset; left out where that is the available time. */
  readonly appendedTimeMs?: number
  readonly event: LogEvent
}

/** When the log took it: how late somebody is who reads it, and how old it is for the log. */
export const appendedTimeMsOf = ({ appendedTimeMs, availableTimeMs }: StoredEvent): number =>
  appendedTimeMs ?? availableTimeMs

export interface AppendResult {
  readonly acceptedCount: number
  /** Positions in the given batch whose id was in the log, or earlier in the batch, already. They were not stored again. */
  readonly duplicatePositions: readonly number[]
  /** One past the newest event in the log after this batch. A reader that has come this far has seen the whole batch. */
  readonly nextOffset: number
}

export interface LogBounds {
  /** The oldest event still there; equal to `nextOffset` where the log is empty. */
  readonly firstOffset: number
  readonly nextOffset: number
  /** Bytes of the stored events, without indexes. */
  readonly bytes: number
}

export interface Retention {
  /** Events that the log took longer ago than this may be removed, however early they were known. */
  readonly maxAgeMs?: number
  /** The oldest events may be removed until the rest is no larger than this. */
  readonly maxBytes?: number
}

export interface EventLog {
  /**
   * Resolves once every event is on disk: a crash of process or machine after that loses nothing. All or nothing: when it rejects,
   * none of the batch is stored. Events of one batch are stored in its order.
   * @throws MillraceError EVENT_LOG_FULL when the disk is full, EVENT_LOG_CLOSED after `close`
   */
  append(events: readonly LogEvent[]): Promise<AppendResult>
  /**
   * Up to `limit` events in order, beginning with the first one at or after `fromOffset` that is still there. Empty at the end, and only there; fewer than `limit`
   * also where the events are large.
   */
  read(fromOffset: number, limit: number): Promise<readonly StoredEvent[]>
  bounds(): Promise<LogBounds>
  /** Resolves true as soon as there is an event at or after `offset`, whichever process appended it; false after `timeoutMs`. */
  waitFor(offset: number, timeoutMs: number): Promise<boolean>
  /** The next offset that the named consumer wants; 0 for a new consumer. */
  committedOffset(consumer: string): Promise<number>
  /** Durable when it resolves. An offset may also move back, to read again. */
  commitOffset(consumer: string, offset: number): Promise<void>
  /** Removes from the old end what the policy lets go, but nothing that a known consumer has not yet read. Ids stay known for as long as the events. */
  trim(retention: Retention): Promise<{ readonly removedCount: number }>
  close(): Promise<void>
}
