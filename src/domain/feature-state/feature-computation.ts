// From stored records to readings: the same rules for whoever reads, with nothing to wait for in between.
import type { AttributeValue, EntityName } from '../event.ts'
import {
  type FeatureDefinition,
  type FeatureFormula,
  type FeatureReading,
  type FeatureStatus,
  type FeatureValue,
  groupKeysOf,
  isOfKind,
} from '../feature.ts'
import type { WindowTotal } from '../feature-tiles/tiles.ts'
import type { Validity } from '../feature-tiles/validity.ts'
import { type EntityRecord, WindowValue } from './entity-state.ts'
import type { GroupTotals } from './group-state.ts'
import type { Slot } from './layout.ts'

/** What the stored state says of a definition; prepared once, since every reading needs it. */
export interface ComputationPlaces {
  /** Of the features that a pair feature names. */
  readonly definition: (name: string) => FeatureDefinition
  readonly slot: (version: string) => Slot
  /** The number under which `ComputationSources.records` has the record that holds this version's state. */
  readonly side: (version: string, entity: EntityName) => number
}

/** What a part is made of: a record, undefined where the entity has none, or nobody was named; and a moment after every event in it. */
export interface RecordAtMoment {
  readonly record: EntityRecord | undefined
  readonly asOfMs: number
  /** Narrowed to the moments at which the same record gives the same part. */
  readonly validity: Validity
}

/** What several parts are put together with. */
export interface CombiningSources {
  /** Of that group, at the moment. */
  readonly groupTotals: (version: string, key: string) => GroupTotals
  readonly asOfMs: number
}

/** What one record contributes to a reading, and what can be kept of it while the record stays the same. */
export interface FeaturePart {
  /** Number of the side whose record it is. */
  readonly side: number
  readonly of: (at: RecordAtMoment) => unknown
}

/** How one feature is read: a part of each record that it needs, then the reading of those parts. */
export interface FeatureComputation {
  /** One or two. */
  readonly parts: readonly FeaturePart[]
  /**
   * In the order of the parts; the second is undefined where there is one only. Left out where there is one part, which is the reading already: nothing
   * but the record and the moment goes into it.
   */
  readonly combine: ((first: unknown, second: unknown, sources: CombiningSources) => FeatureReading) | undefined
}

/** Undefined: missing. */
type Computed = WindowValue | undefined

/** The computed value with the definition's time to live and default applied. */
function featureReading(definition: FeatureDefinition, computed: Computed, asOfMs: number): FeatureReading {
  if (computed === undefined) return instead(definition, 'missing', undefined)
  const { value, newestMs } = computed
  const isStale = definition.ttlMs !== undefined && newestMs !== undefined && asOfMs - newestMs > definition.ttlMs
  return isStale ? instead(definition, 'stale', newestMs) : new Reading('present', value, newestMs)
}

/** A reading that needs one record and nothing else. */
function ofRecord(
  definition: FeatureDefinition,
  side: number,
  compute: (at: RecordAtMoment) => Computed,
): FeatureComputation {
  const { ttlMs } = definition
  const of = (at: RecordAtMoment): FeatureReading => {
    const computed = compute(at)
    const reading = featureReading(definition, computed, at.asOfMs)
    if (ttlMs === undefined || computed?.newestMs === undefined) return reading
    const staleFromMs = Math.floor(computed.newestMs + ttlMs) + 1
    if (at.asOfMs >= staleFromMs) at.validity.narrow(staleFromMs, Number.POSITIVE_INFINITY)
    else at.validity.narrow(Number.NEGATIVE_INFINITY, staleFromMs)
    return reading
  }
  return { parts: [{ side, of }], combine: undefined }
}

/** A reading of two parts, or of a part and something else. */
function ofParts<A, B>(
  definition: FeatureDefinition,
  parts: readonly FeaturePart[],
  compute: (first: A, second: B, sources: CombiningSources) => Computed,
): FeatureComputation {
  const combine = (first: unknown, second: unknown, sources: CombiningSources): FeatureReading =>
    featureReading(definition, compute(first as A, second as B, sources), sources.asOfMs)
  return { parts, combine }
}

/** The one group of an entity at a moment; undefined where it has none, or several. */
function groupKeyOf(record: EntityRecord | undefined, attribute: string): string | undefined {
  const value = record?.attribute(attribute)?.value
  if (typeof value === 'string') return value
  const keys = groupKeysOf(value)
  return keys.length === 1 ? keys[0] : undefined
}

function instead(
  definition: FeatureDefinition,
  status: 'missing' | 'stale',
  newestEventTimeMs: number | undefined,
): FeatureReading {
  return definition.default === undefined
    ? new Reading(status, undefined, newestEventTimeMs)
    : new Reading('default', definition.default, newestEventTimeMs)
}

/**
 * A class, though its objects are plain: a request makes ten thousand of them at once. V8 watches which object literals outlive a collection, takes one
 * that falls into such a request for a sign that they live long, and from then on makes them where collecting takes tens of milliseconds.
 */
class Reading implements FeatureReading {
  readonly status: FeatureStatus
  readonly value: FeatureValue | undefined
  readonly newestEventTimeMs: number | undefined

  constructor(status: FeatureStatus, value: FeatureValue | undefined, newestEventTimeMs: number | undefined) {
    this.status = status
    this.value = value
    this.newestEventTimeMs = newestEventTimeMs
  }
}

