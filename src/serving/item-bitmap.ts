// A set of items, one bit each by item index, kept equal to a condition on catalogue rows while the catalogue changes.

import { grown } from '../lib/grown.ts'
import type { SteadySet } from '../lib/steady-sets.ts'
import type { ItemSet } from '../ports/candidate-generator.ts'
import type { Catalogue } from './catalogue.ts'
import type { RowPredicate } from './column.ts'
import type { ItemIndexes } from './item-indexes.ts'

/** What a bitmap follows. */
export interface BitmapSource {
  readonly catalogue: Catalogue
  readonly indexes: ItemIndexes
}

/** Sets the bits of a whole bitmap at once, from other bitmaps: some thirty times faster than asking row by row. */
export type FillWords = (words: Uint32Array) => void

export class ItemBitmap implements SteadySet {
  #words = new Uint32Array(0)
  #modelWords: Uint32Array
  #count = 0
  #version = 0
  /** The catalogue's change that comes next; -1 before the first reading. */
  #place = -1
  readonly #source: BitmapSource
  readonly #holds: () => RowPredicate
  readonly #fill: FillWords | undefined
  #withheld = new Int32Array(64)
  #withheldCount = 0

  /**
   * @param holds the condition, made anew after every change
   * @param fill must set exactly the bits of the rows that the condition holds for
   */
  constructor(source: BitmapSource, holds: () => RowPredicate, fill?: FillWords) {
    this.#source = source
    this.#holds = holds
    this.#fill = fill
    this.#modelWords = this.#words
  }

  /** Takes in what has changed. Costs the number of changes, or the number of items where that is too many. The indexes must have caught up. */
  catchUp(): this {
    const { catalogue, indexes } = this.#source
    if (this.#place === catalogue.changeCount) return this
    this.#growTo(indexes.indexCount)
    if (this.#place < 0 || !this.#follow(this.#place)) this.#rebuild()
    this.#place = catalogue.changeCount
    return this
  }

  /** Bits of all items; words beyond the last item are 0. */
  get words(): Uint32Array {
    return this.#words
  }

  /** The words that hold the model's items, and no others: what a generator is given. */
  get modelWords(): ItemSet {
    return this.#modelWords
  }

  /** Bits that are set. */
  get count(): number {
    return this.#count
  }

  has(index: number): boolean {
    return (this.#words[index >> 5]! & (1 << (index & 31))) !== 0
  }

  /**
   * Takes an item out until `restore`: what a request excludes. Bits are taken out of the shared bitmap and put back, since a request
   * excludes dozens of items while a copy would cost 125 kB for a million.
   * @returns whether it was in
   */
  withhold(index: number): boolean {
    if (!this.has(index)) return false
    this.#words[index >> 5]! &= ~(1 << (index & 31))
    this.#withheld = grown(this.#withheld, this.#withheldCount + 1)
    this.#withheld[this.#withheldCount++] = index
    this.#count--
    return true
  }

  /** Another one whenever an item has come in or gone for good. */
  get version(): number {
    return this.#version
  }

  /** The first `withheldCount` of these. */
  get withheld(): Int32Array {
    return this.#withheld
  }

  /** How many are withheld now: what `restore` goes back to. */
  get withheldCount(): number {
    return this.#withheldCount
  }

  /** Puts back what was withheld since `withheldCount` was that. Default: all of it. */
  restore(to = 0): void {
    for (let i = to; i < this.#withheldCount; i++) {
      const index = this.#withheld[i]!
      this.#words[index >> 5]! |= 1 << (index & 31)
    }
    this.#count += this.#withheldCount - to
    this.#withheldCount = to
  }

  get byteLength(): number {
    return this.#words.byteLength
  }

  #growTo(indexCount: number): void {
    const wordCount = Math.max(1, Math.ceil(indexCount / 32))
    if (wordCount <= this.#words.length) return
    this.#words = grown(this.#words, wordCount)
    this.#modelWords = this.#words.subarray(0, this.#source.indexes.firstNewIndex >> 5)
  }

  /** False where too much has changed since. */
  #follow(place: number): boolean {
    const { catalogue, indexes } = this.#source
    const holds = this.#holds()
    return catalogue.changesSince(place, (row) => this.#set(indexes.indexOf(row), holds(row)))
  }

  #set(index: number, isIn: boolean): void {
    if (isIn === this.has(index)) return
    this.#words[index >> 5]! ^= 1 << (index & 31)
    this.#version++
    this.#count += isIn ? 1 : -1
  }

  #rebuild(): void {
    this.#version++
    if (this.#fill) this.#fill(this.#words)
    else this.#fillByRow()
    this.#count = bitCount(this.#words)
  }

  #fillByRow(): void {
    const { rowOfIndex, indexCount } = this.#source.indexes
    const holds = this.#holds()
    for (let start = 0; start < indexCount; start += 32) {
      const end = Math.min(start + 32, indexCount)
      let word = 0
      for (let index = start; index < end; index++) {
        const row = rowOfIndex[index]!
        if (row >= 0 && holds(row)) word |= 1 << (index & 31)
      }
      this.#words[start >> 5] = word
    }
  }
}

/** Set bits, by adding up in ever wider fields (Warren, "Hacker's Delight", 2nd ed. 2012, 5-1). */
export function bitCount(words: Uint32Array): number {
  let count = 0
  for (let i = 0; i < words.length; i++) {
    let v = words[i]!
    if (v === 0) continue
    v -= (v >>> 1) & 0x55555555
    v = (v & 0x33333333) + ((v >>> 2) & 0x33333333)
    v = (v + (v >>> 4)) & 0x0f0f0f0f
    count += Math.imul(v, 0x01010101) >>> 24
  }
  return count
}
