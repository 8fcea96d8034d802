import type { StoredEvent } from '../../ports/event-log.ts'

/**
 * For some places of a log, when the earliest of all events that features are made of was available, from there on. That is most often the next one; not where a source declares
 * that its events were known before they reached the log.
 */
export class EarliestTimes {
  /** By place, ascending; until `of` is asked, of the events up to the next place only. */
  readonly #earliestMs: Map<number, number>
  readonly #places: readonly number[]
  #passedCount = 0
  #isComplete = false

  /** @param places offsets, in any order, each as often as one likes */
  constructor(places: Iterable<number>) {
    this.#places = [...new Set(places)].sort((a, b) => a - b)
    this.#earliestMs = new Map(this.#places.map((place) => [place, Infinity]))
  }

  /** @param events the next ones in the order of the log; all of them before the first call of `of` */
  add(events: readonly StoredEvent[]): void {
    for (const { offset, availableTimeMs, event } of events) {
      if (event.kind === 'impression') continue
      while (this.#places[this.#passedCount]! <= offset) this.#passedCount++
      const place = this.#places[this.#passedCount - 1]
      if (place !== undefined) this.#take(place, availableTimeMs)
    }
  }

  /** @returns Infinity where nothing follows, and for a place that was not given */
  of(place: number): number {
    if (!this.#isComplete) {
      this.#isComplete = true
      let followingMs = Infinity
      for (const each of this.#places.toReversed()) followingMs = this.#take(each, followingMs)
    }
    return this.#earliestMs.get(place) ?? Infinity
  }

  #take(place: number, timeMs: number): number {
    const earliestMs = Math.min(this.#earliestMs.get(place)!, timeMs)
    this.#earliestMs.set(place, earliestMs)
    return earliestMs
  }
}
