// Which items have which words: an inverted index that is changed item by item. Every list is sorted by catalogue row, and nothing in it is out of date.

import { grown } from '../../lib/grown.ts'
import { SortedLists } from '../../lib/sorted-lists.ts'
import { WordDictionary } from './word-dictionary.ts'

/** A row and how often the word is in it lie in one number of 32 bits: 134 million rows, and nobody counts further than 31. */
const COUNT_BITS = 5
const COUNT_MAX = 2 ** COUNT_BITS - 1

export const rowOfPosting = (posting: number): number => posting >>> COUNT_BITS
export const countOfPosting = (posting: number): number => posting & COUNT_MAX

export class TextIndex {
  readonly dictionary = new WordDictionary()
  readonly #postingsOfWord = new SortedLists()
  /** By row: numbers of its words, each with its count, as in a posting. */
  readonly #wordsOfRow = new SortedLists()
  #lengths = new Uint16Array(0)
  #describedCount = 0
  #lengthSum = 0

  /** These are the row's words from now on, whatever they were; none: it is found no more. Lists of words that stay are not touched. */
  set(row: number, words: readonly string[]): void {
    const counts = new Map<number, number>()
    for (const word of words) {
      const number = this.dictionary.numberFor(word)
      counts.set(number, Math.min(COUNT_MAX, (counts.get(number) ?? 0) + 1))
    }
    const entries = Uint32Array.from(counts, ([number, count]) => number * 2 ** COUNT_BITS + count).sort()
    const before = this.#wordsOfRow.entriesOf(row).slice()
    forEachMissing(before, entries, (entry) => this.#postingsOfWord.remove(entry >>> COUNT_BITS, postingOf(row, entry)))
    forEachMissing(entries, before, (entry) => this.#postingsOfWord.add(entry >>> COUNT_BITS, postingOf(row, entry)))
    this.#wordsOfRow.replace(row, entries)
    this.#lengths = grown(this.#lengths, row + 1)
    const length = Math.min(words.length, 0xffff)
    this.#describedCount += Number(length > 0) - Number(this.#lengths[row]! > 0)
    this.#lengthSum += length - this.#lengths[row]!
    this.#lengths[row] = length
  }

  /** Rows with words. */
  get describedCount(): number {
    return this.#describedCount
  }

  /** Words of the mean row that has some; 1 where none has. */
  get meanLength(): number {
    return this.#describedCount === 0 ? 1 : this.#lengthSum / this.#describedCount
  }

  lengthOf(row: number): number {
    return this.#lengths[row] ?? 0
  }

  /** Rows that have the word, ascending, as postings; good until the next change. */
  postingsOf(word: number): Uint32Array {
    return this.#postingsOfWord.entriesOf(word)
  }

  rowCountOf(word: number): number {
    return this.#postingsOfWord.countOf(word)
  }

  /** Typed arrays only: not the texts of words. */
  get byteLength(): number {
    return (
      this.#postingsOfWord.byteLength +
      this.#wordsOfRow.byteLength +
      this.#lengths.byteLength +
      this.dictionary.byteLength
    )
  }
}

const postingOf = (row: number, entry: number): number => row * 2 ** COUNT_BITS + (entry & COUNT_MAX)

/** Calls back with those of `entries` that `others` lacks; both ascend. */
function forEachMissing(entries: Uint32Array, others: Uint32Array, visit: (entry: number) => void): void {
  let other = 0
  for (let i = 0; i < entries.length; i++) {
    while (other < others.length && others[other]! < entries[i]!) other++
    if (others[other] !== entries[i]) visit(entries[i]!)
  }
}
