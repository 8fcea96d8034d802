// From what is written about items to a matrix of terms: which words, pairs of words and runs of letters occur where, and how telling they are.
import type { AttributeValue } from '../../domain/event.ts'
import type { ItemAttributes } from '../../domain/item-attributes.ts'
import type { Csr } from '../../lib/csr.ts'
import { fnv1a } from '../../lib/fnv1a.ts'
import { wordsOf } from '../../lib/words.ts'

/** Letters in a row that make a term: they relate "candle", "candles" and "candlestick" without knowing any language. */
const RUN_LENGTHS = [3, 4] as const
/** Of a text, only so many words are read. */
export const WORD_COUNT_MAX = 500
/** A term of a single item relates it to nothing. */
const ITEM_COUNT_MIN = 2

/** Items x terms, and what the columns are. */
export interface ItemTerms extends Csr {
  /** By column. */
  readonly termHashes: Uint32Array
  /** By column: how telling the term is, the second factor of its weight. */
  readonly termWeights: Float32Array
}

/**
 * items x terms, weighted by TF-IDF (Salton & Buckley, "Term-weighting approaches in automatic text retrieval", 1988): (1 + log count) x log(items / items
 * with the term). Every attribute's part of a row has the length 1, so that a long text does not drown a category; an item of which nothing is known
 * has an empty row. Terms are told apart by a hash of 32 bits.
 */
export function itemTerms(attributes: ItemAttributes, itemCount: number): ItemTerms {
  const counts = Object.entries(attributes).map(([name, values]) => countTerms(name, values))
  const columnByTerm = new Map<number, number>()
  const itemCountByTerm = new Map<number, number>()
  for (const rows of counts) {
    for (const row of rows) {
      for (const term of row.keys()) itemCountByTerm.set(term, (itemCountByTerm.get(term) ?? 0) + 1)
    }
  }
  for (const [term, count] of itemCountByTerm) if (count >= ITEM_COUNT_MIN) columnByTerm.set(term, columnByTerm.size)

  const termHashes = Uint32Array.from(columnByTerm.keys())
  const termWeights = Float32Array.from(termHashes, (term) => weightOf(itemCountByTerm.get(term)!, itemCount))
  const offsets = new Int32Array(itemCount + 1)
  const columns: number[] = []
  const values: number[] = []
  for (let item = 0; item < itemCount; item++) {
    for (const rows of counts) {
      const start = values.length
      let squares = 0
      for (const [term, count] of rows[item]!) {
        const column = columnByTerm.get(term)
        if (column === undefined) continue
        const weight = (1 + Math.log(count)) * weightOf(itemCountByTerm.get(term)!, itemCount)
        columns.push(column)
        values.push(weight)
        squares += weight ** 2
      }
      for (let i = start; i < values.length; i++) values[i]! /= Math.sqrt(squares)
    }
    offsets[item + 1] = columns.length
  }
  return {
    rowCount: itemCount,
    columnCount: columnByTerm.size,
    offsets,
    columns: Int32Array.from(columns),
    values: Float32Array.from(values),
    termHashes,
    termWeights,
  }
}

const weightOf = (itemCountOfTerm: number, itemCount: number): number => Math.log((1 + itemCount) / itemCountOfTerm)

/** By item: how often each term occurs in the attribute. */
function countTerms(name: string, values: readonly AttributeValue[]): Map<number, number>[] {
  return values.map((value) => {
    const counts = new Map<number, number>()
    const add = (term: string): void => {
      const hash = hashOf(name, term)
      counts.set(hash, (counts.get(hash) ?? 0) + 1)
    }
    // A tag is one term as it stands, and words besides: "home decor" has something in common with "home".
    for (const text of Array.isArray(value) ? (value as readonly string[]) : [value]) {
      if (typeof text === 'string') addTerms(text, add)
    }
    return counts
  })
}

function addTerms(text: string, add: (term: string) => void): void {
  const words = wordsOf(text, WORD_COUNT_MAX)
  for (const [i, word] of words.entries()) {
    addTermsOfWord(word, add)
    if (i > 0) add(pairTerm(words[i - 1]!, word))
  }
  if (words.length > 1) add(`=${words.join(' ')}`)
}

/** The word, and its runs of letters. */
export function addTermsOfWord(word: string, add: (term: string) => void): void {
  add(word)
  const framed = Array.from(`<${word}>`)
  for (const length of RUN_LENGTHS) {
    for (let start = 0; start + length <= framed.length; start++)
      add(`~${framed.slice(start, start + length).join('')}`)
  }
}

/** Of two words that follow each other. */
export const pairTerm = (first: string, second: string): string => `${first} ${second}`

/** A term of one attribute, as a number. */
export const hashOf = (attribute: string, term: string): number => fnv1a(`${attribute}\n${term}`) >>> 0
