// From candidates in an order to a list under a placement's rules. What each step leaves to the next, and why in this order, says docs/decisions/0029-rules.md:
// boosts and functions, pins, new items, minimum shares, the rest one place after another (spread, at most so many of a group), items drawn at random, and what fills up.

import { empty } from '../../lib/empty.ts'
import { grown } from '../../lib/grown.ts'
import type { Rng } from '../../lib/rng.ts'
import type { Answer } from '../answer.ts'
import type { ItemBitmap } from '../item-bitmap.ts'
import type { ItemBitmaps } from '../item-bitmaps.ts'
import type { ItemGroups } from '../item-groups.ts'
import { shareOfPlaces } from '../new-items.ts'
import { CandidateOrder, type Factors } from './candidate-order.ts'
import { Draw } from './draw.ts'
import { type FunctionRules, LEFT_OUT } from './function-rules.ts'
import { PlaceOrder } from './place-order.ts'
import type { ArrangingRules, Minimum, Pin } from './placement-rules.ts'
import type { RuleTracer } from './rule-tracer.ts'
import { SpreadWindow } from './spread-window.ts'

/** The name under which pinned items appear in an answer. */
export const PINNED = 'pinned'

/** What the list is made for. */
export interface Arranging {
  readonly rules: ArrangingRules
  /** In their order, without any rule but what is allowed. */
  readonly candidates: Answer
  /** Begun, empty, for the list. */
  readonly answer: Answer
  readonly allowed: ItemBitmap
  /** With the columns of `groupColumns`. */
  readonly itemGroups: ItemGroups
  /** Places for new items, as far as there are any. */
  readonly newItemCount: number
  /** How many candidates the placement asks for: the scale on which `spread` weighs places. */
  readonly candidateCount: number
  readonly nowMs: number
  readonly functions: FunctionRules
  /** Asked for once, where something is drawn. */
  readonly rng: () => Rng
  /** Of an item that was pinned: undefined for one that nobody has heard of. */
  readonly indexOf: (itemId: string) => number | undefined
  readonly trace: RuleTracer | undefined
}

/** Where items come from that are no candidates. */
export interface ListSources {
  /** Offers new items until the answer holds so many. */
  offerNew(answer: Answer, count: number): void
  /** Offers items that pass a rule's filter, the best first, until the answer is full. */
  offerWith(answer: Answer, minimum: Minimum): void
}

const FREE = 0
/** In the answer for a minimum share, and without a place yet. */
const RESERVED = 1
/** In the list, or not for this list. */
const DONE = 2

/** So many items are looked through one by one. */
const FEW = 8

export class Arrangement {
  readonly #bitmaps: ItemBitmaps
  readonly #order = new CandidateOrder()
  readonly #window = new SpreadWindow()
  readonly #draw = new Draw()
  readonly #places = new PlaceOrder()
  /** By candidate. */
  #factors = new Float64Array(0)
  /** By boost the items that it is for. */
  readonly #boostWords: Uint32Array[] = []
  /** By boost at 2b what a candidate is multiplied by for which it is not, at 2b + 1 by which one for which it is: read by the bit, without a branch that nobody can foresee. */
  readonly #boostFactors: number[] = []
  /** No product of boosts is larger. */
  #largestBoost = 1
  #states = new Uint8Array(0)
  /** By candidate that was reserved: where it is in the answer. */
  #reservedAt = new Int32Array(0)
  #reservedCount = 0
  /** Their places in the order. */
  readonly #reservedPlaces: number[] = []
  /** Where in the answer those are that a minimum brought in and that were no candidates. */
  readonly #extras: number[] = []
  #areReservedOnly = false
  /** Items of the answer that are pinned or new. */
  #leadingCount = 0
  #one!: Arranging
  #propensity = 1
  #drawnFrom = 0

  constructor(bitmaps: ItemBitmaps) {
    this.#bitmaps = bitmaps
  }