export function featureComputation(definition: FeatureDefinition, places: ComputationPlaces): FeatureComputation {
  const { version, formula } = definition
  switch (formula.family) {
    case 'attribute':
      return ofRecord(definition, places.side(version, formula.by), ({ record }) => {
        const known = record?.attribute(formula.attribute)
        if (known === undefined || !isOfKind(known.value, formula.kind)) return undefined
        return new WindowValue(known.value as FeatureValue, known.timeMs)
      })
    case 'last': {
      const compute = windowed(places.slot(version))
      return ofRecord(definition, places.side(version, formula.by), (at) => {
        const found = compute(at)
        return found !== undefined && isOfKind(found.value as AttributeValue, formula.kind) ? found : undefined
      })
    }
    case 'since':
      return since(definition, formula, places)
    case 'cross':
      return crossed(definition, formula, places)
    case 'similarity':
      return ofParts<Computed, Computed>(
        definition,
        [shares(formula.user, places), shares(formula.item, places)],
        (user, item) => {
          if (user === undefined || item === undefined) return undefined
          const newestMs = Math.min(user.newestMs!, item.newestMs!)
          return new WindowValue(cosine(user.value as Shares, item.value as Shares), newestMs)
        },
      )
    case 'ratioToGroup':
      return ratioToGroup(definition, formula, places)
    default:
      return ofRecord(definition, places.side(version, formula.by), windowed(places.slot(version)))
  }
}

function windowed(slot: Slot): (at: RecordAtMoment) => Computed {
  return ({ record, asOfMs, validity }) =>
    record === undefined ? valueOfNothing(slot, asOfMs) : record.computed(slot, asOfMs, validity)
}

function valueOfNothing({ form: { family } }: Slot, asOfMs: number): Computed {
  const value = family.value(family.empty(), asOfMs, undefined)
  return value === undefined ? undefined : new WindowValue(value, undefined)
}

/** In two steps, because the newest event stays the same where the value is another at every moment. */
function since(
  definition: FeatureDefinition,
  { by }: Extract<FeatureFormula, { family: 'since' }>,
  places: ComputationPlaces,
): FeatureComputation {
  const slot = places.slot(definition.version)
  const { family } = slot.form
  const of = ({ record, asOfMs, validity }: RecordAtMoment): WindowTotal | undefined =>
    record?.windowTotal(slot, asOfMs, validity)
  const part = { side: places.side(definition.version, by), of }
  return ofParts<WindowTotal | undefined, undefined>(definition, [part], (window, _, { asOfMs }) => {
    const value = window && family.value(window.total, asOfMs, window.newestMs)
    return value === undefined ? undefined : new WindowValue(value, window!.newestMs)
  })
}

/** What an entity counts in its group. */
export class GroupShare {
  readonly key: string
  readonly own: WindowValue

  constructor(key: string, own: WindowValue) {
    this.key = key
    this.own = own
  }
}

function ratioToGroup(
  definition: FeatureDefinition,
  formula: Extract<FeatureFormula, { family: 'ratioToGroup' }>,
  places: ComputationPlaces,
): FeatureComputation {
  const { version } = definition
  const ownCount = windowed(places.slot(version))
  const of = (at: RecordAtMoment): GroupShare | undefined => {
    const key = groupKeyOf(at.record, formula.group)
    // A count is never missing.
    return key === undefined ? undefined : new GroupShare(key, ownCount(at)!)
  }
  const part = { side: places.side(version, formula.by), of }
  return ofParts<GroupShare | undefined, undefined>(definition, [part], (share, _, { groupTotals }) => {
    if (share === undefined) return undefined
    const group = groupTotals(version, share.key)
    if (group.eventCount === 0) return undefined
    return new WindowValue((share.own.value as number) / (group.eventCount / group.entityCount), share.own.newestMs)
  })
}

function crossed(
  definition: FeatureDefinition,
  { share: name, attribute: path }: Extract<FeatureFormula, { family: 'cross' }>,
  places: ComputationPlaces,
): FeatureComputation {
  const of = ({ record }: RecordAtMoment): readonly string[] => {
    const keys = groupKeysOf(record?.attribute(path.attribute)?.value)
    return keys.length < 2 ? keys : [...keys].sort()
  }
  const attribute = { side: places.side(definition.version, path.entity), of }
  return ofParts<Computed, readonly string[]>(definition, [shares(name, places), attribute], (share, keys) => {
    if (share === undefined || keys.length === 0) return undefined
    const map = share.value as Shares
    let value = 0
    for (const key of keys) value += map.get(key) ?? 0
    return new WindowValue(value, share.newestMs)
  })
}

type Shares = ReadonlyMap<string, number>

function cosine(user: Shares, item: Shares): number {
  let dot = 0
  let hasCommon = false
  // In the order of the keys, which a share's map has.
  for (const [key, part] of user) {
    const other = item.get(key)
    if (other === undefined) continue
    hasCommon = true
    dot += part * other
  }
  return hasCommon ? dot / (lengthOf(user) * lengthOf(item)) : 0
}

/** Of a share feature, before its own time to live and default. */
function shares(name: string, places: ComputationPlaces): FeaturePart {
  const { version, formula } = places.definition(name)
  const slot = places.slot(version)
  // Without events there are no shares.
  const of = ({ record, asOfMs, validity }: RecordAtMoment): Computed => record?.computedOnce(slot, asOfMs, validity)
  return { side: places.side(version, formula.by as EntityName), of }
}

function lengthOf(map: Shares): number {
  let squares = 0
  for (const part of map.values()) squares += part * part
  return Math.sqrt(squares)
}
