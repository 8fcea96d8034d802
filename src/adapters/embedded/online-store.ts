// The online store in an LMDB environment of its own. Reads are look-ups in mapped memory, on the caller's thread; several processes may read.
import { hash } from 'node:crypto'
import { type Database, open, type RootDatabase } from 'lmdb'
import { MillraceError } from '../../lib/errors.ts'
import type { OnlineStore, OnlineStoreWriter, SpaceChange } from '../../ports/online-store.ts'
import { assertRoom, lmdbError, prepareLmdbFolder } from './lmdb-folder.ts'
import { isAlive, type ProcessName, thisProcess } from './process-name.ts'

/** A record lies behind its moment of expiry, a float64; infinite where it has none. */
const EXPIRY_BYTES = 8

/** LMDB's keys end at 1,978 bytes; a longer one gets a hash for its tail. */
const KEY_BYTES_MAX = 1900

/** Records that a commit looks at to find expired ones: so many and twice what it writes, so that what expires keeps pace with what comes. */
const LOOKED_AT_COUNT = 16

interface Claim {
  readonly holder: ProcessName
  /** Counts claims: whoever holds an older number has lost the right. */
  readonly number: number
}

/** More than a commit and the pages that LMDB frees with it take. */
const ROOM_BYTES = 32 * 2 ** 20

export interface OnlineStoreOptions {
  readonly folder: string
  /** Nothing is written to a disk on which less than this is free; 32 MiB by default. */
  readonly roomBytes?: number
}

/**
 * Opens, or creates, the online store in this folder, which must be on a local disk.
 * @throws MillraceError ONLINE_STORE_UNUSABLE, ONLINE_STORE_FULL
 */
export async function openOnlineStore(options: OnlineStoreOptions): Promise<OnlineStore> {
  const { folder, roomBytes = ROOM_BYTES } = options
  const environment = opened(folder)
  const records: Database<Buffer, Uint8Array> = environment.openDB('records', {
    keyEncoding: 'binary',
    encoding: 'binary',
  })
  const claims: Database<Claim, string> = environment.openDB('claims', { encoding: 'json' })
  let isClosed = false
  const held = new Set<OnlineStoreWriter>()

  const write = <T>(change: () => T): T => {
    try {
      assertRoom(folder, roomBytes)
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
      return number
    })
  const assertHeld = (number: number): void => {
    const claim = claims.get('writer')
    if (claim?.number === number && claim.holder.pid !== 0) return
    throw new MillraceError('ONLINE_STORE_TAKEN', `The online store in ${folder} has gone to another feature engine.`, {
      fix: 'Let only one of the two run.',
    })
  }

  return {
    async read(requests) {
      // A new snapshot; everything below is read in it, since nothing here waits.
      environment.resetReadTxn()
      const copies = new CopiedRecords()
      return requests.map(({ space, keys }) => keys.map((key) => copies.copy(records.getBinaryFast(keyOf(space, key)))))
    },

    async claim() {
      const number = take()
      let cursor: Uint8Array = Buffer.alloc(0)
      const writer: OnlineStoreWriter = {
        async commit(changes, nowMs) {
          cursor = write(() => {
            assertHeld(number)
            for (const change of changes) applyChange(records, change)
            return removeExpired(records, { cursor, nowMs, lookedAtCount: LOOKED_AT_COUNT + 2 * putCountOf(changes) })
          })
        },
        async clear(space, limit) {
          return write(() => {
            assertHeld(number)
            const start = Buffer.from(`${space}/`)
            const end = Buffer.from(`${space}0`)
            const doomed = [...records.getKeys({ start, end, limit })].map((key) => Buffer.from(key))
            for (const key of doomed) records.removeSync(key)
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
      environment.resetReadTxn()
      const claim = claims.get('writer')
      return claim !== undefined && isStanding(claim)
    },

    async close() {
      if (isClosed) return
      for (const writer of [...held]) await writer.release()
      isClosed = true
      await environment.close()
    },
  }
}

/** Records of one call, copied side by side into few large arrays: an array of its own for each of a thousand records costs more than the records. */
class CopiedRecords {
  #memory = new Uint8Array(0)
  #used = 0

  /** @param value as LMDB lends it until the next look-up */
  copy(value: Buffer | undefined): Uint8Array | undefined {
    if (value === undefined) return undefined
    const length = value.length - EXPIRY_BYTES
    if (this.#used + length > this.#memory.length) {
      this.#memory = new Uint8Array(Math.max(length, Math.min(2 * this.#memory.length + 4096, 65_536)))
      this.#used = 0
    }
    const { buffer, byteOffset } = value
    this.#memory.set(new Uint8Array(buffer, byteOffset + EXPIRY_BYTES, length), this.#used)
    const record = new Uint8Array(this.#memory.buffer, this.#used, length)
    this.#used += length
    return record
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
  for (const { key, bytes, expiresAtMs = Number.POSITIVE_INFINITY } of puts) {
    const value = Buffer.allocUnsafe(EXPIRY_BYTES + bytes.length)
    value.writeDoubleLE(expiresAtMs, 0)
    value.set(bytes, EXPIRY_BYTES)
    records.putSync(keyOf(space, key), value)
  }
  for (const key of removes) records.removeSync(keyOf(space, key))
}

const putCountOf = (changes: readonly SpaceChange[]): number => changes.reduce((sum, { puts }) => sum + puts.length, 0)

/** Goes round through all records, a few each time. Returns where to go on. */
function removeExpired(
  records: Database<Buffer, Uint8Array>,
  { cursor, nowMs, lookedAtCount }: { cursor: Uint8Array; nowMs: number; lookedAtCount: number },
): Uint8Array {
  const expired: Buffer[] = []
  let last: Uint8Array | undefined
  let count = 0
  for (const { key, value } of records.getRange({ start: cursor, limit: lookedAtCount })) {
    count++
    last = Buffer.from(key)
    if (value.readDoubleLE(0) <= nowMs) expired.push(Buffer.from(key))
  }
  for (const key of expired) records.removeSync(key)
  // The first record after the last one looked at; from the start again at the end.
  return count < lookedAtCount || last === undefined ? Buffer.alloc(0) : Buffer.concat([last, Buffer.alloc(1)])
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
