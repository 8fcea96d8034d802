// The segment that one opening of the store writes: records one after another, and beside them a line for each append.
import { fstatSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { type AnswerHead, lineOfHead } from './answer-heads.ts'

export interface SegmentPaths {
  readonly records: string
  readonly heads: string
}

/** What is written together. */
export interface AnswerAppend extends Omit<AnswerHead, 'start'> {
  readonly bytes: Buffer
}

export class AnswerSegmentWriter {
  readonly name: string
  /** When the newest record of its first append was asked for. */
  readonly firstMs: number
  readonly #records: FileHandle
  readonly #heads: FileHandle
  #recordBytes = 0
  #headBytes = 0

  private constructor(name: string, firstMs: number, records: FileHandle, heads: FileHandle) {
    this.name = name
    this.firstMs = firstMs
    this.#records = records
    this.#heads = heads
  }

  /** Creates both files, which nobody else has: the heads first, without which nobody would know of the records. */
  static async begun(name: string, firstMs: number, paths: SegmentPaths): Promise<AnswerSegmentWriter> {
    const heads = await open(paths.heads, 'ax')
    try {
      return new AnswerSegmentWriter(name, firstMs, await open(paths.records, 'ax'), heads)
    } catch (error) {
      await heads.close()
      throw error
    }
  }

  get recordBytes(): number {
    return this.#recordBytes
  }

  get headBytes(): number {
    return this.#headBytes
  }

  /** Where it throws nothing was added, and nothing may follow: a line may be cut short. */
  async write({ bytes, ...append }: AnswerAppend): Promise<AnswerHead> {
    const head = { start: this.#recordBytes, ...append }
    const line = Buffer.from(lineOfHead(head))
    await this.#records.appendFile(bytes)
    // Only now: with its line it counts.
    await this.#heads.appendFile(line)
    this.#recordBytes += bytes.length
    this.#headBytes += line.length
    return head
  }

  /** Whether its files were deleted meanwhile, of which the records go first. What the system knows of an open file lies in memory: no other thread has to be asked. */
  get isLetGo(): boolean {
    return fstatSync(this.#records.fd).nlink === 0
  }

  async close(): Promise<void> {
    await this.#records.close()
    await this.#heads.close()
  }
}
