// From stored records to readings: the same rules for whoever reads, with nothing to wait for in between.
import type { EntityName } from '../event.ts'
import {
  type FeatureDefinition,
  type FeatureFormula,
  type FeatureReading,
  type FeatureValue,
  groupKeysOf,
} from '../feature.ts'
import type { EntityRecord, WindowValue } from './entity-state.ts'
import type { GroupTotals } from './group-state.ts'
import type { Slot } from './layout.ts'

/** Where a computation finds what it needs. */
export interface ComputationSources {
  /** Of the features that a pair feature names. */
  readonly definition: (name: string) => FeatureDefinition
  readonly slot: (version: string) => Slot
  /** The stored record that holds that version's state; undefined where the entity has none, or the reader named none. */
  readonly record: (version: string, entity: EntityName) => EntityRecord | undefined
  /** Of that group, at the moment. */
  readonly groupTotals: (version: string, key: string) => GroupTotals
  /** After every event in the records. */
  readonly asOfMs: number
}

/** With the definition's time to live and default applied. */
export function featureReading(definition: FeatureDefinition, sources: ComputationSources): FeatureReading {
  const computed = compute(definition, sources)
  if (computed === undefined) return instead(definition, 'missing', undefined)
  const { value, newestMs } = computed
  const isStale =
    definition.ttlMs !== undefined && newestMs !== undefined && sources.asOfMs - newestMs > definition.ttlMs
  return isStale ? instead(definition, 'stale', newestMs) : { status: 'present', value, newestEventTimeMs: newestMs }
}

/** The one group of an entity at a moment; undefined where it has none, or several. */
export function groupKeyOf(record: EntityRecord | undefined, attribute: string): string | undefined {
  const keys = groupKeysOf(record?.attribute(attribute)?.value)
  return keys.length === 1 ? keys[0] : undefined
}

function instead(
  definition: FeatureDefinition,
  status: 'missing' | 'stale',
  newestEventTimeMs: number | undefined,
): FeatureReading {
  return definition.default === undefined
    ? { status, value: undefined, newestEventTimeMs }
    : { status: 'default', value: definition.default, newestEventTimeMs }
}

/** Undefined: missing. */
function compute({ version, formula }: FeatureDefinition, sources: ComputationSources): WindowValue | undefined {
  switch (formula.family) {
    case 'attribute': {
      const known = sources.record(version, formula.by)?.attribute(formula.attribute)
      return known && { value: known.value as FeatureValue, newestMs: known.timeMs }
    }
    case 'cross':
      return crossed(version, formula, sources)
    case 'similarity':
      return similarity(formula, sources)
    case 'ratioToGroup':
      return ratioToGroup(version, formula, sources)
    default:
      return windowed(version, formula.by, sources)
  }
}

function windowed(version: string, by: EntityName, sources: ComputationSources): WindowValue | undefined {
  const slot = sources.slot(version)
  const record = sources.record(version, by)
  return record === undefined ? valueOfNothing(slot, sources.asOfMs) : record.computed(slot, sources.asOfMs)
}

function valueOfNothing({ form: { family } }: Slot, asOfMs: number): WindowValue | undefined {
  const value = family.value(family.empty(), asOfMs, undefined)
  return value === undefined ? undefined : { value, newestMs: undefined }
}

function ratioToGroup(
  version: string,
  formula: Extract<FeatureFormula, { family: 'ratioToGroup' }>,
  sources: ComputationSources,
): WindowValue | undefined {
  const key = groupKeyOf(sources.record(version, formula.by), formula.group)
  if (key === undefined) return undefined
  const group = sources.groupTotals(version, key)
  if (group.eventCount === 0) return undefined
  const own = windowed(version, formula.by, sources)!
  return { value: (own.value as number) / (group.eventCount / group.entityCount), newestMs: own.newestMs }
}

function crossed(
  version: string,
  { share: name, attribute: path }: Extract<FeatureFormula, { family: 'cross' }>,
  sources: ComputationSources,
): WindowValue | undefined {
  const keys = groupKeysOf(sources.record(version, path.entity)?.attribute(path.attribute)?.value)
  if (keys.length === 0) return undefined
  const share = shareOf(name, sources)
  if (share === undefined) return undefined
  let value = 0
  for (const key of keys.length === 1 ? keys : [...keys].sort()) value += share.map.get(key) ?? 0
  return { value, newestMs: share.newestMs }
}

function similarity(
  formula: Extract<FeatureFormula, { family: 'similarity' }>,
  sources: ComputationSources,
): WindowValue | undefined {
  const user = shareOf(formula.user, sources)
  const item = shareOf(formula.item, sources)
  if (user === undefined || item === undefined) return undefined
  let dot = 0
  let hasCommon = false
  // In the order of the keys, which a share's map has.
  for (const [key, part] of user.map) {
    const other = item.map.get(key)
    if (other === undefined) continue
    hasCommon = true
    dot += part * other
  }
  const newestMs = Math.min(user.newestMs!, item.newestMs!)
  return { value: hasCommon ? dot / (lengthOf(user.map) * lengthOf(item.map)) : 0, newestMs }
}

function shareOf(name: string, sources: ComputationSources) {
  const { version, formula } = sources.definition(name)
  const computed = windowed(version, formula.by as EntityName, sources)
  return computed && { map: computed.value as ReadonlyMap<string, number>, newestMs: computed.newestMs }
}

function lengthOf(map: ReadonlyMap<string, number>): number {
  let squares = 0
  for (const part of map.values()) squares += part * part
  return Math.sqrt(squares)
}
