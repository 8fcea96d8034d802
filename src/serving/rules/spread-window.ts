// Maximal marginal relevance, one place after another: Carbonell & Goldstein, "The use of MMR, diversity-based reranking for reordering documents and producing summaries", SIGIR
// 1998, argmax of lambda * relevance - (1 - lambda) * largest likeness to what is chosen, with lambda = 1 - strength.
// We differ: relevance goes by the place among the candidates, 1 - ln(place) / ln(candidates + 1), since scores of different rankers and generators have no common scale. Likeness is
// the share of the given attributes in which two items agree.
//
// Relevance only falls along the candidates and likeness only takes away, so that of hundreds of candidates dozens are looked at: those are the window. What is known of
// them stays, and an item that is chosen is compared with the window once.

import { grown } from '../../lib/grown.ts'
import { GroupCounts } from '../group-counts.ts'
import type { CandidateOrder } from './candidate-order.ts'
import type { Spread } from './placement-rules.ts'

/** What the window asks about a candidate. */
export interface SpreadCandidates {
  readonly order: CandidateOrder
  readonly rowOf: (candidate: number) => number
  /** By candidate: whether it may be chosen. */
  mayBeChosen(candidate: number): boolean
}

/** Candidates whose groups are looked up together: the processor waits for memory once, where one by one it would wait for each. */
const PORTION = 32
const GONE = Number.NEGATIVE_INFINITY

export class SpreadWindow {
  #groupsOf: Spread['groupsOf'] = []
  #strength = 0
  #scale = 1
  #one!: SpreadCandidates
  /** Candidates of the window, best first; by place in it their part of relevance, the attributes in common with the most alike of the list, and what the two come to. */
  #candidates = new Int32Array(64)
  #rows = new Int32Array(64)
  #relevances = new Float64Array(64)
  #commonCounts = new Int32Array(64)
  #values = new Float64Array(64)
  /** Window x attributes, row-major. */
  #groups = new Int32Array(64)
  #count = 0
  /** Candidates whose rows and groups are known: those of the window, and some that come next. */
  #loadedCount = 0
  /** The list so far x attributes, row-major. */
  #listed = new Int32Array(64)
  #listedCount = 0
  /** Of the list, by attribute. */
  readonly #present = new GroupCounts()

  /** @param candidateCount of the placement: at this place relevance is about 0 */
  begin({ groupsOf, strength }: Spread, candidateCount: number, one: SpreadCandidates): void {
    this.#groupsOf = groupsOf
    this.#strength = strength
    this.#scale = Math.log(candidateCount + 1)
    this.#one = one
    this.#count = 0
    this.#loadedCount = 0
    this.#listedCount = 0
    this.#present.begin()
  }

  /** An item is in the list now. */
  add(row: number): void {
    const groupsOf = this.#groupsOf
    const width = groupsOf.length
    const from = this.#listedCount++ * width
    if (this.#listed.length < from + width) this.#listed = grown(this.#listed, from + width)
    const listed = this.#listed
    for (let a = 0; a < width; a++) {
      const group = groupsOf[a]!(row)
      listed[from + a] = group
      if (group >= 0) this.#present.add(a, group)
    }
    const groups = this.#groups
    for (let w = 0; w < this.#count; w++) {
      let common = 0
      for (let a = 0; a < width; a++) {
        const group = groups[w * width + a]!
        if (group >= 0 && group === listed[from + a]) common++
      }
      if (common <= this.#commonCounts[w]!) continue
      this.#commonCounts[w] = common
      if (this.#values[w] !== GONE) this.#value(w)
    }
  }

  /** The place in the window of the candidate that comes next: the one further up among equals; -1 where there is none. */
  best(): number {
    const values = this.#values
    const { order } = this.#one
    let best = -1
    let bestValue = GONE
    for (let w = 0; w < this.#count; w++) {
      if (values[w]! > bestValue && this.#one.mayBeChosen(this.#candidates[w]!)) {
        best = w
        bestValue = values[w]!
      }
    }
    for (let k = this.#count; k < order.count; k++) {
      const most = (1 - this.#strength) * (1 - Math.log(order.standingOf(order.at(k))) / this.#scale)
      if (most <= bestValue) break
      if (k >= this.#loadedCount) this.#load()
      this.#enter(most)
      if (this.#values[k]! <= bestValue || !this.#one.mayBeChosen(this.#candidates[k]!)) continue
      best = k
      bestValue = this.#values[k]!
    }
    return best
  }

  /** The candidate at a place of the window. */
  candidateAt(place: number): number {
    return this.#candidates[place]!
  }

  /** It is in the list, or does not come into it: `best` passes over it. */
  remove(place: number): void {
    this.#values[place] = GONE
  }

  /** The first place of the window that was not removed. */
  get front(): number {
    let w = 0
    while (w < this.#count && this.#values[w] === GONE) w++
    return w
  }

  /** What is known of the next candidates whatever the list. */
  #load(): void {
    const groupsOf = this.#groupsOf
    const width = groupsOf.length
    const { order, rowOf } = this.#one
    const from = this.#loadedCount
    const to = Math.min(from + PORTION, order.count)
    if (this.#candidates.length < to || this.#groups.length < to * width) this.#reserve(to)
    const candidates = this.#candidates
    const rows = this.#rows
    const groups = this.#groups
    for (let w = from; w < to; w++) {
      candidates[w] = order.at(w)
      rows[w] = rowOf(candidates[w]!)
    }
    for (let a = 0; a < width; a++) {
      const groupOf = groupsOf[a]!
      for (let w = from; w < to; w++) groups[w * width + a] = groupOf(rows[w]!)
    }
    this.#loadedCount = to
  }

  /** Takes the next candidate into the window. */
  #enter(relevance: number): void {
    const width = this.#groupsOf.length
    const w = this.#count++
    const groups = this.#groups
    const listed = this.#listed
    // Attributes in common with any of the list: where it is but one, no item of it has more.
    let shared = 0
    for (let a = 0; a < width; a++) {
      const group = groups[w * width + a]!
      if (group >= 0 && this.#present.of(a, group) > 0) shared++
    }
    let most = Math.min(shared, 1)
    for (let l = 0; l < this.#listedCount && most < shared; l++) {
      let common = 0
      for (let a = 0; a < width; a++) {
        const group = groups[w * width + a]!
        if (group >= 0 && group === listed[l * width + a]) common++
      }
      if (common > most) most = common
    }
    this.#relevances[w] = relevance
    this.#commonCounts[w] = most
    this.#value(w)
  }

  #value(w: number): void {
    this.#values[w] = this.#relevances[w]! - (this.#strength * this.#commonCounts[w]!) / this.#groupsOf.length
  }

  #reserve(count: number): void {
    this.#candidates = grown(this.#candidates, count)
    this.#rows = grown(this.#rows, count)
    this.#relevances = grown(this.#relevances, count)
    this.#commonCounts = grown(this.#commonCounts, count)
    this.#values = grown(this.#values, count)
    this.#groups = grown(this.#groups, count * this.#groupsOf.length)
  }
}
