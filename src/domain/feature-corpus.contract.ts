// Random histories that hold whatever goes wrong with real ones, and definitions of every family over them: what engines are compared on.
import { contentHash } from '../lib/canonical-json.ts'
import type { Rng } from '../lib/rng.ts'
import type { StoredEvent } from '../ports/event-log.ts'
import {
  type Attributes,
  type AttributeValue,
  availableTimeMsOf,
  type ImpressionEvent,
  type LogEvent,
} from './event.ts'
import type { FeatureDefinition, FeatureFormula } from './feature.ts'
import { encodedServedRows } from './served-rows.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Where histories begin: not a multiple of an hour. */
const START_MS = Date.UTC(2026, 2, 28, 21, 17, 3)

/** What reaches the log in one moment; repetitions included, as senders send them. */
export interface Arrival {
  readonly appendedTimeMs: number
  readonly events: readonly LogEvent[]
}

export interface CorpusOptions {
  readonly eventCount: number
  readonly userCount?: number
  readonly itemCount?: number
  /** Of the whole history; by default one of an hour, a day, a month, so that every hop and window is met. */
  readonly spanMs?: number
  /** Whether some events declare when they were known; by default every other history has such. */
  readonly declaresKnown?: boolean
}

export interface Corpus {
  readonly arrivals: readonly Arrival[]
  /** What the log makes of them: repeated ids dropped, offsets from 0. */
  readonly events: readonly StoredEvent[]
  readonly userIds: readonly string[]
  readonly itemIds: readonly string[]
}

/** Ids and texts with what breaks careless keys and orders: separators, accents, characters beyond 16 bits, the empty-looking. */
const awkward = ['', '/', ' x', 'é', '\u{1f600}', '\uff5e', "'", '"', '%', '__proto__']

/**
 * A history of views, clicks and purchases (with `weight`, `revenue` and `durationSeconds` here and there) and of changes of users and items:
 * out of order, late by up to a third of the span, some claiming to come from the future, with ties, repetitions and deletions. In every other
 * history some were known before they reached the log: when they happened, a little later, or at any time of the span. One in seven says what was shown, which no
 * feature is made of.
 */
export function randomCorpus(rng: Rng, options: CorpusOptions): Corpus {
  const { eventCount, userCount = 3, itemCount = 4 } = options
  const spanMs = options.spanMs ?? [HOUR_MS, DAY_MS, 40 * DAY_MS][rng.integer(3)]!
  const userIds = Array.from({ length: userCount }, (_, n) => `u${n}${awkward[n % awkward.length]}`)
  const itemIds = Array.from({ length: itemCount }, (_, n) => `i${n}${awkward[(n + 3) % awkward.length]}`)
  // A coarse grain makes equal times and gaps that are met exactly.
  const grainMs = [1, 1000, 5 * MINUTE_MS][rng.integer(3)]!
  const arrivals: Arrival[] = []
  const sent: LogEvent[] = []
  // Of so many events none; of one in so many. A generator of its own, so that histories without known times stay what they were.
  const knownRng = rng.fork('known')
  const declaresKnown = options.declaresKnown ?? knownRng.integer(2) === 1
  const knownOneIn = declaresKnown ? [1, 3][knownRng.integer(2)] : undefined
  const shownRng = rng.fork('shown')
  let appendedTimeMs = START_MS
  while (sent.length < eventCount) {
    if (rng.integer(6) !== 0)
      appendedTimeMs += Math.ceil((rng.next() ** 3 * 4 * spanMs) / eventCount / grainMs) * grainMs
    const events = Array.from({ length: 1 + rng.integer(3) }, () => {
      if (sent.length > 0 && rng.integer(12) === 0) return again(rng, pick(rng, sent))
      const done = randomEvent(rng, {
        id: `e${sent.length}`,
        eventTimeMs: randomTime(rng, { appendedTimeMs, spanMs, grainMs }),
        userIds,
        itemIds,
      })
      const unknown = shownRng.integer(7) === 0 ? shownInstead(shownRng, done, { userIds, itemIds }) : done
      const isDeclared = knownOneIn !== undefined && knownRng.integer(knownOneIn) === 0
      const event = isDeclared ? { ...unknown, knownTimeMs: knownTime(knownRng, unknown, spanMs) } : unknown
      sent.push(event)
      return event
    })
    arrivals.push({ appendedTimeMs, events })
  }
  return { arrivals, events: logOf(arrivals), userIds, itemIds }
}

