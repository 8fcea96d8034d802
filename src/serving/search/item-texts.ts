import type { Catalogue } from '../catalogue.ts'
import type { Column } from '../column.ts'

/** What is written about items, as the catalogue has it now. */
export class ItemTexts {
  readonly #catalogue: Catalogue
  readonly #texts: readonly Column[]
  readonly #words: readonly Column[]

  /** Attributes that are texts, categories and tags, in the order of the system file. */
  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue
    const columns = [...catalogue.columns.values()]
    this.#texts = columns.filter(({ holdsText }) => holdsText)
    this.#words = columns.filter(({ words, holdsText }) => words !== undefined || holdsText)
  }

  /** All of it, one attribute or tag after another; empty for a deleted item. */
  of(row: number): string {
    return this.#read(row, this.#words)
  }

  /** Of attributes that are texts only: what tells an item from others of its kind. */
  ownOf(row: number): string {
    return this.#read(row, this.#texts)
  }

  #read(row: number, columns: readonly Column[]): string {
    if (!this.#catalogue.isLive(row)) return ''
    return columns
      .flatMap((column) => {
        const value = column.get(row)
        return typeof value === 'string' ? [value] : Array.isArray(value) ? (value as readonly string[]) : []
      })
      .join('\n')
  }
}
