// Maximal marginal relevance, one place after another: Carbonell & Goldstein, "The use of MMR, diversity-based reranking for reordering documents and producing summaries", SIGIR
// 1998, argmax of lambda * relevance - (1 - lambda) * largest likeness to what is chosen, with lambda = 1 - strength.
// We differ: relevance goes by the place among the candidates, 1 - ln(place) / ln(candidates + 1), since scores of different rankers and generators have no common scale. Likeness is
// the share of the given attributes in which two items agree.
//
// Relevance only falls along the candidates, so that of all that have equally many attributes in common with the list only the first can be next: the candidates wait in one set for
// each such number, and only the firsts are weighed against each other. And as the list grows likeness only rises: a candidate may stay in the set where it was until it is the best
// of the firsts, and is compared then with what has come into the list meanwhile (as lazy greedy algorithms do: Minoux, "Accelerated greedy algorithms for maximizing submodular set
// functions", 1978). Most are never compared with anything.

import { grown } from '../../lib/grown.ts'
import type { ItemGroups } from '../item-groups.ts'
import type { CandidateOrder } from './candidate-order.ts'
import { PlaceSet } from './place-set.ts'
import type { Spread } from './placement-rules.ts'

/** What the window asks about candidates. */
export interface SpreadCandidates {
  readonly order: CandidateOrder
  /** By candidate. */
  readonly itemIndexes: Int32Array
  /** With all columns of the rule. */
  readonly itemGroups: ItemGroups
  /** By candidate: whether it may be chosen. Who may not once, may not later. */
  mayBeChosen(candidate: number): boolean
}

/** Candidates whose groups are looked up together. */
const PORTION = 32

/** The candidates as far down as anybody looks, by their place in the order, from 0. */
export class SpreadWindow {
  /** Attributes. */
  #width = 0
  #strength = 0
  #scale = 1
  #one!: SpreadCandidates
  /** By attribute in `itemGroups`. */
  readonly #columns: number[] = []
  #loadedCount = 0
  /** By place. */
  #candidates = new Int32Array(64)
  #relevances = new Float64Array(64)
  /** Places x attributes, row-major. */
  #groups = new Int32Array(128)
  /** By place: attributes in common with the most alike of the first so many items of the list. */
  #commonCounts = new Uint8Array(64)
  #comparedCounts = new Int32Array(64)
  /** By attributes in common: the places that may come next. */
  readonly #waiting: PlaceSet[] = []
  /** Of the list so far: items x attributes, row-major. */
  #listed = new Int32Array(128)
  #listedCount = 0

  /** @param candidateCount of the placement: at this place relevance is about 0 */
  begin({ groupsOf, strength }: Spread, candidateCount: number, one: SpreadCandidates): void {
    const width = groupsOf.length
    this.#width = width
    this.#strength = strength
    this.#scale = Math.log(candidateCount + 1)
    this.#one = one
    this.#loadedCount = 0
    this.#listedCount = 0
    for (let a = 0; a < width; a++) this.#columns[a] = one.itemGroups.columns.indexOf(groupsOf[a]!)
    while (this.#waiting.length <= width) this.#waiting.push(new PlaceSet())
    for (let common = 0; common <= width; common++) this.#waiting[common]!.clear()
  }

  /** An item that is no candidate of the window is in the list now. */
  add(index: number): void {
    const from = this.#listedPlace()
    for (let a = 0; a < this.#width; a++) this.#listed[from + a] = this.#one.itemGroups.of(this.#columns[a]!, index)
  }

  /** The candidate at that place, which is removed, is in the list now. */
  addFrom(place: number): void {
    const from = this.#listedPlace()
    const width = this.#width
    for (let a = 0; a < width; a++) this.#listed[from + a] = this.#groups[place * width + a]!
  }

  /** Where the groups of the next item of the list go. */
  #listedPlace(): number {
    const from = this.#listedCount++ * this.#width
    if (this.#listed.length < from + this.#width) this.#listed = grown(this.#listed, from + this.#width)
    return from
  }

  /** The place of the candidate that comes next: the one further up among equals; -1 where there is none. */
  best(): number {
    let best = -1
    let bestValue = Number.NEGATIVE_INFINITY
    // From the most alike on: what is found there often ends the search among those that were compared with little so far.
    for (let common = this.#width; common >= 0; common--) {
      const waiting = this.#waiting[common]!
      for (;;) {
        const place = waiting.first
        if (place < 0) {
          if (common > 0 || !this.#mayLoadBetter(bestValue)) break
          this.#loadMore()
          continue
        }
        // No more than this: it may have come to have more in common since.
        const valueMax = this.#valueOf(place, common)
        if (valueMax < bestValue || (valueMax === bestValue && place > best)) break
        const commonNow = this.#compare(place)
        const value = commonNow === common ? valueMax : this.#valueOf(place, commonNow)
        if (value > bestValue || (value === bestValue && place < best)) {
          best = place
          bestValue = value
        }
        if (commonNow === common) break
      }
    }
    return best
  }

  #valueOf(place: number, common: number): number {
    return this.#relevances[place]! - (this.#strength * common) / this.#width
  }

  /** Whether one that is not known yet may be better. */
  #mayLoadBetter(value: number): boolean {
    const loadedCount = this.#loadedCount
    return loadedCount < this.#one.order.count && (loadedCount === 0 || this.#relevances[loadedCount - 1]! > value)
  }

  /** Compares a candidate with what has come into the list since the last time. @returns what it has in common with the most alike */
  #compare(place: number): number {
    const width = this.#width
    const groups = this.#groups
    const listed = this.#listed
    const listedCount = this.#listedCount
    const before = this.#commonCounts[place]!
    let most = before
    for (let l = this.#comparedCounts[place]!; l < listedCount && most < width; l++) {
      let common = 0
      for (let a = 0; a < width; a++) {
        const group = groups[place * width + a]!
        if (group >= 0 && group === listed[l * width + a]) common++
      }
      if (common > most) most = common
    }
    this.#comparedCounts[place] = listedCount
    if (most === before) return most
    this.#commonCounts[place] = most
    this.#waiting[before]!.delete(place)
    this.#waiting[most]!.add(place)
    return most
  }

