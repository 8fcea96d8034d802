// One layer of feature state, followed along the log: which records the next events touch, what they become, and how far the layer has come. It
// reads the store and says what to write; whoever drives it writes, so that several layers and their places go into one commit.
import type { EntityName } from '../domain/event.ts'
import { countedTimeMs } from '../domain/feature.ts'
import { applyInteraction, type GroupUpdate } from '../domain/feature-state/apply-interaction.ts'
import { EntityState } from '../domain/feature-state/entity-state.ts'
import { GroupState, groupForm } from '../domain/feature-state/group-state.ts'
import { type EntityLayout, type StateLayout, stateLayout } from '../domain/feature-state/layout.ts'
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
export const entityKey = (entity: EntityName, id: string): string => `${entity === 'user' ? 'u' : 'i'}${id}`
export const groupKey = (version: string, key: string): string => `g${version}${key}`

export const encodeText = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
export const decodeText = (bytes: Uint8Array): unknown =>
  JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())

/** Events after which others get a turn on the thread: a reader waits for a few milliseconds, not for a whole batch. */
const EVENTS_PER_TURN = 500
const WRITES_PER_TURN = 1000

export class FeatureLayer {
  readonly plan: LayerPlan
  readonly #layout: StateLayout
  readonly #store: OnlineStore
  readonly #space: string
  readonly #users: EntityCache
  readonly #items: EntityCache
  readonly #groups: TwoGenerations<GroupState>
  head: LayerHead

  /** @param cacheLength users, items and groups each whose state is kept at hand, about */
  constructor(plan: LayerPlan, options: { store: OnlineStore; head: LayerHead; cacheLength: number }) {
    this.plan = plan
    this.#layout = stateLayout(plan.formulas)
    this.#store = options.store
    this.#space = layerSpace(plan.id)
    this.#users = new EntityCache('user', this.#layout.user, options.cacheLength)
    this.#items = new EntityCache('item', this.#layout.item, options.cacheLength)
    this.#groups = new TwoGenerations(options.cacheLength)
    this.head = options.head
  }

  /**
   * Takes events in, which follow those it has. After it the state in memory is ahead of the store until what is returned has been committed; where
   * that fails, the layer has to be thrown away. What is returned is good until the next call.
   */
  async apply(events: readonly StoredEvent[]): Promise<SpaceChange> {
    const touched = await this.#touchedBy(events)
    const updates: GroupUpdate[] = []
    let nowMs = this.head.newestAvailableTimeMs
    for (let n = 0; n < events.length; n++) {
      const stored = events[n]!
      nowMs = Math.max(nowMs, stored.availableTimeMs)
      this.#applyOne(stored, touched[n]!, { nowMs, updates })
      if (n % EVENTS_PER_TURN === EVENTS_PER_TURN - 1) await othersTurn()
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
    for (const { touched } of [this.#users, this.#items]) {
      for (let n = 0; n < touched.length; n++) {
        const { key, state } = touched[n]!
        if (state.isChanged) keep(key, state.write(nowMs), state.expiresAtMs)
        if (n % WRITES_PER_TURN === WRITES_PER_TURN - 1) await othersTurn()
      }
    }
    for (const [key, state] of groups) keep(key, state.write(nowMs), state.expiresAtMs)
    puts.push({ key: HEAD_KEY, bytes: encodeText(this.head) })
    this.#groups.endBatch()
    return { space: this.#space, puts, removes }
  }

  #applyOne(
    { offset, availableTimeMs, event }: StoredEvent,
    { user, item }: Touched,
    { nowMs, updates }: { readonly nowMs: number; readonly updates: GroupUpdate[] },
  ) {
    if (event.kind === 'interaction') {
      const states = { user: user!.state, item: item!.state }
      applyInteraction(this.#layout, event, { offset, availableTimeMs, nowMs, states, groups: updates })
      return
    }
    const { state } = (event.entity === 'user' ? user : item)!
    state.changeAttributes(event, countedTimeMs(event.eventTimeMs, availableTimeMs))
    if (event.change === 'delete' && event.entity === 'user') state.forgetEvents()
  }

  /** The state of the entities that each event is about. */
  async #touchedBy(events: readonly StoredEvent[]): Promise<readonly Touched[]> {
    this.#users.beginBatch()
    this.#items.beginBatch()
    const touched = events.map(({ event }): Touched => {
      if (event.kind === 'interaction') {
        return { user: this.#users.want(event.userId), item: this.#items.want(event.itemId) }
      }
      return event.entity === 'user'
        ? { user: this.#users.want(event.entityId), item: undefined }
        : { user: undefined, item: this.#items.want(event.entityId) }
    })
    for (const { missing, layout } of [this.#users, this.#items]) {
      const records = await this.#read(missing.map(({ key }) => key))
      missing.forEach((entity, n) => {
        // A copy, because what is kept must not hold the memory of everything that was read with it.
        if (records[n] !== undefined) entity.state = new EntityState(layout, records[n].slice())
      })
    }
    return touched
  }

  async #groupsOf(updates: readonly GroupUpdate[]): Promise<Map<string, GroupState>> {
    const states = new Map<string, GroupState>()
    const missing = new Map<string, GroupUpdate['slot']>()
    for (const { slot, key: group } of updates) {
      const key = groupKey(slot.version, group)
      if (states.has(key)) continue
      const known = this.#groups.get(key)
      if (known !== undefined) states.set(key, known)
      else missing.set(key, slot)
    }
    const keys = [...missing.keys()]
    const records = await this.#read(keys)
    keys.forEach((key, n) => {
      const state = GroupState.from(groupForm(missing.get(key)!.form), records[n]?.slice())
      this.#groups.set(key, state)
      states.set(key, state)
    })
    return states
  }

  async #read(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    if (keys.length === 0) return []
    const [records] = await this.#store.read([{ space: this.#space, keys }])
    return records!
  }
}

const othersTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Those an event is about; an entity's change is about one. */
interface Touched {
  readonly user: CachedEntity | undefined
  readonly item: CachedEntity | undefined
}

interface CachedEntity {
  readonly key: string
  state: EntityState
  /** The newest batch that wanted it. */
  batch: number
}

/** State of the entities of one kind: of those that a batch is about, and of as many as it may keep from batches before. */
class EntityCache {
  readonly layout: EntityLayout
  readonly #entity: EntityName
  readonly #cached: TwoGenerations<CachedEntity>
  #batch = 0
  /** Entities of this batch, each once. */
  touched: CachedEntity[] = []
  /** Those of them whose state has to be read; until then it is empty. */
  missing: CachedEntity[] = []

  constructor(entity: EntityName, layout: EntityLayout, length: number) {
    this.#entity = entity
    this.layout = layout
    this.#cached = new TwoGenerations(length)
  }

  beginBatch(): void {
    this.#cached.endBatch()
    this.#batch++
    this.touched = []
    this.missing = []
  }

  want(id: string): CachedEntity {
    let found = this.#cached.get(id)
    if (found === undefined) {
      found = { key: entityKey(this.#entity, id), state: new EntityState(this.layout, undefined), batch: 0 }
      this.#cached.set(id, found)
      this.missing.push(found)
    }
    if (found.batch !== this.#batch) {
      found.batch = this.#batch
      this.touched.push(found)
    }
    return found
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
