// The bitmaps of one model's item indexes: one per test of an attribute, and one per placement and filter. The hot ones stay; a filter that is
// asked again costs nothing but what changed since.
import { type Filter, type FilterTerm, termKey } from '../domain/filter.ts'
import { RecentlyUsed } from '../lib/recently-used.ts'
import type { RowPredicate } from './column.ts'
import { type BitmapSource, bitCount, ItemBitmap } from './item-bitmap.ts'

/** Bytes of the bitmaps kept of each kind: 500 of a catalogue of a million items. */
const MAX_KEPT_BYTES = 64 * 2 ** 20

export class ItemBitmaps {
  readonly #source: BitmapSource
  readonly #terms: KeptBitmaps
  readonly #eligible: KeptBitmaps

  constructor(source: BitmapSource, maxKeptBytes: number = MAX_KEPT_BYTES) {
    this.#source = source
    this.#terms = new KeptBitmaps(maxKeptBytes)
    this.#eligible = new KeptBitmaps(maxKeptBytes)
  }

  /** Bytes of all bitmaps kept: at most twice the limit of one kind, and one bitmap of each. */
  get keptBytes(): number {
    return this.#terms.bytes + this.#eligible.bytes
  }

  /**
   * Items that are not deleted and for which all the filters hold, without those of the given ids.
   * @param key equal for equal filters and ids
   */
  eligible(key: string, filters: readonly Filter[], withoutIds: ReadonlySet<string> = noIds): ItemBitmap {
    return this.#eligible.get(key, () => this.#eligibleBitmap(filters, withoutIds))
  }

  /** Items in one group of a column that has groups. */
  group(attribute: string, group: number): ItemBitmap {
    const { groupOf } = this.#source.catalogue.columns.get(attribute)!
    return this.#terms.get(
      `${attribute} ${group}`,
      () => new ItemBitmap(this.#source, () => (row) => groupOf!(row) === group),
    )
  }

  #eligibleBitmap(filters: readonly Filter[], withoutIds: ReadonlySet<string>): ItemBitmap {
    const { catalogue, indexes } = this.#source
    const holds = (): RowPredicate => {
      const predicates = filters.map((filter) => this.#predicate(filter))
      if (withoutIds.size > 0) predicates.push((row) => !withoutIds.has(catalogue.idOf(row)))
      return (row) => catalogue.isLive(row) && predicates.every((predicate) => predicate(row))
    }
    return new ItemBitmap(this.#source, holds, (words) => {
      const live = this.#terms.get('live', () => new ItemBitmap(this.#source, () => (row) => catalogue.isLive(row)))
      copy(words, live.words)
      for (const filter of this.#cheapestFirst(filters.flatMap(conjuncts))) this.#narrow(words, filter)
      for (const itemId of withoutIds) {
        const row = catalogue.rowOf(itemId)
        if (row === undefined) continue
        const index = indexes.indexOf(row)
        words[index >> 5]! &= ~(1 << (index & 31))
      }
    })
  }

  /** Those with a bitmap, then those that often leave little, so that the rest has few items to look at. */
  #cheapestFirst(filters: readonly Filter[]): readonly Filter[] {
    const cost = (filter: Filter) => (this.#isKept(filter) ? 0 : isExact(filter) ? 1 : 2)
    return [...filters].sort((a, b) => cost(a) - cost(b))
  }

  /** Takes out of `words` the items for which the filter does not hold. */
  #narrow(words: Uint32Array, filter: Filter): void {
    const { rowOfIndex, indexCount } = this.#source.indexes
    const isFew = bitCount(words) * FEW < indexCount
    if (!isFew || this.#isKept(filter)) {
      and(words, this.#wordsOf(filter, words.length))
      return
    }
    // A price limit that nobody gave before is tested on the items of the category, and not on a million.
    const holds = this.#predicate(filter)
    for (let w = 0; w < words.length; w++) {
      let word = words[w]!
      while (word !== 0) {
        const bit = 31 - Math.clz32(word)
        word &= ~(1 << bit)
        if (!holds(rowOfIndex[w * 32 + bit]!)) words[w]! &= ~(1 << bit)
      }
    }
  }

