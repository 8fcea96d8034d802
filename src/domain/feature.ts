// What a feature is: data, not code. The stream engine, the SQL of backfills and point-in-time joins, and the naive oracle in the tests all read
// these definitions, and must give the same value to the last bit. So the rules are exact, and chosen such that every engine can keep them:
//
// Time. An event counts for a moment T where it was available before T and happened before T. An event that claims to have happened after it
//   became available happened when it became available: `countedTimeMs = min(eventTimeMs, availableTimeMs)`.
//   That holds for changes of entities too: wherever a rule below says "event time", it is the counted one.
// Declared history. What is imported became available at the import, unless whoever imports it vouches that it was known before: then from that
//   moment on (`availableTimeMsOf`). So available times do not ascend with the offsets, and what is imported today may count in training rows of last
//   year, as it should; a set that was made before is made again from the files that it was made of, which do not change.
// Order. Where "latest" must be decided, the greater counted time wins, then the greater offset in the log.
// Windows. A window of length W at T holds the events with counted time in [floor((T - W) / hop) * hop, T): its head is exact, its tail moves
//   in hops (`hopMsOf`), so that state can be kept in tiles of one hop. Epoch-aligned, UTC. (Chronon calls such windows sawtooth.)
// Groups. Where an event is counted under an attribute of its item (or user), it is the attribute's value as the log knew it when the event came:
//   by the entity's changes with smaller offsets, the newest event time winning attribute by attribute, as in the catalogue. An event whose
//   entity has no such value counts for no group. A tag list counts once for each distinct tag. A `put` speaks of every attribute (of those it
//   leaves out, too: they have no value any more), a `delete` likewise and of all, a `patch` of those it gives. What has no value: nothing known,
//   null, an empty tag list (`groupKeysOf` gives no key); only the family `attribute` takes an empty list for a value.
//   That holds whenever the changes became available: who declares a row known vouches for it with its grouping. So import what declares groups,
//   such as a catalogue, before what is counted under them. An entity's own attribute and group at T are those of the changes available before T.
// Numbers. Summed values are rounded to millionths first (`toMicros`, half away from zero) and summed as integers, so that the order of addition
//   does not matter; divisions are of those exact integers, in float64, in the one way the family's formula says. The sum may leave 2^53: it is
//   exact all the same (a BigInt, a HUGEINT) and becomes a float64, to the nearest, at the end: sum = float64(micros) / 1e6; mean = sum / count.
//   `min` and `max` are not rounded. Where shares are added (cross over tags, similarity) it is in ascending order of their keys, from 0.
// Types. The log keeps what it was told. Where an attribute's type changes, what it said before may be of another kind than the attribute is now: then the families
//   `attribute` and `last` have no value, though what came before it would have been one. Groups are texts whatever the type, and stay.
// Deletion. A user's `delete` known before T takes away from that user's own features (a) what the log took before it (smaller offsets), whatever
//   its time: what we know when we are told to forget is forgotten, and no state has to be split; and (b) what comes later but had happened at or
//   before the delete. Features of items, and the totals of groups of users, keep those events: they name nobody.
// Newest. `newestEventTimeMs` is the greatest counted time of the events behind the value: those counted (rate: of either kind), for a value or an
//   attribute those that have it; sessionMean: all events of the sessions; ratioToGroup: the entity's own events in the window; attribute: the
//   change that set it. A pair's value is as new as its share (cross), or as the older of its two shares (similarity). Missing: undefined.
// Time to live. A value is stale where it has a newest event and T - newestEventTimeMs > ttlMs; a value without events (a count of 0, a rate that
//   is its prior) never is. Cross and similarity take their shares as computed, before the shares' own time to live and default.
import type { AttributeValue, EntityName } from './event.ts'

/** An attribute of the user or the item of an interaction, written "item.category". */
export interface AttributePath {
  readonly entity: EntityName
  readonly attribute: string
}

/** How the values of an attribute are kept: whole numbers and moments are numbers. */
export type AttributeKind = 'text' | 'number' | 'boolean' | 'tags'

