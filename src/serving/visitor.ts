// Who asks: the history that candidates are made from, and the items that must not be shown to them.
import type { RecommendRequest } from '../domain/recommendation.ts'
import { grown } from '../lib/grown.ts'
import type { History } from '../ports/candidate-generator.ts'
import type { ItemBitmap } from './item-bitmap.ts'
import type { ItemIndexes } from './item-indexes.ts'
import type { LiveState } from './live-state.ts'
import type { Placement } from './placement.ts'
import type { RuleTracer } from './rules/rule-tracer.ts'

/** The newest items of a history that its content is judged by. */
const CONTENT_HISTORY_LENGTH = 20

/** One visitor after another, in the same arrays. */
export class Visitor {
  readonly #live: LiveState
  readonly #indexes: ItemIndexes
  readonly #lightestInteractionCode: number
  #itemIndexes = new Int32Array(512)
  #weights = new Float32Array(512)
  #length = 0
  /** A ring: newer items overwrite the oldest. */
  readonly #newestRows = new Int32Array(CONTENT_HISTORY_LENGTH)
  #rowCount = 0
  #excludedCount = 0
  #notInteractedCount = 0
  #trace: RuleTracer | undefined
  #history: History = { itemIndexes: new Int32Array(0), weights: new Float32Array(0) }

  constructor(live: LiveState, indexes: ItemIndexes) {
    this.#live = live
    this.#indexes = indexes
    const codes = [...live.interactionCodes.values()]
    this.#lightestInteractionCode = codes.reduce(
      (best, code) => (live.weightOf(code) < live.weightOf(best) ? code : best),
      0,
    )
  }

  /** What is known of the user, then what the request says of the moments before it; items that must not be shown are withheld from `allowed`. */
  read(
    request: RecommendRequest,
    placement: Placement,
    allowed: ItemBitmap,
    { nowMs, trace }: { readonly nowMs: number; readonly trace?: RuleTracer | undefined },
  ): void {
    this.#trace = trace
    this.#length = 0
    this.#rowCount = 0
    this.#excludedCount = 0
    this.#notInteractedCount = 0
    this.#exclude(request, allowed)
    if (request.userId !== undefined) this.#readLog(request.userId, request, placement, allowed, nowMs)
    this.#readRecent(request, placement, allowed)
    this.#history = {
      itemIndexes: this.#itemIndexes.subarray(0, this.#length),
      weights: this.#weights.subarray(0, this.#length),
    }
  }

  /** Of the model's items only. */
  get history(): History {
    return this.#history
  }

  /** Items withheld because the request excludes them or they were seen. */
  get excludedCount(): number {
    return this.#excludedCount
  }

  /** Items withheld by rules only. */
  get notInteractedCount(): number {
    return this.#notInteractedCount
  }

  /** Calls back with the newest items, those that no model knows too. */
  forEachNewestRow(visit: (row: number) => void): void {
    for (let i = 0; i < Math.min(this.#rowCount, CONTENT_HISTORY_LENGTH); i++) visit(this.#newestRows[i]!)
  }

  #exclude({ exclude, alreadyShown }: RecommendRequest, allowed: ItemBitmap): void {
    this.#excludeAll(exclude, allowed)
    this.#excludeAll(alreadyShown, allowed)
  }

  #excludeAll(itemIds: readonly string[] | undefined, allowed: ItemBitmap): void {
    for (const itemId of itemIds ?? []) {
      const row = this.#live.catalogue.rowOf(itemId)
      if (row !== undefined && allowed.withhold(this.#indexes.indexOf(row))) this.#excludedCount++
    }
  }

  #readLog(userId: string, request: RecommendRequest, placement: Placement, allowed: ItemBitmap, nowMs: number): void {
    const isSeenAllowed = request.includeSeen ?? placement.plan.includeSeen
    const isAnyWithheld = !isSeenAllowed || placement.notInteracted.length > 0
    if (isAnyWithheld) {
      this.#live.histories.forEachOlder(userId, (row, interactionCode, eventTimeMs) => {
        this.#withhold(
          this.#indexes.indexOf(row),
          interactionCode,
          nowMs - eventTimeMs,
          isSeenAllowed,
          placement,
          allowed,
        )
      })
    }
    const history = this.#live.histories.historyOf(userId)
    if (history === undefined) return
    const { rows, eventTimesMs, interactionCodes, weights, start, end } = history
    for (let i = start; i < end; i++) {
      const row = rows[i]!
      const index = this.#indexes.indexOf(row)
      if (isAnyWithheld)
        this.#withhold(index, interactionCodes[i]!, nowMs - eventTimesMs[i]!, isSeenAllowed, placement, allowed)
      this.#push(row, index, weights[i]!)
    }
  }

  /** Unknown items say nothing and are passed over. */
  #readRecent(request: RecommendRequest, placement: Placement, allowed: ItemBitmap): void {
    const isSeenAllowed = request.includeSeen ?? placement.plan.includeSeen
    for (const { itemId, interaction } of request.recent ?? []) {
      const row = this.#live.catalogue.rowOf(itemId)
      if (row === undefined) continue
      const index = this.#indexes.indexOf(row)
      const code =
        interaction === undefined ? this.#lightestInteractionCode : this.#live.interactionCodes.get(interaction)!
      this.#withhold(index, code, 0, isSeenAllowed, placement, allowed)
      this.#push(row, index, this.#live.weightOf(code))
    }
  }

  #withhold(
    index: number,
    code: number,
    ageMs: number,
    isSeenAllowed: boolean,
    placement: Placement,
    allowed: ItemBitmap,
  ): void {
    if (!isSeenAllowed) {
      if (allowed.withhold(index)) this.#excludedCount++
      return
    }
    for (const rule of placement.notInteracted) {
      if (rule.interactionCode !== code || ageMs > rule.withinMs || !allowed.withhold(index)) continue
      this.#notInteractedCount++
      this.#trace?.removed(rule.position, index)
    }
  }

  #push(row: number, index: number, weight: number): void {
    this.#newestRows[this.#rowCount++ % CONTENT_HISTORY_LENGTH] = row
    if (index >= this.#indexes.modelItemCount) return
    if (this.#length === this.#itemIndexes.length) {
      this.#itemIndexes = grown(this.#itemIndexes, this.#length + 1)
      this.#weights = grown(this.#weights, this.#itemIndexes.length)
    }
    this.#itemIndexes[this.#length] = index
    this.#weights[this.#length++] = weight
  }
}
