// The list that a request is answered with, while it is being filled. `offer` and `take` are the only ways in, so that nothing leaves which is not allowed.

import { grown } from '../lib/grown.ts'
import { type AtMost, GroupCounts } from './group-counts.ts'
import type { ItemBitmap } from './item-bitmap.ts'
import type { ItemGroups } from './item-groups.ts'
import type { ItemIndexes } from './item-indexes.ts'

/** Whether an item may come in, beyond what is allowed and what `AtMost` says. */
export type Gate = (index: number, score: number, generator: string) => boolean

export interface AnswerHooks {
  readonly gate?: Gate | undefined
  /** Told of every item that a rule turns away. */
  readonly onBlocked?: ((index: number, rule: AtMost) => void) | undefined
  /** Where the groups of the rules are, its first columns, in the rules' order; without it the catalogue is asked. */
  readonly itemGroups?: ItemGroups | undefined
}

/** By place. */
export interface LoadedList {
  readonly itemIndexes: Int32Array
  readonly scores: Float64Array
  /** The place among `generatorNames` of the one that the item came from. */
  readonly proposers: Uint8Array
  readonly generatorNames: readonly string[]
}

/** After so many items turned away by the gate no more are asked about: it is code of a user's, and a catalogue may hold millions. */
const REFUSED_COUNT_MAX = 5_000

