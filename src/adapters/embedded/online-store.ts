// The online store in an LMDB environment of its own. Reads are look-ups in mapped memory, on the caller's thread; several processes may read.
import { hash } from 'node:crypto'
import { type Database, open, type RootDatabase } from 'lmdb'
import { ByteCopies } from '../../lib/byte-copies.ts'
import { MillraceError } from '../../lib/errors.ts'
import type {
  ChangedRecords,
  OnlineStore,
  OnlineStoreWriter,
  RecordRequest,
  SpaceChange,
} from '../../ports/online-store.ts'
import { type ChangeMark, ChangeNotes } from './change-notes.ts'
import { assertRoom, ROOM_BYTES } from './disk-room.ts'
import { lmdbError, lmdbFileBytes, prepareLmdbFolder } from './lmdb-folder.ts'
import { isAlive, type ProcessName, thisProcess } from './process-name.ts'
import { RecordsAtHand } from './records-at-hand.ts'

/** A record lies behind its moment of expiry, a float64; infinite where it has none. */
const EXPIRY_BYTES = 8

/** LMDB's keys end at 1,978 bytes; a longer one gets a hash for its tail. */
const KEY_BYTES_MAX = 1900

/** Memory for records that are read again and again. */
const AT_HAND_BYTES = 64 * 2 ** 20

/** LMDB's pages are the system's: 4 KiB nearly everywhere, 16 on some. */
const PAGE_BYTES_MAX = 16_384

/** Records that a commit looks at to find expired ones: so many and twice what it writes, so that what expires keeps pace with what comes. */
const LOOKED_AT_COUNT = 16

const nothing: readonly ChangedRecords[] = []

/** Commits of this thread, to whatever store: it sees each at once, through whichever store it looks. */
let commitCount = 0

interface Claim {
  readonly holder: ProcessName
  /** Counts claims: whoever holds an older number has lost the right. */
  readonly number: number
}

export interface OnlineStoreOptions {
  readonly folder: string
  /** Nothing is written to a disk on which less than this is free, and what the commit may take; 32 MiB by default. */
  readonly roomBytes?: number
  /** Memory that records take which are read again and again; 64 MiB by default. */
  readonly atHandBytes?: number
}

/**
 * Opens, or creates, the online store in this folder, which must be on a local disk.
 * @throws MillraceError ONLINE_STORE_UNUSABLE, ONLINE_STORE_FULL
 */
