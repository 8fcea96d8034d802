// What the log was told of each row of a snapshot, so that the next one yields changes and deletions only. Memory does not grow with the snapshot.

/**
 * `telling`: the log may or may not have got the newest state, because the process can have ended in between. `told`: it has. `deleting` and
 * `deleted`: the same of a deletion; the entry stays, so that a row that comes back is told again.
 */
export type SnapshotStatus = 'telling' | 'told' | 'deleting' | 'deleted'

export interface SnapshotEntry {
  /** The entity's id. */
  readonly id: string
  /** Of everything that the row says. */
  readonly fingerprint: string
  readonly status: SnapshotStatus
  /** The number of the last run that saw it. */
  readonly seenIn: number
}

export interface SnapshotStore {
  /** In the order of `ids`; undefined where one was never seen. */
  read(source: string, ids: readonly string[]): Promise<(SnapshotEntry | undefined)[]>
  /** Durable when it resolves. Of two entries with one id the later one stays. */
  write(source: string, entries: readonly SnapshotEntry[]): Promise<void>
  /** How many are not deleted, and how many of those the run did not see. */
  count(source: string, run: number): Promise<{ readonly presentCount: number; readonly unseenCount: number }>
  /** Entries that are not deleted and that the run did not see, after `afterId` in the store's own order. */
  unseen(
    source: string,
    run: number,
    page: { readonly afterId: string | undefined; readonly limit: number },
  ): Promise<readonly SnapshotEntry[]>
  close(): Promise<void>
}
