// The event log inside LMDB, synchronous: what the writing thread changes and every process reads. One write transaction per call, and a
// call that returns has its data on disk: LMDB syncs the pages, then the page that points to them.
import { type Database, open, type RootDatabase } from 'lmdb'
import { MillraceError } from '../../lib/errors.ts'
import type { LogBounds, Retention, StoredEvent } from '../../ports/event-log.ts'
import { assertRoom } from './disk-room.ts'
import {
  blockAppendedTimeMs,
  blockEventCount,
  decodeBlock,
  type EncodedBatch,
  encodeBlock,
  FIRST_FORMAT,
  IMPRESSIONS_FORMAT,
} from './event-record.ts'
import { hashOfId, IdIndex } from './id-index.ts'
import { lmdbError, prepareLmdbFolder } from './lmdb-folder.ts'

/** The newest one; a log has the least one that reads all that is in it. Raised when an older Millrace could no longer read what this one writes. */
export const EVENT_LOG_FORMAT = IMPRESSIONS_FORMAT

/** Events in one LMDB value: large enough that a value costs little per event, small enough to be read for the sake of one event. */
const BLOCK_EVENT_COUNT = 256
/** Nor more bytes, besides those of the last event: an impression with a thousand rows as served takes a hundred times as much as an interaction. */
const BLOCK_BYTES = 2 ** 18
/** Bytes of blocks that one read decodes, about: fewer events than were asked for come back where they are large. */
const READ_BYTES = 2 ** 24

export interface AppendRequest extends EncodedBatch {
  readonly nowMs: number
}

export interface AppendOutcome {
  readonly acceptedCount: number
  readonly duplicatePositions: readonly number[]
  readonly nextOffset: number
}

interface LogState {
  readonly format: number
  readonly firstOffset: number
  readonly nextOffset: number
  readonly bytes: number
  /** When the newest event was appended; the name is the one on disk. */
  readonly lastAvailableTimeMs: number
}

const emptyState: LogState = {
  format: FIRST_FORMAT,
  firstOffset: 0,
  nextOffset: 0,
  bytes: 0,
  lastAvailableTimeMs: 0,
}

export interface EventLogStoreSettings {
  readonly folder: string
  /** Nothing is appended on a disk on which less than this is free. */
  readonly roomBytes: number
}

export class EventLogStore {
  readonly #folder: string
  readonly #roomBytes: number
  readonly #environment: RootDatabase<unknown, string>
  readonly #meta: Database<LogState, string>
  /** Blocks by the offset of their first event. */
  readonly #blocks: Database<Buffer, number>
  readonly #consumers: Database<number, string>
  readonly #ids: IdIndex

