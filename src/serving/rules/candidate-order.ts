// Candidates in the order of their places divided by their boosts, as far as anybody looks.
import { grown } from '../../lib/grown.ts'

/** Candidates whose factors are asked for at once. */
const PORTION = 48
/** Different factors that are kept apart; functions may answer more. */
const CLASS_COUNT_MAX = 16
const NONE = -1

export interface Factors {
  /** By candidate, 0 for those at the end; known where `fill` was called for it. */
  readonly factors: Float64Array
  /** No factor is larger. */
  readonly largest: number
  /** Works out the factors of candidates from one to before another. */
  fill(from: number, to: number): void
}

/**
 * Candidates with the same factor are in order as they are. There are few different factors, so the next best candidate is the best of a few fronts, and nothing is
 * sorted; where functions answer many numbers, everything is. And since no factor is larger than the largest, candidates far down need not be looked at before their time.
 */
export class CandidateOrder {
  #count = 0
  /** Undefined where all of them are 1. */
  #factors: Factors | undefined
  /** The candidates given out so far, best first. */
  #given = new Int32Array(0)
  #givenCount = 0
  /** Candidates that are in their class. */
  #filedCount = 0
  /** None of those that are not filed yet stands before this: at best they are boosted by the largest factor. */
  #unfiledStanding = 0
  /** By class: its factor, its first candidate that was not given out, and its last one. */
  readonly #classFactors = new Float64Array(CLASS_COUNT_MAX)
  readonly #fronts = new Int32Array(CLASS_COUNT_MAX)
  readonly #backs = new Int32Array(CLASS_COUNT_MAX)
  /** By class that of its front. */
  readonly #standings = new Float64Array(CLASS_COUNT_MAX)
  #classCount = 0
  /** By candidate: the next one of its class. */
  #following = new Int32Array(0)

  /** @param factors undefined where all of them are 1 */
  begin(count: number, factors: Factors | undefined): void {
    this.#count = count
    this.#factors = factors
    this.#givenCount = 0
    this.#filedCount = 0
    this.#unfiledStanding = 0
    this.#classCount = 0
    if (factors === undefined) return
    this.#given = grown(this.#given, count)
    this.#following = grown(this.#following, count)
  }

  get count(): number {
    return this.#count
  }

  /** The candidate in that place, from 0 to below `count`. */
  at(place: number): number {
    if (this.#factors === undefined) return place
    while (this.#givenCount <= place) this.#give(this.#factors)
    return this.#given[place]!
  }

  /** The place, from 1, divided by its factor, of a candidate that was given out: what it is ordered by, least first, among equals the one that was further up. */
  standingOf(candidate: number): number {
    return this.#factors === undefined ? candidate + 1 : (candidate + 1) / this.#factors.factors[candidate]!
  }

  #give(factors: Factors): void {
    let best = this.#bestFront()
    while (best < 0 || !(this.#standings[best]! <= this.#unfiledStanding)) {
      if (!this.#fileMore(factors)) {
        this.#sort()
        return
      }
      best = this.#bestFront()
    }
    const candidate = this.#fronts[best]!
    this.#setFront(best, this.#following[candidate]!)
    this.#given[this.#givenCount++] = candidate
  }

  /** The class whose front is the best one; -1 where all are empty. */
  #bestFront(): number {
    const fronts = this.#fronts
    const standings = this.#standings
    const classCount = this.#classCount
    let best = -1
    let bestStanding = 0
    for (let c = 0; c < classCount; c++) {
      if (fronts[c] === NONE) continue
      const standing = standings[c]!
      if (best >= 0 && (standing > bestStanding || (standing === bestStanding && fronts[c]! > fronts[best]!))) continue
      best = c
      bestStanding = standing
    }
    return best
  }

  #setFront(c: number, candidate: number): void {
    this.#fronts[c] = candidate
    this.#standings[c] = (candidate + 1) / this.#classFactors[c]!
  }

  /** Files the next portion. False where there are too many classes; then all factors are known. */
  #fileMore({ factors, fill, largest }: Factors): boolean {
    const from = this.#filedCount
    const to = Math.min(from + PORTION, this.#count)
    fill(from, to)
    let classCount = this.#classCount
    const classFactors = this.#classFactors
    const following = this.#following
    const fronts = this.#fronts
    const backs = this.#backs
    for (let candidate = from; candidate < to; candidate++) {
      const factor = factors[candidate]!
      following[candidate] = NONE
      let c = 0
      while (c < classCount && classFactors[c] !== factor) c++
      if (c === CLASS_COUNT_MAX) {
        fill(to, this.#count)
        return false
      }
      if (c === classCount) {
        classFactors[c] = factor
        this.#setFront(c, candidate)
        this.#classCount = ++classCount
      } else if (fronts[c] === NONE) this.#setFront(c, candidate)
      else following[backs[c]!] = candidate
      backs[c] = candidate
    }
    this.#filedCount = to
    this.#unfiledStanding = to === this.#count ? Number.POSITIVE_INFINITY : (to + 1) / largest
    return true
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
