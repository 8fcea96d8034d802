// Which item of an answer stands at which place: pins where they were pinned, new and drawn items spread over what is left, the others in their order.
import { empty } from '../../lib/empty.ts'
import { grown } from '../../lib/grown.ts'

export class PlaceOrder {
  /** Places from 1, in the order in which they were pinned; the pinned item in the same place of `#pinned`. */
  readonly #pinnedPlaces: number[] = []
  readonly #pinned: number[] = []
  readonly #new: number[] = []
  readonly #drawn: number[] = []
  #others = new Int32Array(64)
  #otherCount = 0
  /** Items of the answer that were added so far. */
  #knownCount = 0
  #order = new Int32Array(64)

  begin(): void {
    empty(this.#pinnedPlaces)
    empty(this.#pinned)
    empty(this.#new)
    empty(this.#drawn)
    this.#otherCount = 0
    this.#knownCount = 0
  }

  // Each takes where in the answer the item is.

  addPinned(at: number, place: number): void {
    this.#pinned.push(at)
    this.#pinnedPlaces.push(place)
    this.#knownCount++
  }

  addNew(at: number): void {
    this.#new.push(at)
    this.#knownCount++
  }

  addDrawn(at: number): void {
    this.#drawn.push(at)
    this.#knownCount++
  }

  /** Behind those that were added so before. */
  add(at: number): void {
    if (this.#otherCount === this.#others.length) this.#others = grown(this.#others, this.#otherCount + 1)
    this.#others[this.#otherCount++] = at
    this.#knownCount++
  }

  isPinned(place: number): boolean {
    return this.#pinnedPlaces.includes(place)
  }

  get pinnedCount(): number {
    return this.#pinned.length
  }

  get newCount(): number {
    return this.#new.length
  }

  get drawnCount(): number {
    return this.#drawn.length
  }

  /**
   * By place where in the answer its item is; good until the next list. Items that nobody added have come last, and go behind the others. A pin beyond the end of the list is at its end.
   * @param count items in the answer
   */
  finish(count: number): Int32Array {
    for (let at = this.#knownCount; at < count; at++) this.add(at)
    const order = (this.#order = grown(this.#order, count))
    for (let place = 0; place < count; place++) order[place] = -1
    this.#placePinned(order, count)
    const freeCount = count - this.#pinned.length
    let free = 0
    let newUsed = 0
    let rest = 0
    let drawnUsed = 0
    let otherUsed = 0
    const restCount = freeCount - this.#new.length
    for (let place = 0; place < count; place++) {
      if (order[place] !== -1) continue
      if (isNext(free++, newUsed, this.#new.length, freeCount)) order[place] = this.#new[newUsed++]!
      else if (isNext(rest++, drawnUsed, this.#drawn.length, restCount)) order[place] = this.#drawn[drawnUsed++]!
      else order[place] = this.#others[otherUsed++]!
    }
    return order
  }

  #placePinned(order: Int32Array, count: number): void {
    for (let n = 0; n < this.#pinned.length; n++) {
      if (this.#pinnedPlaces[n]! <= count) order[this.#pinnedPlaces[n]! - 1] = this.#pinned[n]!
    }
    for (let wanted = Number.POSITIVE_INFINITY, last = count - 1; ; ) {
      let next = -1
      for (let n = 0; n < this.#pinned.length; n++) {
        const place = this.#pinnedPlaces[n]!
        if (place > count && place < wanted && (next < 0 || place > this.#pinnedPlaces[next]!)) next = n
      }
      if (next < 0) return
      while (order[last] !== -1) last--
      order[last] = this.#pinned[next]!
      wanted = this.#pinnedPlaces[next]!
    }
  }
}

/** Whether the place, from 0 to below `count`, is for the next of `special` items that are spread evenly: of the first n places, round(n * special / count) are. */
const isNext = (place: number, used: number, special: number, count: number): boolean =>
  used < special && Math.floor(((place + 1) * special) / count + 0.5) > used
