// What a user was shown again and again without doing anything with it.
import { grown } from '../grown.ts'
import type { LiveState } from '../live-state.ts'
import type { Rotation } from './placement-rules.ts'

export class WornItems {
  readonly #live: LiveState
  /** By catalogue row: times shown, and the second of the last interaction, both meant where the stamp is that of the question. 9 bytes an item, once somebody rotates. */
  #stamps = new Uint32Array(0)
  #shownCounts = new Uint8Array(0)
  #lastSeconds = new Uint32Array(0)
  #stamp = 0

  constructor(live: LiveState) {
    this.#live = live
  }

  /** Calls back once with every row that the user was shown as often as the rule says, since they last did something with it. */
  forEach(userId: string, { shownCount, withinMs }: Rotation, nowMs: number, visit: (row: number) => void): void {
    const { shown, catalogue } = this.#live
    const sinceMs = nowMs - withinMs
    this.#begin(catalogue.rowCount)
    this.#readInteractions(userId, sinceMs)
    shown.forEach(userId, (row, eventTimeMs) => {
      if (eventTimeMs <= sinceMs || eventTimeMs > nowMs) return
      this.#know(row)
      if (this.#lastSeconds[row]! >= eventTimeMs / 1000) return
      if (++this.#shownCounts[row]! === shownCount) visit(row)
    })
  }

  #begin(rowCount: number): void {
    this.#stamps = grown(this.#stamps, rowCount)
    this.#shownCounts = grown(this.#shownCounts, rowCount)
    this.#lastSeconds = grown(this.#lastSeconds, rowCount)
    if (this.#stamp === 0xffffffff) {
      this.#stamps.fill(0)
      this.#stamp = 0
    }
    this.#stamp++
  }

  #readInteractions(userId: string, sinceMs: number): void {
    const { histories } = this.#live
    const history = histories.historyOf(userId)
    if (history === undefined) return
    const { rows, eventTimesMs, start, end } = history
    let i = end
    while (i > start && eventTimesMs[i - 1]! > sinceMs) {
      i--
      this.#interacted(rows[i]!, eventTimesMs[i]!)
    }
    // All that are kept one by one are younger: those before them may be, too.
    if (i > start) return
    histories.forEachOlder(userId, (row, _interaction, eventTimeMs) => {
      if (eventTimeMs > sinceMs) this.#interacted(row, eventTimeMs)
    })
  }

  #interacted(row: number, eventTimeMs: number): void {
    this.#know(row)
    this.#lastSeconds[row] = Math.max(this.#lastSeconds[row]!, Math.floor(eventTimeMs / 1000))
  }

  #know(row: number): void {
    if (this.#stamps[row] === this.#stamp) return
    this.#stamps[row] = this.#stamp
    this.#shownCounts[row] = 0
    this.#lastSeconds[row] = 0
  }
}
