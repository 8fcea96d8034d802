// Which catalogue row is which of a model's dense item indexes. Items that are newer than the model come after its own.

import { grown } from '../lib/grown.ts'
import type { Catalogue } from './catalogue.ts'

export class ItemIndexes {
  /** Items of the model: the indexes below this. */
  readonly modelItemCount: number
  /**
   * The first index of an item newer than the model. A multiple of 32, so that no word of a bitmap holds items of both sides and a generator
   * never sees a bit that is beyond its items; the few indexes left over stand for nothing.
   */
  readonly firstNewIndex: number
  readonly #catalogue: Catalogue
  #indexOfRow = new Int32Array(0)
  #rowOfIndex: Int32Array
  #indexCount: number
  #rowCount = 0

  /** The model's items that the catalogue has never heard of get a row there. Linear in the items. */
  constructor(catalogue: Catalogue, modelItemIds: readonly string[]) {
    this.#catalogue = catalogue
    this.modelItemCount = modelItemIds.length
    this.firstNewIndex = Math.ceil(modelItemIds.length / 32) * 32
    this.#indexCount = this.firstNewIndex
    this.#rowOfIndex = new Int32Array(this.firstNewIndex).fill(-1)
    const modelRows = modelItemIds.map((itemId) => catalogue.rowFor(itemId))
    this.#indexOfRow = new Int32Array(catalogue.rowCount).fill(-1)
    for (let index = 0; index < modelRows.length; index++) {
      this.#indexOfRow[modelRows[index]!] = index
      this.#rowOfIndex[index] = modelRows[index]!
    }
    this.catchUp()
  }

  /** Gives an index to every item that the catalogue has heard of since. */
  catchUp(): void {
    const rowCount = this.#catalogue.rowCount
    if (rowCount === this.#rowCount) return
    const known = this.#indexOfRow.length
    this.#indexOfRow = grown(this.#indexOfRow, rowCount)
    this.#indexOfRow.fill(-1, known)
    this.#rowOfIndex = grown(this.#rowOfIndex, this.#indexCount + rowCount - this.#rowCount)
    for (let row = this.#rowCount; row < rowCount; row++) {
      if (this.#indexOfRow[row]! >= 0) continue
      this.#indexOfRow[row] = this.#indexCount
      this.#rowOfIndex[this.#indexCount++] = row
    }
    this.#rowCount = rowCount
  }

  /** By index; -1 for an index that stands for nothing. Good until `catchUp`; entries from `indexCount` on mean nothing. */
  get rowOfIndex(): Int32Array {
    return this.#rowOfIndex
  }

  /** One past the largest index given out. */
  get indexCount(): number {
    return this.#indexCount
  }

  indexOf(row: number): number {
    return this.#indexOfRow[row]!
  }

  /** Undefined for an item that nobody has heard of. */
  indexOfId(itemId: string): number | undefined {
    const row = this.#catalogue.rowOf(itemId)
    return row === undefined ? undefined : this.indexOf(row)
  }

  /** -1 for an index that stands for nothing. */
  rowOf(index: number): number {
    return index < this.#indexCount ? this.#rowOfIndex[index]! : -1
  }
}
