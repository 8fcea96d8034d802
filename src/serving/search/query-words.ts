// From a query to what is looked up: each of its words with everything that may be meant by it.
import { searchWords, stemOf } from '../../lib/search-words.ts'
import { countOfPosting, rowOfPosting, type TextIndex } from './text-index.ts'

/** Of a query, only so many words are read: a bit of a number for each. */
export const QUERY_WORD_COUNT_MAX = 32
/** Words that a half-written one may become: those that most items have. */
const COMPLETION_COUNT_MAX = 32
/** A word that so few items have may be a mistake of theirs. */
const RARE_ROW_COUNT = 2
/** Shorter words have too many neighbours. */
const MENDED_LENGTH_MIN = 4
const SPLIT_LENGTH_MIN = 3

/** How a word of a query was found. */
export type FoundBy = 'word' | 'prefix' | 'spelling' | 'compound'

/** One of the words that may be meant. */
export interface Reading {
  /** As items have it; of a word in two parts, both. */
  readonly stems: readonly string[]
  readonly by: FoundBy
  /** In (0, 1]: how likely it is what was meant. */
  readonly weight: number
  /** Rows that have it, ascending, as postings; good until the index changes. */
  readonly postings: Uint32Array
}

export interface QueryWord {
  /** As it was written, in lower case. */
  readonly written: string
  /** None where no item has anything like it. */
  readonly readings: readonly Reading[]
  /** How telling it is: the logarithm of items per item that has it. */
  readonly telling: number
}

/**
 * A word that items have is taken at its word. One that few or none have is also looked for with one letter wrong, and as two words; two that follow each other, as one
 * word. The last word, where the query ends in it, may be half-written.
 */
export function queryWords(query: string, index: TextIndex): readonly QueryWord[] {
  const words = searchWords(query, QUERY_WORD_COUNT_MAX)
  const isLastOpen = /[\p{L}\p{M}\p{N}]$/u.test(query)
  const joined = words.slice(1).map((word, i) => exact(stemOf(words[i]! + word), 'compound', 1, index))
  const readings = words.map((word, i) => {
    const compounds = [...(joined[i - 1] ?? []), ...(joined[i] ?? [])]
    return readingsOf(word, { isOpen: isLastOpen && i === words.length - 1, compounds }, index)
  })
  return words.map((written, i) => ({
    written,
    readings: readings[i]!,
    telling: tellingOf(readings[i]!, index.describedCount),
  }))
}

function readingsOf(
  word: string,
  { isOpen, compounds }: { readonly isOpen: boolean; readonly compounds: readonly Reading[] },
  index: TextIndex,
): readonly Reading[] {
  const stem = stemOf(word)
  const found = [...exact(stem, 'word', 1, index), ...compounds]
  if (isOpen) found.push(...completions(word, stem, found.length > 0 ? 0.4 : 0.8, index))
  const rowCount = found.reduce((sum, { postings }) => sum + postings.length, 0)
  if (rowCount > RARE_ROW_COUNT || compounds.length > 0) return found
  found.push(...mended(word, stem, index), ...split(word, index))
  return found
}

function exact(stem: string, by: FoundBy, weight: number, index: TextIndex): Reading[] {
  const number = index.dictionary.numberOf(stem)
  if (number === undefined || index.rowCountOf(number) === 0) return []
  return [{ stems: [stem], by, weight, postings: index.postingsOf(number) }]
}

function completions(word: string, stem: string, weight: number, index: TextIndex): Reading[] {
  const found: number[] = []
  if (word.length < 2) return []
  index.dictionary.forEachLonger(word, (number) => {
    if (index.rowCountOf(number) > 0 && index.dictionary.wordAt(number) !== stem) found.push(number)
  })
  found.sort((a, b) => index.rowCountOf(b) - index.rowCountOf(a) || a - b)
  return found.slice(0, COMPLETION_COUNT_MAX).map((number) => readingOf(number, 'prefix', weight, index))
}

/** With one edit. Numbers are meant as they are: "30cm" is not "20cm". */
function mended(word: string, stem: string, index: TextIndex): Reading[] {
  if (stem.length < MENDED_LENGTH_MIN || /\p{N}/u.test(word)) return []
  const near = new Set([...index.dictionary.withOneEdit(stem), ...index.dictionary.withOneEdit(word)])
  return [...near]
    .filter((number) => index.rowCountOf(number) > 0 && index.dictionary.wordAt(number) !== stem)
    .map((number) => readingOf(number, 'spelling', 0.6, index))
}

/** In two parts that items have both; where there are several ways, the one that most items have. */
function split(word: string, index: TextIndex): Reading[] {
  let best: Reading | undefined
  for (let at = SPLIT_LENGTH_MIN; at <= word.length - SPLIT_LENGTH_MIN; at++) {
    const stems = [stemOf(word.slice(0, at)), stemOf(word.slice(at))]
    const [left, right] = stems.map((stem) => exact(stem, 'word', 1, index)[0])
    if (left === undefined || right === undefined) continue
    const postings = inBoth(left.postings, right.postings)
    if (postings.length > (best?.postings.length ?? 0)) best = { stems, by: 'compound', weight: 0.9, postings }
  }
  return best === undefined ? [] : [best]
}

const readingOf = (number: number, by: FoundBy, weight: number, index: TextIndex): Reading => ({
  stems: [index.dictionary.wordAt(number)],
  by,
  weight,
  postings: index.postingsOf(number),
})

function inBoth(left: Uint32Array, right: Uint32Array): Uint32Array {
  const both = new Uint32Array(Math.min(left.length, right.length))
  let count = 0
  let r = 0
  for (let l = 0; l < left.length; l++) {
    const row = rowOfPosting(left[l]!)
    while (r < right.length && rowOfPosting(right[r]!) < row) r++
    if (r === right.length) break
    if (rowOfPosting(right[r]!) !== row) continue
    both[count++] = countOfPosting(left[l]!) <= countOfPosting(right[r]!) ? left[l]! : right[r]!
  }
  return both.subarray(0, count)
}

/** Robertson & Sparck Jones' weight of a word, as BM25 has it, of all readings together; a word that no item has is as telling as can be. */
function tellingOf(readings: readonly Reading[], itemCount: number): number {
  const rowCount = Math.min(
    itemCount,
    readings.reduce((sum, { postings }) => sum + postings.length, 0),
  )
  return Math.log(1 + (itemCount - rowCount + 0.5) / (rowCount + 0.5))
}
