// Which features a store answers now, and from which of its layers: what the manifest says, ready to read by.
import type { EntityName } from '../domain/event.ts'
import type { FeatureDefinition } from '../domain/feature.ts'
import { type ComputationPlaces, featureComputation } from '../domain/feature-state/feature-computation.ts'
import { type Slot, type StateLayout, stateLayout } from '../domain/feature-state/layout.ts'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import type { OnlineStore } from '../ports/online-store.ts'
import { decodeText, type LayerHead } from './feature-layer.ts'
import { type FeatureManifest, layerByVersion, layerSpace, MANIFEST_KEY, MANIFEST_SPACE } from './feature-manifest.ts'
import { ReadPlan, type Side } from './read-plan.ts'

/** Of a layer that has taken nothing yet. */
const noHead = { nextOffset: undefined, newestAvailableTimeMs: -1 }

/** Of texts that every request reads and that seldom change: the value of the one before, where this is the same. */
function decoderOfSame<T>(): (bytes: Uint8Array) => T {
  let decoded: { readonly bytes: Uint8Array; readonly value: T } | undefined
  return (bytes) => {
    if (decoded === undefined || !areEqual(decoded.bytes, bytes)) {
      decoded = { bytes: new Uint8Array(bytes), value: decodeText(bytes) as T }
    }
    return decoded.value
  }
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let n = 0; n < a.length; n++) if (a[n] !== b[n]) return false
  return true
}

const decodeRevision = decoderOfSame<number>()
/** By number of the layer. */
const decodeHead: ((bytes: Uint8Array) => LayerHead)[] = []

export const revisionIn = (bytes: Uint8Array | undefined): number => (bytes === undefined ? 0 : decodeRevision(bytes))

/** Lists of features whose plans are kept; more are worked out anew. A system has one for each thing that it asks for. */
const PLAN_COUNT_MAX = 4

/** What a manifest says, ready to answer from. */
export class Answering implements ComputationPlaces {
  readonly revision: number
  readonly definitions: readonly FeatureDefinition[]
  readonly layerIds: readonly number[]
  readonly layouts: readonly StateLayout[]
  readonly byName: ReadonlyMap<string, FeatureDefinition>
  /** Number of the layer, from 0. */
  readonly #layerByVersion: ReadonlyMap<string, number>
  /** By the list of names; the oldest first. */
  readonly #plans = new Map<string, ReadPlan>()

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
  plan(names: readonly string[]): ReadPlan {
    const key = JSON.stringify(names)
    const known = this.#plans.get(key)
    if (known !== undefined) return known
    const features = names.map((name) => {
      const definition = this.definition(name)
      return { definition, computation: featureComputation(definition, this) }
    })
    const plan = new ReadPlan(features, (number) => this.#sideOf(number))
    if (this.#plans.size >= PLAN_COUNT_MAX) this.#plans.delete([...this.#plans.keys()][0]!)
    this.#plans.set(key, plan)
    return plan
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

  #sideOf(number: number): Side {
    const layer = number >> 1
    const entity = number % 2 === 0 ? 'user' : 'item'
    return { number, entity, layout: this.layouts[layer]![entity], space: layerSpace(this.layerIds[layer]!) }
  }
}

/** What can be answered now; undefined where the store has no features. */
export async function readAnswering(store: OnlineStore): Promise<Answering | undefined> {
  const [records] = await store.read([{ space: MANIFEST_SPACE, keys: [MANIFEST_KEY] }])
  return records![0] && new Answering(decodeText(records![0]) as FeatureManifest)
}

/**
 * What these layers know: the greatest available time of their events, -1 where there are none, and the log's events before which offset; undefined where one
 * of them knows more than another, or nothing yet.
 * @param heads of each layer the record of its head, alone
 */
export function knownTo(heads: readonly (readonly (Uint8Array | undefined)[])[]): {
  readonly newestMs: number
  readonly nextOffset: number | undefined
} {
  let newestMs = noHead.newestAvailableTimeMs
  let nextOffset: number | undefined
  let isOne = true
  for (let layer = 0; layer < heads.length; layer++) {
    const [bytes] = heads[layer]!
    const head = bytes === undefined ? noHead : (decodeHead[layer] ??= decoderOfSame())(bytes)
    newestMs = Math.max(newestMs, head.newestAvailableTimeMs)
    if (layer === 0) nextOffset = head.nextOffset
    else if (head.nextOffset !== nextOffset) isOne = false
  }
  return { newestMs, nextOffset: isOne ? nextOffset : undefined }
}

/** Of a feature that the store does not answer as the system file has it. */
export const notComputedYet = (name: string): MillraceError =>
  new MillraceError('FEATURE_UNKNOWN', `${name} is not computed yet as the system file defines it.`, {
    fix: 'Wait until "millrace features" says that it is ready.',
  })
