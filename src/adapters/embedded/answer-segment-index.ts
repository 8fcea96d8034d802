// Where the records of one segment lie, by request id: some sixteen bytes of memory for each.
import { fnv1a } from '../../lib/fnv1a.ts'
import { grown } from '../../lib/grown.ts'
import type { AnswerHead } from './answer-heads.ts'

/** Where a record lies in the file of records; in bytes. */
export interface AnswerPlace {
  readonly offset: number
  readonly length: number
  readonly checksum: number
}

export class AnswerSegmentIndex {
  readonly name: string
  /** Of the file of heads, what is known. */
  headBytes = 0
  #recordBytes = 0
  #newestMs: number
  #count = 0
  /** By record. */
  #hashes = new Int32Array(0)
  #offsets = new Uint32Array(0)
  #lengths = new Uint32Array(0)
  #checksums = new Uint32Array(0)
  /** By append: its first record, and when its newest one was asked for. */
  #firsts = new Int32Array(0)
  #newestOf = new Float64Array(0)
  #appendCount = 0

  constructor(name: string) {
    this.name = name
    this.#newestMs = momentOf(name)
  }

  /** @param headBytes of the file, with this head */
  add({ start, requestIds, lengths, checksums, newestMs }: AnswerHead, headBytes: number): void {
    this.headBytes = headBytes
    this.#newestMs = Math.max(this.#newestMs, newestMs)
    const append = this.#appendCount++
    this.#firsts = grown(this.#firsts, append + 1)
    this.#newestOf = grown(this.#newestOf, append + 1)
    this.#firsts[append] = this.#count
    this.#newestOf[append] = newestMs
    const count = this.#count + requestIds.length
    this.#hashes = grown(this.#hashes, count)
    this.#offsets = grown(this.#offsets, count)
    this.#lengths = grown(this.#lengths, count)
    this.#checksums = grown(this.#checksums, count)
    let offset = start
    for (let n = 0, at = this.#count; n < requestIds.length; n++, at++) {
      this.#hashes[at] = fnv1a(requestIds[n]!)
      this.#offsets[at] = offset
      this.#lengths[at] = lengths[n]!
      this.#checksums[at] = checksums[n]!
      offset += lengths[n]!
    }
    this.#count = count
    this.#recordBytes = offset
  }

  /** Of both files, what is known. */
  get bytes(): number {
    return this.headBytes + this.#recordBytes
  }

  /** When the newest record was asked for; as long as none is known, when the first one was. */
  get newestMs(): number {
    return this.#newestMs
  }

  /** Where records with this id may lie: others can have its hash. */
  *placesOf(requestId: string): Generator<AnswerPlace> {
    const hash = fnv1a(requestId)
    for (let at = this.#hashes.indexOf(hash); at >= 0 && at < this.#count; at = this.#hashes.indexOf(hash, at + 1)) {
      yield this.#placeOf(at)
    }
  }

  get appendCount(): number {
    return this.#appendCount
  }

  /** When the newest record of an append was asked for. */
  newestOf(append: number): number {
    return this.#newestOf[append]!
  }

  placesIn(append: number): readonly AnswerPlace[] {
    const first = this.#firsts[append]!
    const end = append + 1 < this.#appendCount ? this.#firsts[append + 1]! : this.#count
    return Array.from({ length: end - first }, (_, n) => this.#placeOf(first + n))
  }

  #placeOf(at: number): AnswerPlace {
    return { offset: this.#offsets[at]!, length: this.#lengths[at]!, checksum: this.#checksums[at]! }
  }
}

/** Names are in the order of time. @param unique what no other segment has @param firstMs when the first record was asked for */
export const segmentName = (firstMs: number, unique: string): string =>
  `${String(Math.max(0, Math.floor(firstMs))).padStart(16, '0')}-${unique}`

/** When its first record was asked for. */
const momentOf = (name: string): number => Number.parseInt(name, 10) || 0
