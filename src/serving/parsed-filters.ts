import type { Filter, FilterableAttributes } from '../domain/filter.ts'
import { parseFilter } from '../domain/filter-parser.ts'
import { RecentlyUsed } from '../lib/recently-used.ts'

const MAX_KEPT_COUNT = 1_000

export interface ParsedFilter {
  /** Different for every filter read, so that bitmaps can be kept by it. */
  readonly id: number
  readonly tree: Filter
}

/** Filters as requests write them, read once for as long as they are asked often. */
export class ParsedFilters {
  readonly #attributes: FilterableAttributes
  readonly #filters = new RecentlyUsed<ParsedFilter>(MAX_KEPT_COUNT)
  #nextId = 0

  constructor(attributes: FilterableAttributes) {
    this.#attributes = attributes
  }

  /** @throws MillraceError as `parseFilter` does; such a filter is not kept */
  get(text: string): ParsedFilter {
    const kept = this.#filters.get(text)
    if (kept !== undefined) return kept
    const filter = { id: this.#nextId++, tree: parseFilter(text, this.#attributes) }
    this.#filters.set(text, filter, 1)
    return filter
  }
}
