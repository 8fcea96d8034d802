// Feature values as people and programs outside see them.
import type { FeatureReading, FeatureValue } from './feature.ts'

/** A value for JSON: a map becomes an object, with its keys in the order of code units. */
export function plainFeatureValue(value: FeatureValue): string | number | boolean | readonly string[] | object {
  if (!(value instanceof Map)) return value as string | number | boolean | readonly string[]
  const sorted = [...(value as ReadonlyMap<string, number>)].sort(([a], [b]) => (a < b ? -1 : 1))
  // Without a prototype, so that no key means anything but itself.
  return Object.assign(Object.create(null) as object, Object.fromEntries(sorted))
}

/** At most this many entries of a map are shown on a line. */
const SHOWN_ENTRY_COUNT = 5

/** A value in a few words: `0.25`, `"lamps"`, `lamps 0.75, chairs 0.25`; "–" where there is none. */
export function featureText({ status, value }: Pick<FeatureReading, 'status' | 'value'>): string {
  const text = value === undefined ? '–' : textOf(value)
  return status === 'present' ? text : `${text} (${status})`
}

function textOf(value: FeatureValue): string {
  if (typeof value === 'number') return numberText(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'boolean') return String(value)
  if (!(value instanceof Map)) return (value as readonly string[]).join(', ')
  const entries = [...(value as ReadonlyMap<string, number>)].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  const shown = entries.slice(0, SHOWN_ENTRY_COUNT).map(([key, part]) => `${key} ${numberText(part)}`)
  const hiddenCount = entries.length - shown.length
  return `${shown.join(', ')}${hiddenCount > 0 ? `, and ${hiddenCount} more` : ''}`
}

const numberText = (value: number): string => String(Number.isInteger(value) ? value : Number(value.toPrecision(4)))