/** Interactions that are counted; "any" means every interaction of the system. */
export type Counted = readonly string[] | 'any'

interface Windowed {
  /** Whose feature it is. */
  readonly by: EntityName
  readonly of: Counted
  readonly windowMs: number
}

/** What each family computes, at a moment T, of the events of one entity in the window. "Nothing" gives the status `missing`. */
export type FeatureFormula =
  /** How many. 0 where there are none; never missing. */
  | (Windowed & { readonly family: 'count' })
  /** Sum of a numeric value of the interactions (`weight`: the event's weight, 1 where it has none); events without the value are passed over. 0 where there are none. */
  | (Windowed & { readonly family: 'sum'; readonly value: string })
  /** Sum / number of events that have the value; the sum as the family `sum` gives it. Missing where there are none. */
  | (Windowed & { readonly family: 'mean'; readonly value: string })
  /** Smallest or largest of the values as they came. Missing where there are none. */
  | (Windowed & { readonly family: 'min' | 'max'; readonly value: string })
  /** (count(of) + prior * strength) / (count(per) + strength); with strength 0 missing where count(per) is 0. May exceed 1. */
  | (Windowed & { readonly family: 'rate'; readonly per: Counted; readonly prior: number; readonly strength: number })
  /** Per value of the attribute: its part of all counted events that have a value (with tags, the parts add up to more than 1). A map; missing where there are none. */
  | (Windowed & { readonly family: 'share'; readonly over: AttributePath })
  /** The latest event's attribute value (or, without `value`, the id of the other entity). Passes over events that have none. Missing where it is not of the kind. */
  | (Windowed & { readonly family: 'last'; readonly value?: AttributePath; readonly kind?: AttributeKind })
  /** Seconds from the latest event to T: (T - countedTimeMs) / 1000. Missing where there is none in the window. */
  | (Windowed & { readonly family: 'since' })
  /** How many different entities of the other kind, or values (group keys) of an attribute: HyperLogLog with 2^10 registers; see lib/hyper-log-log.ts. 0 where there are none. */
  | (Windowed & { readonly family: 'distinct'; readonly value?: AttributePath })
  /**
   * Mean over sessions, which are runs of the entity's counted events with at most `gapMs` between neighbours (equal to the gap: same session);
   * sessions are found within the window. Of each session: its sum of `value` (events without it belong to it and add nothing), or without one its
   * length in seconds. (total micros / 1e6) / sessions, or (total milliseconds / 1000) / sessions.
   */
  | (Windowed & { readonly family: 'sessionMean'; readonly gapMs: number; readonly value?: string })
  /** The entity's own attribute as of T. Missing where unknown, null, or the entity deleted, and where it is not of the kind. */
  | {
      readonly family: 'attribute'
      readonly by: EntityName
      readonly attribute: string
      /** As the system file has the attribute: so another type is another version. Undefined: any. */
      readonly kind?: AttributeKind
    }
  /** count(entity) / (count of its group / number of distinct entities with an event in that group, exact), in that order of divisions; the entity's group is its attribute as of T. Missing where it has no group, or several (tags), or the group has no events. */
  | (Windowed & { readonly family: 'ratioToGroup'; readonly group: string })
  /** Of a user and an item: the value that a `share` feature of the one has at an attribute of the other as of T (tags: the sum over distinct tags, ascending). 0 where the map lacks it; missing where either side is. */
  | { readonly family: 'cross'; readonly by: 'pair'; readonly share: string; readonly attribute: AttributePath }
  /**
   * Of a user and an item: cosine of two `share` maps, 0 where they have nothing in common; missing where either map is. Products summed in the
   * order of the keys (code units), ascending: dot / (sqrt(sum of squares of the user's) * sqrt(sum of squares of the item's)).
   */
  | { readonly family: 'similarity'; readonly by: 'pair'; readonly user: string; readonly item: string }

export type FeatureFamily = FeatureFormula['family']

