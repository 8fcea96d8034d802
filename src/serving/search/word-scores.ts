// How well items fit the words of a query: Robertson & Zaragoza, "The probabilistic relevance framework: BM25 and beyond", 2009, equation 3.15.
// We differ: a word of the query may be read in several ways, of which the best counts, weighted by how likely it is meant.
import { grown } from '../../lib/grown.ts'
import type { QueryWord } from './query-words.ts'
import { countOfPosting, rowOfPosting, type TextIndex } from './text-index.ts'

/** How soon more of the same word counts no more (k1), and how far long texts are counted down (b). The usual values. */
const SATURATION = 1.2
const LENGTH_SHARE = 0.75

/** One query after another, in the same arrays. */
export class WordScores {
  /** By row, of the last query; those not among `rows` mean nothing. */
  #scores = new Float32Array(0)
  #wordScores = new Float32Array(0)
  /** By row: a bit for each word of the query that it has. */
  #found = new Uint32Array(0)
  /** A query's number in the place of every row it has touched: nothing has to be cleared between queries. */
  #touchedBy = new Uint32Array(0)
  #query = 0
  #rows = new Int32Array(64)
  #count = 0

  /** Cost: the sum of the lengths of the words' lists. */
  score(words: readonly QueryWord[], index: TextIndex, rowCount: number): void {
    this.#begin(rowCount)
    const { meanLength } = index
    for (const [w, { readings, telling }] of words.entries()) {
      const bit = (1 << w) >>> 0
      for (const { postings, weight } of readings) {
        const most = telling * weight * (SATURATION + 1)
        for (let i = 0; i < postings.length; i++) {
          const row = rowOfPosting(postings[i]!)
          const count = countOfPosting(postings[i]!)
          const length = 1 - LENGTH_SHARE + (LENGTH_SHARE * index.lengthOf(row)) / meanLength
          this.#add(row, bit, (most * count) / (count + SATURATION * length))
        }
      }
    }
  }

  /** Rows that have any of the words, in no order; a view that the next query overwrites. */
  get rows(): Int32Array {
    return this.#rows.subarray(0, this.#count)
  }

  /** 0 for a row that has none of the words. */
  scoreOf(row: number): number {
    return this.#isTouched(row) ? this.#scores[row]! : 0
  }

  /** Bit w is set where the row has a reading of the query's word w. */
  foundIn(row: number): number {
    return this.#isTouched(row) ? this.#found[row]! : 0
  }

  get byteLength(): number {
    return (
      this.#scores.byteLength +
      this.#wordScores.byteLength +
      this.#found.byteLength +
      this.#touchedBy.byteLength +
      this.#rows.byteLength
    )
  }

  #begin(rowCount: number): void {
    this.#scores = grown(this.#scores, rowCount)
    this.#wordScores = grown(this.#wordScores, rowCount)
    this.#found = grown(this.#found, rowCount)
    this.#touchedBy = grown(this.#touchedBy, rowCount)
    if (this.#query === 0xffffffff) {
      this.#touchedBy.fill(0)
      this.#query = 0
    }
    this.#query++
    this.#count = 0
  }

  #isTouched(row: number): boolean {
    return this.#touchedBy[row] === this.#query
  }

  #add(row: number, bit: number, score: number): void {
    if (this.#touchedBy[row] !== this.#query) {
      this.#touchedBy[row] = this.#query
      this.#scores[row] = score
      this.#wordScores[row] = score
      this.#found[row] = bit
      this.#rows = grown(this.#rows, this.#count + 1)
      this.#rows[this.#count++] = row
      return
    }
    if ((this.#found[row]! & bit) === 0) {
      this.#found[row]! |= bit
      this.#scores[row]! += score
      this.#wordScores[row] = score
    } else if (score > this.#wordScores[row]!) {
      this.#scores[row]! += score - this.#wordScores[row]!
      this.#wordScores[row] = score
    }
  }
}
