// What was known of the items at a moment: what models of content learn from.
import type { Attributes, AttributeValue, EntityEvent } from './event.ts'

/** By attribute, then by item index; null where nothing was known of it. */
export type ItemAttributes = Readonly<Record<string, readonly AttributeValue[]>>

/** One change of one item, with only those attributes that somebody wants to learn from. */
export interface ItemChange {
  readonly itemIndex: number
  readonly change: EntityEvent['change']
  readonly attributes: Attributes
  readonly eventTimeMs: number
  /** When it could first have been known. */
  readonly availableTimeMs: number
}

/** Of the attributes `names`, every change of every item, in the order of the log. */
export interface ItemChanges {
  readonly names: readonly string[]
  readonly changes: readonly ItemChange[]
}

/**
 * The items as they were known just before a moment: what happened, or became known, at it or later is not seen. As in answers, the newest event time
 * wins, attribute by attribute, among equal times the change that comes last; a `put` or `delete` speaks of all attributes.
 */
export function itemAttributesAsOf({ names, changes }: ItemChanges, itemCount: number, asOfMs: number): ItemAttributes {
  const known = names.map((name) => ({
    name,
    values: new Array<AttributeValue>(itemCount).fill(null),
    timesMs: new Float64Array(itemCount).fill(Number.NEGATIVE_INFINITY),
  }))
  for (const { itemIndex, change, attributes, eventTimeMs, availableTimeMs } of changes) {
    if (eventTimeMs >= asOfMs || availableTimeMs >= asOfMs) continue
    for (const { name, values, timesMs } of known) {
      const isSaid = Object.hasOwn(attributes, name)
      if ((change === 'patch' && !isSaid) || eventTimeMs < timesMs[itemIndex]!) continue
      values[itemIndex] = isSaid ? attributes[name]! : null
      timesMs[itemIndex] = eventTimeMs
    }
  }
  return Object.fromEntries(known.map(({ name, values }) => [name, values]))
}

/** The attributes named, of those given. */
export function attributesNamed(attributes: Attributes, names: readonly string[]): Attributes {
  return Object.fromEntries(
    names.flatMap((name) => (Object.hasOwn(attributes, name) ? [[name, attributes[name]!]] : [])),
  )
}
