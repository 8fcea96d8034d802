// One attribute of every item, in typed arrays by item row. What a type can be asked for, its column declares.
import type { AttributePlan, AttributeType } from '../config/plan.ts'
import type { AttributeValue } from '../domain/event.ts'
import type { Comparison, FilterTerm } from '../domain/filter.ts'
import { isoTimeMs } from '../domain/iso-time.ts'
import { grown } from '../lib/grown.ts'

export type RowPredicate = (row: number) => boolean

export interface Column {
  /** Undefined, null and values of another type make the attribute missing. The last type can only come from a log older than the plan. */
  set(row: number, value: AttributeValue | undefined): void
  /** Undefined where it is missing. */
  get(row: number): AttributeValue | undefined
  /** False for every row where the attribute is missing. Good until the next change of the column: it reads the arrays as they are now. */
  predicate(term: FilterTerm): RowPredicate
  /** A small number >= 0, equal for rows with the same value; -1 where it is missing. Only for types with one value per item that repeats. */
  readonly groupOf?: (row: number) => number
  /** Words that describe an item and that items share. Only for types that have them. */
  readonly words?: ItemWords
  /** Whether it holds texts that are written for one item each. */
  readonly holdsText?: boolean
}

/** The words of a category or tags column, as small numbers >= 0. */
export interface ItemWords {
  /** Calls back with each word of the row. */
  forEach(row: number, visit: (word: number) => void): void
  /** Sum of `weights` over the words of the row; words beyond its end weigh 0. */
  sum(row: number, weights: Float32Array): number
  /** In how many rows the word occurs. */
  rowCountOf(word: number): number
  readonly wordCount: number
}

const columnOf: Readonly<Record<AttributeType, () => Column>> = {
  category: () => new CategoryColumn(),
  tags: () => new TagsColumn(),
  text: () => new TextColumn(),
  number: () => new NumberColumn(),
  integer: () => new NumberColumn(),
  timestamp: () => new NumberColumn((value) => (typeof value === 'string' ? isoTimeMs(value) : value)),
  boolean: () => new BooleanColumn(),
}

export const emptyColumn = (attribute: AttributePlan): Column => columnOf[attribute.type]()

/** Texts to small numbers and back, with how many rows hold each. */
class Dictionary {
  readonly #codes = new Map<string, number>()
  readonly texts: string[] = []
  rowCounts = new Int32Array(0)

  /** Undefined for a text that no row ever held. */
  codeOf(text: string): number | undefined {
    return this.#codes.get(text)
  }

  add(text: string): number {
    let code = this.#codes.get(text)
    if (code === undefined) {
      code = this.texts.length
      this.#codes.set(text, code)
      this.texts.push(text)
      this.rowCounts = grown(this.rowCounts, code + 1)
    }
    return code
  }
}

/** In the place of a code, for a text that no row ever held: equal to none. */
const UNKNOWN = -2

class CategoryColumn implements Column {
  readonly #dictionary = new Dictionary()
  /** Code + 1, so that 0 is missing. */
  #codes = new Int32Array(0)

  set(row: number, value: AttributeValue | undefined): void {
    this.#codes = grown(this.#codes, row + 1)
    const before = this.#codes[row]!
    if (before > 0) this.#dictionary.rowCounts[before - 1]!--
    const after = typeof value === 'string' ? this.#dictionary.add(value) + 1 : 0
    if (after > 0) this.#dictionary.rowCounts[after - 1]!++
    this.#codes[row] = after
  }

  get(row: number): string | undefined {
    const code = this.#codes[row]
    return code ? this.#dictionary.texts[code - 1] : undefined
  }

