// Which entities of one kind a batch of events is about, which events are about each of them, and what was known of them at each event.
import type { EntityEvent } from '../domain/event.ts'
import type { AttributeState } from '../domain/feature-state/attribute-state.ts'
import type { EntityRecord } from '../domain/feature-state/entity-state.ts'
import type { EntityLayout } from '../domain/feature-state/layout.ts'

/** Stands for no position. */
export const NONE = -1

/** Positions are those of events in the batch. */
export class TouchedEntity {
  readonly id: string
  /** As the batch found it; undefined for an entity without state. */
  record: EntityRecord | undefined
  /** As of the last event that was noted. */
  attributes: AttributeState
  haveAttributesChanged = false
  readonly first: number
  last: number

  constructor(id: string, attributes: AttributeState, first: number) {
    this.id = id
    this.attributes = attributes
    this.first = first
    this.last = first
  }

  begin(record: EntityRecord): void {
    this.record = record
    this.attributes = record.attributes()
  }
}

export class TouchedEntities {
  readonly #layout: EntityLayout
  readonly #byId = new Map<string, TouchedEntity>()
  /** By position; undefined where the event is about none of this kind. */
  readonly #at: (TouchedEntity | undefined)[]
  /** Each once, in the order of their first events. */
  readonly all: TouchedEntity[] = []
  /** By position: the next one of the same entity, or `NONE`. */
  readonly next: Int32Array
  /** By position of an interaction: as of just before it; undefined where it concerns none of this kind. */
  readonly attributesAt: (AttributeState | undefined)[]

  constructor(layout: EntityLayout, eventCount: number) {
    this.#layout = layout
    this.#at = new Array(eventCount).fill(undefined)
    this.attributesAt = new Array(eventCount).fill(undefined)
    this.next = new Int32Array(eventCount).fill(NONE)
  }

  /** Positions in ascending order, before anything else. */
  add(id: string, position: number): void {
    let entity = this.#byId.get(id)
    if (entity === undefined) {
      entity = new TouchedEntity(id, this.#layout.nothingKnown, position)
      this.#byId.set(id, entity)
      this.all.push(entity)
    } else {
      this.next[entity.last] = position
      entity.last = position
    }
    this.#at[position] = entity
  }

  /** Notes what is known at an interaction. This and `change` again in the order of positions, once all records have been read. */
  note(position: number): void {
    this.attributesAt[position] = this.#at[position]!.attributes
  }

  /** @param timeMs the event's counted time */
  change(position: number, event: EntityEvent, timeMs: number): void {
    const entity = this.#at[position]!
    entity.attributes = entity.attributes.changed(event, timeMs)
    entity.haveAttributesChanged = true
  }
}
