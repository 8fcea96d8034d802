// Features out of the online store: many of many entities in one call. It needs no engine in its process; it reads what the last commit left.
import type { EntityName } from '../domain/event.ts'
import type { FeatureDefinition, FeatureReading } from '../domain/feature.ts'
import { EntityRecord } from '../domain/feature-state/entity-state.ts'
import { type ComputationSources, featureReading, groupKeyOf } from '../domain/feature-state/feature-computation.ts'
import { type GroupTotals, groupForm, groupTotals } from '../domain/feature-state/group-state.ts'
import { type Slot, type StateLayout, stateLayout } from '../domain/feature-state/layout.ts'
import type { TileForm } from '../domain/feature-tiles/tiles.ts'
import type { Clock } from '../lib/clock.ts'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import type { OnlineStore, RecordRequest } from '../ports/online-store.ts'
import { decodeText, entityKey, groupKey, HEAD_KEY, type LayerHead } from './feature-layer.ts'
import {
  emptyManifest,
  type FeatureManifest,
  layerByVersion,
  layerSpace,
  MANIFEST_KEY,
  MANIFEST_SPACE,
  REVISION_KEY,
} from './feature-manifest.ts'

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

/** @param clock says what now is, where a request does not */
export function featureReader({ store, clock }: { store: OnlineStore; clock: Clock }): FeatureReader {
  let answering = new Answering(emptyManifest)

  /** Goes on with what the manifest says now where the records show that it has changed. */
  async function refresh(): Promise<void> {
    const [records] = await store.read([{ space: MANIFEST_SPACE, keys: [MANIFEST_KEY] }])
    if (records![0] !== undefined) answering = new Answering(decodeText(records![0]) as FeatureManifest)
  }

  async function attempt(request: FeatureRequest, isLast: boolean): Promise<FeatureRows | undefined> {
    const call = new ReadCall(answering, request)
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

/** Of a layer that has taken nothing yet. */
const noHead = { nextOffset: undefined, newestAvailableTimeMs: -1 }

const revisionIn = (bytes: Uint8Array | undefined): number => (bytes === undefined ? 0 : (decodeText(bytes) as number))

/** What a manifest says, ready to answer from. */
class Answering {
  readonly revision: number
  readonly definitions: readonly FeatureDefinition[]
  readonly layerIds: readonly number[]
  readonly layouts: readonly StateLayout[]
  readonly byName: ReadonlyMap<string, FeatureDefinition>
  /** Number of the layer, from 0. */
  readonly layerByVersion: ReadonlyMap<string, number>
  readonly slotByVersion: ReadonlyMap<string, Slot>

  constructor({ revision, serving, active }: FeatureManifest) {
    this.revision = revision
    this.definitions = active
    this.byName = new Map(active.map((definition) => [definition.name, definition]))
    this.layerIds = serving.map(({ id }) => id)
    this.layouts = serving.map(({ formulas }) => stateLayout(formulas))
    const layers = layerByVersion(serving)
    this.layerByVersion = new Map([...layers].map(([version, { id }]) => [version, this.layerIds.indexOf(id)]))
    this.slotByVersion = new Map(
      [...this.layerByVersion].flatMap(([version, layer]) => {
        const slot = this.layouts[layer]!.slotByVersion.get(version)
        return slot === undefined ? [] : [[version, slot] as const]
      }),
    )
  }

  definition(name: string): FeatureDefinition {
    const definition = this.byName.get(name)
    if (definition !== undefined) return definition
    throw new MillraceError('FEATURE_UNKNOWN', `No feature is called "${name}", or it is still being built.`, {
      fix: suggestName(name, [...this.byName.keys()]),
    })
  }
}

interface Side {
  readonly entity: EntityName
  readonly layer: number
  /** Distinct ids, in the order of their records in the request. */
  readonly ids: Map<string, number>
  readonly request: RecordRequest & { readonly keys: string[] }
  records: (EntityRecord | undefined)[]
  /** Of the entity that is being answered. */
  current: EntityRecord | undefined
}

interface GroupRequest extends RecordRequest {
  readonly form: TileForm
}

/** One request on its way: first what to read, then what was read, then the answer. */
class ReadCall implements ComputationSources {
  readonly #answering: Answering
  readonly #entities: readonly FeatureKey[]
  readonly definitions: readonly FeatureDefinition[]
  readonly #givenMs: number | undefined
  /** By layer * 2, and 1 more for items; undefined where nothing of it is needed. */
  readonly #sides: (Side | undefined)[] = []
  readonly #neededSides: readonly Side[]
  /** Manifest's revision, heads of layers, then sides. */
  readonly requests: RecordRequest[] = []
  readonly headRequests: readonly RecordRequest[]
  #headTexts = ''
  /** By version and key of the group. */
  readonly #groups = new Map<string, GroupTotals>()
  asOfMs = 0
  nextOffset: number | undefined

  constructor(answering: Answering, { features, entities, asOfMs }: FeatureRequest) {
    this.#answering = answering
    this.#entities = entities
    this.#givenMs = asOfMs
    this.definitions = features.map((name) => answering.definition(name))
    for (const definition of this.definitions) this.#needSides(definition)
    this.#neededSides = this.#sides.filter((side) => side !== undefined)
    for (const key of entities) this.#needRecords(key)
    this.headRequests = answering.layerIds.map((id) => ({ space: layerSpace(id), keys: [HEAD_KEY] }))
    const sides = this.#neededSides.map(({ request }) => request)
    this.requests = [{ space: MANIFEST_SPACE, keys: [REVISION_KEY] }, ...this.headRequests, ...sides]
  }

  /** @param read in the order of `requests` */
  take(read: readonly (readonly (Uint8Array | undefined)[])[], nowMs: number): void {
    const layerCount = this.headRequests.length
    const heads = read.slice(1, 1 + layerCount).map(([head]) => head)
    this.#headTexts = textOf(heads)
    let newestMs = -1
    const offsets = new Set<number | undefined>()
    for (const head of heads) {
      const { nextOffset, newestAvailableTimeMs } = head === undefined ? noHead : (decodeText(head) as LayerHead)
      newestMs = Math.max(newestMs, newestAvailableTimeMs)
      offsets.add(nextOffset)
    }
    this.nextOffset = offsets.size === 1 ? [...offsets][0] : undefined
    this.asOfMs = this.#givenMs ?? Math.max(nowMs, newestMs + 1)
    if (this.asOfMs <= newestMs) {
      throw new MillraceError(
        'FEATURE_MOMENT_PAST',
        `Features were asked for as of ${isoTime(this.asOfMs)}, and the online store knows events up to ${isoTime(newestMs)}.`,
        { fix: 'Leave the moment out to get the features of now, or read those of the past from the offline tables.' },
      )
    }
    this.#neededSides.forEach((side, n) => {
      const layout = this.#answering.layouts[side.layer]![side.entity]
      side.records = read[1 + layerCount + n]!.map((bytes) => bytes && new EntityRecord(layout, bytes))
    })
  }

  /** What has to be read about groups that some entity is in, for each feature that compares with its group. */
  groupRequests(): readonly GroupRequest[] {
    const requests: GroupRequest[] = []
    for (const { version, formula } of this.definitions) {
      if (formula.family !== 'ratioToGroup') continue
      const groups = new Set<string>()
      for (const entity of this.#entities) {
        this.#turnTo(entity)
        const group = groupKeyOf(this.record(version, formula.by), formula.group)
        if (group !== undefined) groups.add(group)
      }
      const space = layerSpace(this.#answering.layerIds[this.#answering.layerByVersion.get(version)!]!)
      const keys = [...groups].map((group) => groupKey(version, group))
      if (keys.length > 0) requests.push({ space, keys, form: groupForm(this.slot(version).form) })
    }
    return requests
  }

  /**
   * @param read in the order of heads, then `requests`
   * @returns false where a commit came in between, so that the groups may be newer than the entities
   */
  takeGroups(requests: readonly GroupRequest[], read: readonly (readonly (Uint8Array | undefined)[])[]): boolean {
    const layerCount = this.headRequests.length
    requests.forEach(({ keys, form }, n) => {
      for (let k = 0; k < keys.length; k++) {
        this.#groups.set(keys[k]!, groupTotals(form, read[layerCount + n]![k], this.asOfMs))
      }
    })
    return textOf(read.slice(0, layerCount).map(([head]) => head)) === this.#headTexts
  }

  rows(): FeatureReading[][] {
    return this.#entities.map((entity) => {
      this.#turnTo(entity)
      return this.definitions.map((definition) => featureReading(definition, this))
    })
  }

  definition(name: string): FeatureDefinition {
    return this.#answering.byName.get(name)!
  }

  slot(version: string): Slot {
    return this.#answering.slotByVersion.get(version)!
  }

  record(version: string, entity: EntityName): EntityRecord | undefined {
    return this.#sides[sideNumber(this.#answering.layerByVersion.get(version)!, entity)]!.current
  }

  groupTotals(version: string, key: string): GroupTotals {
    return this.#groups.get(groupKey(version, key))!
  }

  #needSides({ version, formula }: FeatureDefinition): void {
    if (formula.family === 'cross') {
      this.#needSides(this.definition(formula.share))
      this.#needSide(version, formula.attribute.entity)
    } else if (formula.family === 'similarity') {
      this.#needSides(this.definition(formula.user))
      this.#needSides(this.definition(formula.item))
    } else this.#needSide(version, formula.by)
  }

  #needSide(version: string, entity: EntityName): void {
    const layer = this.#answering.layerByVersion.get(version)!
    const request = { space: layerSpace(this.#answering.layerIds[layer]!), keys: [] }
    this.#sides[sideNumber(layer, entity)] ??= {
      entity,
      layer,
      ids: new Map(),
      request,
      records: [],
      current: undefined,
    }
  }

  #turnTo(key: FeatureKey): void {
    for (const side of this.#neededSides) {
      const id = idOf(key, side.entity)
      side.current = id === undefined ? undefined : side.records[side.ids.get(id)!]
    }
  }

  #needRecords(key: FeatureKey): void {
    for (const side of this.#neededSides) {
      const id = idOf(key, side.entity)
      if (id === undefined || side.ids.has(id)) continue
      side.ids.set(id, side.request.keys.length)
      side.request.keys.push(entityKey(side.entity, id))
    }
  }
}

const idOf = (key: FeatureKey, entity: EntityName): string | undefined => (entity === 'user' ? key.userId : key.itemId)

const sideNumber = (layer: number, entity: EntityName): number => layer * 2 + (entity === 'item' ? 1 : 0)

const textOf = (heads: readonly (Uint8Array | undefined)[]): string =>
  heads.map((head) => (head === undefined ? '' : Buffer.from(head).toString())).join(' ')

const isoTime = (timeMs: number): string => new Date(timeMs).toISOString()