  /** Fills `answer` as far as the candidates go. What is offered to it afterwards fills up. `finish` puts it in order. */
  begin(one: Arranging, sources: ListSources): void {
    const { candidates, answer, newItemCount } = one
    const { count } = candidates
    this.#one = one
    this.#reservedCount = 0
    empty(this.#reservedPlaces)
    empty(this.#extras)
    this.#propensity = 1
    this.#states = grown(this.#states, count)
    this.#states.fill(FREE, 0, count)
    this.#reservedAt = grown(this.#reservedAt, count)
    this.#places.begin()
    if (one.trace) one.trace.candidateCount = count
    this.#orderCandidates()
    this.#pin()
    const newFrom = answer.count
    if (newItemCount > 0) sources.offerNew(answer, Math.min(answer.target, newFrom + newItemCount))
    for (let at = newFrom; at < answer.count; at++) this.#places.addNew(at)
    this.#leadingCount = answer.count
    if (one.rules.spread) this.#listAll()
    this.#reserveMinima(sources)
    const drawnCount = this.#drawnCount(answer.count)
    this.#choose(answer.target - drawnCount)
    for (const at of this.#extras) this.#places.add(at)
    this.#drawnFrom = answer.count
    if (drawnCount > 0) this.#explore(drawnCount)
  }

  /** Every item at its place; what came after `begin` behind what it follows. @returns by place how likely its item was to be there; undefined where nothing was left to chance */
  finish(): readonly number[] | undefined {
    const { answer, rules, trace } = this.#one
    const order = this.#places.finish(answer.count)
    answer.arrange(order)
    if (rules.spread) trace?.acts(rules.spread.position)
    if (rules.exploration === undefined) return undefined
    const from = this.#drawnFrom
    const to = from + this.#places.drawnCount
    const propensities = new Array<number>(answer.count).fill(1)
    for (let place = 0; place < answer.count; place++) {
      if (order[place]! >= from && order[place]! < to) propensities[place] = this.#propensity
    }
    return propensities
  }

  // Boosts and functions.

  #orderCandidates(): void {
    const { candidates, rules, functions, candidateCount, itemGroups, trace } = this.#one
    const { count } = candidates
    this.#factors = grown(this.#factors, count)
    empty(this.#boostWords)
    empty(this.#boostFactors)
    this.#largestBoost = 1
    for (const { key, filter, factor } of rules.boosts) {
      this.#boostWords.push(this.#bitmaps.eligible(key, [filter]).words)
      this.#boostFactors.push(1, factor)
      this.#largestBoost *= Math.max(1, factor)
    }
    if (trace) this.#traceBoosts(trace)
    if (rules.functions.length > 0) {
      // What they say must be known of all before anything is in order.
      this.#boost(0, count)
      const isChanged = this.#judge(functions)
      if (isChanged) for (let i = 0; i < count; i++) if (this.#factors[i] === LEFT_OUT) this.#states[i] = DONE
      const isMoved = isChanged || rules.boosts.length > 0
      this.#order.begin(count, isMoved ? { factors: this.#factors, largest: Infinity, fill: () => {} } : undefined)
    } else this.#order.begin(count, rules.boosts.length > 0 ? this.#boosts() : undefined)
    if (rules.spread) {
      this.#window.begin(rules.spread, candidateCount, {
        order: this.#order,
        itemIndexes: candidates.itemIndexes,
        itemGroups,
        mayBeChosen: this.#mayBeChosen,
      })
    }
  }

  #boosts(): Factors {
    return { factors: this.#factors, largest: this.#largestBoost, fill: this.#boost }
  }

  /** The factors of candidates from one to before another, without what functions say. */
  readonly #boost = (from: number, to: number): void => {
    const { candidates, rules } = this.#one
    const { itemIndexes } = candidates
    const factors = this.#factors
    for (let i = from; i < to; i++) factors[i] = 1
    for (let b = 0; b < rules.boosts.length; b++) {
      const words = this.#boostWords[b]!
      const boostFactors = this.#boostFactors
      for (let i = from; i < to; i++) {
        const index = itemIndexes[i]!
        factors[i]! *= boostFactors[b * 2 + ((words[index >> 5]! >>> (index & 31)) & 1)]!
      }
    }
  }

  #judge(functions: FunctionRules): boolean {
    const { candidates, rules, trace } = this.#one
    for (const { position } of rules.functions) trace?.acts(position)
    const before = trace && { places: this.#tracedPlaces(), factors: this.#factors.slice(0, candidates.count) }
    const isChanged = functions.judge(candidates, this.#factors)
    if (trace && before && rules.functions.length === 1) {
      const wasBoosted = (i: number) => this.#factors[i] !== before.factors[i] && this.#factors[i] !== LEFT_OUT
      this.#traceMoves(trace, rules.functions[0]!.position, before.places, wasBoosted)
    }
    return isChanged
  }

  // Fixed places.

  #pin(): void {
    const { rules, answer, nowMs, trace } = this.#one
    for (const pin of rules.pins) {
      if (nowMs < pin.fromMs || nowMs >= pin.untilMs) {
        trace?.failed(pin.position, 'not at this time')
        continue
      }
      const failure = this.#place(pin)
      if (failure === undefined) this.#places.addPinned(answer.count - 1, pin.at)
      else trace?.failed(pin.position, failure)
      if (failure === undefined) trace?.added(pin.position, answer.indexAt(answer.count - 1))
    }
  }

  /** Why it cannot be there; undefined where it is in the answer now. */
  #place({ itemId, at }: Pin): string | undefined {
    const { answer, candidates, allowed, indexOf } = this.#one
    if (at > answer.target) return `the list has ${answer.target} places`
    if (this.#places.isPinned(at)) return `another item is pinned to place ${at}`
    const index = indexOf(itemId)
    if (index === undefined) return 'nobody has heard of this item'
    if (answer.has(index)) return 'the item is pinned to another place'
    if (!allowed.has(index)) return 'the item may not be shown'
    const candidate = candidates.placeOf(index)
    answer.offer(index, candidate < 0 ? 0 : candidates.scoreAt(candidate), PINNED)
    if (!answer.has(index)) return 'another rule is against it'
    return undefined
  }

  // Minimum shares.

  /**
   * Takes the best candidates for every minimum that pins and new items, and the minima before it, leave open; where there are too few, what the catalogue has,
   * before the next minimum takes the place.
   */
  #reserveMinima(sources: ListSources): void {
    const { rules, trace } = this.#one
    for (const minimum of rules.minima) {
      trace?.acts(minimum.position)
      const { words } = this.#bitmaps.eligible(minimum.key, [minimum.filter])
      this.#reserve(minimum, words, this.#missing(minimum, words))
      this.#reserveExtra(minimum, this.#missing(minimum, words), sources)
      trace?.missing(minimum.position, this.#missing(minimum, words))
    }
  }

  #missing({ count }: Minimum, words: Uint32Array): number {
    const { answer } = this.#one
    let missingCount = count
    for (let at = 0; at < answer.count; at++) if (isIn(words, answer.indexAt(at))) missingCount--
    return Math.max(0, missingCount)
  }

  #reserveExtra(minimum: Minimum, missingCount: number, sources: ListSources): void {
    const { answer, trace } = this.#one
    const { target, count } = answer
    if (missingCount === 0 || count === target) return
    answer.aimAt(Math.min(target, count + missingCount))
    sources.offerWith(answer, minimum)
    answer.aimAt(target)
    for (let at = count; at < answer.count; at++) {
      this.#extras.push(at)
      trace?.added(minimum.position, answer.indexAt(at))
    }
  }

