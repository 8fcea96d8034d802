// What a shop wants to know of its customers and its goods, so that nobody has to begin with an empty page.
import {
  attribute,
  count,
  cross,
  distinct,
  type Feature,
  last,
  rate,
  ratioToGroup,
  sessionMean,
  share,
  since,
  sum,
} from './features.ts'

export interface ShopFeatureOptions<
  Interaction extends string,
  Duration extends string,
  Revenue extends string,
  Group extends string,
  Price extends string,
> {
  /** An item was shown. */
  readonly impression: Interaction
  /** An item was looked at. */
  readonly view: Interaction
  readonly cart: Interaction
  readonly purchase: Interaction
  /** The value of views that says how long they took, in seconds. */
  readonly durationSeconds: Duration
  /** The value of purchases that says what they brought. */
  readonly revenue: Revenue
  /** What goods are sorted by, such as "item.category". */
  readonly category: Group
  readonly price: Price
}

/**
 * Sixteen features of a shop, to be used as they are or beside others: `features: { ...shopFeatures({ ... }), mine: count({ ... }) }`.
 * Rates are smoothed: an item that was shown three times and clicked once has not proved anything.
 */
export function shopFeatures<
  const Interaction extends string,
  const Duration extends string,
  const Revenue extends string,
  const Group extends string,
  const Price extends string,
>(options: ShopFeatureOptions<Interaction, Duration, Revenue, Group, Price>) {
  const { impression, view, cart, purchase, durationSeconds, revenue, category, price } = options
  return {
    click_rate_7d: rate({ of: view, per: impression, by: 'item', window: '7 days', prior: 0.05, strength: 20 }),
    category_affinity: share({ of: [view, cart, purchase], over: category, by: 'user', window: '30 days' }),
    session_duration_avg: sessionMean({
      of: view,
      value: durationSeconds,
      by: 'user',
      gap: '30 minutes',
      window: '30 days',
    }),
    session_recency: since({ of: [view, cart, purchase], by: 'user' }),

    item_views_1h: count({ of: view, by: 'item', window: '1 hour' }),
    item_views_7d: count({ of: view, by: 'item', window: '7 days' }),
    item_purchases_30d: count({ of: purchase, by: 'item', window: '30 days' }),
    item_purchase_rate_30d: rate({ of: purchase, per: view, by: 'item', window: '30 days', prior: 0.02, strength: 50 }),
    item_views_to_category_7d: ratioToGroup({ of: view, group: category, by: 'item', window: '7 days' }),
    item_price: attribute(price),

    user_views_1d: count({ of: view, by: 'user', window: '1 day' }),
    user_purchases_90d: count({ of: purchase, by: 'user', window: '90 days' }),
    user_spend_90d: sum({ of: purchase, value: revenue, by: 'user', window: '90 days' }),
    user_items_seen_7d: distinct({ of: view, by: 'user', window: '7 days' }),
    user_last_category: last({ of: view, value: category, by: 'user', window: '30 days' }),

    category_match: cross({ share: 'category_affinity', attribute: category }),
  } satisfies Record<string, Feature>
}
