// Features out of the online store: many of many entities in one call. It needs no engine in its process; it reads what the last commit left.

import type { EntityName } from '../domain/event.ts'
import type { FeatureDefinition, FeatureReading } from '../domain/feature.ts'
import type { CombiningSources, GroupShare } from '../domain/feature-state/feature-computation.ts'
import { type GroupTotals, groupForm, groupTotals } from '../domain/feature-state/group-state.ts'
import type { TileForm } from '../domain/feature-tiles/tiles.ts'
import { isoTime } from '../domain/iso-time.ts'
import type { Clock } from '../lib/clock.ts'
import { MillraceError } from '../lib/errors.ts'
import type { OnlineStore, RecordRequest } from '../ports/online-store.ts'
import { Answering, knownTo, readAnswering, revisionIn } from './answering-features.ts'
import { entityKey, groupKey, HEAD_KEY } from './feature-layer.ts'
import { emptyManifest, layerSpace, MANIFEST_SPACE, REVISION_KEY } from './feature-manifest.ts'
import { type Cells, KnownEntity } from './known-entities.ts'
import type { PlannedSide, ReadPlan } from './read-plan.ts'

/** Whose features: a user, an item, or both. A feature of whoever is left out is missing. */
export interface FeatureKey {
  readonly userId?: string
  readonly itemId?: string
}

export interface FeatureRequest {
  /** Names; the readings come in their order. */
  readonly features: readonly string[]
  readonly entities: readonly FeatureKey[]
  /** Now, where it is left out. It has to be after everything that the store knows: its state is of now. */
  readonly asOfMs?: number
}

export interface FeatureRows {
  /** The moment that the readings are of: the one asked for, or now, and in any case after the newest event in the store. */
  readonly asOfMs: number
  /** By entity, then by feature, in the order of the request. */
  readonly rows: readonly (readonly FeatureReading[])[]
  /** The definitions that answered, in the order of the request. */
  readonly definitions: readonly FeatureDefinition[]
  /** The state had taken the log's events before this offset, and no other; undefined where its layers were not equally far, and where it is empty. */
  readonly nextOffset: number | undefined
}

export interface FeatureReader {
  /**
   * @throws MillraceError FEATURE_UNKNOWN, FEATURE_MOMENT_PAST where the moment is not after the newest event in the store: for the past ask the
   * offline tables
   */
  read(request: FeatureRequest): Promise<FeatureRows>
  /** What can be read now, in the order of the plan that the engine was given. */
  definitions(): Promise<readonly FeatureDefinition[]>
}

/** How often a reading that needs groups starts over because a commit came between its two look-ups. After that a group may be newer by one commit. */
const ATTEMPT_COUNT = 3

/**
 * From so many rows on a request is a ranking's: its items come again in the next one, and what was read of them is kept. A user who is asked about alone
 * seldom does, and what were kept of thousands of them would cost more in garbage collection than it saves.
 */
const MANY_ROWS = 16

export interface FeatureReaderOptions {
  readonly store: OnlineStore
  /** Says what now is, where a request does not. */
  readonly clock: Clock
  /** What is read for a request of at least so many rows is kept for the next. Default 16. */
  readonly keepFromRows?: number
}

export function featureReader({ store, clock, keepFromRows = MANY_ROWS }: FeatureReaderOptions): FeatureReader {
  let answering = new Answering(emptyManifest)

  /** Goes on with what the manifest says now where the records show that it has changed. */
  async function refresh(): Promise<void> {
    answering = (await readAnswering(store)) ?? answering
  }

  async function attempt(request: FeatureRequest, isLast: boolean): Promise<FeatureRows | undefined> {
    const call = new ReadCall(answering, request, request.entities.length >= keepFromRows)
    const read = await store.read(call.requests)
    if (revisionIn(read[0]![0]) !== answering.revision) return undefined
    call.take(read, clock.now())
    const groupRequests = call.groupRequests()
    if (groupRequests.length > 0) {
      const groups = await store.read([...call.headRequests, ...groupRequests])
      if (!call.takeGroups(groupRequests, groups) && !isLast) return undefined
    }
    return { asOfMs: call.asOfMs, rows: call.rows(), definitions: call.definitions, nextOffset: call.nextOffset }
  }

  return {
    async read(request) {
      if (request.features.some((name) => !answering.byName.has(name))) await refresh()
      for (let n = 1; ; n++) {
        const rows = await attempt(request, n >= ATTEMPT_COUNT)
        if (rows !== undefined) return rows
        await refresh()
      }
    },
    async definitions() {
      await refresh()
      return answering.definitions
    },
  }
}

