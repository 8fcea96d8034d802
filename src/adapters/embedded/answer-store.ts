// Answers in an LMDB environment of their own. Records that are added together are one value, a batch, and go together: a long run of pages is given back and taken again as a whole, where
// a value for each record left free pages all over the file, whose list LMDB merged in every transaction. Writing waits on LMDB's thread, so that answers do not wait for the disk.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, open, type RootDatabase } from 'lmdb'
import type { AnswerRecord } from '../../domain/answer-record.ts'
import {
  decodedAnswerRecord,
  type EncodedAnswerRecords,
  encodedAnswerRecords,
} from '../../domain/answer-record-bytes.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { AnswerRetention, AnswerStore } from '../../ports/answer-store.ts'
import { assertRoom, lmdbError, prepareLmdbFolder, ROOM_BYTES } from './lmdb-folder.ts'

/** Old records that go with every append, beside twice as many as come, rounded up to whole batches: removal keeps pace, and a shorter retention does not stop the writing. */
const REMOVED_COUNT = 64
/** A longer append becomes several batches, since a longer run of free pages is seldom found. */
const BATCH_BYTES_MAX = 2 ** 20
/** Of all that is kept, the largest part that goes at once is one in so many. */
const BATCHES_MIN = 8
const STATE_KEY = 'state'

/** The moment of the newest record, then a number that no other batch has. */
type BatchKey = [number, number]
/** Of a batch, beside it: to remove it nobody has to read it. */
interface Head {
  readonly requestIds: readonly string[]
  /** In bytes; the records lie one after another. */
  readonly lengths: readonly number[]
}
/** Where a record lies: its batch, the offset of its first byte there, and its length. */
type Place = [...BatchKey, number, number]
interface State {
  /** Of all batches. */
  readonly bytes: number
  /** Of the next batch. */
  readonly number: number
}
interface Batch extends Head {
  readonly newestMs: number
  readonly bytes: Buffer
}

/**
 * Opens, or creates, the store in this folder, which must be on a local disk. Several processes may have it open at once. The file holds up to two fifths more than the records, and does not
 * shrink: what is let go makes room for what comes.
 * @throws MillraceError DATA_FOLDER_UNUSABLE, DISK_FULL
 */
export async function openAnswerStore({
  folder,
  maxAgeMs,
  maxBytes,
  roomBytes = ROOM_BYTES,
}: AnswerRetention & {
  readonly folder: string
  /** Nothing is added on a disk on which less than this is free; 32 MiB by default. */
  readonly roomBytes?: number
}): Promise<AnswerStore> {
  const environment = opened(folder)
  const batches: Database<Buffer, BatchKey> = environment.openDB('batches', { encoding: 'binary' })
  const heads: Database<Head, BatchKey> = environment.openDB('heads', { encoding: 'json' })
  /** By request id. */
  const places: Database<Place, string> = environment.openDB('places', { encoding: 'json' })
  const meta: Database<State, string> = environment.openDB('meta', { encoding: 'json' })
  const batchBytesMax = Math.min(BATCH_BYTES_MAX, maxBytes / BATCHES_MIN)
  let isClosed = false
  /** Each append is a transaction of its own; closing waits for the last. */
  let writing: Promise<unknown> = Promise.resolve()

  const put = (key: BatchKey, { requestIds, lengths, bytes }: Batch): void => {
    batches.put(key, bytes)
    heads.put(key, { requestIds, lengths })
    let offset = 0
    for (const [n, requestId] of requestIds.entries()) {
      places.put(requestId, [...key, offset, lengths[n]!])
      offset += lengths[n]!
    }
  }
  const remove = (key: BatchKey, { requestIds }: Head): void => {
    batches.remove(key)
    heads.remove(key)
    for (const requestId of requestIds) places.remove(requestId)
  }

  /** Runs in a transaction, of which there is one at a time, whichever process it is of: so no two batches have one number. */
  const add = (added: readonly Batch[]): void => {
    let { bytes, number } = meta.get(STATE_KEY) ?? { bytes: 0, number: 0 }
    let newestMs = Number.NEGATIVE_INFINITY
    let removedCountMax = REMOVED_COUNT
    for (const batch of added) {
      put([batch.newestMs, number++], batch)
      bytes += batch.bytes.length
      newestMs = Math.max(newestMs, batch.newestMs)
      removedCountMax += 2 * batch.requestIds.length
    }
    while (removedCountMax > 0) {
      // Most often nothing has to go, which the key of the oldest one says.
      const [key] = heads.getKeys({ limit: 1 })
      if (key === undefined || (bytes <= maxBytes && key[0] >= newestMs - maxAgeMs)) break
      const head = heads.get(key)!
      remove(key, head)
      bytes -= head.lengths.reduce((sum, length) => sum + length, 0)
      removedCountMax -= head.requestIds.length
    }
    meta.put(STATE_KEY, { bytes, number })
  }

  /** Decoding copies what it takes: this memory is lent until the next reading. */
  const recordAt = (bytes: Buffer, offset: number, length: number): AnswerRecord | undefined =>
    decodedAnswerRecord(new Uint8Array(bytes.buffer, bytes.byteOffset + offset, length))

  const recordsOf = (key: BatchKey, { lengths }: Head): readonly AnswerRecord[] => {
    const bytes = batches.getBinaryFast(key)!
    let end = 0
    return lengths.flatMap((length) => {
      end += length
      return recordAt(bytes, end - length, length) ?? []
    })
  }

  return {
    async append(records) {
      if (records.length === 0) return
      const encoded = encodedAnswerRecords(records)
      const added = batchesOf(records, encoded, batchBytesMax)
      try {
        assertRoom(folder, roomBytes + 2 * encoded.bytes.length)
        const written = environment.transaction(() => add(added))
        writing = written.catch(() => {})
        await written
      } catch (error) {
        throw storeError(error, folder)
      }
    },

    async find(requestId) {
      // LMDB's keys are shorter; such an id was never given out.
      if (requestId.length > 500) return undefined
      environment.resetReadTxn()
      const place = places.get(requestId)
      if (place === undefined) return undefined
      const [newestMs, number, offset, length] = place
      return recordAt(batches.getBinaryFast([newestMs, number])!, offset, length)
    },

    async newest(limit) {
      if (limit <= 0) return []
      environment.resetReadTxn()
      let found: readonly AnswerRecord[] = []
      for (const { key, value: head } of heads.getRange({ reverse: true })) {
        // Batches of several processes overlap in time: one more is looked into until none can hold anything as new.
        if (found.length >= limit && key[0] < found.at(-1)!.atMs) break
        found = [...found, ...recordsOf(key, head)].sort(newestFirst).slice(0, limit)
      }
      return found
    },

    async close() {
      if (isClosed) return
      isClosed = true
      await writing
      await environment.close()
    },
  }
}

