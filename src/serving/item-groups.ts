// The groups of all items in a few columns, side by side by item index: what rules ask about hundreds of candidates lies in one place of memory, where row, column and column
// would be three.
import { grown } from '../lib/grown.ts'
import type { BitmapSource } from './item-bitmap.ts'

export type GroupOf = (row: number) => number

/** The largest that fits two bytes. */
const NARROW_MAX = 0xffff

export class ItemGroups {
  readonly columns: readonly GroupOf[]
  readonly #source: BitmapSource
  /** Items x columns, row-major: group + 1, so that 0 is an item without the attribute. Two bytes each for as long as that is enough. */
  #groups: Uint16Array | Int32Array = new Uint16Array(0)
  /** The catalogue's change that comes next; -1 before the first reading. */
  #place = -1

  constructor(source: BitmapSource, columns: readonly GroupOf[]) {
    this.#source = source
    this.columns = columns
  }

  /** Takes in what has changed. Costs the number of changes, or the number of items where that is too many. The indexes must have caught up. */
  catchUp(): this {
    const { catalogue, indexes } = this.#source
    if (this.#place === catalogue.changeCount) return this
    this.#groups = grown(this.#groups, indexes.indexCount * this.columns.length)
    const isFollowed =
      this.#place >= 0 && catalogue.changesSince(this.#place, (row) => this.#read(indexes.indexOf(row), row))
    if (!isFollowed) {
      for (let index = 0; index < indexes.indexCount; index++) {
        const row = indexes.rowOf(index)
        if (row >= 0) this.#read(index, row)
      }
    }
    this.#place = catalogue.changeCount
    return this
  }

  /** -1 for an item without the attribute. */
  of(column: number, index: number): number {
    return this.#groups[index * this.columns.length + column]! - 1
  }

  /** Items x columns, row-major: group + 1, 0 for an item without the attribute. Good until `catchUp`. */
  get table(): Uint16Array | Int32Array {
    return this.#groups
  }

  #read(index: number, row: number): void {
    const from = index * this.columns.length
    for (let column = 0; column < this.columns.length; column++) {
      const group = this.columns[column]!(row) + 1
      if (group > NARROW_MAX && this.#groups instanceof Uint16Array) this.#groups = Int32Array.from(this.#groups)
      this.#groups[from + column] = group
    }
  }
}