export class Answer {
  readonly #indexes: ItemIndexes
  readonly #groups = new GroupCounts()
  #itemGroups: ItemGroups | undefined
  #allowed!: ItemBitmap
  #rules: readonly AtMost[] = []
  #gate: Gate | undefined
  #onBlocked: AnswerHooks['onBlocked']
  #target = 0
  #itemIndexes: Int32Array = new Int32Array(64)
  #scores: Float64Array = new Float64Array(64)
  #generators: string[] = []
  /** What says who proposed an item, for a list that was loaded. */
  #loaded: LoadedList | undefined
  /** Where a list was loaded, which is read where it lies: the arrays that offers go to. */
  #own: { readonly itemIndexes: Int32Array; readonly scores: Float64Array } | undefined
  #count = 0
  /** In the place of the three above while they are put in another order. */
  #spare: { readonly itemIndexes: Int32Array; readonly scores: Float64Array; readonly generators: string[] } = {
    itemIndexes: new Int32Array(64),
    scores: new Float64Array(64),
    generators: [],
  }
  /** A request's number in the place of every item it has taken: nothing has to be cleared between requests. */
  #takenBy = new Uint32Array(0)
  #request = 0
  #blockedCount = 0
  #refusedCount = 0
  #invalidCount = 0

  constructor(indexes: ItemIndexes) {
    this.#indexes = indexes
  }

  /** Empty again, for a list out of `allowed`. */
  begin(
    allowed: ItemBitmap,
    rules: readonly AtMost[],
    target: number,
    { gate, onBlocked, itemGroups }: AnswerHooks = noHooks,
  ): void {
    this.#allowed = allowed
    this.#rules = rules
    this.#gate = gate
    this.#onBlocked = onBlocked
    this.#itemGroups = itemGroups
    this.#target = target
    this.#count = 0
    if (this.#own !== undefined) {
      this.#itemIndexes = this.#own.itemIndexes
      this.#scores = this.#own.scores
      this.#own = undefined
    }
    this.#loaded = undefined
    this.#blockedCount = 0
    this.#refusedCount = 0
    this.#invalidCount = 0
    this.#groups.begin()
    this.#takenBy = grown(this.#takenBy, this.#indexes.indexCount)
    if (this.#request === 0xffffffff) {
      this.#takenBy.fill(0)
      this.#request = 0
    }
    this.#request++
    this.#reserve(target)
  }

  /**
   * Takes a whole list at once into an empty one, without a look at it and without a copy, so that it must not change: for a list that is only chosen from, since what may not be shown is turned away then. No item may be in it twice,
   * and nothing may be offered afterwards.
   */
  load(list: LoadedList): void {
    const { itemIndexes, scores } = list
    const count = Math.min(itemIndexes.length, this.#target)
    this.#own = { itemIndexes: this.#itemIndexes, scores: this.#scores }
    this.#itemIndexes = itemIndexes
    this.#scores = scores
    this.#loaded = list
    this.#count = count
  }

  /** From now on so many items are wanted; no fewer than there are. */
  aimAt(target: number): void {
    this.#target = target
    this.#reserve(target)
  }

  /** Takes the item if it may be in the list and is not yet. Items that a generator must not have proposed are counted as invalid. */
  offer(index: number, score: number, generator: string): void {
    if (this.#gate === undefined) this.take(index, score, generator)
    else if (!this.isClosed && this.#allowed.has(index) && !this.has(index) && !this.#gate(index, score, generator)) {
      this.#refusedCount++
    } else this.take(index, score, generator)
  }

  /** As `offer`, for items that the gate was asked about already. @returns whether it is in the list now and was not before */
  take(index: number, score: number, generator: string): boolean {
    if (this.#count >= this.#target) return false
    if (index < 0 || index >= this.#indexes.indexCount || !Number.isFinite(score) || !this.#allowed.has(index)) {
      this.#invalidCount++
      return false
    }
    if (this.#takenBy[index] === this.#request) return false
    if (this.#rules.length > 0 && !this.#countGroups(index)) {
      this.#blockedCount++
      return false
    }
    this.#takenBy[index] = this.#request
    this.#itemIndexes[this.#count] = index
    this.#scores[this.#count] = score
    this.#generators[this.#count] = generator
    this.#count++
    return true
  }

  /** Puts what it holds in another order. @param order by place where the item is now: every place once */
  arrange(order: ArrayLike<number>): void {
    const count = this.#count
    const itemIndexes = grown(this.#spare.itemIndexes, this.#itemIndexes.length)
    const scores = grown(this.#spare.scores, this.#scores.length)
    const { generators } = this.#spare
    for (let place = 0; place < count; place++) {
      const from = order[place]!
      itemIndexes[place] = this.#itemIndexes[from]!
      scores[place] = this.#scores[from]!
      generators[place] = this.#generators[from]!
    }
    this.#spare = { itemIndexes: this.#itemIndexes, scores: this.#scores, generators: this.#generators }
    this.#itemIndexes = itemIndexes
    this.#scores = scores
    this.#generators = generators
  }

  /**
   * The last look at a list before it leaves: takes out whatever is in it twice, is not allowed, or has no finite score. The ways in see to that as well; this does not rely on them.
   * @returns how many items it took out
   */
  withdrawInvalid(): number {
    const seen = new Set<number>()
    let kept = 0
    for (let place = 0; place < this.#count; place++) {
      const index = this.#itemIndexes[place]!
      const score = this.#scores[place]!
      const isKnown = index >= 0 && index < this.#indexes.indexCount
      if (!isKnown || !this.#allowed.has(index) || !Number.isFinite(score) || seen.has(index)) continue
      seen.add(index)
      this.#itemIndexes[kept] = index
      this.#scores[kept] = score
      this.#generators[kept] = this.#generators[place]!
      kept++
    }
    const withdrawnCount = this.#count - kept
    this.#count = kept
    return withdrawnCount
  }

  /** Whether nothing more comes in: it is full, or the gate has turned away too many. */
  get isClosed(): boolean {
    return this.#count >= this.#target || this.#refusedCount >= REFUSED_COUNT_MAX
  }

  /** Items wanted. */
  get target(): number {
    return this.#target
  }

  get count(): number {
    return this.#count
  }

  /** Offers that a rule has turned away. */
  get blockedCount(): number {
    return this.#blockedCount
  }

  /** Offers that the gate has turned away. */
  get refusedCount(): number {
    return this.#refusedCount
  }

  /** Offers of items that are excluded, do not exist, or have no finite score. */
  get invalidCount(): number {
    return this.#invalidCount
  }

  /** By place, up to `count`; good until the next change. */
  get itemIndexes(): Int32Array {
    return this.#itemIndexes
  }

  has(index: number): boolean {
    return this.#takenBy[index] === this.#request
  }

  isAllowed(index: number): boolean {
    return this.#allowed.has(index)
  }

  /** The item's group, by the rule's place in the list's rules; -1 for an item without the attribute. */
  groupOf(rule: number, index: number): number {
    if (this.#itemGroups !== undefined) return this.#itemGroups.of(rule, index)
    return this.#rules[rule]!.groupOf(this.#indexes.rowOf(index))
  }

  /** How many more of a group may come. */
  roomIn(rule: number, group: number): number {
    return this.#rules[rule]!.count - this.#groups.of(rule, group)
  }

  get rules(): readonly AtMost[] {
    return this.#rules
  }

  /** -1 where it is not in. Costs a look at every place. */
  placeOf(index: number): number {
    const itemIndexes = this.#itemIndexes
    const count = this.#count
    let place = 0
    while (place < count && itemIndexes[place] !== index) place++
    return place < count ? place : -1
  }

  indexAt(place: number): number {
    return this.#itemIndexes[place]!
  }

  scoreAt(place: number): number {
    return this.#scores[place]!
  }

  generatorAt(place: number): string {
    const loaded = this.#loaded
    return loaded === undefined ? this.#generators[place]! : loaded.generatorNames[loaded.proposers[place]!]!
  }

  /** Calls back once with every group of which no more items may come. */
  forEachFullGroup(visit: (attribute: string, group: number) => void): void {
    for (let rule = 0; rule < this.#rules.length; rule++) {
      const { attribute, count, groupOf } = this.#rules[rule]!
      const full = new Set<number>()
      for (let place = 0; place < this.#count; place++) {
        const group = groupOf(this.#indexes.rowOf(this.#itemIndexes[place]!))
        if (group >= 0 && this.#groups.of(rule, group) >= count) full.add(group)
      }
      for (const group of full) visit(attribute, group)
    }
  }

  #reserve(target: number): void {
    this.#itemIndexes = grown(this.#itemIndexes, target)
    this.#scores = grown(this.#scores, target)
  }

  /** False, and nothing counted, where a group of it is full. Items without the attribute are not limited. */
  #countGroups(index: number): boolean {
    const rules = this.#rules
    for (let rule = 0; rule < rules.length; rule++) {
      const against = rules[rule]!
      const group = this.groupOf(rule, index)
      if (group >= 0 && this.#groups.of(rule, group) >= against.count) {
        this.#onBlocked?.(index, against)
        return false
      }
    }
    for (let rule = 0; rule < rules.length; rule++) {
      const group = this.groupOf(rule, index)
      if (group >= 0) this.#groups.add(rule, group)
    }
    return true
  }
}

const noHooks: AnswerHooks = {}
