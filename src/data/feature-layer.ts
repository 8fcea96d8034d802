// One layer of feature state, followed along the log: which records the next events touch, what they become, and how far the layer has come. It
// reads the store and says what to write; whoever drives it writes, so that several layers and their places go into one commit.
import type { EntityEvent, EntityName, InteractionEvent, LogEvent } from '../domain/event.ts'
import { countedTimeMs } from '../domain/feature.ts'
import { applyInteraction, type OwnSide } from '../domain/feature-state/apply-interaction.ts'
import { EntityRecord, EntityState } from '../domain/feature-state/entity-state.ts'
import { GroupState, type GroupUpdate, groupForm } from '../domain/feature-state/group-state.ts'
import { type Counting, type Slot, type StateLayout, stateLayout } from '../domain/feature-state/layout.ts'
import { ByteCopies } from '../lib/byte-copies.ts'
import { othersTurn } from '../lib/others-turn.ts'
import type { StoredEvent } from '../ports/event-log.ts'
import type { OnlineStore, RecordPut, SpaceChange } from '../ports/online-store.ts'
import { type LayerPlan, layerSpace } from './feature-manifest.ts'
import { NONE, TouchedEntities, type TouchedEntity } from './touched-entities.ts'

/** How far a layer has come; stored with its records in every commit. */
export interface LayerHead {
  readonly nextOffset: number
  /** The greatest of the events in it, which need not be that of the last one; -1 before the first. Every moment that is answered is later. */
  readonly newestAvailableTimeMs: number
}

export const HEAD_KEY = 'head'
export const entityKey = (entity: EntityName, id: string): string => `${entity === 'user' ? 'u' : 'i'}${id}`
export const groupKey = (version: string, key: string): string => `g${version}${key}`

export const encodeText = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
export const decodeText = (bytes: Uint8Array): unknown =>
  JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())

/** Events or entities after which others get a turn on the thread: a reader waits for a few milliseconds, not for a whole batch. */
const STEPS_PER_TURN = 500

export class FeatureLayer {
  readonly plan: LayerPlan
  readonly #layout: StateLayout
  readonly #store: OnlineStore
  readonly #space: string
  readonly #groups: TwoGenerations<GroupState>
  head: LayerHead

  /** @param cachedGroupCount groups whose state is kept at hand, about */
  constructor(plan: LayerPlan, options: { store: OnlineStore; head: LayerHead; cachedGroupCount: number }) {
    this.plan = plan
    this.#layout = stateLayout(plan.formulas)
    this.#store = options.store
    this.#space = layerSpace(plan.id)
    this.#groups = new TwoGenerations(options.cachedGroupCount)
    this.head = options.head
  }

