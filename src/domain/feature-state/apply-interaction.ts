// What one interaction does to the state of its user, or of its item. An entity's interactions come in the order of their offsets, between the changes
// that the log has between them; what comes of one entity has no influence on another, so entities may be taken one after the other.
import type { AttributeValue, EntityName, InteractionEvent } from '../event.ts'
import { groupKeysOf } from '../feature.ts'
import type { Contribution } from '../feature-tiles/tile-family.ts'
import { firstHopAt, hopOf } from '../feature-tiles/tiles.ts'
import type { AttributeState } from './attribute-state.ts'
import type { EntityState } from './entity-state.ts'
import type { GroupUpdate } from './group-state.ts'
import type { CountingSlot, Slot } from './layout.ts'

export interface LogPlace {
  readonly offset: number
  /** Counted time of the interaction. */
  readonly timeMs: number
  /** The greatest available time up to here: of the event, or of one before it. */
  readonly nowMs: number
  /** As of just before the event, of those whom it concerns; see `Counting`. */
  readonly userAttributes: AttributeState | undefined
  readonly itemAttributes: AttributeState | undefined
}

/** The entity of the event that is looked at. */
export interface OwnSide {
  readonly by: EntityName
  readonly state: EntityState
  /** Told where the interaction counts in a group, once for each group; for `GroupState.add`. */
  readonly countInGroup: (slot: Slot, key: string, update: GroupUpdate) => void
}

/** @param counting what `StateLayout.counting` says of the interaction and of `own` */
export function applyInteraction(
  own: OwnSide,
  counting: readonly CountingSlot[],
  event: InteractionEvent,
  at: LogPlace,
): void {
  const { by, state } = own
  const { timeMs, nowMs } = at
  const isForgotten = by === 'user' && timeMs <= at.userAttributes!.deletedMs
  for (const one of counting) {
    const { slot } = one
    const { form } = slot
    // Too late for every moment from now on. Looked at hop by hop only where it may be so.
    const mayBeTooLate = timeMs < nowMs - form.windowMs
    if (mayBeTooLate && hopOf(form, timeMs) < firstHopAt(form, nowMs)) continue
    if (isForgotten && slot.group === undefined) continue
    const contribution = contributionOf(one, event, by, at)
    if (contribution === undefined) continue
    if (!isForgotten) state.add(slot, contribution)
    if (slot.group !== undefined) countInGroups(slot, own, at)
  }
}

/** Undefined where the event does not count. */
function contributionOf(
  { slot, isOf, isPer }: CountingSlot,
  event: InteractionEvent,
  by: EntityName,
  at: LogPlace,
): Contribution | undefined {
  const value = slot.valueName === undefined ? undefined : namedValue(event, slot.valueName)
  if (slot.needsValue && value === undefined) return undefined
  let seen: AttributeValue | undefined
  let keys: readonly string[] = noKeys
  if (slot.keysFrom === 'other id') {
    seen = by === 'user' ? event.itemId : event.userId
    keys = [seen]
  } else if (slot.keysFrom !== undefined) {
    seen = attributesOf(at, slot.keysFrom.entity).get(slot.keysFrom.attribute)?.value
    keys = groupKeysOf(seen)
    if (keys.length === 0) return undefined
  }
  return { timeMs: at.timeMs, offset: at.offset, isOf, isPer, value, keys, seen }
}

/** Of an entity whom the interaction concerns. */
const attributesOf = ({ userAttributes, itemAttributes }: LogPlace, entity: EntityName): AttributeState =>
  (entity === 'user' ? userAttributes : itemAttributes)!

const noKeys: readonly string[] = []

function namedValue({ weight, values }: InteractionEvent, name: string): number | undefined {
  if (name === 'weight') return weight ?? 1
  return values !== undefined && Object.hasOwn(values, name) ? values[name] : undefined
}

function countInGroups(slot: Slot, { by, state, countInGroup }: OwnSide, at: LogPlace): void {
  const { attribute, place } = slot.group!
  const { timeMs } = at
  const hop = hopOf(slot.form, timeMs)
  for (const key of groupKeysOf(attributesOf(at, by).get(attribute)?.value)) {
    countInGroup(slot, key, { timeMs, lastHop: state.countIn(place, key, hop) })
  }
}