  /**
   * @throws MillraceError DATA_FOLDER_NEWER when a newer version wrote the log, EVENT_LOG_UNUSABLE when it cannot be opened,
   * EVENT_LOG_FULL when a new one finds no room
   */
  constructor({ folder, roomBytes }: EventLogStoreSettings) {
    this.#folder = folder
    this.#roomBytes = roomBytes
    prepareLmdbFolder(folder)
    try {
      this.#environment = open<unknown, string>({
        path: folder,
        noSubdir: false,
        maxDbs: 8,
        // A transaction that returned is on disk, not merely visible.
        overlappingSync: false,
      })
      this.#meta = this.#environment.openDB<LogState, string>('meta', { encoding: 'json' })
      this.#blocks = this.#environment.openDB<Buffer, number>('blocks', { encoding: 'binary' })
      this.#consumers = this.#environment.openDB<number, string>('consumers', { encoding: 'json' })
    } catch (error) {
      throw lmdbError(error, folder)
    }
    const { format } = this.state()
    if (format > EVENT_LOG_FORMAT) {
      this.#environment.close()
      throw new MillraceError(
        'DATA_FOLDER_NEWER',
        `The event log in ${folder} has format ${format}, and this version of Millrace reads up to ${EVENT_LOG_FORMAT}.`,
        { fix: 'Upgrade Millrace, or name another folder with --data.' },
      )
    }
    this.#ids = new IdIndex(this.#environment)
  }

  /**
   * Stores several batches in one transaction: all of them or, when it throws, none.
   * @returns one outcome per batch
   */
  append(batches: readonly AppendRequest[]): AppendOutcome[] {
    return this.#write(() => {
      assertRoom(this.#folder, this.#roomBytes)
      let state = this.state()
      this.#ids.begin(state.nextOffset)
      const outcomes: AppendOutcome[] = []
      for (const batch of batches) {
        const outcome = this.#appendBatch(state, batch)
        state = outcome.state
        outcomes.push(outcome.result)
      }
      this.#meta.put('state', state)
      return outcomes
    })
  }

  #appendBatch(state: LogState, batch: AppendRequest): { state: LogState; result: AppendOutcome } {
    const eventCount = batch.lengths.length / 2
    const records: Uint8Array[] = []
    const idHashes: Uint8Array[] = []
    let position = 0
    for (let e = 0; e < eventCount; e++) {
      const record = batch.bytes.subarray(position, position + batch.lengths[2 * e + 1]!)
      position += record.length
      records.push(record)
      // The quoted id follows the opening bracket.
      idHashes.push(hashOfId(record.subarray(1, 1 + batch.lengths[2 * e]!)))
    }
    const areNew = this.#ids.addAll(idHashes)
    const fresh = records.filter((_, e) => areNew[e])
    const duplicatePositions: number[] = []
    for (let e = 0; e < eventCount; e++) if (!areNew[e]) duplicatePositions.push(e)

    // Clocks step back and differ between processes; the order of the log does not.
    const appendedTimeMs = Math.max(batch.nowMs, state.lastAvailableTimeMs)
    let bytes = state.bytes
    let nextOffset = state.nextOffset
    for (const blockRecords of inBlocks(fresh)) {
      const block = encodeBlock(blockRecords, appendedTimeMs)
      this.#blocks.put(nextOffset, block)
      nextOffset += blockRecords.length
      bytes += block.length
    }
    return {
      state: {
        format: Math.max(state.format, batch.format),
        firstOffset: state.firstOffset,
        nextOffset,
        bytes,
        lastAvailableTimeMs: appendedTimeMs,
      },
      result: { acceptedCount: fresh.length, duplicatePositions, nextOffset },
    }
  }

  /** As other processes left it a moment ago, too. */
  bounds(): LogBounds {
    this.#environment.resetReadTxn()
    const { firstOffset, nextOffset, bytes } = this.state()
    return { firstOffset, nextOffset, bytes }
  }

  /** Within a write transaction, what it sees; else the newest snapshot the reader holds. */
  state(): LogState {
    return this.#meta.get('state') ?? emptyState
  }

  read(fromOffset: number, limit: number): StoredEvent[] {
    this.#environment.resetReadTxn()
    const events: StoredEvent[] = []
    if (limit <= 0) return events
    let bytes = 0
    for (const { key: firstOffset, value: block } of this.#blocks.getRange({ start: this.#blockWith(fromOffset) })) {
      for (const stored of decodeBlock(block, firstOffset)) {
        if (stored.offset < fromOffset) continue
        events.push(stored)
        if (events.length === limit) return events
      }
      bytes += block.length
      if (bytes >= READ_BYTES && events.length > 0) return events
    }
    return events
  }

  /** First offset of the block that holds `offset`, or of any earlier one. */
  #blockWith(offset: number): number {
    for (const first of this.#blocks.getKeys({ start: offset, reverse: true, limit: 1 })) return first
    return 0
  }

  committedOffset(consumer: string): number {
    this.#environment.resetReadTxn()
    return this.#consumers.get(consumer) ?? 0
  }

  commitOffset(consumer: string, offset: number): void {
    this.#write(() => void this.#consumers.put(consumer, offset))
  }

  /** Removes whole blocks: an event stays as long as one of its block has to stay. */
  trim(retention: Retention, nowMs: number): number {
    return this.#write(() => {
      const state = this.state()
      let wantedFrom = state.nextOffset
      for (const { value: offset } of this.#consumers.getRange({})) wantedFrom = Math.min(wantedFrom, offset)

      let { firstOffset, bytes } = state
      const doomed: number[] = []
      for (const { key: blockOffset, value: block } of this.#blocks.getRange({})) {
        const nextBlockOffset = blockOffset + blockEventCount(block)
        const isTooOld = retention.maxAgeMs !== undefined && blockAppendedTimeMs(block) < nowMs - retention.maxAgeMs
        const isTooMuch = retention.maxBytes !== undefined && bytes > retention.maxBytes
        if (nextBlockOffset > wantedFrom || !(isTooOld || isTooMuch)) break
        doomed.push(blockOffset)
        firstOffset = nextBlockOffset
        bytes -= block.length
      }
      for (const blockOffset of doomed) this.#blocks.remove(blockOffset)
      this.#ids.forgetBefore(firstOffset)
      this.#meta.put('state', { ...state, firstOffset, bytes })
      return firstOffset - state.firstOffset
    })
  }

  close(): Promise<void> {
    return this.#environment.close()
  }

  #write<T>(change: () => T): T {
    try {
      return this.#environment.transactionSync(change)
    } catch (error) {
      throw lmdbError(error, this.#folder)
    }
  }
}

function* inBlocks(records: readonly Uint8Array[]): Generator<readonly Uint8Array[]> {
  let begin = 0
  let bytes = 0
  for (let end = 1; end <= records.length; end++) {
    bytes += records[end - 1]!.length
    if (end < records.length && end - begin < BLOCK_EVENT_COUNT && bytes < BLOCK_BYTES) continue
    yield records.slice(begin, end)
    begin = end
    bytes = 0
  }
}