  /**
   * Takes events in, which follow those it has. After it the state in memory is ahead of the store until what is returned has been committed; where
   * that fails, the layer has to be thrown away.
   */
  async apply(events: readonly StoredEvent[]): Promise<SpaceChange> {
    const batch = await this.#batchOf(events)
    const change = new ChangeOf(this.#space)
    const groups: PendingGroups = new Map()
    // One entity after the other, so that each is decoded and encoded once, and nothing of it outlives its turn.
    for (const by of ['user', 'item'] as const) {
      let turn = 0
      for (const entity of batch.touched[by].all) {
        this.#applyTo(entity, by, { batch, groups, change })
        if (turn++ % STEPS_PER_TURN === STEPS_PER_TURN - 1) await othersTurn()
      }
    }
    await this.#applyToGroups(groups, batch.nowMs, change)
    this.head = { nextOffset: events.at(-1)!.offset + 1, newestAvailableTimeMs: batch.nowMs }
    change.put(HEAD_KEY, encodeText(this.head), undefined)
    return change
  }

  /** Everything that has to be known of the others before entities can be taken one by one. */
  async #batchOf(events: readonly StoredEvent[]): Promise<Batch> {
    const batch = new Batch(this.#layout, events.length)
    const { touched } = batch
    for (let n = 0; n < events.length; n++) {
      const { event } = events[n]!
      if (event.kind === 'entity') {
        touched[event.entity].add(event.entityId, n)
        continue
      }
      // No feature counts what was shown: the layer passes over it.
      if (event.kind === 'impression') continue
      const counting = this.#layout.counting(event.interaction)
      if (counting.needs.user) touched.user.add(event.userId, n)
      if (counting.needs.item) touched.item.add(event.itemId, n)
      batch.countingAt[n] = counting
    }
    for (const by of ['user', 'item'] as const) {
      const { all } = touched[by]
      const records = await this.#read(all.map(({ id }) => entityKey(by, id)))
      for (let n = 0; n < all.length; n++) {
        const bytes = records[n]
        if (bytes !== undefined) all[n]!.begin(new EntityRecord(this.#layout[by], bytes))
      }
    }
    batch.nowMs = this.head.newestAvailableTimeMs
    for (let n = 0; n < events.length; n++) {
      batch.note(n, events[n]!)
      if (n % STEPS_PER_TURN === STEPS_PER_TURN - 1) await othersTurn()
    }
    return batch
  }

  #applyTo(
    entity: TouchedEntity,
    by: EntityName,
    { batch, groups, change }: { batch: Batch; groups: PendingGroups; change: ChangeOf },
  ): void {
    const { user, item } = batch.touched
    const { next } = batch.touched[by]
    const state = new EntityState(this.#layout[by], entity.record)
    const countInGroup = (slot: Slot, key: string, update: GroupUpdate): void => pend(groups, slot, key, update)
    const side: OwnSide = { by, state, countInGroup }
    for (let n = entity.first; n !== NONE; n = next[n]!) {
      const counting = batch.countingAt[n]
      const event = batch.eventAt[n]!
      if (counting === undefined) {
        if ((event as EntityEvent).change === 'delete' && by === 'user') state.forgetEvents()
        continue
      }
      applyInteraction(side, counting.slots[by], event as InteractionEvent, {
        offset: batch.offsetAt[n]!,
        timeMs: batch.timeMsAt[n]!,
        nowMs: batch.nowMsAt[n]!,
        userAttributes: user.attributesAt[n],
        itemAttributes: item.attributesAt[n],
      })
    }
    if (!state.isChanged && !entity.haveAttributesChanged) return
    const { bytes, expiresAtMs } = state.write(
      { state: entity.attributes, haveChanged: entity.haveAttributesChanged },
      batch.nowMs,
    )
    change.put(entityKey(by, entity.id), bytes, expiresAtMs)
  }

  async #applyToGroups(groups: PendingGroups, nowMs: number, change: ChangeOf): Promise<void> {
    const pending = [...groups].flatMap(([slot, updatesByKey]) =>
      [...updatesByKey].map(([group, updates]) => ({ slot, updates, key: groupKey(slot.version, group) })),
    )
    const missing = pending.filter(({ key }) => this.#groups.get(key) === undefined)
    const records = await this.#read(missing.map(({ key }) => key))
    missing.forEach(({ slot, key }, n) => {
      // A copy, because what is kept must not hold the memory of everything that was read with it.
      this.#groups.set(key, GroupState.from(groupForm(slot.form), records[n]?.slice()))
    })
    for (const { key, updates } of pending) {
      const state = this.#groups.get(key)!
      for (const update of updates) state.add(update)
      change.put(key, state.write(nowMs), state.expiresAtMs)
    }
    this.#groups.endBatch()
  }

  async #read(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    if (keys.length === 0) return []
    const [records] = await this.#store.read([{ space: this.#space, keys }])
    return records!
  }
}

/**
 * Events, and what is known of the entities that they are about before any of them is taken; by position. What is needed of every event lies in columns:
 * entity by entity they are visited in no order, and each event object would have to be fetched from far away.
 */
class Batch {
  readonly touched: Readonly<Record<EntityName, TouchedEntities>>
  readonly eventAt: LogEvent[]
  /** Undefined for what is no interaction. */
  readonly countingAt: (Counting | undefined)[]
  readonly offsetAt: Float64Array
  /** Counted time. */
  readonly timeMsAt: Float64Array
  /** The greatest available time up to that event. */
  readonly nowMsAt: Float64Array
  /** After the last event that was noted. */
  nowMs = -1

  constructor(layout: StateLayout, eventCount: number) {
    this.touched = {
      user: new TouchedEntities(layout.user, eventCount),
      item: new TouchedEntities(layout.item, eventCount),
    }
    this.eventAt = new Array(eventCount)
    this.countingAt = new Array(eventCount).fill(undefined)
    this.offsetAt = new Float64Array(eventCount)
    this.timeMsAt = new Float64Array(eventCount)
    this.nowMsAt = new Float64Array(eventCount)
  }

  /** In the order of positions, once all entities are there with their records. */
  note(n: number, { offset, availableTimeMs, event }: StoredEvent): void {
    if (event.kind === 'impression') return
    const { user, item } = this.touched
    const timeMs = countedTimeMs(event.eventTimeMs, availableTimeMs)
    if (availableTimeMs > this.nowMs) this.nowMs = availableTimeMs
    this.eventAt[n] = event
    this.offsetAt[n] = offset
    this.timeMsAt[n] = timeMs
    this.nowMsAt[n] = this.nowMs
    if (event.kind === 'entity') this.touched[event.entity].change(n, event, timeMs)
    else {
      const { needs } = this.countingAt[n]!
      if (needs.user) user.note(n)
      if (needs.item) item.note(n)
    }
  }
}

/** What has to be told to the groups of a batch, by slot and group. */
type PendingGroups = Map<Slot, Map<string, GroupUpdate[]>>

function pend(groups: PendingGroups, slot: Slot, key: string, update: GroupUpdate): void {
  let updatesByKey = groups.get(slot)
  if (updatesByKey === undefined) groups.set(slot, (updatesByKey = new Map()))
  const updates = updatesByKey.get(key)
  if (updates === undefined) updatesByKey.set(key, [update])
  else updates.push(update)
}

class ChangeOf implements SpaceChange {
  readonly space: string
  readonly puts: RecordPut[] = []
  readonly removes: string[] = []
  readonly #copies = new ByteCopies()

  constructor(space: string) {
    this.space = space
  }

  /** @param bytes undefined where the record goes */
  put(key: string, bytes: Uint8Array | undefined, expiresAtMs: number | undefined): void {
    if (bytes === undefined) this.removes.push(key)
    else this.puts.push({ key, bytes: this.#copies.copy(bytes), expiresAtMs })
  }
}

/** Keeps what was used lately: when the young half is full it becomes the old one, and the old one is let go. Within a batch nothing is. */
class TwoGenerations<V> {
  readonly #halfLength: number
  #young = new Map<string, V>()
  #old = new Map<string, V>()

  constructor(length: number) {
    this.#halfLength = Math.ceil(length / 2)
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.#young.set(key, old)
    return old
  }

  set(key: string, value: V): void {
    this.#young.set(key, value)
  }

  endBatch(): void {
    if (this.#young.size <= this.#halfLength) return
    this.#old = this.#young
    this.#young = new Map()
  }
}