export async function openOnlineStore(options: OnlineStoreOptions): Promise<OnlineStore> {
  const { folder, roomBytes = ROOM_BYTES, atHandBytes = AT_HAND_BYTES } = options
  const environment = opened(folder)
  const records: Database<Buffer, Uint8Array> = environment.openDB('records', {
    keyEncoding: 'binary',
    encoding: 'binary',
  })
  const claims: Database<Claim, string> = environment.openDB('claims', { encoding: 'json' })
  const notes = new ChangeNotes(environment.openDB('changes', { encoding: 'binary' }))
  const atHand = new RecordsAtHand(atHandBytes)
  /** Up to where what is at hand has followed the notes; undefined where nothing is kept. */
  let followed: ChangeMark | undefined
  /** Of records that are let go of with the answers that they were read for. */
  const passingCopies = new ByteCopies()
  let isClosed = false
  const held = new Set<OnlineStoreWriter>()

  /** @param takenBytes what the change may take on disk where that is not little */
  const write = <T>(change: () => T, takenBytes = 0): T => {
    try {
      assertRoom(folder, roomBytes + takenBytes)
      commitCount++
      return environment.transactionSync(change)
    } catch (error) {
      throw storeError(error, folder)
    }
  }
  /** Numbers of claims that this store has given back. Where the disk was full the note of it is missing, and the claim must not stand for ever. */
  const givenBack = new Set<number>()
  const isStanding = ({ number, holder }: Claim): boolean =>
    number > 0 && holder.pid !== 0 && !givenBack.has(number) && isAlive(holder)
  /** In a transaction, so that two cannot both find the place empty. */
  const take = (): number =>
    write(() => {
      const claim = claims.get('writer')
      if (claim !== undefined && isStanding(claim)) {
        throw new MillraceError(
          'ONLINE_STORE_TAKEN',
          `Process ${claim.holder.pid} runs a feature engine on the online store in ${folder}, and there may be only one.`,
          { fix: 'Stop the other engine, or give this one a data folder of its own.' },
        )
      }
      const number = (claim?.number ?? 0) + 1
      claims.put('writer', { holder: thisProcess(), number })
      notes.begin()
      // Whoever held it before may have been an older Millrace, which writes no notes.
      notes.addAnything()
      notes.write(number)
      return number
    })
  const assertHeld = (number: number): void => {
    const claim = claims.get('writer')
    if (claim?.number === number && claim.holder.pid !== 0) return
    throw new MillraceError('ONLINE_STORE_TAKEN', `The online store in ${folder} has gone to another feature engine.`, {
      fix: 'Let only one of the two run.',
    })
  }

  /** How many commits there were when this thread looked last; undefined where the next reader has to look anew. */
  let lookedAt: number | undefined
  let markOfLook: { readonly mark: ChangeMark | undefined } | undefined
  /**
   * A new snapshot, unless what runs now has had one already: a look costs as much as reading ten records, and requests that are answered together share it. What others have
   * written meanwhile is seen once the rest has run.
   */
  const look = (): void => {
    if (lookedAt === commitCount) return
    environment.resetReadTxn()
    lookedAt = commitCount
    markOfLook = undefined
    process.nextTick(endLook)
  }
  const endLook = (): void => {
    lookedAt = undefined
  }
  /** As of the look. Undefined where the last writer wrote no notes. */
  const markNow = (): ChangeMark | undefined => {
    markOfLook ??= { mark: readMark() }
    return markOfLook.mark
  }
  const readMark = (): ChangeMark | undefined => {
    const mark = notes.mark()
    return mark !== undefined && mark.claimNumber === claims.get('writer')?.number ? mark : undefined
  }
  /** Lets go of what is at hand and holds no more. False where nothing may be kept. */
  const follow = (): boolean => {
    const before = followed
    followed = markNow()
    if (before !== undefined && before.number === followed?.number) return true
    const changed = before === undefined || followed === undefined ? undefined : notes.between(before, followed)
    if (changed === undefined) atHand.clear()
    else atHand.forget(changed)
    return followed !== undefined
  }
  const readAtHand = ({ space, keys }: RecordRequest): (Uint8Array | undefined)[] => {
    const known = atHand.ofSpace(space)
    lentKey.begin(space)
    return keys.map((key) => {
      const found = known.get(key)
      if (found !== undefined) return found
      const value = records.getBinaryFast(lentKey.of(key))
      if (value === undefined) return undefined
      const bytes = new Uint8Array(value.buffer, value.byteOffset + EXPIRY_BYTES, value.length - EXPIRY_BYTES)
      // The notes name a key that is too long otherwise than the store does.
      return lentKey.isShort(key) ? atHand.keep(space, key, bytes) : bytes.slice()
    })
  }

  return {
    async read(requests) {
      look()
      const isAnyRepeated = requests.some(({ isRepeated }) => isRepeated)
      const mayKeep = isAnyRepeated && follow()
      // What is asked for again may be kept by who asked, and would keep the records of others with it.
      const copies = isAnyRepeated ? new ByteCopies() : passingCopies
      return requests.map((request) => {
        if (request.isRepeated && mayKeep) return readAtHand(request)
        lentKey.begin(request.space)
        return request.keys.map((key) => {
          const value = records.getBinaryFast(lentKey.of(key))
          return value && copies.copy(value, EXPIRY_BYTES, value.length)
        })
      })
    },

    async changesSince(since) {
      look()
      const mark = markNow()
      if (mark === undefined) return { mark: {}, changed: undefined }
      const before =
        (since as Partial<ChangeMark> | undefined)?.number === undefined ? undefined : (since as ChangeMark)
      if (before === undefined) return { mark, changed: undefined }
      return before.number === mark.number
        ? { mark: before, changed: nothing }
        : { mark, changed: notes.between(before, mark) }
    },

    async claim() {
      const number = take()
      let expiry = new Expiry(records)
      const writer: OnlineStoreWriter = {
        async commit(changes, nowMs) {
          try {
            write(
              () => {
                assertHeld(number)
                notes.begin()
                for (const change of changes) {
                  applyChange(records, change)
                  notes.add(change)
                  for (const { expiresAtMs } of change.puts) expiry.hear(expiresAtMs)
                }
                const expired = expiry.removeSome(nowMs, LOOKED_AT_COUNT + 2 * putCountOf(changes))
                for (const key of expired) notes.addRecord(key)
                notes.write(number)
              },
              takenBytesOf(changes, folder),
            )
          } catch (error) {
            // What it removed is there again.
            expiry = new Expiry(records)
            throw error
          }
        },
        async clear(space, limit) {
          return write(() => {
            assertHeld(number)
            const start = Buffer.from(`${space}/`)
            const end = Buffer.from(`${space}0`)
            const doomed = [...records.getKeys({ start, end, limit })].map((key) => Buffer.from(key))
            notes.begin()
            for (const key of doomed) {
              records.removeSync(key)
              notes.addRecord(key)
            }
            notes.write(number)
            return doomed.length
          })
        },
        async release() {
          if (!held.delete(writer) || isClosed) return
          givenBack.add(number)
          try {
            write(() => {
              if (claims.get('writer')?.number === number)
                claims.put('writer', { holder: { pid: 0, startedAt: '' }, number })
            })
          } catch (error) {
            // Without room for the note, others see the claim until this process claims again or ends.
            if ((error as MillraceError).code !== 'ONLINE_STORE_FULL') throw error
          }
        },
      }
      held.add(writer)
      return writer
    },

    async isClaimed() {
      // What is read in the same turn must not be of an earlier snapshot than what is said of it.
      endLook()
      look()
      const claim = claims.get('writer')
      return claim !== undefined && isStanding(claim)
    },

    async close() {
      if (isClosed) return
      for (const writer of [...held]) await writer.release()
      isClosed = true
      endLook()
      await environment.close()
    },
  }
}

