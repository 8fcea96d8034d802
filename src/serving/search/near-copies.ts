// Items whose texts say the same: found by hashes that do not depend on what near-copies differ in, and then compared word for word. No pair of items is
// compared without such a reason, so that the work grows with the items and not with their square.
import type { SameBy } from '../../domain/search.ts'
import { fnv1a } from '../../lib/fnv1a.ts'
import { grown } from '../../lib/grown.ts'
import { isOneEdit } from '../../lib/one-edit.ts'
import { searchWords, stemOf } from '../../lib/search-words.ts'
import type { TextIndex } from './text-index.ts'

/** Of a text, only so many words are compared. */
const WORD_COUNT_MAX = 500
/** A letter is taken for a slip only where one of the two words is hardly found elsewhere: "dove" and "love" are different things. */
const SLIP_ROW_COUNT_MAX = 2
const SLIP_LENGTH_MIN = 4

export interface NearCopy {
  readonly row: number
  readonly by: SameBy
}

export class NearCopies {
  readonly #index: TextIndex
  readonly #textOf: (row: number) => string
  /** By row: the sum of its words' hashes, the same in whatever order they come; 0 without words. */
  #wordKeys = new Float64Array(0)
  /** By row: a hash of its letters, the same wherever the spaces are; 0 without words. */
  #letterKeys = new Float64Array(0)
  #rowCount = 0

  /** @param textOf what `set` was told last */
  constructor(index: TextIndex, textOf: (row: number) => string) {
    this.#index = index
    this.#textOf = textOf
  }

  set(row: number, text: string): void {
    this.#wordKeys = grown(this.#wordKeys, row + 1)
    this.#letterKeys = grown(this.#letterKeys, row + 1)
    this.#rowCount = Math.max(this.#rowCount, row + 1)
    const words = searchWords(text, WORD_COUNT_MAX)
    this.#wordKeys[row] = words.length === 0 ? 0 : keyOf(words.map(stemOf))
    this.#letterKeys[row] = words.length === 0 ? 0 : wordHash(words.join(''))
  }