  #reserve({ position }: Minimum, words: Uint32Array, missingCount: number): void {
    const { candidates, answer, trace } = this.#one
    const { itemIndexes, count } = candidates
    for (let k = 0; k < count && missingCount > 0 && answer.count < answer.target; k++) {
      const i = this.#order.at(k)
      if (this.#states[i] !== FREE || !isIn(words, itemIndexes[i]!)) continue
      if (!answer.take(itemIndexes[i]!, candidates.scoreAt(i), candidates.generatorAt(i))) {
        this.#states[i] = DONE
        continue
      }
      this.#states[i] = RESERVED
      this.#reservedAt[i] = answer.count - 1
      this.#reservedPlaces[this.#reservedCount++] = k
      missingCount--
      trace?.added(position, itemIndexes[i]!)
    }
  }

  // The rest.

  /** Until the answer holds so many: one place after another, and the reserved ones only once there are no more places than these. */
  #choose(target: number): void {
    const { answer, rules } = this.#one
    this.#areReservedOnly = false
    const { count } = this.#order
    let reservedCount = this.#reservedCount
    let cursor = 0
    for (let openCount = target - answer.count + reservedCount; openCount > 0; openCount--) {
      if (openCount <= reservedCount && !this.#areReservedOnly) this.#bar()
      if (!rules.spread) while (cursor < count && this.#states[this.#order.at(cursor)] === DONE) cursor++
      const chosen = rules.spread ? this.#mostDifferent() : this.#next(cursor)
      if (chosen < 0) return
      const isReserved = this.#states[chosen] === RESERVED
      this.#places.add(isReserved ? this.#reservedAt[chosen]! : answer.count - 1)
      if (isReserved) reservedCount--
      this.#states[chosen] = DONE
    }
  }

  /** From now on only what is reserved may come: there are no more places than these. */
  #bar(): void {
    this.#areReservedOnly = true
    if (this.#one.rules.spread) this.#window.keepOnly(this.#reservedPlaces)
  }

  /** What is in the answer so far has its place. */
  #listAll(): void {
    const { answer } = this.#one
    for (let at = 0; at < answer.count; at++) this.#window.add(answer.indexAt(at))
  }

  /** The best candidate that may come in, in the answer now; -1 where there is none. */
  #next(cursor: number): number {
    for (let k = cursor; k < this.#order.count; k++) {
      const i = this.#order.at(k)
      const state = this.#states[i]
      if (state === RESERVED) return i
      if (state === FREE && !this.#areReservedOnly && this.#takes(i)) return i
    }
    return -1
  }