const newestFirst = (a: AnswerRecord, b: AnswerRecord): number =>
  b.atMs - a.atMs || (a.response.requestId < b.response.requestId ? 1 : -1)

/** The records in batches of at most so many bytes, or of one record where it alone has more. */
function batchesOf(
  records: readonly AnswerRecord[],
  { bytes, lengths }: EncodedAnswerRecords,
  batchBytesMax: number,
): readonly Batch[] {
  const batches: Batch[] = []
  let [first, start, end] = [0, 0, 0]
  for (const [n, length] of lengths.entries()) {
    end += length
    const nextLength = lengths[n + 1]
    if (nextLength !== undefined && end + nextLength - start <= batchBytesMax) continue
    const added = records.slice(first, n + 1)
    batches.push({
      newestMs: Math.max(...added.map(({ atMs }) => atMs)),
      requestIds: added.map(({ response }) => response.requestId),
      lengths: lengths.slice(first, n + 1),
      bytes: bytes.subarray(start, end),
    })
    first = n + 1
    start = end
  }
  return batches
}

function opened(folder: string): RootDatabase<unknown, string> {
  try {
    // Of versions that kept an entry for each record: only records of answers are lost, and the disk has its room back.
    for (const name of ['data.mdb', 'lock.mdb']) rmSync(join(folder, name), { force: true })
    const path = join(folder, 'batches')
    prepareLmdbFolder(path)
    // Pages reach the disk after a commit has been seen: an answer that a crash of the machine loses is no harm.
    return open<unknown, string>({ path, noSubdir: false, maxDbs: 4, overlappingSync: true })
  } catch (error) {
    throw storeError(error, folder)
  }
}

/** What LMDB says, under the names of this store. */
function storeError(error: unknown, folder: string): MillraceError {
  const { code, message, cause } = lmdbError(error, folder)
  if (code === 'EVENT_LOG_FULL') {
    return new MillraceError('DISK_FULL', message, {
      fix: 'Free some disk space, or set serving.answers.maxBytes lower.',
      cause,
    })
  }
  return new MillraceError('DATA_FOLDER_UNUSABLE', message, {
    fix: 'Check that the folder is on a local disk and that this user may write to it; it may be removed, and only the records of answers are lost.',
    cause,
  })
}