/** Numbers requests, so that an entity knows whether it has a place in one. */
let requestCount = 0

/** What one request reads of a side. */
class SideRead {
  readonly planned: PlannedSide
  /** Distinct, in the order of their records. */
  readonly #entities: KnownEntity[] = []
  readonly request: RecordRequest & { readonly keys: string[] }
  /** By entity of the request: where its record is; -1 where it has no such id. */
  readonly #places: Int32Array
  /** By record. */
  cells: readonly Cells[] = []
  readonly #cellsOfNobody: Cells

  constructor(planned: PlannedSide, entities: readonly FeatureKey[], isKept: boolean) {
    this.planned = planned
    const { entity: kind, space } = planned.side
    this.request = { space, keys: [], isRepeated: isKept }
    this.#places = new Int32Array(entities.length)
    this.#cellsOfNobody = planned.cells(undefined, undefined, 0)
    const requestNumber = requestCount++
    const keyOf = (id: string): string => entityKey(kind, id)
    const entityOf = (id: string): KnownEntity => (isKept ? planned.known.want(id, keyOf) : new KnownEntity(keyOf(id)))
    let lastId: string | undefined
    let place = -1
    for (let e = 0; e < entities.length; e++) {
      const id = idOf(entities[e]!, kind)
      // Often it is one user for all items.
      if (id !== lastId || e === 0) place = id === undefined ? -1 : this.#placeOf(entityOf(id), requestNumber)
      lastId = id
      this.#places[e] = place
    }
  }

  take(read: readonly (Uint8Array | undefined)[], asOfMs: number): void {
    this.cells = read.map((bytes, n) => this.planned.cells(this.#entities[n], bytes, asOfMs))
  }

  /** @param e number of the entity in the request */
  cellsOf(e: number): Cells {
    const place = this.#places[e]!
    return place < 0 ? this.#cellsOfNobody : this.cells[place]!
  }

  #placeOf(entity: KnownEntity, requestNumber: number): number {
    if (entity.requestNumber === requestNumber) return entity.place
    entity.requestNumber = requestNumber
    entity.place = this.#entities.length
    this.#entities.push(entity)
    this.request.keys.push(entity.key)
    return entity.place
  }
}

interface GroupRequest extends RecordRequest {
  readonly version: string
  /** In the order of the keys. */
  readonly groups: readonly string[]
  readonly form: TileForm
}

/** One request on its way: first what to read, then what was read, then the answer. */
class ReadCall implements CombiningSources {
  readonly #answering: Answering
  readonly #plan: ReadPlan
  readonly #entityCount: number
  readonly #isKept: boolean
  readonly #givenMs: number | undefined
  /** By place of the side in the plan. */
  readonly #sides: readonly SideRead[]
  /** Manifest's revision, heads of layers, then sides. */
  readonly requests: readonly RecordRequest[]
  readonly headRequests: readonly RecordRequest[]
  #headTexts = ''
  /** By version, then by the key of the group. */
  readonly #groups = new Map<string, Map<string, GroupTotals>>()
  asOfMs = 0
  nextOffset: number | undefined

