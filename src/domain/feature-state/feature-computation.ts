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

/** Where a computation finds what it needs. */
export interface ComputationSources {
  /** Stored records by side; undefined where the entity has none, or the reader named none. */
  readonly records: readonly (EntityRecord | undefined)[]
  /** Of that group, at the moment. */
  readonly groupTotals: (version: string, key: string) => GroupTotals
  /** After every event in the records. */
  readonly asOfMs: number
}

/** Undefined: missing. */
export type FeatureComputation = (sources: ComputationSources) => WindowValue | undefined

/** The computed value with the definition's time to live and default applied. */
export function featureReading(
  definition: FeatureDefinition,
  compute: FeatureComputation,
  sources: ComputationSources,
): FeatureReading {
  const computed = compute(sources)
  if (computed === undefined) return instead(definition, 'missing', undefined)
  const { value, newestMs } = computed
  const isStale =
    definition.ttlMs !== undefined && newestMs !== undefined && sources.asOfMs - newestMs > definition.ttlMs
  return isStale ? instead(definition, 'stale', newestMs) : new Reading('present', value, newestMs)
}

/** The one group of an entity at a moment; undefined where it has none, or several. */
export function groupKeyOf(record: EntityRecord | undefined, attribute: string): string | undefined {
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

export function featureComputation(
  { version, formula }: FeatureDefinition,
  places: ComputationPlaces,
): FeatureComputation {
  switch (formula.family) {
    case 'attribute': {
      const side = places.side(version, formula.by)
      return ({ records }) => {
        const known = records[side]?.attribute(formula.attribute)
        if (known === undefined || !isOfKind(known.value, formula.kind)) return undefined
        return new WindowValue(known.value as FeatureValue, known.timeMs)
      }
    }
    case 'last':
      return latest(version, formula, places)
    case 'cross':
      return crossed(version, formula, places)
    case 'similarity':
      return similarity(formula, places)
    case 'ratioToGroup':
      return ratioToGroup(version, formula, places)
    default:
      return windowed(version, formula.by, places)
  }
}

function latest(
  version: string,
  { by, kind }: Extract<FeatureFormula, { family: 'last' }>,
  places: ComputationPlaces,
): FeatureComputation {
  const computed = windowed(version, by, places)
  return (sources) => {
    const found = computed(sources)
    return found !== undefined && isOfKind(found.value as AttributeValue, kind) ? found : undefined
  }
}

function windowed(version: string, by: EntityName, places: ComputationPlaces): FeatureComputation {
  const slot = places.slot(version)
  const side = places.side(version, by)
  return ({ records, asOfMs }) => {
    const record = records[side]
    return record === undefined ? valueOfNothing(slot, asOfMs) : record.computed(slot, asOfMs)
  }
}

function valueOfNothing({ form: { family } }: Slot, asOfMs: number): WindowValue | undefined {
  const value = family.value(family.empty(), asOfMs, undefined)
  return value === undefined ? undefined : new WindowValue(value, undefined)
}

function ratioToGroup(
  version: string,
  formula: Extract<FeatureFormula, { family: 'ratioToGroup' }>,
  places: ComputationPlaces,
): FeatureComputation {
  const side = places.side(version, formula.by)
  const ownCount = windowed(version, formula.by, places)
  return (sources) => {
    const key = groupKeyOf(sources.records[side], formula.group)
    if (key === undefined) return undefined
    const group = sources.groupTotals(version, key)
    if (group.eventCount === 0) return undefined
    const own = ownCount(sources)!
    return new WindowValue((own.value as number) / (group.eventCount / group.entityCount), own.newestMs)
  }
}

function crossed(
  version: string,
  { share: name, attribute: path }: Extract<FeatureFormula, { family: 'cross' }>,
  places: ComputationPlaces,
): FeatureComputation {
  const side = places.side(version, path.entity)
  const shareOf = shares(name, places)
  return (sources) => {
    const keys = groupKeysOf(sources.records[side]?.attribute(path.attribute)?.value)
    if (keys.length === 0) return undefined
    const share = shareOf(sources)
    if (share === undefined) return undefined
    const map = share.value as Shares
    let value = 0
    for (const key of keys.length === 1 ? keys : [...keys].sort()) value += map.get(key) ?? 0
    return new WindowValue(value, share.newestMs)
  }
}

function similarity(
  formula: Extract<FeatureFormula, { family: 'similarity' }>,
  places: ComputationPlaces,
): FeatureComputation {
  const userShares = shares(formula.user, places)
  const itemShares = shares(formula.item, places)
  return (sources) => {
    const user = userShares(sources)
    const item = itemShares(sources)
    if (user === undefined || item === undefined) return undefined
    const newestMs = Math.min(user.newestMs!, item.newestMs!)
    return new WindowValue(cosine(user.value as Shares, item.value as Shares), newestMs)
  }
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
function shares(name: string, places: ComputationPlaces): FeatureComputation {
  const { version, formula } = places.definition(name)
  const slot = places.slot(version)
  const side = places.side(version, formula.by as EntityName)
  // Without events there are no shares.
  return ({ records, asOfMs }) => records[side]?.computedOnce(slot, asOfMs)
}

function lengthOf(map: Shares): number {
  let squares = 0
  for (const part of map.values()) squares += part * part
  return Math.sqrt(squares)
}
