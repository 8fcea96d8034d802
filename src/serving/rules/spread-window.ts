// Maximal marginal relevance, one place after another: Carbonell & Goldstein, "The use of MMR, diversity-based reranking for reordering documents and producing summaries", SIGIR
// 1998, argmax of lambda * relevance - (1 - lambda) * largest likeness to what is chosen, with lambda = 1 - strength.
// We differ: relevance goes by the place among the candidates, 1 - ln(place) / ln(candidates + 1), since scores of different rankers and generators have no common scale. Likeness is
// the share of the given attributes in which two items agree.
//
// Relevance only falls along the candidates and likeness only takes away, so that of hundreds of candidates dozens are looked at: those are the window. What is known of
// them stays, and an item that is chosen is compared with the window once.

import { grown } from '../../lib/grown.ts'
import { GroupCounts } from '../group-counts.ts'
import type { ItemGroups } from '../item-groups.ts'
import type { CandidateOrder } from './candidate-order.ts'
import type { Spread } from './placement-rules.ts'

/** What the window asks about candidates. */
export interface SpreadCandidates {
  readonly order: CandidateOrder
  /** By candidate. */
  readonly itemIndexes: Int32Array
  /** With all columns of the rule. */
  readonly itemGroups: ItemGroups
  /** By candidate: whether it may be chosen. */
  mayBeChosen(candidate: number): boolean
}

/** Candidates whose groups are looked up together. */
const PORTION = 32
const GONE = Number.NEGATIVE_INFINITY

