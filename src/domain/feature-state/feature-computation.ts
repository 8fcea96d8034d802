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
import type { Shares } from '../feature-tiles/shares.ts'
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
  /** Where the second part is one text: all that give another reading than a text which nobody has. Left out where any may. */
  readonly textsThatCount?: (first: unknown) => Iterable<string>
  /** Where the one part is a moment in milliseconds, and the value how many seconds ago it was: the same as by `combine`, for many parts without making a reading of each. */
  readonly secondsAgo?: { readonly ttlMs: number; readonly whenStale: number }
}

/** Undefined: missing. */
type Computed = WindowValue | undefined

/** A value with the definition's time to live and default applied; undefined: missing. */
function featureReading(
  definition: FeatureDefinition,
  value: FeatureValue | undefined,
  newestMs: number | undefined,
  asOfMs: number,
): FeatureReading {
  if (value === undefined) return instead(definition, 'missing', undefined)
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
    const reading = featureReading(definition, computed?.value, computed?.newestMs, at.asOfMs)
    if (ttlMs === undefined || computed?.newestMs === undefined) return reading
    const staleFromMs = Math.floor(computed.newestMs + ttlMs) + 1
    if (at.asOfMs >= staleFromMs) at.validity.narrow(staleFromMs, Number.POSITIVE_INFINITY)
    else at.validity.narrow(Number.NEGATIVE_INFINITY, staleFromMs)
    return reading
  }
  return { parts: [{ side, of }], combine: undefined }
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
      return similarity(definition, formula, places)
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
  const of = ({ record, asOfMs, validity }: RecordAtMoment): number | undefined =>
    record?.newestMs(slot, asOfMs, validity)
  const { ttlMs = Number.POSITIVE_INFINITY } = definition
  return {
    parts: [{ side: places.side(definition.version, by), of }],
    combine(first, _, { asOfMs }) {
      const newestMs = first as number | undefined
      return featureReading(definition, family.value(family.empty(), asOfMs, newestMs), newestMs, asOfMs)
    },
    secondsAgo: { ttlMs, whenStale: typeof definition.default === 'number' ? definition.default : Number.NaN },
  }
}

/** What an entity counts in its group. Flat, because reading five hundred of them is waiting for memory. */
export class GroupShare {
  readonly key: string
  readonly count: number
  readonly newestMs: number | undefined

  constructor(key: string, { value, newestMs }: WindowValue) {
    this.key = key
    this.count = value as number
    this.newestMs = newestMs
  }
}

function ratioToGroup(
  definition: FeatureDefinition,
  formula: Extract<FeatureFormula, { family: 'ratioToGroup' }>,
  places: ComputationPlaces,
): FeatureComputation {
  const { version } = definition
  const ownCount = windowed(places.slot(version))
  const texts = new SharedTexts()
  const of = (at: RecordAtMoment): GroupShare | undefined => {
    const key = groupKeyOf(at.record, formula.group)
    // A count is never missing.
    return key === undefined ? undefined : new GroupShare(texts.shared(key), ownCount(at)!)
  }
  return {
    parts: [{ side: places.side(version, formula.by), of }],
    combine(first, _, { asOfMs, groupTotals }) {
      const share = first as GroupShare | undefined
      if (share === undefined) return instead(definition, 'missing', undefined)
      const { eventCount, entityCount } = groupTotals(version, share.key)
      const value = eventCount === 0 ? undefined : share.count / (eventCount / entityCount)
      return featureReading(definition, value, share.newestMs, asOfMs)
    },
  }
}

function crossed(
  definition: FeatureDefinition,
  { share: name, attribute: path }: Extract<FeatureFormula, { family: 'cross' }>,
  places: ComputationPlaces,
): FeatureComputation {
  const texts = new SharedTexts()
  /** The key itself where there is one, as most often; several ascending. */
  const of = ({ record }: RecordAtMoment): string | readonly string[] | undefined => {
    const keys = groupKeysOf(record?.attribute(path.attribute)?.value).map((key) => texts.shared(key))
    return keys.length < 2 ? keys[0] : keys.sort()
  }
  return {
    parts: [countedShares(name, places), { side: places.side(definition.version, path.entity), of }],
    textsThatCount: (first) => (first as CountedShares)?.total.countByKey.keys() ?? [],
    combine(first, second, { asOfMs }) {
      const share = first as CountedShares
      const keys = second as string | readonly string[] | undefined
      if (share === undefined || keys === undefined) return instead(definition, 'missing', undefined)
      const { total } = share
      let value = 0
      if (typeof keys === 'string') value = total.shareOf(keys)
      else for (let k = 0; k < keys.length; k++) value += total.shareOf(keys[k]!)
      return featureReading(definition, value, share.newestMs, asOfMs)
    },
  }
}

/** Texts of which a `SharedTexts` knows one copy each; beyond that they stay apart. */
const SHARED_TEXT_COUNT_MAX = 10_000

/** One copy of each group's key, however many records name it: that one is near when the next of five hundred records is read. */
class SharedTexts {
  readonly #known = new Map<string, string>()

  shared(text: string): string {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    if (this.#known.size < SHARED_TEXT_COUNT_MAX) this.#known.set(text, text)
    return text
  }
}

function similarity(
  definition: FeatureDefinition,
  formula: Extract<FeatureFormula, { family: 'similarity' }>,
  places: ComputationPlaces,
): FeatureComputation {
  return {
    parts: [shares(formula.user, places), shares(formula.item, places)],
    combine(first, second, { asOfMs }) {
      const user = first as Computed
      const item = second as Computed
      if (user === undefined || item === undefined) return instead(definition, 'missing', undefined)
      const value = cosine(user.value as ShareMap, item.value as ShareMap)
      return featureReading(definition, value, Math.min(user.newestMs!, item.newestMs!), asOfMs)
    },
  }
}

type ShareMap = ReadonlyMap<string, number>

function cosine(user: ShareMap, item: ShareMap): number {
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

/** Without events there are none. */
type CountedShares = { readonly total: Shares; readonly newestMs: number | undefined } | undefined

/** The same, for whoever looks a few of them up: the map of all, in the order of its keys, takes longer to make than to read from the record. */
function countedShares(name: string, places: ComputationPlaces): FeaturePart {
  const { version, formula } = places.definition(name)
  const slot = places.slot(version)
  const of = ({ record, asOfMs, validity }: RecordAtMoment): CountedShares => {
    const known = record?.totalOnce(slot, asOfMs, validity) as CountedShares
    return known !== undefined && known.total.eventCount > 0 ? known : undefined
  }
  return { side: places.side(version, formula.by as EntityName), of }
}

function lengthOf(map: ShareMap): number {
  let squares = 0
  for (const part of map.values()) squares += part * part
  return Math.sqrt(squares)
}