/** Most often not before it happened; a time before that is no use to anybody, and has its rule all the same. */
function knownTime(rng: Rng, { eventTimeMs }: LogEvent, spanMs: number): number {
  const kind = rng.integer(6)
  if (kind <= 2) return eventTimeMs
  if (kind === 3) return eventTimeMs + Math.floor(rng.next() * 10 * MINUTE_MS)
  if (kind === 4) return eventTimeMs + Math.floor((rng.next() * spanMs) / 3)
  return START_MS - spanMs + Math.floor(rng.next() * 2 * spanMs)
}

function shownInstead(
  rng: Rng,
  { id, eventTimeMs }: LogEvent,
  { userIds, itemIds }: Pick<Corpus, 'userIds' | 'itemIds'>,
): ImpressionEvent {
  const shown = itemIds.slice(rng.integer(itemIds.length))
  const numbers = (): number[] => shown.map(() => 0.001 + rng.next() * 0.9)
  return {
    kind: 'impression',
    id,
    userId: pick(rng, userIds),
    itemIds: shown,
    eventTimeMs,
    ...(rng.integer(2) === 0 && { placement: pick(rng, ['home', 'é "']) }),
    ...(rng.integer(2) === 0 && { scores: numbers() }),
    ...(rng.integer(3) === 0 && { propensities: numbers() }),
    ...(rng.integer(3) === 0 && { rung: 'full' }),
    ...(rng.integer(3) === 0 && {
      modelVersion: '20260101-000000-abcdef01',
      served: encodedServedRows(Float32Array.from([...numbers(), ...shown.map(() => Number.NaN)])),
    }),
  }
}

/** The same id with the same or with another payload. */
function again(rng: Rng, event: LogEvent): LogEvent {
  return rng.integer(2) === 0 ? event : { ...event, eventTimeMs: event.eventTimeMs + 1 }
}

function logOf(arrivals: readonly Arrival[]): StoredEvent[] {
  const known = new Set<string>()
  const events: StoredEvent[] = []
  for (const { appendedTimeMs, events: arrived } of arrivals) {
    for (const event of arrived) {
      if (known.has(event.id)) continue
      known.add(event.id)
      events.push({ offset: events.length, ...timesOf(event, appendedTimeMs), event })
    }
  }
  return events
}

function timesOf(event: LogEvent, appendedTimeMs: number): Pick<StoredEvent, 'availableTimeMs' | 'appendedTimeMs'> {
  const availableTimeMs = availableTimeMsOf(event, appendedTimeMs)
  return availableTimeMs === appendedTimeMs ? { availableTimeMs } : { availableTimeMs, appendedTimeMs }
}

function randomTime(
  rng: Rng,
  { appendedTimeMs, spanMs, grainMs }: { appendedTimeMs: number; spanMs: number; grainMs: number },
): number {
  const kind = rng.integer(20)
  if (kind === 0) return appendedTimeMs + Math.ceil(rng.next() * 3 * MINUTE_MS)
  if (kind <= 3) return appendedTimeMs - Math.floor((rng.next() * spanMs) / 3 / grainMs) * grainMs
  if (kind <= 8) return appendedTimeMs
  return appendedTimeMs - Math.floor((rng.next() * 10 * MINUTE_MS) / grainMs) * grainMs
}

interface EventSetting {
  readonly id: string
  readonly eventTimeMs: number
  readonly userIds: readonly string[]
  readonly itemIds: readonly string[]
}

function randomEvent(rng: Rng, { id, eventTimeMs, userIds, itemIds }: EventSetting): LogEvent {
  const kind = rng.integer(20)
  if (kind >= 5) {
    return {
      kind: 'interaction',
      id,
      interaction: pick(rng, ['view', 'view', 'click', 'purchase']),
      userId: pick(rng, userIds),
      itemId: pick(rng, itemIds),
      eventTimeMs,
      ...(rng.integer(3) === 0 && { weight: pick(rng, [0.1, 0.3, 2, 7.5]) }),
      ...(rng.integer(3) !== 0 && { values: randomValues(rng) }),
    }
  }
  const isUser = rng.integer(5) < 2
  const entity = isUser
    ? ({ entity: 'user', entityId: pick(rng, userIds) } as const)
    : ({ entity: 'item', entityId: pick(rng, itemIds) } as const)
  const change = pick(rng, ['put', 'patch', 'patch', 'patch', 'delete'] as const)
  const attributes = change === 'delete' ? {} : isUser ? userAttributes(rng) : itemAttributes(rng)
  return { kind: 'entity', id, ...entity, change, attributes, eventTimeMs }
}

function randomValues(rng: Rng): Record<string, number> {
  const values: Record<string, number> = {}
  // Halves of a millionth, sizes whose sum leaves 2^53, both signs.
  if (rng.integer(3) !== 0)
    values.revenue = pick(rng, [0, 0.1, -0.1, 19.99, 0.0000005, -0.0000015, 1e9, 1e9, 1e9, -1e9, 123_456_789.123_456])
  if (rng.integer(2) === 0) values.durationSeconds = rng.integer(5000) / 8
  return values
}