export class SpreadWindow {
  #groupsOf: Spread['groupsOf'] = []
  #strength = 0
  #scale = 1
  #one!: SpreadCandidates
  /** Candidates of the window, best first; by place in it their part of relevance, the attributes in common with the most alike of the list, and what the two come to. */
  #candidates = new Int32Array(64)
  #relevances = new Float64Array(64)
  #commonCounts = new Uint8Array(64)
  #values = new Float64Array(64)
  /** By attribute, of the window. */
  readonly #groups: Int32Array[] = []
  #count = 0
  /** Candidates of which relevance and groups are known: those of the window, and some that come next. */
  #loadedCount = 0
  /** By attribute, of the list so far. */
  readonly #listed: Int32Array[] = []
  #listedCount = 0
  /** Of the list, by attribute. */
  readonly #present = new GroupCounts()
  /** By attribute in `itemGroups`. */
  readonly #columns: number[] = []
  /** By place in the window; all 0 but while an item of the list is compared with it. */
  #sharedCounts = new Uint8Array(64)
  /** Places where it is not, some twice. */
  #touched = new Int32Array(64)

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
    for (let a = 0; a < groupsOf.length; a++) {
      this.#columns[a] = one.itemGroups.columns.indexOf(groupsOf[a]!)
      this.#groups[a] ??= new Int32Array(64)
      this.#listed[a] ??= new Int32Array(64)
    }
  }

  /** An item that is no candidate of the window is in the list now. */
  add(index: number): void {
    const at = this.#listedPlace()
    for (let a = 0; a < this.#groupsOf.length; a++) {
      this.#listed[a]![at] = this.#one.itemGroups.of(this.#columns[a]!, index)
    }
    this.#compare(at)
  }

  /** The candidate at that place of the window, which is removed, is in the list now. */
  addFrom(place: number): void {
    const at = this.#listedPlace()
    for (let a = 0; a < this.#groupsOf.length; a++) this.#listed[a]![at] = this.#groups[a]![place]!
    this.#compare(at)
  }

  #listedPlace(): number {
    const at = this.#listedCount++
    if (this.#listed[0]!.length <= at) {
      for (let a = 0; a < this.#groupsOf.length; a++) this.#listed[a] = grown(this.#listed[a]!, at + 1)
    }
    return at
  }

  /** What the window has in common with an item of the list. */
  #compare(at: number): void {
    const count = this.#count
    const width = this.#groupsOf.length
    const sharedCounts = this.#sharedCounts
    const commonCounts = this.#commonCounts
    let touchedCount = 0
    for (let a = 0; a < width; a++) {
      const group = this.#listed[a]![at]!
      if (group < 0) continue
      this.#present.add(a, group)
      const groups = this.#groups[a]!
      for (let w = 0; w < count; w++) {
        if (groups[w] !== group) continue
        this.#touched[touchedCount++] = w
        const shared = ++sharedCounts[w]!
        if (shared <= commonCounts[w]!) continue
        commonCounts[w] = shared
        if (this.#values[w] !== GONE) this.#value(w)
      }
    }
    for (let n = 0; n < touchedCount; n++) sharedCounts[this.#touched[n]!] = 0
  }

  /** The place in the window of the candidate that comes next: the one further up among equals; -1 where there is none. */
  best(): number {
    const values = this.#values
    const one = this.#one
    const known = this.#count
    let best = -1
    let bestValue = GONE
    const candidates = this.#candidates
    for (let w = 0; w < known; w++) {
      if (values[w]! > bestValue && one.mayBeChosen(candidates[w]!)) {
        best = w
        bestValue = values[w]!
      }
    }
    for (let k = known; k < one.order.count; k++) {
      if (k >= this.#loadedCount) this.#load()
      if (this.#relevances[k]! <= bestValue) break
      this.#enter()
      if (this.#values[k]! <= bestValue || !one.mayBeChosen(this.#candidates[k]!)) continue
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
    const { order, itemIndexes, itemGroups } = this.#one
    const from = this.#loadedCount
    const to = Math.min(from + PORTION, order.count)
    this.#reserve(to)
    const candidates = this.#candidates
    const relevances = this.#relevances
    const most = 1 - this.#strength
    for (let w = from; w < to; w++) candidates[w] = order.at(w)
    const { table } = itemGroups
    const width = itemGroups.columns.length
    for (let a = 0; a < this.#groupsOf.length; a++) {
      const groups = this.#groups[a]!
      const column = this.#columns[a]!
      for (let w = from; w < to; w++) groups[w] = table[itemIndexes[candidates[w]!]! * width + column]! - 1
    }
    for (let w = from; w < to; w++) {
      relevances[w] = most * (1 - logOf(order.standingOf(candidates[w]!)) / this.#scale)
    }
    this.#loadedCount = to
  }

  /** Takes the next candidate into the window. */
  #enter(): void {
    const w = this.#count++
    // Attributes in common with any of the list: where it is but one, no item of it has more.
    let shared = 0
    for (let a = 0; a < this.#groupsOf.length; a++) {
      const group = this.#groups[a]![w]!
      if (group >= 0 && this.#present.of(a, group) > 0) shared++
    }
    this.#commonCounts[w] = shared < 2 ? shared : this.#mostInCommon(w, shared)
    this.#value(w)
  }

  /** With one item of the list. @param shared no item has more */
  #mostInCommon(w: number, shared: number): number {
    let most = 1
    const width = this.#groupsOf.length
    for (let l = 0; l < this.#listedCount && most < shared; l++) {
      let common = 0
      for (let a = 0; a < width; a++) {
        const group = this.#groups[a]![w]!
        if (group >= 0 && group === this.#listed[a]![l]) common++
      }
      if (common > most) most = common
    }
    return most
  }

  #value(w: number): void {
    this.#values[w] = this.#relevances[w]! - (this.#strength * this.#commonCounts[w]!) / this.#groupsOf.length
  }

  #reserve(count: number): void {
    const width = this.#groupsOf.length
    if (this.#touched.length < count * width) this.#touched = grown(this.#touched, count * width)
    if (this.#values.length >= count && this.#groups.every(({ length }) => length >= count)) return
    this.#candidates = grown(this.#candidates, count)
    this.#relevances = grown(this.#relevances, count)
    this.#commonCounts = grown(this.#commonCounts, count)
    this.#sharedCounts = grown(this.#sharedCounts, count)
    this.#values = grown(this.#values, count)
    for (let a = 0; a < this.#groupsOf.length; a++) this.#groups[a] = grown(this.#groups[a]!, count)
  }
}

/** By twice the standing: most are whole numbers or halves of them, and a logarithm takes longer than all else that is asked of a candidate. */
const LOGS = Float64Array.from({ length: 1024 }, (_, doubled) => Math.log(doubled / 2))

function logOf(standing: number): number {
  const doubled = standing * 2
  return doubled < LOGS.length && doubled === Math.floor(doubled) ? LOGS[doubled]! : Math.log(standing)
}
