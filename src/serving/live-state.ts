// What the log says now, as far as answers need it: items, users' histories, counts. Rebuilt from the log at every start; nothing else writes it.
import assert from 'node:assert/strict'
import type { Plan } from '../config/plan.ts'
import type { EntityEvent, ImpressionEvent, InteractionEvent } from '../domain/event.ts'
import { interactionWeight } from '../domain/interaction-weight.ts'
import type { StoredEvent } from '../ports/event-log.ts'
import { Catalogue } from './catalogue.ts'
import { LivePopularity } from './live-popularity.ts'
import { ShownItems } from './shown-items.ts'
import { MAX_INTERACTION_KIND_COUNT, UserHistories } from './user-histories.ts'

/** Events whose users and items are looked up together: what that brings into the processor's caches stays there until it is wanted. */
const AHEAD = 256

export interface LiveStateOptions {
  /** The newest interactions kept of each user, one by one; at most 32,768. Default 500: beyond that, fold-in hardly changes. */
  readonly historyLength?: number
}

export class LiveState {
  readonly catalogue: Catalogue
  readonly histories: UserHistories
  readonly popularity = new LivePopularity()
  /** What `rotate` counts; empty where no placement has such a rule. */
  readonly shown: ShownItems
  /** Names of the plan's interactions to the codes in histories. */
  readonly interactionCodes: ReadonlyMap<string, number>
  readonly #interactionWeights: readonly number[]
  /** Of the interactions that are taken in now: ids, what was looked up of them. */
  readonly #userIds: string[] = []
  readonly #itemIds: string[] = []
  readonly #users = new Int32Array(AHEAD)
  readonly #rows = new Int32Array(AHEAD)
  #nextOffset = 0
  #ignoredCount = 0

  constructor(plan: Pick<Plan, 'data' | 'serving'>, options: LiveStateOptions = {}) {
    const interactions = Object.entries(plan.data.interactions)
    assert(interactions.length <= MAX_INTERACTION_KIND_COUNT, `at most ${MAX_INTERACTION_KIND_COUNT} interactions`)
    this.interactionCodes = new Map(interactions.map(([name], code) => [name, code]))
    this.#interactionWeights = interactions.map(([, { weight }]) => weight)
    this.catalogue = new Catalogue(plan.data.entities.item)
    this.histories = new UserHistories(options.historyLength)
    this.shown = shownItemsFor(plan)
  }

  /** Takes in events, in the order of their offsets. Those it has had already are skipped, so that a batch may be given twice. */
  apply(events: readonly StoredEvent[]): void {
    for (let from = 0; from < events.length; from += AHEAD)
      this.#apply(events, from, Math.min(from + AHEAD, events.length))
  }

  #apply(events: readonly StoredEvent[], from: number, to: number): void {
    this.#lookAhead(events, from, to)
    let interactionNumber = 0
    for (let n = from; n < to; n++) {
      const { offset, event } = events[n]!
      const number = event.kind === 'interaction' ? interactionNumber++ : -1
      if (offset < this.#nextOffset) continue
      this.#nextOffset = offset + 1
      if (event.kind === 'interaction') this.#interact(event, number)
      else if (event.kind === 'entity') this.#change(event)
      else if (this.shown.isKept) this.#show(event)
    }
  }

  /** Users and items of the interactions, looked up side by side. Rows and users' numbers never change; those that are not known yet are -1. */
  #lookAhead(events: readonly StoredEvent[], from: number, to: number): void {
    this.#userIds.length = 0
    this.#itemIds.length = 0
    for (let n = from; n < to; n++) {
      const { event } = events[n]!
      if (event.kind !== 'interaction') continue
      this.#userIds.push(event.userId)
      this.#itemIds.push(event.itemId)
    }
    this.catalogue.rowsOf(this.#itemIds, this.#rows)
    this.histories.lookUp(this.#userIds, this.#users)
  }

  /** The offset of the next event it has not had yet: everything before it shows in answers. */
  get nextOffset(): number {
    return this.#nextOffset
  }

  /** Interactions left out because the plan does not name them: written under an older plan. */
  get ignoredCount(): number {
    return this.#ignoredCount
  }

  weightOf(interactionCode: number): number {
    return this.#interactionWeights[interactionCode]!
  }

  /** @param number among the interactions that were looked up */
  #interact(event: InteractionEvent, number: number): void {
    const interactionCode = this.interactionCodes.get(event.interaction)
    if (interactionCode === undefined) {
      this.#ignoredCount++
      return
    }
    const knownRow = this.#rows[number]!
    const row = knownRow < 0 ? this.catalogue.rowFor(event.itemId) : knownRow
    this.popularity.increment(row)
    const weight = interactionWeight(this.weightOf(interactionCode), event.weight)
    const entry = { row, eventTimeMs: event.eventTimeMs, interactionCode, weight }
    this.histories.add(event.userId, entry, this.#users[number]!)
  }

  #change(event: EntityEvent): void {
    if (event.entity === 'item') this.catalogue.change(event)
    else if (event.change === 'delete') {
      this.histories.remove(event.entityId, event.eventTimeMs)
      this.shown.remove(event.entityId, event.eventTimeMs)
    }
  }

  /** Items that nobody has heard of were shown by someone else, and are none to show here. */
  #show({ userId, itemIds, eventTimeMs }: ImpressionEvent): void {
    if (eventTimeMs <= this.histories.deletedTimeMsOf(userId)) return
    const rows = itemIds.flatMap((itemId) => this.catalogue.rowOf(itemId) ?? [])
    this.shown.add(userId, rows, eventTimeMs)
  }
}

/** Other placements show items, too, and some of them again: four times what the rule itself would need. */
const LISTS_BESIDE = 4

function shownItemsFor({ serving }: Pick<Plan, 'serving'>): ShownItems {
  let perUser = 0
  let windowMs = 0
  for (const { limit, rules } of Object.values(serving.placements)) {
    for (const rule of rules) {
      if (rule.kind !== 'rotate') continue
      perUser = Math.max(perUser, rule.shownCount * limit * LISTS_BESIDE)
      windowMs = Math.max(windowMs, rule.withinMs)
    }
  }
  return new ShownItems(perUser, windowMs)
}