  predicate(term: FilterTerm): RowPredicate {
    const codes = this.#codes
    const wanted = new Set(valuesOf(term).map((value) => (this.#dictionary.codeOf(String(value)) ?? UNKNOWN) + 1))
    if (isUnequal(term)) return (row) => codes[row]! > 0 && !wanted.has(codes[row]!)
    if (wanted.size > 1) return (row) => codes[row]! > 0 && wanted.has(codes[row]!)
    const [only] = wanted
    return (row) => codes[row] === only
  }

  readonly groupOf = (row: number): number => (this.#codes[row] ?? 0) - 1

  readonly words: ItemWords = categoryWords(this.#dictionary, this.groupOf)
}

function categoryWords(dictionary: Dictionary, codeOf: (row: number) => number): ItemWords {
  return {
    forEach(row, visit) {
      const code = codeOf(row)
      if (code >= 0) visit(code)
    },
    sum: (row, weights) => weights[codeOf(row)] ?? 0,
    rowCountOf: (word) => dictionary.rowCounts[word]!,
    get wordCount() {
      return dictionary.texts.length
    },
  }
}

/** Tags of all rows one after another; a row that changes leaves a hole, and the holes are closed once they are half of it. */
class TagsColumn implements Column {
  readonly #dictionary = new Dictionary()
  #starts = new Int32Array(0)
  /** Tags + 1, so that 0 is missing and 1 an empty list. */
  #counts = new Uint16Array(0)
  #tags = new Int32Array(0)
  #end = 0
  #holeCount = 0

  set(row: number, value: AttributeValue | undefined): void {
    this.#starts = grown(this.#starts, row + 1)
    this.#counts = grown(this.#counts, row + 1)
    this.#clear(row)
    if (!Array.isArray(value)) return
    const codes = [...new Set((value as readonly unknown[]).filter((tag) => typeof tag === 'string'))]
      .slice(0, MAX_TAG_COUNT)
      .map((tag) => this.#dictionary.add(tag))
    this.#tags = grown(this.#tags, this.#end + codes.length)
    this.#tags.set(codes, this.#end)
    this.#starts[row] = this.#end
    this.#counts[row] = codes.length + 1
    this.#end += codes.length
    for (const code of codes) this.#dictionary.rowCounts[code]!++
  }

  get(row: number): readonly string[] | undefined {
    if (!this.#counts[row]) return undefined
    return Array.from(this.#tagsOf(row), (code) => this.#dictionary.texts[code]!)
  }

  predicate(term: FilterTerm): RowPredicate {
    const wanted = term.kind === 'has' ? this.#dictionary.codeOf(term.tag) : undefined
    if (wanted === undefined) return () => false
    const starts = this.#starts
    const counts = this.#counts
    const tags = this.#tags
    return (row) => {
      const start = starts[row]!
      const end = start + counts[row]! - 1
      for (let i = start; i < end; i++) if (tags[i] === wanted) return true
      return false
    }
  }

  readonly words: ItemWords = this.#words()

  #words(): ItemWords {
    const column = this
    return {
      forEach(row, visit) {
        for (const code of column.#tagsOf(row)) visit(code)
      },
      sum(row, weights) {
        let sum = 0
        const start = column.#starts[row] ?? 0
        const end = start + (column.#counts[row] || 1) - 1
        for (let i = start; i < end; i++) sum += weights[column.#tags[i]!] ?? 0
        return sum
      },
      rowCountOf: (word) => column.#dictionary.rowCounts[word]!,
      get wordCount() {
        return column.#dictionary.texts.length
      },
    }
  }

  #tagsOf(row: number): Int32Array {
    const start = this.#starts[row] ?? 0
    return this.#tags.subarray(start, start + (this.#counts[row] || 1) - 1)
  }

  #clear(row: number): void {
    for (const code of this.#tagsOf(row)) {
      this.#dictionary.rowCounts[code]!--
      this.#holeCount++
    }
    this.#counts[row] = 0
    if (this.#holeCount > 1_024 && this.#holeCount > this.#end / 2) this.#closeHoles()
  }

  #closeHoles(): void {
    const tags = new Int32Array(this.#end - this.#holeCount)
    let end = 0
    for (let row = 0; row < this.#counts.length; row++) {
      const kept = this.#tagsOf(row)
      tags.set(kept, end)
      this.#starts[row] = end
      end += kept.length
    }
    this.#tags = tags
    this.#end = end
    this.#holeCount = 0
  }
}

const MAX_TAG_COUNT = 65_534

class TextColumn implements Column {
  readonly holdsText = true
  readonly #texts: (string | undefined)[] = []

  set(row: number, value: AttributeValue | undefined): void {
    while (this.#texts.length < row) this.#texts.push(undefined)
    this.#texts[row] = typeof value === 'string' ? value : undefined
  }

  get(row: number): string | undefined {
    return this.#texts[row]
  }

  predicate(term: FilterTerm): RowPredicate {
    const values: ReadonlySet<unknown> = new Set(valuesOf(term))
    const wanted = !isUnequal(term)
    return (row) => {
      const text = this.#texts[row]
      return text !== undefined && values.has(text) === wanted
    }
  }
}

/** Numbers and times; NaN is missing. */
class NumberColumn implements Column {
  #values = new Float64Array(0)
  readonly #groups = new Map<number, number>()
  readonly #read: (value: AttributeValue | undefined) => AttributeValue | undefined

  /** @param read what is written for a value as it came */
  constructor(read: (value: AttributeValue | undefined) => AttributeValue | undefined = (value) => value) {
    this.#read = read
  }

  set(row: number, value: AttributeValue | undefined): void {
    const length = this.#values.length
    this.#values = grown(this.#values, row + 1)
    this.#values.fill(Number.NaN, length)
    const read = this.#read(value)
    this.#values[row] = typeof read === 'number' && Number.isFinite(read) ? read : Number.NaN
  }

  get(row: number): number | undefined {
    const value = this.#values[row]
    return value === undefined || Number.isNaN(value) ? undefined : value
  }

  predicate(term: FilterTerm): RowPredicate {
    const values = this.#values
    if (term.kind === 'compare') return comparison(values, term.comparison, term.value as number)
    const wanted: ReadonlySet<unknown> = new Set(valuesOf(term))
    return (row) => wanted.has(values[row])
  }

  readonly groupOf = (row: number): number => {
    const value = this.get(row)
    if (value === undefined) return -1
    let group = this.#groups.get(value)
    if (group === undefined) this.#groups.set(value, (group = this.#groups.size))
    return group
  }
}

/** A missing value is NaN, or beyond the end: neither equal to, below nor above anything. Only `!=` has to ask. */
function comparison(values: Float64Array, sign: Comparison, bound: number): RowPredicate {
  switch (sign) {
    case '=':
      return (row) => values[row]! === bound
    case '!=':
      return (row) => values[row]! < bound || values[row]! > bound
    case '<':
      return (row) => values[row]! < bound
    case '<=':
      return (row) => values[row]! <= bound
    case '>':
      return (row) => values[row]! > bound
    case '>=':
      return (row) => values[row]! >= bound
  }
}

/** 0 is missing, 1 false, 2 true. */
class BooleanColumn implements Column {
  #values = new Uint8Array(0)

  set(row: number, value: AttributeValue | undefined): void {
    this.#values = grown(this.#values, row + 1)
    this.#values[row] = typeof value === 'boolean' ? Number(value) + 1 : 0
  }

  get(row: number): boolean | undefined {
    const value = this.#values[row]
    return value ? value === 2 : undefined
  }

  predicate(term: FilterTerm): RowPredicate {
    const values = this.#values
    const wanted = new Set(valuesOf(term).map((value) => Number(value) + 1))
    const isIn = !isUnequal(term)
    return (row) => values[row]! > 0 && wanted.has(values[row]!) === isIn
  }

  readonly groupOf = (row: number): number => (this.#values[row] ?? 0) - 1
}

const isUnequal = (term: FilterTerm): boolean => term.kind === 'compare' && term.comparison === '!='

function valuesOf(term: FilterTerm): readonly (string | number | boolean)[] {
  return term.kind === 'compare' ? [term.value] : term.kind === 'oneOf' ? term.values : [term.tag]
}
