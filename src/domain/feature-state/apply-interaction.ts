// What one interaction does to the state of its user and its item. Interactions come in the order of their offsets, between the changes of
// attributes that the log has between them.
import type { AttributeValue, EntityName, InteractionEvent } from '../event.ts'
import { countedTimeMs, groupKeysOf } from '../feature.ts'
import type { Contribution } from '../feature-tiles/tile-family.ts'
import { firstHopAt, hopOf } from '../feature-tiles/tiles.ts'
import type { EntityState } from './entity-state.ts'
import type { CountingSlot, Slot, StateLayout } from './layout.ts'

export interface InteractionStates {
  readonly user: EntityState
  readonly item: EntityState
}

/** An interaction that counts in a group: for `GroupState.add`. */
export interface GroupUpdate {
  readonly slot: Slot
  readonly key: string
  readonly contribution: Contribution
  readonly lastHop: number | undefined
}

export interface LogPlace {
  readonly offset: number
  readonly availableTimeMs: number
  /** The greatest available time up to here: of the event, or of one before it. */
  readonly nowMs: number
}

/** @param groups is added to, in the order in which the updates have to be applied */
export function applyInteraction(
  layout: StateLayout,
  event: InteractionEvent,
  at: LogPlace & { readonly states: InteractionStates; readonly groups: GroupUpdate[] },
): void {
  const timeMs = countedTimeMs(event.eventTimeMs, at.availableTimeMs)
  for (const by of ['user', 'item'] as const) {
    const own = at.states[by]
    const place = { by, timeMs, offset: at.offset, states: at.states }
    const isForgotten = by === 'user' && timeMs <= own.attributes.deletedMs
    for (const counting of layout[by].countedBy(event.interaction)) {
      const { slot } = counting
      const { form } = slot
      // Too late for every moment from now on. Looked at hop by hop only where it may be so.
      const mayBeTooLate = timeMs < at.nowMs - form.windowMs
      if (mayBeTooLate && hopOf(form, timeMs) < firstHopAt(form, at.nowMs)) continue
      if (isForgotten && slot.group === undefined) continue
      const contribution = contributionOf(counting, event, place)
      if (contribution === undefined) continue
      if (!isForgotten) own.add(slot, contribution)
      if (slot.group !== undefined) countInGroups(slot, contribution, own, at.groups)
    }
  }
}

/** Undefined where the event does not count. */
function contributionOf(
  { slot, isOf, isPer }: CountingSlot,
  event: InteractionEvent,
  place: { by: EntityName; timeMs: number; offset: number; states: InteractionStates },
): Contribution | undefined {
  const value = slot.valueName === undefined ? undefined : namedValue(event, slot.valueName)
  if (slot.needsValue && value === undefined) return undefined
  let seen: AttributeValue | undefined
  let keys: readonly string[] = noKeys
  if (slot.keysFrom === 'other id') {
    seen = place.by === 'user' ? event.itemId : event.userId
    keys = [seen]
  } else if (slot.keysFrom !== undefined) {
    seen = place.states[slot.keysFrom.entity].attributes.get(slot.keysFrom.attribute)?.value
    keys = groupKeysOf(seen)
    if (keys.length === 0) return undefined
  }
  return { timeMs: place.timeMs, offset: place.offset, isOf, isPer, value, keys, seen }
}

const noKeys: readonly string[] = []

function namedValue({ weight, values }: InteractionEvent, name: string): number | undefined {
  if (name === 'weight') return weight ?? 1
  return values !== undefined && Object.hasOwn(values, name) ? values[name] : undefined
}

function countInGroups(slot: Slot, contribution: Contribution, own: EntityState, groups: GroupUpdate[]): void {
  const { attribute, place } = slot.group!
  const hop = hopOf(slot.form, contribution.timeMs)
  for (const key of groupKeysOf(own.attributes.get(attribute)?.value)) {
    groups.push({ slot, key, contribution, lastHop: own.countIn(place, key, hop) })
  }
}
