// Answers in files that only grow, segments, of which whole ones are deleted. Each opening of the store writes segments of its own, so that no process waits for another, and any of them
// may let go of any segment. Nothing waits for the disk: a crash of the machine may lose the newest records, one of the process none that was added.
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { access, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { AnswerRecord } from '../../domain/answer-record.ts'
import { encodedAnswerRecords } from '../../domain/answer-record-bytes.ts'
import { inTurn } from '../../lib/in-turn.ts'
import type { AnswerRetention, AnswerStore } from '../../ports/answer-store.ts'
import { segmentName } from './answer-segment-index.ts'
import { type AnswerAppend, AnswerSegmentWriter } from './answer-segment-writer.ts'
import { AnswerSegments } from './answer-segments.ts'
import { assertRoom, fileStoreError, ROOM_BYTES } from './disk-room.ts'

/** What goes at once is about one in so many, of bytes and of time. */
const SEGMENT_COUNT = 16
/** Where a record lies in its segment is told in 32 bits. */
const SEGMENT_BYTES_MAX = 2 ** 30

/**
 * Opens, or creates, the store in this folder, which must be on a local disk. Several processes may have it open at once.
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
  const segmentsFolder = join(folder, 'segments')
  const segmentBytesMax = Math.min(maxBytes / SEGMENT_COUNT, SEGMENT_BYTES_MAX)
  const segments = new AnswerSegments(segmentsFolder)
  let writer: AnswerSegmentWriter | undefined
  let looking: Promise<void> | undefined
  let isClosed = false

  const begin = async (firstMs: number): Promise<AnswerSegmentWriter> => {
    const name = segmentName(firstMs, randomUUID())
    const begun = await AnswerSegmentWriter.begun(name, firstMs, segments.pathsOf(name))
    segments.own(name)
    // Retention asks what others have. There may be much of it after a start, and nobody waits for that.
    looking = segments.look().catch(() => {})
    return begun
  }

  const end = async (): Promise<void> => {
    const ended = writer
    writer = undefined
    await ended?.close()
  }

  const mayFollow = (append: AnswerAppend, { recordBytes, firstMs }: AnswerSegmentWriter): boolean =>
    recordBytes + append.bytes.length <= segmentBytesMax && append.newestMs - firstMs <= maxAgeMs / SEGMENT_COUNT

  const write = async (append: AnswerAppend): Promise<void> => {
    if (writer !== undefined && !mayFollow(append, writer)) await end()
    try {
      // Twice where another process let go of the segment meanwhile, as the oldest of all.
      for (let n = 0; n < 2; n++) {
        writer ??= await begin(append.newestMs)
        const head = await writer.write(append)
        segments.add(writer.name, head, writer.headBytes)
        if (!writer.isLetGo) return
        await end()
      }
    } catch (error) {
      await end().catch(() => {})
      throw error
    }
  }

  /** Somebody may have written to one of them since the last look. */
  const letGo = async (oldestMs: number): Promise<void> => {
    if (segments.beyond(maxBytes, oldestMs).length === 0) return
    await segments.look()
    for (const name of segments.beyond(maxBytes, oldestMs)) if (name !== writer?.name) await segments.letGo(name)
  }

  const add = async (records: readonly AnswerRecord[]): Promise<void> => {
    const append = appendOf(records, maxBytes)
    if (writer?.isLetGo) await end()
    // Somebody may have deleted all answers while this process runs.
    if (writer === undefined) await mkdir(segmentsFolder, { recursive: true })
    assertRoom(folder, roomBytes + append.bytes.length)
    await write(append)
    await letGo(append.newestMs - maxAgeMs)
  }

  /** Appends of this opening go one after another, and closing behind them. */
  const inOrder = inTurn((task: () => Promise<void>) => task())

  const orStoreError = async <T>(ask: () => Promise<T>): Promise<T> => {
    try {
      return await ask()
    } catch (error) {
      throw storeError(error, folder)
    }
  }

  await orStoreError(() => prepare(folder, segmentsFolder))
  return {
    async append(records) {
      if (records.length > 0) await orStoreError(() => inOrder(() => add(records)))
    },

    find: (requestId) =>
      orStoreError(async () => {
        const known = await segments.find(requestId)
        if (known !== undefined) return known
        await segments.look()
        return segments.find(requestId)
      }),

    newest: (limit) =>
      orStoreError(async () => {
        if (limit <= 0) return []
        await segments.look()
        return segments.newest(limit)
      }),

    async close() {
      if (isClosed) return
      isClosed = true
      await inOrder(end)
      await looking
    },
  }
}

function appendOf(records: readonly AnswerRecord[], maxBytes: number): AnswerAppend {
  const { bytes, lengths } = encodedAnswerRecords(records)
  // Hardly ever: it alone is more than the store may hold.
  if (bytes.length > maxBytes && records.length > 1) {
    const kept = newestWithin(records, lengths, maxBytes)
    if (kept.length < records.length) return appendOf(kept, maxBytes)
  }
  let end = 0
  const checksums = lengths.map((length) => crc32(bytes.subarray(end, (end += length))))
  return {
    bytes,
    lengths,
    checksums,
    requestIds: records.map(({ response }) => response.requestId),
    newestMs: newestOf(records),
  }
}

const newestOf = (records: readonly AnswerRecord[]): number =>
  records.reduce((newest, { atMs }) => Math.max(newest, atMs), Number.NEGATIVE_INFINITY)

/** As many of the newest as have so many bytes together, at least one. */
function newestWithin(
  records: readonly AnswerRecord[],
  lengths: readonly number[],
  maxBytes: number,
): readonly AnswerRecord[] {
  let bytes = 0
  const newestFirst = records
    .map((record, n) => ({ record, length: lengths[n]! }))
    .sort((a, b) => b.record.atMs - a.record.atMs)
  return newestFirst.filter(({ length }, n) => (bytes += length) <= maxBytes || n === 0).map(({ record }) => record)
}

async function prepare(folder: string, segmentsFolder: string): Promise<void> {
  // Of earlier versions, which kept answers in LMDB: only records of answers are lost, and the disk has its room back.
  for (const name of ['data.mdb', 'lock.mdb', 'batches']) await rm(join(folder, name), { recursive: true, force: true })
  await mkdir(segmentsFolder, { recursive: true })
  await access(segmentsFolder, constants.W_OK)
}

const storeError = (error: unknown, folder: string): Error =>
  fileStoreError(error, folder, {
    forRoom: 'Free some disk space, or set serving.answers.maxBytes lower.',
    forUse:
      'Check that the folder is on a local disk and that this user may write to it; it may be removed, and only the records of answers are lost.',
  })
