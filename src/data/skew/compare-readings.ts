// When two readings of one feature are the same, how they differ where they are not, and by how much.
import type { FeatureReading, FeatureValue } from '../../domain/feature.ts'
import type { Difference } from '../../domain/skew-report.ts'

type Reading = Pick<FeatureReading, 'status' | 'value'>

/** Undefined where they are the same, to the last bit; the order of a map's keys does not count. Both of one definition. */
export function differenceOf(served: Reading, recomputed: Reading): Difference | undefined {
  const isServed = served.status === 'present'
  const isKnown = recomputed.status === 'present'
  if (isServed !== isKnown) return isServed ? 'extraOnline' : 'missingOnline'
  if (isServed) return isSameValue(served.value!, recomputed.value!) ? undefined : 'mismatch'
  // Without a value of their own the status says all: a stand-in is the definition's.
  return served.status === recomputed.status ? undefined : 'mismatch'
}

function isSameValue(some: FeatureValue, other: FeatureValue): boolean {
  if (isMap(some) && isMap(other)) {
    return some.size === other.size && [...some].every(([key, part]) => other.get(key) === part)
  }
  if (isList(some) && isList(other)) return some.length === other.length && some.every((tag, i) => tag === other[i])
  return some === other
}

/** Distance of two numbers, or of two maps in the entry where they are furthest apart; undefined where values have none. */
export function sizeOf({ value: some }: Reading, { value: other }: Reading): number | undefined {
  if (typeof some === 'number' && typeof other === 'number') return Math.abs(some - other)
  if (some === undefined || other === undefined || !isMap(some) || !isMap(other)) return undefined
  const keys = new Set([...some.keys(), ...other.keys()])
  return Math.max(0, ...[...keys].map((key) => Math.abs((some.get(key) ?? 0) - (other.get(key) ?? 0))))
}

const isMap = (value: FeatureValue): value is ReadonlyMap<string, number> => value instanceof Map
const isList = (value: FeatureValue): value is readonly string[] => Array.isArray(value)