function opened(folder: string): RootDatabase<unknown, string> {
  try {
    prepareLmdbFolder(folder)
    // Pages reach the disk after a commit has been seen, in the order of commits: the state can be rebuilt, so only its wholeness matters.
    return open<unknown, string>({ path: folder, noSubdir: false, maxDbs: 4, overlappingSync: true })
  } catch (error) {
    throw storeError(error, folder)
  }
}

function applyChange(records: Database<Buffer, Uint8Array>, { space, puts, removes }: SpaceChange): void {
  lentKey.begin(space)
  for (const { key, bytes, expiresAtMs = Number.POSITIVE_INFINITY } of puts) {
    // Within a transaction, LMDB has taken key and value when it returns.
    records.putSync(lentKey.of(key), lentValue(bytes, expiresAtMs))
  }
  for (const key of removes) records.removeSync(lentKey.of(key))
}

const putCountOf = (changes: readonly SpaceChange[]): number => changes.reduce((sum, { puts }) => sum + puts.length, 0)

/**
 * About the most that a commit takes on disk. LMDB writes every page that changes to another place: one for each put, or all that there are, and the
 * new content, in pages that are half full where they had to be split.
 */
function takenBytesOf(changes: readonly SpaceChange[], folder: string): number {
  let contentBytes = 0
  for (const { puts } of changes) for (const { bytes } of puts) contentBytes += bytes.length
  return Math.min(putCountOf(changes) * PAGE_BYTES_MAX, lmdbFileBytes(folder)) + 2 * contentBytes
}

/** Goes round through all records, a few each time, unless none can have expired yet. */
class Expiry {
  readonly #records: Database<Buffer, Uint8Array>
  /** The first record after the last one looked at; empty at the start of a round. */
  #cursor: Uint8Array = Buffer.alloc(0)
  /** No record expires before; -Infinity until a first round has been made, unless there is nothing to go round. */
  #earliestMs: number
  /** Of the records seen and heard of in this round. */
  #earliestInRoundMs = Number.POSITIVE_INFINITY