const categories = ['shoes', 'hats', 'Ärmel', '\u{1f45f}', '\uff5e']

function itemAttributes(rng: Rng): Attributes {
  const attributes: Record<string, AttributeValue> = {}
  if (rng.integer(3) !== 0) attributes.category = rng.integer(8) === 0 ? null : pick(rng, categories)
  if (rng.integer(2) === 0)
    attributes.tags = Array.from({ length: rng.integer(4) }, () => pick(rng, ['red', 'new', 'sale', '\u{1f45f}']))
  if (rng.integer(2) === 0) attributes.price = pick(rng, [0, 9.5, 20, 1234.25])
  if (rng.integer(3) === 0) attributes.isNew = rng.integer(2) === 0
  return attributes
}

function userAttributes(rng: Rng): Attributes {
  const attributes: Record<string, AttributeValue> = {}
  if (rng.integer(3) !== 0) attributes.country = rng.integer(8) === 0 ? null : pick(rng, ['DE', 'FR', 'IT'])
  if (rng.integer(2) === 0)
    attributes.interests = Array.from({ length: rng.integer(3) }, () => pick(rng, ['red', 'sale']))
  return attributes
}

const pick = <T>(rng: Rng, values: readonly T[]): T => values[rng.integer(values.length)]!

/** A definition as the plan would hold it. */
export function definitionOf(
  name: string,
  formula: FeatureFormula,
  options: Pick<FeatureDefinition, 'ttlMs' | 'default'> = {},
): FeatureDefinition {
  return {
    name,
    owner: 'test@shop.example',
    description: '',
    formula,
    version: contentHash(formula).slice(0, 16),
    ...options,
  }
}

/**
 * Every family, over users and items, over windows of each hop, with and without time to live and default. Values are `weight`, `revenue` and
 * `durationSeconds`; attributes those of `randomCorpus`.
 */
