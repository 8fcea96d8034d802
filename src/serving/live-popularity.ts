// How often each item was interacted with, and all items in that order, kept after every single interaction: the rung of the ladder that
// always answers, without any model.
import { grown } from '../lib/grown.ts'

/**
 * Items by descending count. Adding one to an item moves it to the front of those with its old count, where the group of the next count
 * ends: constant time (the frequency list of Shah, Mitra & Matani, "An O(1) algorithm for implementing the LFU cache eviction scheme", 2010,
 * as an array).
 */
export class LivePopularity {
  #counts = new Uint32Array(0)
  /** Rows, the most popular first. */
  #order = new Int32Array(0)
  #placeOfRow = new Int32Array(0)
  #rowCount = 0
  readonly #firstPlaces = new FirstPlaces()

  /** Rows below this are known; others count 0 and come last once they are. */
  reserve(rowCount: number): void {
    if (rowCount <= this.#rowCount) return
    this.#counts = grown(this.#counts, rowCount)
    this.#order = grown(this.#order, rowCount)
    this.#placeOfRow = grown(this.#placeOfRow, rowCount)
    if (this.#firstPlaces.get(0) === undefined) this.#firstPlaces.set(0, this.#rowCount)
    for (let row = this.#rowCount; row < rowCount; row++) {
      this.#order[row] = row
      this.#placeOfRow[row] = row
    }
    this.#rowCount = rowCount
  }

  increment(row: number): void {
    this.reserve(row + 1)
    const count = this.#counts[row]!
    const first = this.#firstPlaces.get(count)!
    this.#exchange(this.#placeOfRow[row]!, first)
    this.#counts[row] = count + 1
    if (this.#firstPlaces.get(count + 1) === undefined) this.#firstPlaces.set(count + 1, first)
    const hasMore = first + 1 < this.#rowCount && this.#counts[this.#order[first + 1]!] === count
    if (hasMore) this.#firstPlaces.set(count, first + 1)
    else this.#firstPlaces.delete(count)
  }

  countOf(row: number): number {
    return row < this.#rowCount ? this.#counts[row]! : 0
  }

  get rowCount(): number {
    return this.#rowCount
  }

  /** The row at a place of the order, 0 being the most popular. */
  rowAt(place: number): number {
    return this.#order[place]!
  }

  placeOf(row: number): number {
    return this.#placeOfRow[row]!
  }

  #exchange(place: number, other: number): void {
    const row = this.#order[place]!
    const otherRow = this.#order[other]!
    this.#order[place] = otherRow
    this.#order[other] = row
    this.#placeOfRow[otherRow] = place
    this.#placeOfRow[row] = other
  }
}

/** Counts up to here, which nearly all items have, take an array of 4 MB at most; a `Map` would take most of the time of an increment. */
const LISTED_COUNT_MAX = 2 ** 20

/** By count: the place of the first row that has it. Undefined where none has. */
class FirstPlaces {
  /** Place + 1. */
  #listed = new Int32Array(0)
  readonly #others = new Map<number, number>()

  get(count: number): number | undefined {
    if (count >= LISTED_COUNT_MAX) return this.#others.get(count)
    return this.#listed[count] ? this.#listed[count]! - 1 : undefined
  }

  set(count: number, place: number): void {
    if (count >= LISTED_COUNT_MAX) this.#others.set(count, place)
    else {
      this.#listed = grown(this.#listed, count + 1)
      this.#listed[count] = place + 1
    }
  }

  delete(count: number): void {
    if (count >= LISTED_COUNT_MAX) this.#others.delete(count)
    else this.#listed[count] = 0
  }
}