  constructor(records: Database<Buffer, Uint8Array>) {
    this.#records = records
    const isEmpty = records.getKeysCount({ limit: 1 }) === 0
    this.#earliestMs = isEmpty ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  }

  /** Of a record that is put. */
  hear(expiresAtMs = Number.POSITIVE_INFINITY): void {
    if (expiresAtMs < this.#earliestMs) this.#earliestMs = expiresAtMs
    if (expiresAtMs < this.#earliestInRoundMs) this.#earliestInRoundMs = expiresAtMs
  }

  /** Returns the keys of those that it removed. */
  removeSome(nowMs: number, lookedAtCount: number): readonly Uint8Array[] {
    if (nowMs < this.#earliestMs) return []
    const expired: Buffer[] = []
    let last: Uint8Array | undefined
    let count = 0
    for (const { key, value } of this.#records.getRange({ start: this.#cursor, limit: lookedAtCount })) {
      count++
      last = key
      const expiresAtMs = value.readDoubleLE(0)
      if (expiresAtMs <= nowMs) expired.push(Buffer.from(key))
      else if (expiresAtMs < this.#earliestInRoundMs) this.#earliestInRoundMs = expiresAtMs
    }
    for (const key of expired) this.#records.removeSync(key)
    if (count === lookedAtCount && last !== undefined) {
      this.#cursor = Buffer.concat([last, Buffer.alloc(1)])
      return expired
    }
    this.#cursor = Buffer.alloc(0)
    this.#earliestMs = this.#earliestInRoundMs
    this.#earliestInRoundMs = Number.POSITIVE_INFINITY
    return expired
  }
}

/** Keys of records, one at a time: an array of its own for each of thousands costs more than looking them up. */
class LentKey {
  readonly #bytes = Buffer.alloc(KEY_BYTES_MAX)
  #space = ''
  #spaceBytes = 0

  begin(space: string): void {
    this.#space = space
    this.#spaceBytes = this.#bytes.write(`${space}/`)
  }

  /** Good until the next one. */
  of(key: string): Uint8Array {
    if (!this.isShort(key)) return keyOf(this.#space, key)
    return this.#bytes.subarray(0, this.#spaceBytes + this.#bytes.write(key, this.#spaceBytes))
  }

  /** Whether it surely goes into a key of LMDB as it is: a UTF-16 unit takes at most three bytes of UTF-8. */
  isShort(key: string): boolean {
    return this.#spaceBytes + key.length * 3 <= KEY_BYTES_MAX
  }
}

const lentKey = new LentKey()

let valueMemory = Buffer.alloc(4096)

/** The record behind its expiry; good until the next one. */
function lentValue(bytes: Uint8Array, expiresAtMs: number): Buffer {
  const length = EXPIRY_BYTES + bytes.length
  if (length > valueMemory.length) valueMemory = Buffer.alloc(2 * length)
  valueMemory.writeDoubleLE(expiresAtMs, 0)
  valueMemory.set(bytes, EXPIRY_BYTES)
  return valueMemory.subarray(0, length)
}

function keyOf(space: string, key: string): Uint8Array {
  const bytes = Buffer.from(`${space}/${key}`)
  if (bytes.length <= KEY_BYTES_MAX) return bytes
  return Buffer.concat([bytes.subarray(0, KEY_BYTES_MAX), hash('sha256', bytes, 'buffer')])
}

/** What LMDB says, under the names of this store. */
function storeError(error: unknown, folder: string): MillraceError {
  if (error instanceof MillraceError && !error.code.startsWith('EVENT_LOG')) return error
  const { code, message, cause } = lmdbError(error, folder)
  if (code === 'EVENT_LOG_FULL') {
    return new MillraceError('ONLINE_STORE_FULL', message, {
      fix: 'Free some disk space: the engine goes on from its last commit.',
      cause,
    })
  }
  return new MillraceError('ONLINE_STORE_UNUSABLE', message, {
    fix: 'Check that the folder is on a local disk and that this user may write to it; it may be removed, and is rebuilt from the event log.',
    cause,
  })
}
