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
    for (const { offset, event } of events) {
      if (offset < this.#nextOffset) continue
      this.#nextOffset = offset + 1
      if (event.kind === 'interaction') this.#interact(event)
      else if (event.kind === 'entity') this.#change(event)
      else if (this.shown.isKept) this.#show(event)
    }
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

  #interact(event: InteractionEvent): void {
    const interactionCode = this.interactionCodes.get(event.interaction)
    if (interactionCode === undefined) {
      this.#ignoredCount++
      return
    }
    const row = this.catalogue.rowFor(event.itemId)
    this.popularity.increment(row)
    const weight = interactionWeight(this.weightOf(interactionCode), event.weight)
    this.histories.add(event.userId, { row, eventTimeMs: event.eventTimeMs, interactionCode, weight })
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