  constructor(answering: Answering, { features, entities, asOfMs }: FeatureRequest, isKept: boolean) {
    this.#answering = answering
    this.#plan = answering.plan(features)
    this.#entityCount = entities.length
    this.#isKept = isKept
    this.#givenMs = asOfMs
    this.#sides = this.#plan.sides.map((side) => new SideRead(side, entities, isKept))
    this.headRequests = answering.layerIds.map((id) => ({ space: layerSpace(id), keys: [HEAD_KEY] }))
    const sides = this.#sides.map(({ request }) => request)
    this.requests = [{ space: MANIFEST_SPACE, keys: [REVISION_KEY] }, ...this.headRequests, ...sides]
  }

  get definitions(): readonly FeatureDefinition[] {
    return this.#plan.definitions
  }

  /** @param read in the order of `requests` */
  take(read: readonly (readonly (Uint8Array | undefined)[])[], nowMs: number): void {
    const layerCount = this.headRequests.length
    const heads = read.slice(1, 1 + layerCount)
    this.#headTexts = textOf(heads.map(([head]) => head))
    const { newestMs, nextOffset } = knownTo(heads)
    this.nextOffset = nextOffset
    this.asOfMs = this.#givenMs ?? Math.max(nowMs, newestMs + 1)
    if (this.asOfMs <= newestMs) {
      throw new MillraceError(
        'FEATURE_MOMENT_PAST',
        `Features were asked for as of ${isoTime(this.asOfMs)}, and the online store knows events up to ${isoTime(newestMs)}.`,
        { fix: 'Leave the moment out to get the features of now, or read those of the past from the offline tables.' },
      )
    }
    this.#sides.forEach((side, n) => {
      side.take(read[1 + layerCount + n]!, this.asOfMs)
    })
  }

  /** What has to be read about groups that some entity is in, for each feature that compares with its group. */
  groupRequests(): readonly GroupRequest[] {
    const requests: GroupRequest[] = []
    this.definitions.forEach(({ version, formula }, f) => {
      if (formula.family !== 'ratioToGroup') return
      const groups = new Set<string>()
      for (const cells of this.#sides[this.#plan.firstSideOf(f)]!.cells) {
        const share = cells[f] as GroupShare | undefined
        if (share !== undefined) groups.add(share.key)
      }
      const space = layerSpace(this.#answering.layerIds[this.#answering.layerOf(version)]!)
      const keys = [...groups].map((group) => groupKey(version, group))
      const form = groupForm(this.#answering.slot(version).form)
      if (keys.length > 0) requests.push({ space, keys, isRepeated: this.#isKept, version, groups: [...groups], form })
    })
    return requests
  }

  /**
   * @param read in the order of heads, then `requests`
   * @returns false where a commit came in between, so that the groups may be newer than the entities
   */
  takeGroups(requests: readonly GroupRequest[], read: readonly (readonly (Uint8Array | undefined)[])[]): boolean {
    const layerCount = this.headRequests.length
    requests.forEach(({ version, groups, form }, n) => {
      const records = read[layerCount + n]!
      const totals = groups.map((group, k) => [group, groupTotals(form, records[k], this.asOfMs)] as const)
      this.#groups.set(version, new Map(totals))
    })
    return textOf(read.slice(0, layerCount).map(([head]) => head)) === this.#headTexts
  }

  /** In the order of the entities. */
  rows(): (readonly FeatureReading[])[] {
    const rows: (readonly FeatureReading[])[] = []
    const cells: Cells[] = []
    for (let e = 0; e < this.#entityCount; e++) {
      for (let s = 0; s < this.#sides.length; s++) cells[s] = this.#sides[s]!.cellsOf(e)
      rows.push(this.#plan.row(cells, this))
    }
    return rows
  }

  // A value, because the plan's parts take it out of the call.
  readonly groupTotals = (version: string, key: string): GroupTotals => this.#groups.get(version)!.get(key)!
}

const idOf = (key: FeatureKey, entity: EntityName): string | undefined => (entity === 'user' ? key.userId : key.itemId)

const textOf = (heads: readonly (Uint8Array | undefined)[]): string =>
  heads.map((head) => (head === undefined ? '' : Buffer.from(head).toString())).join(' ')
