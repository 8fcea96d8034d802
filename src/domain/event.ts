// What the log is made of. Everything that happened is one of these, once, with an id; every other state can be rebuilt from them.

/** A value of an entity's attribute: text, number, truth value, or a list of tags. `null` says "known to be empty". */
export type AttributeValue = string | number | boolean | null | readonly string[]

export type Attributes = Readonly<Record<string, AttributeValue>>

/** The owners of features and attributes. */
export type EntityName = 'user' | 'item'

/** What every kind of event may say. */
interface Declared {
  /**
   * From when on it could have been known, where whoever imports history vouches for that; in milliseconds since 1970. Left out: when the log took it.
   * No part of what makes an event the same, and never taken from a sender over HTTP.
   */
  readonly knownTimeMs?: number
}

/** A user did something with an item. */
export interface InteractionEvent extends Declared {
  readonly kind: 'interaction'
  /** Unique for ever; the same id again is the same event, and is dropped. At most 256 bytes, no control characters. */
  readonly id: string
  /** One of the system's interactions, such as "view" or "purchase". */
  readonly interaction: string
  readonly userId: string
  readonly itemId: string
  /** When it happened, in milliseconds since 1970. */
  readonly eventTimeMs: number
  /** How much of it, such as a quantity; above 0, and 1 where it is left out. `interactionWeight` says what it counts. */
  readonly weight?: number
  /** What else was measured, by the names that the interaction declares, such as `durationSeconds` or `revenue`: finite, at most 1e9 in size. */
  readonly values?: Readonly<Record<string, number>>
}

/** What is known about a user or an item has changed. */
export interface EntityEvent extends Declared {
  readonly kind: 'entity'
  readonly id: string
  readonly entity: EntityName
  readonly entityId: string
  /** `put` replaces all attributes, `patch` those that are given, `delete` takes the entity away. */
  readonly change: 'put' | 'patch' | 'delete'
  /** Empty for a `delete`. */
  readonly attributes: Attributes
  readonly eventTimeMs: number
}

/** A list of items was shown to a user. It says nothing of what the user did with it: that are interactions. */
export interface ImpressionEvent extends Declared {
  readonly kind: 'impression'
  /** The answer's request id, or the sender's own. */
  readonly id: string
  readonly userId: string
  /** Where it was shown; left out where whoever imports it does not know. */
  readonly placement?: string
  /** In the order shown, so that a place in this list, from 1, is a position on the page; 1 to 1,000, each item once. */
  readonly itemIds: readonly string[]
  readonly eventTimeMs: number
  /** Of the model that made the list; left out where it was none of this system's. */
  readonly modelVersion?: string
  /** Of the fallback ladder that the answer stood on. */
  readonly rung?: string
  /** By item what it was ordered by, more being better: finite. */
  readonly scores?: readonly number[]
  /** By item how likely it was to be shown at its place, in (0, 1]. */
  readonly propensities?: readonly number[]
  /** What the ranker saw: items x the ranker's columns of `modelVersion`, as `encodedServedRows` writes them. */
  readonly served?: string
}

/** Items of one impression. */
export const SHOWN_COUNT_MAX = 1000

export type LogEvent = InteractionEvent | EntityEvent | ImpressionEvent

/** When an event could first have been known: when the log took it, or earlier where that was declared. Nothing becomes known later than that. */
export const availableTimeMsOf = ({ knownTimeMs }: LogEvent, appendedTimeMs: number): number =>
  knownTimeMs === undefined ? appendedTimeMs : Math.min(knownTimeMs, appendedTimeMs)
