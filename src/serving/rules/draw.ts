// Candidates to draw from, every one with the same chance at every place: how likely an item is to be shown is then known exactly, and not estimated.

import { grown } from '../../lib/grown.ts'
import type { Rng } from '../../lib/rng.ts'
import type { Answer } from '../answer.ts'
import { GroupCounts } from '../group-counts.ts'

export class Draw {
  readonly #groups = new GroupCounts()
  #answer!: Answer
  #drawnMax = 0
  #countMax = 0
  #candidates = new Int32Array(0)
  #count = 0
  #drawnCount = 0
  /** Empty again, for at most so many draws into `answer`, from no more than `countMax` candidates. */
  begin(answer: Answer, drawnMax: number, countMax: number): void {
    this.#candidates = grown(this.#candidates, countMax)
    this.#answer = answer
    this.#drawnMax = drawnMax
    this.#countMax = countMax
    this.#count = 0
    this.#drawnCount = 0
    this.#groups.begin()
  }

  /** Candidates to draw from. */
  get count(): number {
    return this.#count
  }

  /**
   * Offers a candidate, which must not be in the answer. It is taken in if it may be shown together with any others that were taken in: where a group has room for fewer items than are
   * drawn, only as many of it are. A draw that had to be thrown away would make the chances of the others unequal.
   */
  offer(candidate: number, index: number): void {
    if (this.#count >= this.#countMax || !this.#answer.isAllowed(index) || !this.#fits(index)) return
    this.#candidates[this.#count++] = candidate
  }

  /** Whether all the groups of the item have room; it is counted in them then. */
  #fits(index: number): boolean {
    const answer = this.#answer
    const ruleCount = answer.rules.length
    let isNarrow = false
    for (let rule = 0; rule < ruleCount; rule++) {
      const group = answer.groupOf(rule, index)
      if (group < 0) continue
      const room = answer.roomIn(rule, group)
      if (room >= this.#drawnMax) continue
      if (this.#groups.of(rule, group) >= room) return false
      isNarrow = true
    }
    if (!isNarrow) return true
    for (let rule = 0; rule < ruleCount; rule++) {
      const group = answer.groupOf(rule, index)
      if (group >= 0 && answer.roomIn(rule, group) < this.#drawnMax) this.#groups.add(rule, group)
    }
    return true
  }

  /** One that was not drawn yet, each with the same chance (Fisher & Yates, 1938, as far as it is needed). Fewer than `count` times. */
  next(rng: Rng): number {
    const n = this.#drawnCount++
    const chosen = n + rng.integer(this.#count - n)
    const candidate = this.#candidates[chosen]!
    this.#candidates[chosen] = this.#candidates[n]!
    this.#candidates[n] = candidate
    return candidate
  }
}
