// A place outside that rows are pulled from: a query, an API, a folder. It knows how to get rows and where it was, but not what they mean.
import type { MillraceError } from '../lib/errors.ts'

export interface RecordSource {
  /** Whether each complete pull gives everything there is, so that what is missing from it was deleted. Otherwise it gives what is new or changed. */
  readonly isSnapshot: boolean
  /**
   * Pulls from where `cursor` says (undefined: from the beginning) to what there is now. At least once: a row that came before a cursor may come
   * again after it, but none is left out. One pull at a time.
   *
   * Ends early, without an error and without `end`, once `signal` is aborted.
   * @param cursor of a batch of an earlier pull; of any process, and any time ago
   * @throws MillraceError SOURCE_UNAVAILABLE where trying again later can help; another SOURCE_ code where somebody has to mend something
   */
  pull(cursor: string | undefined, signal: AbortSignal): AsyncIterable<PulledBatch>
  close(): Promise<void>
}

export interface PulledBatch {
  /** Values by the source's column names, or what `original` is given for. At most some thousand; may be empty. */
  readonly rows: readonly unknown[]
  /** Where a row stands, for people who look for it. */
  readonly where: (position: number) => string
  /** The row by the source's own column names, where `rows` holds something else. */
  readonly original?: (position: number) => unknown
  /** Sets two states of one row apart that has no time of its own, such as its place in the order it was changed in. */
  readonly versionOf?: (position: number) => string | undefined
  /** The event time of rows without one, in milliseconds since 1970. Default: when the pull began. */
  readonly missingTimeMs?: number
  /** Where to go on from, to be remembered once these rows are durable; undefined: from the beginning. */
  readonly cursor: string | undefined
  /** In the last batch of a pull that came to its end, and in no other. */
  readonly end?: PullEnd
}

export interface PullEnd {
  /** Pages, batches of a query, or files that were read. */
  readonly pageCount: number
  /** The source says that nothing has changed since the cursor; then there are no rows, of a snapshot neither. */
  readonly isNotModified: boolean
  /** What could not be read, where the rest could. */
  readonly failures: readonly MillraceError[]
}
