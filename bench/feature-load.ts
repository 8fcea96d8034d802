// Events of a made shop for the feature benchmarks: impressions, views, carts and purchases by skewed users on skewed items, over ten days. The sixteen
// features are those of the preset, written out.
import type { LogEvent } from '../src/domain/event.ts'
import type { FeatureDefinition, FeatureFormula } from '../src/domain/feature.ts'
import { contentHash } from '../src/lib/canonical-json.ts'
import type { Rng } from '../src/lib/rng.ts'
import { itemIdOf, userIdOf } from './load-shop.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
export const LOAD_START_MS = Date.UTC(2026, 4, 1)

export interface LoadSize {
  readonly userCount: number
  readonly itemCount: number
}

/** Every item with its attributes. */
export function catalogueEvents({ itemCount }: LoadSize, rng: Rng): LogEvent[] {
  return Array.from({ length: itemCount }, (_, index) => ({
    kind: 'entity',
    id: `item-${index}`,
    entity: 'item',
    entityId: itemIdOf(index),
    change: 'put',
    attributes: { category: `category ${rng.integer(30)}`, price: 1 + rng.integer(10_000) / 100 },
    eventTimeMs: LOAD_START_MS,
  }))
}

/** One interaction. Popularity falls with the square of a uniform number: a tenth of all items gets a third of all events. */
export function interactionEvent(
  number: number,
  eventTimeMs: number,
  { userCount, itemCount }: LoadSize,
  rng: Rng,
): LogEvent {
  const kind = rng.next()
  const interaction = kind < 0.5 ? 'impression' : kind < 0.9 ? 'view' : kind < 0.97 ? 'cart' : 'purchase'
  return {
    kind: 'interaction',
    id: `e${number}`,
    interaction,
    userId: userIdOf(Math.floor(rng.next() ** 2 * userCount)),
    itemId: itemIdOf(Math.floor(rng.next() ** 2 * itemCount)),
    eventTimeMs,
    ...(interaction === 'view' && { values: { durationSeconds: 1 + rng.integer(200) } }),
    ...(interaction === 'purchase' && { values: { revenue: 1 + rng.integer(10_000) / 100 } }),
  }
}

export function definition(name: string, formula: FeatureFormula): FeatureDefinition {
  return { name, owner: 'bench@shop.example', description: '', formula, version: contentHash(formula).slice(0, 16) }
}

const category = { entity: 'item', attribute: 'category' } as const
const doing = ['view', 'cart', 'purchase']

export const sixteenFeatures: readonly FeatureDefinition[] = [
  definition('click_rate_7d', {
    family: 'rate',
    of: ['view'],
    per: ['impression'],
    by: 'item',
    windowMs: 7 * DAY_MS,
    prior: 0.05,
    strength: 20,
  }),
  definition('category_affinity', { family: 'share', of: doing, over: category, by: 'user', windowMs: 30 * DAY_MS }),
  definition('session_duration_avg', {
    family: 'sessionMean',
    of: ['view'],
    value: 'durationSeconds',
    by: 'user',
    gapMs: HOUR_MS / 2,
    windowMs: 30 * DAY_MS,
  }),
  definition('session_recency', { family: 'since', of: doing, by: 'user', windowMs: 90 * DAY_MS }),
  definition('item_views_1h', { family: 'count', of: ['view'], by: 'item', windowMs: HOUR_MS }),
  definition('item_views_7d', { family: 'count', of: ['view'], by: 'item', windowMs: 7 * DAY_MS }),
  definition('item_purchases_30d', { family: 'count', of: ['purchase'], by: 'item', windowMs: 30 * DAY_MS }),
  definition('item_purchase_rate_30d', {
    family: 'rate',
    of: ['purchase'],
    per: ['view'],
    by: 'item',
    windowMs: 30 * DAY_MS,
    prior: 0.02,
    strength: 50,
  }),
  definition('item_views_to_category_7d', {
    family: 'ratioToGroup',
    of: ['view'],
    group: 'category',
    by: 'item',
    windowMs: 7 * DAY_MS,
  }),
  definition('item_price', { family: 'attribute', by: 'item', attribute: 'price' }),
  definition('user_views_1d', { family: 'count', of: ['view'], by: 'user', windowMs: DAY_MS }),
  definition('user_purchases_90d', { family: 'count', of: ['purchase'], by: 'user', windowMs: 90 * DAY_MS }),
  definition('user_spend_90d', {
    family: 'sum',
    of: ['purchase'],
    value: 'revenue',
    by: 'user',
    windowMs: 90 * DAY_MS,
  }),
  definition('user_items_seen_7d', { family: 'distinct', of: ['view'], by: 'user', windowMs: 7 * DAY_MS }),
  definition('user_last_category', {
    family: 'last',
    of: ['view'],
    value: category,
    by: 'user',
    windowMs: 30 * DAY_MS,
  }),
  definition('category_match', { family: 'cross', by: 'pair', share: 'category_affinity', attribute: category }),
]

/** Twenty that an item and its match with a user are ranked by: those of the preset, and ten counts and rates more. */
export const rankingFeatures: readonly FeatureDefinition[] = [
  ...sixteenFeatures,
  ...[1, 3, 14].map((days) =>
    definition(`item_carts_${days}d`, { family: 'count', of: ['cart'], by: 'item', windowMs: days * DAY_MS }),
  ),
  ...[1, 3, 14].map((days) =>
    definition(`item_cart_rate_${days}d`, {
      family: 'rate',
      of: ['cart'],
      per: ['view'],
      by: 'item',
      windowMs: days * DAY_MS,
      prior: 0.05,
      strength: 20,
    }),
  ),
  definition('item_users_1d', { family: 'distinct', of: ['view'], by: 'item', windowMs: DAY_MS }),
  definition('item_revenue_7d', {
    family: 'sum',
    of: ['purchase'],
    value: 'revenue',
    by: 'item',
    windowMs: 7 * DAY_MS,
  }),
  definition('item_revenue_max_30d', {
    family: 'max',
    of: ['purchase'],
    value: 'revenue',
    by: 'item',
    windowMs: 30 * DAY_MS,
  }),
  definition('item_since_view', { family: 'since', of: ['view'], by: 'item', windowMs: 30 * DAY_MS }),
  definition('item_since_purchase', { family: 'since', of: ['purchase'], by: 'item', windowMs: 90 * DAY_MS }),
  definition('item_impressions_1h', { family: 'count', of: ['impression'], by: 'item', windowMs: HOUR_MS }),
]

/** 250 of a user: windows of 1 to 50 days in five families. */
export const manyUserFeatures: readonly FeatureDefinition[] = Array.from({ length: 50 }, (_, n) => n + 1).flatMap(
  (days) => [
    definition(`views_${days}`, { family: 'count', of: ['view'], by: 'user', windowMs: days * DAY_MS }),
    definition(`seconds_${days}`, {
      family: 'sum',
      of: ['view'],
      value: 'durationSeconds',
      by: 'user',
      windowMs: days * DAY_MS,
    }),
    definition(`cart_rate_${days}`, {
      family: 'rate',
      of: ['cart'],
      per: ['view'],
      by: 'user',
      windowMs: days * DAY_MS,
      prior: 0.05,
      strength: 20,
    }),
    definition(`since_${days}`, { family: 'since', of: doing, by: 'user', windowMs: days * DAY_MS }),
    definition(`seconds_max_${days}`, {
      family: 'max',
      of: ['view'],
      value: 'durationSeconds',
      by: 'user',
      windowMs: days * DAY_MS,
    }),
  ],
)
