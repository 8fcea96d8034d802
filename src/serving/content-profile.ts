// How much an item's words (categories, tags) have in common with those of some other items: all that can be said of an item that no model
// knows yet.

import { grown } from '../lib/grown.ts'
import type { Catalogue } from './catalogue.ts'
import type { ItemWords } from './column.ts'

export class ContentProfile {
  readonly #catalogue: Catalogue
  readonly #columns: readonly ItemWords[]
  /** By column and word. */
  readonly #weights: Float32Array[]
  /** Words with a weight, by column: what `clear` has to undo. */
  readonly #words: number[][]

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue
    this.#columns = [...catalogue.columns.values()].flatMap(({ words }) => (words ? [words] : []))
    this.#weights = this.#columns.map(() => new Float32Array(0))
    this.#words = this.#columns.map(() => [])
  }

  clear(): void {
    for (let c = 0; c < this.#columns.length; c++) {
      for (const word of this.#words[c]!) this.#weights[c]![word] = 0
      this.#words[c]!.length = 0
    }
  }

  /** A word that few items have says more: it weighs the logarithm of items per item with the word. */
  add(row: number): void {
    for (let c = 0; c < this.#columns.length; c++) {
      const column = this.#columns[c]!
      this.#weights[c] = grown(this.#weights[c]!, column.wordCount)
      column.forEach(row, (word) => {
        const weights = this.#weights[c]!
        if (weights[word] === 0) this.#words[c]!.push(word)
        weights[word]! += Math.log(1 + this.#catalogue.rowCount / Math.max(1, column.rowCountOf(word)))
      })
    }
  }

  get isEmpty(): boolean {
    return this.#words.every((words) => words.length === 0)
  }

  /** 0 where they have no word in common. */
  overlap(row: number): number {
    let sum = 0
    for (let c = 0; c < this.#columns.length; c++) sum += this.#columns[c]!.sum(row, this.#weights[c]!)
    return sum
  }
}
