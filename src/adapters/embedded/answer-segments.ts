// The segments of a folder as far as they are known: what this process writes as it is written, what others have begun, written and let go of with every look.
import { open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { AnswerRecord } from '../../domain/answer-record.ts'
import { decodedAnswerRecord } from '../../domain/answer-record-bytes.ts'
import { inTurn } from '../../lib/in-turn.ts'
import { type AnswerHead, headsIn } from './answer-heads.ts'
import { type AnswerPlace, AnswerSegmentIndex } from './answer-segment-index.ts'
import type { SegmentPaths } from './answer-segment-writer.ts'

/** Of heads that are read at once: some thousand records, a millisecond of the thread that answers. */
const READ_BYTES = 2 ** 16
const HEADS_ENDING = '.heads'

export class AnswerSegments {
  readonly #folder: string
  /** By name. */
  readonly #indexes = new Map<string, AnswerSegmentIndex>()
  /** Those that this process writes are known without reading them. */
  readonly #own = new Set<string>()

  constructor(folder: string) {
    this.#folder = folder
  }

  pathsOf(name: string): SegmentPaths {
    return { records: join(this.#folder, `${name}.records`), heads: join(this.#folder, name + HEADS_ENDING) }
  }

  /** One that this process begins, and alone writes. */
  own(name: string): void {
    this.#own.add(name)
    this.#indexes.set(name, new AnswerSegmentIndex(name))
  }

  /** What was written to one of its own. */
  add(name: string, head: AnswerHead, headBytes: number): void {
    this.#indexes.get(name)?.add(head, headBytes)
  }

  /** Each call looks after those before it, since these may have passed by what it is for. */
  readonly look = inTurn<void, void>(async () => {
    const files = (await unlessGone(readdir(this.#folder))) ?? []
    const names = files.filter((file) => file.endsWith(HEADS_ENDING)).map((file) => file.slice(0, -HEADS_ENDING.length))
    const present = new Set(names)
    for (const name of this.#indexes.keys()) if (!present.has(name)) this.#forget(name)
    const grown = await Promise.all(names.map((name) => this.#ifGrown(name)))
    // One after the other: each piece takes the thread that answers for a while.
    for (const index of grown) if (index !== undefined) await unlessGone(this.#readOn(index))
  })

  /** Undefined where no known segment has it. */
  async find(requestId: string): Promise<AnswerRecord | undefined> {
    for (const index of [...this.#indexes.values()].toReversed()) {
      for (const place of index.placesOf(requestId)) {
        const record = await this.#recordAt(index.name, place)
        if (record?.response.requestId === requestId) return record
      }
    }
    return undefined
  }

  /** By the moment of asking, the newest first; those of one moment by their ids, the last one first. */
  async newest(limit: number): Promise<readonly AnswerRecord[]> {
    const appends = [...this.#indexes.values()].flatMap((index) =>
      Array.from({ length: index.appendCount }, (_, n) => ({ index, n, newestMs: index.newestOf(n) })),
    )
    let newest: readonly AnswerRecord[] = []
    for (const { index, n, newestMs } of appends.sort((a, b) => b.newestMs - a.newestMs)) {
      // Appends overlap in time: one more is looked into until none can hold anything as new.
      if (newest.length >= limit && newestMs < newest.at(-1)!.atMs) break
      const records = await Promise.all(index.placesIn(n).map((place) => this.#recordAt(index.name, place)))
      newest = [...newest, ...records.filter((record) => record !== undefined)].sort(newestFirst).slice(0, limit)
    }
    return newest
  }

  /** The oldest of them, by the newest record in each, that have to go so that the rest has at most so many bytes and nothing from before a moment. */
  beyond(maxBytes: number, oldestMs: number): readonly string[] {
    const oldestFirst = [...this.#indexes.values()].sort((a, b) => a.newestMs - b.newestMs)
    let bytes = oldestFirst.reduce((sum, index) => sum + index.bytes, 0)
    return oldestFirst.flatMap((index) => {
      if (bytes <= maxBytes && index.newestMs >= oldestMs) return []
      bytes -= index.bytes
      return [index.name]
    })
  }

  /** Its records are found no more, in any process. The heads go last: where that is cut short, somebody else comes upon them. */
  async letGo(name: string): Promise<void> {
    const { heads, records } = this.pathsOf(name)
    this.#forget(name)
    await rm(records, { force: true })
    await rm(heads, { force: true })
  }

  #forget(name: string): void {
    this.#indexes.delete(name)
    this.#own.delete(name)
  }

  /** A segment of others of which there is more than is known. */
  async #ifGrown(name: string): Promise<AnswerSegmentIndex | undefined> {
    if (this.#own.has(name)) return undefined
    let index = this.#indexes.get(name)
    if (index === undefined) this.#indexes.set(name, (index = new AnswerSegmentIndex(name)))
    const file = await unlessGone(stat(this.pathsOf(name).heads))
    return file !== undefined && file.size > index.headBytes ? index : undefined
  }

  /** Takes in the heads that were written since the last time. */
  async #readOn(index: AnswerSegmentIndex): Promise<void> {
    const file = await open(this.pathsOf(index.name).heads)
    try {
      let piece = Buffer.allocUnsafe(READ_BYTES)
      for (;;) {
        const { bytesRead } = await file.read(piece, 0, piece.length, index.headBytes)
        const { heads, byteCount } = headsIn(piece.subarray(0, bytesRead))
        const end = index.headBytes + byteCount
        for (const head of heads) index.add(head, end)
        index.headBytes = end
        if (bytesRead < piece.length) return
        // A line may be longer than that.
        if (byteCount === 0) piece = Buffer.allocUnsafe(2 * piece.length)
      }
    } finally {
      await file.close()
    }
  }

  /** Undefined where its segment was let go of, and where its bytes never reached the disk. */
  async #recordAt(name: string, { offset, length, checksum }: AnswerPlace): Promise<AnswerRecord | undefined> {
    const file = await unlessGone(open(this.pathsOf(name).records))
    if (file === undefined) return undefined
    try {
      const bytes = Buffer.allocUnsafe(length)
      const { bytesRead } = await file.read(bytes, 0, length, offset)
      return bytesRead === length && crc32(bytes) === checksum ? decodedAnswerRecord(bytes) : undefined
    } finally {
      await file.close()
    }
  }
}

const newestFirst = (a: AnswerRecord, b: AnswerRecord): number =>
  b.atMs - a.atMs || (a.response.requestId < b.response.requestId ? 1 : -1)

/** Another process may let go of a segment at any moment. */
async function unlessGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
