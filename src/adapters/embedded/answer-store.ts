// Answers in an LMDB environment of its own: a record by its request id, and beside it its size by its moment, which says what is the oldest. Writing waits on LMDB's thread,
// so that answers do not wait for the disk.
import { type Database, open, type RootDatabase } from 'lmdb'
import type { AnswerRecord } from '../../domain/answer-record.ts'
import { decodedAnswerRecord, encodedAnswerRecord } from '../../domain/answer-record-bytes.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { AnswerRetention, AnswerStore } from '../../ports/answer-store.ts'
import { assertRoom, lmdbError, prepareLmdbFolder, ROOM_BYTES } from './lmdb-folder.ts'

/** Old records that go with every batch, beside twice as many as come: removal keeps pace, and a shorter retention does not stop the writing. */
const REMOVED_COUNT = 64
const BYTES_KEY = 'bytes'

/** By moment, then by request id. */
type MomentKey = [number, string]

/**
 * Opens, or creates, the store in this folder, which must be on a local disk. Several processes may have it open at once. The file holds a third more than the records or so, and does not
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
  const records: Database<Buffer, string> = environment.openDB('records', { encoding: 'binary' })
  /** Bytes of each record. */
  const sizes: Database<number, MomentKey> = environment.openDB('sizes', { encoding: 'json' })
  const meta: Database<number, string> = environment.openDB('meta', { encoding: 'json' })
  let isClosed = false
  /** Each batch is a transaction of its own; closing waits for the last. */
  let writing: Promise<unknown> = Promise.resolve()

  const add = (added: readonly { readonly key: MomentKey; readonly bytes: Buffer }[]): void => {
    let bytes = meta.get(BYTES_KEY) ?? 0
    let newestMs = Number.NEGATIVE_INFINITY
    for (const record of added) {
      const [atMs, requestId] = record.key
      records.put(requestId, record.bytes)
      sizes.put([atMs, requestId], record.bytes.length)
      bytes += record.bytes.length
      newestMs = Math.max(newestMs, atMs)
    }
    const isRoomFor = (atMs: number): boolean => bytes <= maxBytes && atMs >= newestMs - maxAgeMs
    // Most often nothing has to go, which the oldest one says.
    const [oldest] = sizes.getKeys({ limit: 1 })
    const isFull = oldest !== undefined && !isRoomFor(oldest[0])
    for (const { key, value: size } of isFull ? [...sizes.getRange({ limit: REMOVED_COUNT + 2 * added.length })] : []) {
      if (isRoomFor(key[0])) break
      records.remove(key[1])
      sizes.remove(key)
      bytes -= size
    }
    meta.put(BYTES_KEY, bytes)
  }

  const recordOf = (requestId: string): AnswerRecord | undefined => {
    const bytes = records.get(requestId)
    return bytes && decodedAnswerRecord(bytes)
  }

  return {
    async append(answers) {
      if (answers.length === 0) return
      const added = answers.map((answer) => ({
        key: [answer.atMs, answer.response.requestId] as MomentKey,
        bytes: encodedAnswerRecord(answer),
      }))
      try {
        assertRoom(folder, roomBytes + 2 * added.reduce((sum, { bytes }) => sum + bytes.length, 0))
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
      return recordOf(requestId)
    },

    async newest(limit) {
      if (limit <= 0) return []
      environment.resetReadTxn()
      const keys = [...sizes.getKeys({ reverse: true, limit })]
      return keys.flatMap(([, requestId]) => recordOf(requestId) ?? [])
    },

    async close() {
      if (isClosed) return
      isClosed = true
      await writing
      await environment.close()
    },
  }
}

function opened(folder: string): RootDatabase<unknown, string> {
  try {
    prepareLmdbFolder(folder)
    // Pages reach the disk after a commit has been seen: an answer that a crash of the machine loses is no harm.
    return open<unknown, string>({ path: folder, noSubdir: false, maxDbs: 4, overlappingSync: true })
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