  /** As `next`, with likeness to the list so far held against relevance. */
  #mostDifferent(): number {
    const { candidates, rules, trace } = this.#one
    const window = this.#window
    for (;;) {
      const place = window.best()
      if (place < 0) return -1
      const chosen = window.candidateAt(place)
      const isIn = this.#states[chosen] === RESERVED || this.#takes(chosen)
      const front = trace && window.front
      window.remove(place)
      if (!isIn) continue
      window.addFrom(place)
      if (trace && place > front!) trace.moved(rules.spread!.position, candidates.itemIndexes[chosen]!, place + 1)
      return chosen
    }
  }

  readonly #mayBeChosen = (i: number): boolean =>
    this.#states[i] === RESERVED || (this.#states[i] === FREE && !this.#areReservedOnly)

  /** False, once and for all, where it may not come in. */
  #takes(i: number): boolean {
    const { answer, candidates } = this.#one
    const isTaken = answer.take(candidates.itemIndexes[i]!, candidates.scoreAt(i), candidates.generatorAt(i))
    if (!isTaken) this.#states[i] = DONE
    return isTaken
  }

  // Items drawn at random.

  /** Places that pins, new items and minimum shares leave to chance. */
  #drawnCount(takenCount: number): number {
    const { rules, answer } = this.#one
    if (rules.exploration === undefined) return 0
    return Math.min(shareOfPlaces(answer.target, rules.exploration.share), answer.target - takenCount)
  }

  #explore(drawnCount: number): void {
    const { rules, answer, candidates, rng, trace } = this.#one
    const { among, position } = rules.exploration!
    trace?.acts(position)
    const draw = this.#draw
    const { count, itemIndexes } = candidates
    const states = this.#states
    draw.begin(answer, drawnCount, Math.min(among, count))
    for (let i = 0; i < count && draw.count < among; i++) {
      if (states[i] === FREE && !this.#isListedApart(itemIndexes[i]!)) draw.offer(i, itemIndexes[i]!)
    }
    if (draw.count === 0) return
    this.#propensity = 1 / draw.count
    const generator = rng()
    for (let n = Math.min(drawnCount, draw.count); n > 0; n--) {
      const i = draw.next(generator)
      const isTaken = answer.take(candidates.itemIndexes[i]!, candidates.scoreAt(i), candidates.generatorAt(i))
      if (!isTaken) continue
      this.#places.addDrawn(answer.count - 1)
      trace?.added(position, candidates.itemIndexes[i]!, this.#propensity)
    }
  }

  /** Whether a candidate is in the answer by another way: pinned, new, or among what a minimum brought in. */
  #isListedApart(index: number): boolean {
    const { answer } = this.#one
    // Mostly a pin or two: these are near, where what `has` looks at lies wherever the item does.
    if (this.#leadingCount + this.#extras.length > FEW) return answer.has(index)
    for (let at = 0; at < this.#leadingCount; at++) if (answer.indexAt(at) === index) return true
    for (const at of this.#extras) if (answer.indexAt(at) === index) return true
    return false
  }

  // For the trace.

  #tracedPlaces(): Int32Array {
    const { count } = this.#one.candidates
    const factors = this.#factors
    const standing = (i: number): number => (i + 1) / factors[i]!
    const order = Int32Array.from({ length: count }, (_, i) => i).sort((a, b) => standing(a) - standing(b) || a - b)
    const places = new Int32Array(count)
    for (const [place, i] of order.entries()) places[i] = place + 1
    return places
  }

  /** Each as if there were none behind it. */
  #traceBoosts(trace: RuleTracer): void {
    const { candidates, rules } = this.#one
    const { count, itemIndexes } = candidates
    this.#factors.fill(1, 0, count)
    for (const [b, { factor, position }] of rules.boosts.entries()) {
      const before = this.#tracedPlaces()
      const isMeant = (i: number) => isIn(this.#boostWords[b]!, itemIndexes[i]!)
      for (let i = 0; i < count; i++) if (isMeant(i)) this.#factors[i]! *= factor
      this.#traceMoves(trace, position, before, isMeant)
    }
  }

  #traceMoves(trace: RuleTracer, position: number, before: Int32Array, isMeant: (i: number) => boolean): void {
    const { itemIndexes } = this.#one.candidates
    trace.acts(position)
    const after = this.#tracedPlaces()
    for (const [i, place] of after.entries()) if (isMeant(i)) trace.moved(position, itemIndexes[i]!, before[i]!, place)
  }
}

const isIn = (words: Uint32Array, index: number): boolean => (words[index >> 5]! & (1 << (index & 31))) !== 0
