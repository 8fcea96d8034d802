// Features out of the online store: many of many entities in one call. It needs no engine in its process; it reads what the last commit left.
import type { EntityName } from '../domain/event.ts'
import type { FeatureDefinition, FeatureReading } from '../domain/feature.ts'
import { EntityRecord } from '../domain/feature-state/entity-state.ts'
import {
  type ComputationPlaces,
  type ComputationSources,
  type FeatureComputation,
  featureComputation,
  featureReading,
  groupKeyOf,
} from '../domain/feature-state/feature-computation.ts'
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
class Answering implements ComputationPlaces {
  readonly revision: number
  readonly definitions: readonly FeatureDefinition[]
  readonly layerIds: readonly number[]
  readonly layouts: readonly StateLayout[]
  readonly byName: ReadonlyMap<string, FeatureDefinition>
  /** Number of the layer, from 0. */
  readonly #layerByVersion: ReadonlyMap<string, number>
  /** By name; made when it is first asked for. */
  readonly #answers = new Map<string, Answer>()

  constructor({ revision, serving, active }: FeatureManifest) {
    this.revision = revision
    this.definitions = active
    this.byName = new Map(active.map((definition) => [definition.name, definition]))
    this.layerIds = serving.map(({ id }) => id)
    this.layouts = serving.map(({ formulas }) => stateLayout(formulas))
    const layers = layerByVersion(serving)
    this.#layerByVersion = new Map([...layers].map(([version, { id }]) => [version, this.layerIds.indexOf(id)]))
  }

  definition(name: string): FeatureDefinition {
    const definition = this.byName.get(name)
    if (definition !== undefined) return definition
    throw new MillraceError('FEATURE_UNKNOWN', `No feature is called "${name}", or it is still being built.`, {
      fix: suggestName(name, [...this.byName.keys()]),
    })
  }

  /** @throws MillraceError FEATURE_UNKNOWN */
  answer(name: string): Answer {
    const known = this.#answers.get(name)
    if (known !== undefined) return known
    const definition = this.definition(name)
    const sides = new Set<number>()
    const side = (version: string, entity: EntityName): number => {
      const number = this.side(version, entity)
      sides.add(number)
      return number
    }
    const places: ComputationPlaces = {
      definition: (other) => this.definition(other),
      slot: (version) => this.slot(version),
      side,
    }
    const compute = featureComputation(definition, places)
    const answer = { definition, compute, sides: [...sides] }
    this.#answers.set(name, answer)
    return answer
  }

  slot(version: string): Slot {
    return this.layouts[this.layerOf(version)]!.slotByVersion.get(version)!
  }

  side(version: string, entity: EntityName): number {
    return this.layerOf(version) * 2 + (entity === 'item' ? 1 : 0)
  }

  layerOf(version: string): number {
    return this.#layerByVersion.get(version)!
  }
}

/** How one feature is answered. */
interface Answer {
  readonly definition: FeatureDefinition
  readonly compute: FeatureComputation
  /** Numbers of the sides that it reads. */
  readonly sides: readonly number[]
}

/** The records of one kind of entity in one layer. Its number is twice the layer's, and 1 more for items. */
interface Side {
  readonly number: number
  readonly entity: EntityName
  readonly layer: number
  /** Distinct ids, in the order of their records in the request. */
  readonly ids: Map<string, number>
  readonly request: RecordRequest & { readonly keys: string[] }
  /** By entity of the request: where its record is; -1 where it has no such id. */
  readonly places: number[]
  records: (EntityRecord | undefined)[]
}

interface GroupRequest extends RecordRequest {
  readonly version: string
  /** In the order of the keys. */
  readonly groups: readonly string[]
  readonly form: TileForm
}

/** One request on its way: first what to read, then what was read, then the answer. */
class ReadCall implements ComputationSources {
  readonly #answering: Answering
  readonly #entities: readonly FeatureKey[]
  readonly definitions: readonly FeatureDefinition[]
  readonly #answers: readonly Answer[]
  readonly #givenMs: number | undefined
  readonly #sides: readonly Side[]
  /** Manifest's revision, heads of layers, then sides. */
  readonly requests: RecordRequest[] = []
  readonly headRequests: readonly RecordRequest[]
  #headTexts = ''
  /** By version, then by the key of the group. */
  readonly #groups = new Map<string, Map<string, GroupTotals>>()
  /** Of the entity that is being answered, by the number of the side. */
  readonly records: (EntityRecord | undefined)[] = []
  asOfMs = 0
  nextOffset: number | undefined

