// Records by key, for reading many of them at once within a request, written by one engine that has to be able to say exactly how far it has come.

/** Records are asked for by space and key. Spaces are short names without "/", keys any well-formed text up to 2,000 bytes. */
export interface RecordRequest {
  readonly space: string
  readonly keys: readonly string[]
  /** Whether the same records will soon be asked for again: the store may keep them at hand, and then gives the same array until they change. */
  readonly isRepeated?: boolean
}

export interface RecordPut {
  readonly key: string
  readonly bytes: Uint8Array
  /** From this moment on the record may be gone, and need not be. Undefined: it stays until it is removed. Milliseconds since 1970. */
  readonly expiresAtMs?: number | undefined
}

export interface SpaceChange {
  readonly space: string
  readonly puts: readonly RecordPut[]
  /** Keys, removed after the puts; those that are not there are passed over. */
  readonly removes: readonly string[]
}

export interface ChangedRecords {
  readonly space: string
  readonly keys: readonly string[]
}

/** What has been committed since somebody looked last. */
export interface StoreChanges {
  /** To be given to the next call: the very one that was given where nothing has been committed since. */
  readonly mark: StoreMark
  /** Records that were put or removed, and perhaps others; undefined where it may be anything, as at the first look. */
  readonly changed: readonly ChangedRecords[] | undefined
}

/** A moment between two commits; only the store can read it. */
export type StoreMark = object

export interface OnlineStore {
  /**
   * The records, by request and key in their order, undefined where there is none. All of one call are of one moment: what one commit wrote is seen as
   * a whole or not at all. The bytes are nobody's to change; many may lie in one buffer, so copy what you keep for long. Of a repeated
   * request, the same array as in an earlier call is the same record.
   * @throws MillraceError ONLINE_STORE_UNUSABLE
   */
  read(requests: readonly RecordRequest[]): Promise<readonly (readonly (Uint8Array | undefined)[])[]>
  /**
   * For whoever keeps what it has made of records: what no longer holds of it. What is read after this call is as new as the mark, or newer.
   * @param since of an earlier call of the same store; left out at the first look
   * @throws MillraceError ONLINE_STORE_UNUSABLE
   */
  changesSince(since?: StoreMark): Promise<StoreChanges>
  /**
   * The right to write, which one holder at a time has, in whatever process. A holder that died is no obstacle.
   * @throws MillraceError ONLINE_STORE_TAKEN while another holder lives
   */
  claim(): Promise<OnlineStoreWriter>
  /** Whether a living holder, in whatever process, has the right to write. */
  isClaimed(): Promise<boolean>
  close(): Promise<void>
}

export interface OnlineStoreWriter {
  /**
   * All changes or, when it rejects, none; visible to every reader when it resolves. What is written may be lost where the machine dies, but then
   * as whole commits, the newest first.
   * @param nowMs by the time that `expiresAtMs` is in; lets the store remove expired records, a few with each commit
   * @throws MillraceError ONLINE_STORE_FULL when the disk is full, ONLINE_STORE_TAKEN when the right has gone to another holder
   */
  commit(changes: readonly SpaceChange[], nowMs: number): Promise<void>
  /** Removes up to `limit` records of a space. Resolves to how many there were; less than `limit`: the space is empty now. */
  clear(space: string, limit: number): Promise<number>
  /** Gives the right back. */
  release(): Promise<void>
}