  candidateAt(place: number): number {
    return this.#candidates[place]!
  }

  /** It is in the list, or does not come into it: `best` passes over it. */
  remove(place: number): void {
    this.#waiting[this.#commonCounts[place]!]!.delete(place)
  }

  /** From now on only the candidates at these places may come, where they were not removed. */
  keepOnly(places: readonly number[]): void {
    const loadedCount = this.#loadedCount
    for (let place = 0; place < loadedCount; place++) if (!places.includes(place)) this.remove(place)
    for (const place of places) if (place >= loadedCount) this.#load(place, place + 1)
    this.#loadedCount = this.#one.order.count
  }

  /** The first place that was not removed. */
  get front(): number {
    let front = this.#one.order.count
    for (let common = 0; common <= this.#width; common++) {
      const place = this.#waiting[common]!.first
      if (place >= 0 && place < front) front = place
    }
    return front
  }

  #loadMore(): void {
    const from = this.#loadedCount
    this.#loadedCount = Math.min(from + PORTION, this.#one.order.count)
    this.#load(from, this.#loadedCount)
  }

  /** What is known of candidates whatever the list: of those at places from one to before another. */
  #load(from: number, to: number): void {
    const { order, itemIndexes, itemGroups } = this.#one
    this.#reserve(to)
    const candidates = this.#candidates
    const groups = this.#groups
    const width = this.#width
    for (let place = from; place < to; place++) candidates[place] = order.at(place)
    const { table } = itemGroups
    const tableWidth = itemGroups.columns.length
    for (let a = 0; a < width; a++) {
      const column = this.#columns[a]!
      for (let place = from; place < to; place++) {
        groups[place * width + a] = table[itemIndexes[candidates[place]!]! * tableWidth + column]! - 1
      }
    }
    const most = 1 - this.#strength
    for (let place = from; place < to; place++) {
      const candidate = candidates[place]!
      this.#commonCounts[place] = 0
      this.#comparedCounts[place] = 0
      this.#relevances[place] = most * (1 - logOf(order.standingOf(candidate)) / this.#scale)
      if (this.#one.mayBeChosen(candidate)) this.#waiting[0]!.add(place)
    }
  }

  #reserve(count: number): void {
    for (let common = 0; common <= this.#width; common++) this.#waiting[common]!.reserve(count)
    if (this.#relevances.length >= count && this.#groups.length >= count * this.#width) return
    this.#candidates = grown(this.#candidates, count)
    this.#relevances = grown(this.#relevances, count)
    this.#groups = grown(this.#groups, count * this.#width)
    this.#commonCounts = grown(this.#commonCounts, count)
    this.#comparedCounts = grown(this.#comparedCounts, count)
  }
}

/** By twice the standing: most are whole numbers or halves of them, and a logarithm takes longer than all else that is asked of a candidate. */
const LOGS = Float64Array.from({ length: 1024 }, (_, doubled) => Math.log(doubled / 2))

function logOf(standing: number): number {
  const doubled = standing * 2
  return doubled < LOGS.length && doubled === Math.floor(doubled) ? LOGS[doubled]! : Math.log(standing)
}