  constructor(answering: Answering, { features, entities, asOfMs }: FeatureRequest) {
    this.#answering = answering
    this.#entities = entities
    this.#givenMs = asOfMs
    this.#answers = features.map((name) => answering.answer(name))
    this.definitions = this.#answers.map(({ definition }) => definition)
    const numbers = new Set(this.#answers.flatMap(({ sides }) => sides))
    this.#sides = [...numbers].map((number) => sideOf(answering, number))
    for (let e = 0; e < entities.length; e++) this.#needRecords(e)
    this.headRequests = answering.layerIds.map((id) => ({ space: layerSpace(id), keys: [HEAD_KEY] }))
    const sides = this.#sides.map(({ request }) => request)
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
    this.#sides.forEach((side, n) => {
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
      const sideNumber = this.#answering.side(version, formula.by)
      for (const record of this.#sides.find(({ number }) => number === sideNumber)!.records) {
        const group = groupKeyOf(record, formula.group)
        if (group !== undefined) groups.add(group)
      }
      const space = layerSpace(this.#answering.layerIds[this.#answering.layerOf(version)]!)
      const keys = [...groups].map((group) => groupKey(version, group))
      const form = groupForm(this.#answering.slot(version).form)
      if (keys.length > 0) requests.push({ space, keys, version, groups: [...groups], form })
    }
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

  /** Feature by feature, so that one kind of computation runs over all records, and once per record where that is enough. */
  rows(): FeatureReading[][] {
    const columns = this.#answers.map((answer) =>
      answer.sides.length === 1 ? this.#ofSide(answer) : this.#ofPairs(answer),
    )
    return this.#entities.map((_, e) => columns.map((column) => column[e]!))
  }

  /** By entity of the request. */
  #ofSide({ definition, compute, sides: [number] }: Answer): FeatureReading[] {
    const { records, places } = this.#sides.find((side) => side.number === number)!
    const readings = records.map((record) => {
      this.records[number!] = record
      return featureReading(definition, compute, this)
    })
    this.records[number!] = undefined
    let ofNobody: FeatureReading | undefined
    return places.map((place) => readings[place] ?? (ofNobody ??= featureReading(definition, compute, this)))
  }

  #ofPairs({ definition, compute, sides }: Answer): FeatureReading[] {
    const read = this.#sides.filter(({ number }) => sides.includes(number))
    return this.#entities.map((_, e) => {
      for (const { number, places, records } of read) this.records[number] = records[places[e]!]
      return featureReading(definition, compute, this)
    })
  }

  groupTotals(version: string, key: string): GroupTotals {
    return this.#groups.get(version)!.get(key)!
  }

  #needRecords(e: number): void {
    for (const { entity, ids, places, request } of this.#sides) {
      const id = idOf(this.#entities[e]!, entity)
      let place = id === undefined ? -1 : ids.get(id)
      if (place === undefined) {
        place = request.keys.length
        ids.set(id!, place)
        request.keys.push(entityKey(entity, id!))
      }
      places.push(place)
    }
  }
}

function sideOf({ layerIds }: Answering, number: number): Side {
  const layer = number >> 1
  return {
    number,
    entity: number % 2 === 0 ? 'user' : 'item',
    layer,
    ids: new Map(),
    places: [],
    request: { space: layerSpace(layerIds[layer]!), keys: [] },
    records: [],
  }
}

const idOf = (key: FeatureKey, entity: EntityName): string | undefined => (entity === 'user' ? key.userId : key.itemId)

const textOf = (heads: readonly (Uint8Array | undefined)[]): string =>
  heads.map((head) => (head === undefined ? '' : Buffer.from(head).toString())).join(' ')

const isoTime = (timeMs: number): string => new Date(timeMs).toISOString()
