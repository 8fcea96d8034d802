// Candidates in the order of their places divided by their boosts, as far as anybody looks.
import { grown } from '../grown.ts'

/** A list looks at dozens of hundreds of candidates: a heap gives the next best one when it is wanted, and nothing is sorted. */
export class CandidateOrder {
  /** Whether any factor is not 1. */
  #isMoved = false
  #count = 0
  /** The candidates given out so far, best first. */
  #given = new Int32Array(0)
  #givenCount = 0
  /** Candidates whose root is the best that was not given out. */
  #heap = new Int32Array(0)
  #heapCount = 0
  /** By candidate. */
  #standings = new Float64Array(0)

  /** @param factors by candidate, above 0; `isMoved` is false where all of them are 1 */
  begin(count: number, factors: Float64Array, isMoved: boolean): void {
    this.#isMoved = isMoved
    this.#count = count
    this.#givenCount = 0
    if (!isMoved) return
    this.#given = grown(this.#given, count)
    this.#heap = grown(this.#heap, count)
    this.#standings = grown(this.#standings, count)
    for (let candidate = 0; candidate < count; candidate++) {
      this.#standings[candidate] = (candidate + 1) / factors[candidate]!
      this.#heap[candidate] = candidate
    }
    this.#heapCount = count
    for (let at = (count >> 1) - 1; at >= 0; at--) this.#sink(at, this.#heap[at]!)
  }

  get count(): number {
    return this.#count
  }

  /** The candidate in that place, from 0 to below `count`. */
  at(place: number): number {
    if (!this.#isMoved) return place
    while (this.#givenCount <= place) this.#give()
    return this.#given[place]!
  }

  /** The candidate's place, from 1, divided by its factor: what it is ordered by, least first, among equals the one that was further up. */
  standingOf(candidate: number): number {
    return this.#isMoved ? this.#standings[candidate]! : candidate + 1
  }

  #give(): void {
    this.#given[this.#givenCount++] = this.#heap[0]!
    const last = this.#heap[--this.#heapCount]!
    if (this.#heapCount > 0) this.#sink(0, last)
  }

  /** Puts a candidate where it belongs among those below `at`. */
  #sink(at: number, candidate: number): void {
    const heap = this.#heap
    const end = this.#heapCount
    for (;;) {
      let child = 2 * at + 1
      if (child >= end) break
      if (child + 1 < end && this.#isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!this.#isBefore(heap[child]!, candidate)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = candidate
  }

  #isBefore(one: number, other: number): boolean {
    const difference = this.#standings[one]! - this.#standings[other]!
    return difference < 0 || (difference === 0 && one < other)
  }
}