  /** Near-copies of one item, in the order of their rows. Cost: one look at the keys of every item. */
  of(row: number): readonly NearCopy[] {
    const stems = this.#stemsOf(row)
    if (stems.length === 0) return []
    const wanted = [this.#wordKeys[row]!, ...this.#keysWithSlips(row, stems, false)]
    const letterKey = this.#letterKeys[row]!
    const found: NearCopy[] = []
    for (let other = 0; other < this.#rowCount; other++) {
      if (other === row || !(this.#letterKeys[other] === letterKey || wanted.includes(this.#wordKeys[other]!))) continue
      const by = this.#sameBy(row, other)
      if (by !== undefined) found.push({ row: other, by })
    }
    return found
  }

  /** Items that are near-copies of each other, or of the same one, by the first of each; every item is in one group at most. */
  groups(): readonly (readonly [first: number, ...copies: NearCopy[]])[] {
    const leaders = Int32Array.from({ length: this.#rowCount }, (_, row) => row)
    const leaderOf = (row: number): number => {
      while (leaders[row] !== row) row = leaders[row] = leaders[leaders[row]!]!
      return row
    }
    const join = (a: number, b: number): void => {
      const [first, second] = [leaderOf(a), leaderOf(b)]
      leaders[Math.max(first, second)] = Math.min(first, second)
    }
    const byWords = new RowsByKey(this.#wordKeys, this.#rowCount)
    for (const rows of [byWords, new RowsByKey(this.#letterKeys, this.#rowCount)]) {
      rows.forEachShared((row, before) => {
        if (this.#sameBy(before, row) !== undefined) join(before, row)
      })
    }
    for (let row = 0; row < this.#rowCount; row++) {
      if (this.#wordKeys[row] === 0) continue
      for (const key of this.#keysWithSlips(row, this.#stemsOf(row), true)) {
        for (const other of byWords.of(key)) if (this.#sameBy(row, other) !== undefined) join(row, other)
      }
    }
    const members = new Map<number, number[]>()
    for (let row = 0; row < this.#rowCount; row++) {
      const leader = leaderOf(row)
      if (leader !== row) members.set(leader, [...(members.get(leader) ?? []), row])
    }
    return [...members]
      .sort(([a], [b]) => a - b)
      .map(([first, rows]) => [
        first,
        // One that is like another member only differs from the first in two letters or more.
        ...rows.map((row): NearCopy => ({ row, by: this.#sameBy(first, row) ?? 'spelling' })),
      ])
  }

  get byteLength(): number {
    return this.#wordKeys.byteLength + this.#letterKeys.byteLength
  }

  #stemsOf(row: number): readonly string[] {
    return searchWords(this.#textOf(row), WORD_COUNT_MAX).map(stemOf)
  }

  /** Keys that texts would have which differ in a letter of one word. @param rareOnly only of words of this text that are rare themselves */
  #keysWithSlips(row: number, stems: readonly string[], rareOnly: boolean): readonly number[] {
    const keys: number[] = []
    for (const stem of new Set(stems)) {
      if (!mayBeSlip(stem)) continue
      const isRare = this.#rowCountOf(stem) <= SLIP_ROW_COUNT_MAX
      if (rareOnly && !isRare) continue
      for (const number of this.#index.dictionary.withOneEdit(stem)) {
        const other = this.#index.dictionary.wordAt(number)
        const otherRowCount = this.#index.rowCountOf(number)
        if (otherRowCount === 0 || !(isRare || otherRowCount <= SLIP_ROW_COUNT_MAX) || !mayBeSlip(other)) continue
        keys.push(exchanged(this.#wordKeys[row]!, stem, other))
      }
    }
    return keys
  }

  #rowCountOf(stem: string): number {
    const number = this.#index.dictionary.numberOf(stem)
    return number === undefined ? 0 : this.#index.rowCountOf(number)
  }

  /** Hashes have brought them together; this is the judgement. */
  #sameBy(row: number, other: number): SameBy | undefined {
    const stems = this.#stemsOf(row).toSorted()
    const others = this.#stemsOf(other).toSorted()
    if (stems.length === others.length) {
      const left = without(stems, others)
      const right = without(others, stems)
      if (left.length === 0) return 'words'
      if (left.length === 1 && this.#isSlip(left[0]!, right[0]!)) return 'spelling'
    }
    const letters = (of: number): string => searchWords(this.#textOf(of), WORD_COUNT_MAX).join('')
    return letters(row) === letters(other) ? 'letters' : undefined
  }

  #isSlip(stem: string, other: string): boolean {
    const least = Math.min(this.#rowCountOf(stem), this.#rowCountOf(other))
    return least <= SLIP_ROW_COUNT_MAX && mayBeSlip(stem) && mayBeSlip(other) && isOneEdit(stem, other)
  }
}

/** "30cm" and "20cm" differ on purpose. */
const mayBeSlip = (stem: string): boolean => stem.length >= SLIP_LENGTH_MIN && !/\p{N}/u.test(stem)

/** Those of `words` that `others` lack, as often as they lack them; both ascend. */
function without(words: readonly string[], others: readonly string[]): readonly string[] {
  let other = 0
  return words.filter((word) => {
    while (other < others.length && others[other]! < word) other++
    if (others[other] !== word) return true
    other++
    return false
  })
}

/** Rows in the order of their keys. */
class RowsByKey {
  readonly #keys: Float64Array
  readonly #rows: Int32Array

  constructor(keys: Float64Array, rowCount: number) {
    this.#keys = keys
    const rows: number[] = []
    for (let row = 0; row < rowCount; row++) if (keys[row] !== 0) rows.push(row)
    this.#rows = Int32Array.from(rows).sort((a, b) => keys[a]! - keys[b]! || a - b)
  }

  /** Calls back with every row that has the key of the row before it. */
  forEachShared(visit: (row: number, before: number) => void): void {
    for (let i = 1; i < this.#rows.length; i++) {
      const [row, before] = [this.#rows[i]!, this.#rows[i - 1]!]
      if (this.#keys[row] === this.#keys[before]) visit(row, before)
    }
  }

  of(key: number): Int32Array {
    let low = 0
    let high = this.#rows.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#keys[this.#rows[middle]!]! < key) low = middle + 1
      else high = middle
    }
    let end = low
    while (end < this.#rows.length && this.#keys[this.#rows[end]!] === key) end++
    return this.#rows.subarray(low, end)
  }
}

/** Keys are whole numbers below this, and never 0: 0 is no text. */
const KEY_COUNT = 2 ** 52

const keyOf = (stems: readonly string[]): number =>
  wrapped(stems.reduce((sum, stem) => (sum + wordHash(stem)) % KEY_COUNT, 0))

const exchanged = (key: number, stem: string, other: string): number =>
  wrapped((key - wordHash(stem) + wordHash(other) + KEY_COUNT) % KEY_COUNT)

const wrapped = (key: number): number => (key === 0 ? KEY_COUNT : key)

/** Two hashes that begin differently, 52 bits together. */
const wordHash = (word: string): number => wrapped((fnv1a(word, 0x01234567) >>> 12) * 2 ** 32 + (fnv1a(word) >>> 0))
