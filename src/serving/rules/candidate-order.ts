// Candidates in the order of their places divided by their boosts, as far as anybody looks.
import { grown } from '../grown.ts'

/** Different factors that are kept apart; a function may answer more. */
const CLASS_COUNT_MAX = 16
const NONE = -1

/**
 * Candidates with the same factor are in order as they are. There are few different factors, so the next best candidate is the best of a few fronts, and nothing is
 * sorted; where functions answer many numbers, everything is.
 */
export class CandidateOrder {
  #isMoved = false
  #count = 0
  /** The candidates given out so far, best first. */
  #given = new Int32Array(0)
  #givenCount = 0
  #factors: Float64Array = new Float64Array(0)
  /** By class: its factor, its first candidate that was not given out, and its last one. */
  readonly #classFactors = new Float64Array(CLASS_COUNT_MAX)
  readonly #fronts = new Int32Array(CLASS_COUNT_MAX)
  readonly #backs = new Int32Array(CLASS_COUNT_MAX)
  #classCount = 0
  /** By candidate: the next one of its class. */
  #following = new Int32Array(0)

  /** @param factors by candidate, 0 for those at the end; `isMoved` is false where all of them are 1 */
  begin(count: number, factors: Float64Array, isMoved: boolean): void {
    this.#isMoved = isMoved
    this.#count = count
    this.#givenCount = 0
    this.#factors = factors
    if (!isMoved) return
    this.#given = grown(this.#given, count)
    this.#following = grown(this.#following, count)
    if (!this.#file()) this.#sort()
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
    return this.#isMoved ? (candidate + 1) / this.#factors[candidate]! : candidate + 1
  }

  /** False where there are too many classes. */
  #file(): boolean {
    const classFactors = this.#classFactors
    const following = this.#following
    const backs = this.#backs
    const factors = this.#factors
    let classCount = 0
    for (let candidate = 0; candidate < this.#count; candidate++) {
      const factor = factors[candidate]!
      following[candidate] = NONE
      let c = 0
      while (c < classCount && classFactors[c] !== factor) c++
      if (c < classCount) following[backs[c]!] = candidate
      else {
        if (classCount === CLASS_COUNT_MAX) return false
        classFactors[classCount] = factor
        this.#fronts[classCount++] = candidate
      }
      backs[c] = candidate
    }
    this.#classCount = classCount
    return true
  }

  #give(): void {
    const fronts = this.#fronts
    let best = -1
    let bestStanding = 0
    for (let c = 0; c < this.#classCount; c++) {
      const front = fronts[c]!
      if (front === NONE) continue
      const standing = (front + 1) / this.#classFactors[c]!
      if (best >= 0 && (standing > bestStanding || (standing === bestStanding && front > fronts[best]!))) continue
      best = c
      bestStanding = standing
    }
    const candidate = fronts[best]!
    fronts[best] = this.#following[candidate]!
    this.#given[this.#givenCount++] = candidate
  }

  #sort(): void {
    const given = this.#given.subarray(0, this.#count)
    for (let candidate = 0; candidate < given.length; candidate++) given[candidate] = candidate
    given.sort((a, b) => {
      const one = this.standingOf(a)
      const other = this.standingOf(b)
      return one === other ? a - b : one - other
    })
    this.#givenCount = this.#count
  }
}
