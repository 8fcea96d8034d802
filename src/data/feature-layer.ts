// One layer of feature state, followed along the log: which records the next events touch, what they become, and how far the layer has come. It
// reads the store and says what to write; whoever drives it writes, so that several layers and their places go into one commit.
import type { LogEvent } from '../domain/event.ts'
import { countedTimeMs } from '../domain/feature.ts'
import { applyInteraction, type GroupUpdate } from '../domain/feature-state/apply-interaction.ts'
import { EntityState } from '../domain/feature-state/entity-state.ts'
import { GroupState, groupForm } from '../domain/feature-state/group-state.ts'
import { type StateLayout, stateLayout } from '../domain/feature-state/layout.ts'
import type { StoredEvent } from '../ports/event-log.ts'
import type { OnlineStore, RecordPut, SpaceChange } from '../ports/online-store.ts'
import { type LayerPlan, layerSpace } from './feature-manifest.ts'

/** How far a layer has come; stored with its records in every commit. */
export interface LayerHead {
  readonly nextOffset: number
  /** The greatest of the events in it, which need not be that of the last one; -1 before the first. Every moment that is answered is later. */
  readonly newestAvailableTimeMs: number
}

export const HEAD_KEY = 'head'
export const entityKey = (entity: 'user' | 'item', id: string): string => `${entity === 'user' ? 'u' : 'i'}${id}`
export const groupKey = (version: string, key: string): string => `g${version}${key}`

export const encodeText = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
export const decodeText = (bytes: Uint8Array): unknown =>
  JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())

export class FeatureLayer {
  readonly plan: LayerPlan
  readonly #layout: StateLayout
  readonly #store: OnlineStore
  readonly #space: string
  readonly #entities: TwoGenerations<EntityState>
  readonly #groups: TwoGenerations<GroupState>
  head: LayerHead

  /** @param cacheLength entities whose decoded state is kept at hand, about */
  constructor(plan: LayerPlan, options: { store: OnlineStore; head: LayerHead; cacheLength: number }) {
    this.plan = plan
    this.#layout = stateLayout(plan.formulas)
    this.#store = options.store
    this.#space = layerSpace(plan.id)
    this.#entities = new TwoGenerations(options.cacheLength)
    this.#groups = new TwoGenerations(options.cacheLength)
    this.head = options.head
  }

  /**
   * Takes events in, which follow those it has. After it the state in memory is ahead of the store until what is returned has been committed; where
   * that fails, the layer has to be thrown away.
   */
  async apply(events: readonly StoredEvent[]): Promise<SpaceChange> {
    const entities = await this.#entitiesOf(events)
    const updates: GroupUpdate[] = []
    let nowMs = this.head.newestAvailableTimeMs
    for (const stored of events) {
      nowMs = Math.max(nowMs, stored.availableTimeMs)
      this.#applyOne(stored, { nowMs, entities, updates })
    }
    const groups = await this.#groupsOf(updates)
    for (const { slot, key, contribution, lastHop } of updates) {
      groups.get(groupKey(slot.version, key))!.add(contribution, lastHop)
    }

    this.head = { nextOffset: events.at(-1)!.offset + 1, newestAvailableTimeMs: nowMs }
    const puts: RecordPut[] = []
    const removes: string[] = []
    const keep = (key: string, bytes: Uint8Array | undefined, expiresAtMs: number | undefined): void => {
      if (bytes === undefined) removes.push(key)
      else puts.push({ key, bytes, expiresAtMs })
    }
    for (const [key, state] of entities) {
      if (state.isChanged) keep(key, state.write(nowMs), state.expiresAtMs)
    }
    for (const [key, state] of groups) keep(key, state.write(nowMs), state.expiresAtMs)
    puts.push({ key: HEAD_KEY, bytes: encodeText(this.head) })
    this.#entities.grow(entities)
    this.#groups.grow(groups)
    return { space: this.#space, puts, removes }
  }

  #applyOne(
    { offset, availableTimeMs, event }: StoredEvent,
    { nowMs, entities, updates }: { nowMs: number; entities: Map<string, EntityState>; updates: GroupUpdate[] },
  ) {
    if (event.kind === 'interaction') {
      const user = entities.get(entityKey('user', event.userId))!
      const item = entities.get(entityKey('item', event.itemId))!
      const states = { user, item }
      applyInteraction(this.#layout, event, { offset, availableTimeMs, nowMs, states, groups: updates })
      return
    }
    const state = entities.get(entityKey(event.entity, event.entityId))!
    state.changeAttributes(event, countedTimeMs(event.eventTimeMs, availableTimeMs))
    if (event.change === 'delete' && event.entity === 'user') state.forgetEvents()
  }

  /** The state of every entity that the events are about. */
  async #entitiesOf(events: readonly StoredEvent[]): Promise<Map<string, EntityState>> {
    const states = new Map<string, EntityState>()
    const missing: { key: string; entity: 'user' | 'item' }[] = []
    const want = (entity: 'user' | 'item', id: string): void => {
      const key = entityKey(entity, id)
      if (states.has(key)) return
      const known = this.#entities.get(key)
      // An empty place, filled below, so that the key is wanted once.
      states.set(key, known ?? new EntityState(this.#layout[entity], undefined))
      if (known === undefined) missing.push({ key, entity })
    }
    for (const { event } of events) wantEach(event, want)
    const records = await this.#read(missing.map(({ key }) => key))
    missing.forEach(({ key, entity }, n) => {
      // A copy, because what is kept must not hold the memory of everything that was read with it.
      if (records[n] !== undefined) states.set(key, new EntityState(this.#layout[entity], records[n].slice()))
    })
    return states
  }

  async #groupsOf(updates: readonly GroupUpdate[]): Promise<Map<string, GroupState>> {
    const states = new Map<string, GroupState>()
    const missing = new Map<string, GroupUpdate['slot']>()
    for (const { slot, key: group } of updates) {
      const key = groupKey(slot.version, group)
      const known = this.#groups.get(key)
      if (known !== undefined) states.set(key, known)
      else missing.set(key, slot)
    }
    const keys = [...missing.keys()]
    const records = await this.#read(keys)
    keys.forEach((key, n) => {
      states.set(key, GroupState.from(groupForm(missing.get(key)!.form), records[n]))
    })
    return states
  }

  async #read(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    if (keys.length === 0) return []
    const [records] = await this.#store.read([{ space: this.#space, keys }])
    return records!
  }
}

function wantEach(event: LogEvent, want: (entity: 'user' | 'item', id: string) => void): void {
  if (event.kind === 'entity') want(event.entity, event.entityId)
  else {
    want('user', event.userId)
    want('item', event.itemId)
  }
}

/** Keeps what was used lately: when the young half is full it becomes the old one, and the old one is let go. */
class TwoGenerations<V> {
  readonly #halfLength: number
  #young = new Map<string, V>()
  #old = new Map<string, V>()

  constructor(length: number) {
    this.#halfLength = Math.ceil(length / 2)
  }

  get(key: string): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key)
  }

  grow(used: ReadonlyMap<string, V>): void {
    if (this.#young.size + used.size > this.#halfLength) {
      this.#old = this.#young
      this.#young = new Map()
    }
    for (const [key, value] of used) this.#young.set(key, value)
  }
}