/** A feature of the plan. */
export interface FeatureDefinition {
  readonly name: string
  /** Inherited from `data.owner` where the system file does not say. */
  readonly owner: string
  readonly description: string
  readonly formula: FeatureFormula
  /** A value whose newest event is older than this at T is `stale`, online and offline alike. Undefined: never. A value without events, such as a count of 0, is not stale. */
  readonly ttlMs?: number
  /** Stands in for a missing or stale value, with the status `default`. Undefined: the status stays and the value is `undefined`. */
  readonly default?: number | string
  /** The first 16 hexadecimal digits of a hash of the formula, and of those of the shares that a pair is made of: a changed formula is another version, with state of its own. Owner, description, ttl and default do not count. */
  readonly version: string
}

export type FeatureValue = number | string | boolean | readonly string[] | ReadonlyMap<string, number>

export type FeatureStatus = 'present' | 'missing' | 'stale' | 'default'

/** What a reader gets. */
export interface FeatureReading {
  readonly status: FeatureStatus
  /** Undefined where the status is `missing` or `stale`. */
  readonly value: FeatureValue | undefined
  /** Counted time of the newest event behind the value (for an attribute: the event time of its change); undefined where there is none. */
  readonly newestEventTimeMs: number | undefined
}

/** What some features are of, and what they knew. */
export interface FeatureMoment {
  /** The moment that they are of; milliseconds since 1970. */
  readonly asOfMs: number
  /** They know the log's events before this offset and no other; undefined where that is not known. */
  readonly nextOffset: number | undefined
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

export const WINDOW_MIN_MS = MINUTE_MS
export const WINDOW_MAX_MS = 90 * DAY_MS

/** By how much the tail of a window moves: 5 minutes (windows under 12 hours), 1 hour (under 12 days) or 1 day. */
export function hopMsOf(windowMs: number): number {
  if (windowMs < 12 * HOUR_MS) return 5 * MINUTE_MS
  return windowMs < 12 * DAY_MS ? HOUR_MS : DAY_MS
}

/** The first moment that a window at `asOfMs` holds. */
export function windowStartMs(asOfMs: number, windowMs: number): number {
  const hopMs = hopMsOf(windowMs)
  return Math.floor((asOfMs - windowMs) / hopMs) * hopMs
}

/** When an event counts as having happened: nothing happened after we knew of it. */
export const countedTimeMs = (eventTimeMs: number, availableTimeMs: number): number =>
  Math.min(eventTimeMs, availableTimeMs)

/** Largest absolute value that can be summed: beyond it millionths are no longer exact in float64. */
export const SUMMABLE_MAX = 1e9

/** A value in millionths, as an integer in float64, half away from zero. DuckDB: `round(value * 1e6)`. */
export function toMicros(value: number): number {
  const scaled = Math.abs(value) * 1e6
  const floor = Math.floor(scaled)
  // Math.round would take halves up, which is towards zero for negative values; adding 0.5 first would round 0.49999999999999994 up.
  const rounded = scaled - floor >= 0.5 ? floor + 1 : floor
  return value < 0 ? -rounded : rounded
}

/** What an attribute counts as in a group: text for every type, so that groups have one kind of key. Undefined where it has none. */
export function groupKeysOf(value: AttributeValue | undefined): readonly string[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return [...new Set(value as readonly string[])]
  return [String(value)]
}

/** Whether a value is of the kind that its attribute has now. */
export function isOfKind(value: AttributeValue, kind: AttributeKind | undefined): boolean {
  if (kind === undefined) return true
  if (kind === 'tags') return Array.isArray(value)
  return typeof value === (kind === 'text' ? 'string' : kind)
}

/** Whether a feature can be read of these entities: a pair needs both. */
export function sufficesFor(
  { userId, itemId }: { readonly userId?: string | undefined; readonly itemId?: string | undefined },
  { formula: { by } }: FeatureDefinition,
): boolean {
  return (by === 'item' || userId !== undefined) && (by === 'user' || itemId !== undefined)
}