export const corpusDefinitions: readonly FeatureDefinition[] = [
  definitionOf('views_1h', { family: 'count', by: 'user', of: ['view'], windowMs: HOUR_MS }),
  definitionOf('item_any_7d', { family: 'count', by: 'item', of: 'any', windowMs: 7 * DAY_MS }, { ttlMs: 2 * DAY_MS }),
  definitionOf('item_views_30d', { family: 'count', by: 'item', of: ['view', 'click'], windowMs: 30 * DAY_MS }),
  definitionOf('weight_2h', { family: 'sum', by: 'user', of: 'any', windowMs: 2 * HOUR_MS, value: 'weight' }),
  definitionOf(
    'revenue_20d',
    { family: 'sum', by: 'item', of: 'any', windowMs: 20 * DAY_MS, value: 'revenue' },
    { ttlMs: 10 * DAY_MS, default: -1 },
  ),
  definitionOf('revenue_mean_1d', {
    family: 'mean',
    by: 'user',
    of: ['purchase', 'view'],
    windowMs: DAY_MS,
    value: 'revenue',
  }),
  definitionOf('duration_min_6h', {
    family: 'min',
    by: 'item',
    of: 'any',
    windowMs: 6 * HOUR_MS,
    value: 'durationSeconds',
  }),
  definitionOf(
    'revenue_max_13d',
    { family: 'max', by: 'user', of: 'any', windowMs: 13 * DAY_MS, value: 'revenue' },
    { default: 0 },
  ),
  definitionOf('click_rate_7d', {
    family: 'rate',
    by: 'item',
    of: ['click'],
    per: ['view'],
    prior: 0.05,
    strength: 20,
    windowMs: 7 * DAY_MS,
  }),
  definitionOf(
    'raw_rate_3h',
    {
      family: 'rate',
      by: 'user',
      of: ['click', 'purchase'],
      per: ['view'],
      prior: 0,
      strength: 0,
      windowMs: 3 * HOUR_MS,
    },
    { ttlMs: HOUR_MS },
  ),
  definitionOf('category_affinity', {
    family: 'share',
    by: 'user',
    of: 'any',
    over: { entity: 'item', attribute: 'category' },
    windowMs: 30 * DAY_MS,
  }),
  definitionOf(
    'tag_affinity',
    {
      family: 'share',
      by: 'user',
      of: ['view', 'purchase'],
      over: { entity: 'item', attribute: 'tags' },
      windowMs: 8 * DAY_MS,
    },
    { ttlMs: DAY_MS },
  ),
  definitionOf('item_tags_share', {
    family: 'share',
    by: 'item',
    of: 'any',
    over: { entity: 'item', attribute: 'tags' },
    windowMs: DAY_MS,
  }),
  definitionOf(
    'interest_share',
    { family: 'share', by: 'item', of: 'any', over: { entity: 'user', attribute: 'interests' }, windowMs: 3 * HOUR_MS },
    { default: 'none' },
  ),
  definitionOf('last_item', { family: 'last', by: 'user', of: 'any', windowMs: 14 * DAY_MS }),
  definitionOf(
    'last_category',
    { family: 'last', by: 'user', of: ['view'], windowMs: DAY_MS, value: { entity: 'item', attribute: 'category' } },
    { ttlMs: HOUR_MS, default: 'unknown' },
  ),
  definitionOf('last_tags', {
    family: 'last',
    by: 'user',
    of: 'any',
    windowMs: 2 * HOUR_MS,
    value: { entity: 'item', attribute: 'tags' },
  }),
  definitionOf('last_price', {
    family: 'last',
    by: 'item',
    of: 'any',
    windowMs: 30 * DAY_MS,
    value: { entity: 'item', attribute: 'price' },
  }),
  definitionOf('session_recency', { family: 'since', by: 'user', of: 'any', windowMs: 30 * DAY_MS }),
  definitionOf(
    'since_purchase_4h',
    { family: 'since', by: 'item', of: ['purchase'], windowMs: 4 * HOUR_MS },
    { ttlMs: 30 * MINUTE_MS },
  ),
  definitionOf('users_7d', { family: 'distinct', by: 'item', of: 'any', windowMs: 7 * DAY_MS }),
  definitionOf(
    'categories_2h',
    {
      family: 'distinct',
      by: 'user',
      of: ['view'],
      windowMs: 2 * HOUR_MS,
      value: { entity: 'item', attribute: 'category' },
    },
    { ttlMs: HOUR_MS },
  ),
  definitionOf('tags_30d', {
    family: 'distinct',
    by: 'user',
    of: 'any',
    windowMs: 30 * DAY_MS,
    value: { entity: 'item', attribute: 'tags' },
  }),
  definitionOf('session_duration_avg', {
    family: 'sessionMean',
    by: 'user',
    of: 'any',
    gapMs: 5 * MINUTE_MS,
    windowMs: 30 * DAY_MS,
  }),
  definitionOf('session_length_90m', {
    family: 'sessionMean',
    by: 'user',
    of: ['view', 'click'],
    gapMs: 20 * MINUTE_MS,
    windowMs: 90 * MINUTE_MS,
  }),
  definitionOf('session_revenue_3d', {
    family: 'sessionMean',
    by: 'item',
    of: 'any',
    gapMs: HOUR_MS,
    value: 'revenue',
    windowMs: 3 * DAY_MS,
  }),
  definitionOf('price', { family: 'attribute', by: 'item', attribute: 'price' }, { ttlMs: 20 * DAY_MS }),
  definitionOf('tags', { family: 'attribute', by: 'item', attribute: 'tags' }),
  definitionOf(
    'country',
    { family: 'attribute', by: 'user', attribute: 'country' },
    { ttlMs: 12 * HOUR_MS, default: 'XX' },
  ),
  definitionOf('is_new', { family: 'attribute', by: 'item', attribute: 'isNew' }),
  definitionOf('views_to_category', {
    family: 'ratioToGroup',
    by: 'item',
    of: ['view'],
    group: 'category',
    windowMs: 7 * DAY_MS,
  }),
  definitionOf('any_to_tags', { family: 'ratioToGroup', by: 'item', of: 'any', group: 'tags', windowMs: 2 * HOUR_MS }),
  definitionOf(
    'any_to_country',
    { family: 'ratioToGroup', by: 'user', of: 'any', group: 'country', windowMs: 20 * DAY_MS },
    { ttlMs: 3 * DAY_MS },
  ),
  definitionOf('category_match', {
    family: 'cross',
    by: 'pair',
    share: 'category_affinity',
    attribute: { entity: 'item', attribute: 'category' },
  }),
  definitionOf(
    'tag_match',
    { family: 'cross', by: 'pair', share: 'tag_affinity', attribute: { entity: 'item', attribute: 'tags' } },
    { ttlMs: 6 * HOUR_MS },
  ),
  definitionOf('interest_match', {
    family: 'cross',
    by: 'pair',
    share: 'interest_share',
    attribute: { entity: 'user', attribute: 'interests' },
  }),
  definitionOf(
    'tag_similarity',
    { family: 'similarity', by: 'pair', user: 'tag_affinity', item: 'item_tags_share' },
    { default: 0 },
  ),
]