  #isKept(filter: Filter): boolean {
    return isTerm(filter) && this.#terms.has(termKey(filter))
  }

  /** A tree of filters as a bitmap, which may be one that is kept: not to be changed. */
  #wordsOf(filter: Filter, wordCount: number): Uint32Array {
    switch (filter.kind) {
      case 'not':
        return complement(this.#wordsOf(filter.operand, wordCount), wordCount)
      case 'and':
      case 'or': {
        const combine = filter.kind === 'and' ? and : or
        const words = new Uint32Array(wordCount)
        copy(words, this.#wordsOf(filter.operands[0]!, wordCount))
        for (const operand of filter.operands.slice(1)) combine(words, this.#wordsOf(operand, wordCount))
        return words
      }
      default:
        return this.#term(filter).words
    }
  }

  #term(term: FilterTerm): ItemBitmap {
    return this.#terms.get(termKey(term), () => new ItemBitmap(this.#source, () => this.#predicate(term)))
  }

  /** Good until the next change of the catalogue. */
  #predicate(filter: Filter): RowPredicate {
    switch (filter.kind) {
      case 'not': {
        const operand = this.#predicate(filter.operand)
        return (row) => !operand(row)
      }
      case 'and': {
        const operands = filter.operands.map((operand) => this.#predicate(operand))
        return (row) => operands.every((operand) => operand(row))
      }
      case 'or': {
        const operands = filter.operands.map((operand) => this.#predicate(operand))
        return (row) => operands.some((operand) => operand(row))
      }
      default:
        return this.#source.catalogue.columns.get(filter.attribute)!.predicate(filter)
    }
  }
}

const noIds: ReadonlySet<string> = new Set()

/** Where less than one item in this many is left, asking them one by one is cheaper than making a bitmap of all. */
const FEW = 8

const isTerm = (filter: Filter): filter is FilterTerm =>
  filter.kind !== 'and' && filter.kind !== 'or' && filter.kind !== 'not'

/** Whether it asks for certain values, and not for a range of them. */
const isExact = (filter: Filter): boolean =>
  filter.kind === 'oneOf' || filter.kind === 'has' || (filter.kind === 'compare' && filter.comparison === '=')

const conjuncts = (filter: Filter): readonly Filter[] =>
  filter.kind === 'and' ? filter.operands.flatMap(conjuncts) : [filter]

/** The bitmaps used last, as many as fit. */
class KeptBitmaps {
  readonly #kept: RecentlyUsed<ItemBitmap>

  constructor(maxBytes: number) {
    this.#kept = new RecentlyUsed(maxBytes)
  }

  get bytes(): number {
    return this.#kept.size
  }

  has(key: string): boolean {
    return this.#kept.has(key)
  }

  /** The bitmap of that key, up to date. */
  get(key: string, make: () => ItemBitmap): ItemBitmap {
    const kept = this.#kept.get(key)
    const bytesBefore = kept?.byteLength
    const bitmap = (kept ?? make()).catchUp()
    if (bitmap.byteLength !== bytesBefore) this.#kept.set(key, bitmap, bitmap.byteLength)
    return bitmap
  }
}

/** Bitmaps grow with slack, so that two of the same items may differ in length; what one lacks is 0. */
function copy(words: Uint32Array, other: Uint32Array): void {
  words.set(other.length > words.length ? other.subarray(0, words.length) : other)
  words.fill(0, Math.min(other.length, words.length))
}

function and(words: Uint32Array, other: Uint32Array): void {
  const shared = Math.min(words.length, other.length)
  for (let i = 0; i < shared; i++) words[i]! &= other[i]!
  words.fill(0, shared)
}

function or(words: Uint32Array, other: Uint32Array): void {
  const shared = Math.min(words.length, other.length)
  for (let i = 0; i < shared; i++) words[i]! |= other[i]!
}

/** Also sets bits that stand for no item; the bitmap of live items takes them out again. */
function complement(words: Uint32Array, wordCount: number): Uint32Array {
  const result = new Uint32Array(wordCount).fill(0xffffffff)
  const shared = Math.min(words.length, wordCount)
  for (let i = 0; i < shared; i++) result[i] = ~words[i]!
  return result
}
