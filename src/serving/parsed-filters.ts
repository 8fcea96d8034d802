import type { Filter, FilterableAttributes } from '../domain/filter.ts'
import { parseFilter } from '../domain/filter-parser.ts'

const MAX_KEPT_COUNT = 1_000

export interface ParsedFilter {
  /** Different for every filter read, so that bitmaps can be kept by it. */
  readonly id: number
  readonly tree: Filter
}

/** Filters as requests write them, read once for as long as they are asked often. */
export class ParsedFilters {
  readonly #attributes: FilterableAttributes
  /** The one used longest ago first. */
  readonly #filters = new Map<string, ParsedFilter>()
  #nextId = 0

  constructor(attributes: FilterableAttributes) {
    this.#attributes = attributes
  }

  /** @throws MillraceError as `parseFilter` does; such a filter is not kept */
  get(text: string): ParsedFilter {
    const kept = this.#filters.get(text)
    const filter = kept ?? { id: this.#nextId++, tree: parseFilter(text, this.#attributes) }
    if (kept) this.#filters.delete(text)
    this.#filters.set(text, filter)
    if (this.#filters.size > MAX_KEPT_COUNT) this.#filters.delete(this.#filters.keys().next().value!)
    return filter
  }
}
