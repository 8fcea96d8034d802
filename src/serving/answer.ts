// The list that a request is answered with, while it is being filled. `offer` is the only way in, so that nothing leaves which is not allowed.
import { grown } from './grown.ts'
import type { ItemBitmap } from './item-bitmap.ts'
import type { ItemIndexes } from './item-indexes.ts'

/** At most `count` items of one group. */
export interface AtMost {
  readonly attribute: string
  readonly count: number
  readonly groupOf: (row: number) => number
}

export class Answer {
  readonly #indexes: ItemIndexes
  #allowed!: ItemBitmap
  #rules: readonly AtMost[] = []
  #target = 0
  #itemIndexes = new Int32Array(64)
  #scores = new Float64Array(64)
  readonly #generators: string[] = []
  #count = 0
  /** A request's number in the place of every item it has taken: nothing has to be cleared between requests. */
  #takenBy = new Uint32Array(0)
  #request = 0
  /** By rule and group: items taken by the request in the same place of `#groupRequests`. */
  readonly #groupCounts: Int32Array[] = []
  readonly #groupRequests: Uint32Array[] = []
  #blockedCount = 0
  #invalidCount = 0

  constructor(indexes: ItemIndexes) {
    this.#indexes = indexes
  }

  /** Empty again, for a list out of `allowed`. */
  begin(allowed: ItemBitmap, rules: readonly AtMost[], target: number): void {
    this.#allowed = allowed
    this.#rules = rules
    this.#target = target
    this.#count = 0
    this.#blockedCount = 0
    this.#invalidCount = 0
    this.#takenBy = grown(this.#takenBy, this.#indexes.indexCount)
    if (this.#request === 0xffffffff) {
      for (const requests of [this.#takenBy, ...this.#groupRequests]) requests.fill(0)
      this.#request = 0
    }
    this.#request++
    this.#itemIndexes = grown(this.#itemIndexes, target)
    this.#scores = grown(this.#scores, target)
  }

  /** Takes the item if it may be in the list and is not yet. Items that a generator must not have proposed are counted as invalid. */
  offer(index: number, score: number, generator: string): void {
    if (this.isFull) return
    if (index < 0 || index >= this.#indexes.indexCount || !Number.isFinite(score) || !this.#allowed.has(index)) {
      this.#invalidCount++
      return
    }
    if (this.#takenBy[index] === this.#request) return
    if (this.#rules.length > 0 && !this.#countGroups(this.#indexes.rowOf(index))) {
      this.#blockedCount++
      return
    }
    this.#takenBy[index] = this.#request
    this.#itemIndexes[this.#count] = index
    this.#scores[this.#count] = score
    this.#generators[this.#count] = generator
    this.#count++
  }

  get isFull(): boolean {
    return this.#count === this.#target
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

  /** Offers of items that are excluded, do not exist, or have no finite score. */
  get invalidCount(): number {
    return this.#invalidCount
  }

  indexAt(place: number): number {
    return this.#itemIndexes[place]!
  }

  scoreAt(place: number): number {
    return this.#scores[place]!
  }

  generatorAt(place: number): string {
    return this.#generators[place]!
  }

  /** Calls back once with every group of which no more items may come. */
  forEachFullGroup(visit: (attribute: string, group: number) => void): void {
    for (let rule = 0; rule < this.#rules.length; rule++) {
      const { attribute, count, groupOf } = this.#rules[rule]!
      const full = new Set<number>()
      for (let place = 0; place < this.#count; place++) {
        const group = groupOf(this.#indexes.rowOf(this.#itemIndexes[place]!))
        if (group >= 0 && this.#groupCount(rule, group) >= count) full.add(group)
      }
      for (const group of full) visit(attribute, group)
    }
  }

  /** False, and nothing counted, where one of the item's groups is full. Items without the attribute are not limited. */
  #countGroups(row: number): boolean {
    for (let rule = 0; rule < this.#rules.length; rule++) {
      const { count, groupOf } = this.#rules[rule]!
      const group = groupOf(row)
      if (group >= 0 && this.#groupCount(rule, group) >= count) return false
    }
    for (let rule = 0; rule < this.#rules.length; rule++) {
      const group = this.#rules[rule]!.groupOf(row)
      if (group < 0) continue
      const count = this.#groupCount(rule, group)
      const counts = (this.#groupCounts[rule] = grown(this.#groupCounts[rule] ?? new Int32Array(0), group + 1))
      const requests = (this.#groupRequests[rule] = grown(this.#groupRequests[rule] ?? new Uint32Array(0), group + 1))
      counts[group] = count + 1
      requests[group] = this.#request
    }
    return true
  }

  #groupCount(rule: number, group: number): number {
    return this.#groupRequests[rule]?.[group] === this.#request ? this.#groupCounts[rule]![group]! : 0
  }
}
