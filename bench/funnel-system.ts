// The system of the funnel's benchmark: three generators, twenty features, a hundred trees, rules.
import { category, integer, number, text } from '../src/config/attributes.ts'
import { defineSystem } from '../src/config/define-system.ts'
import { attribute, count, cross, distinct, rate, share, since } from '../src/config/features.ts'
import { atMost, inStock, notInteracted } from '../src/config/rules.ts'
import { httpIngest } from '../src/config/sources.ts'
import { ials } from '../src/models/ials/ials.ts'
import { itemNeighbours } from '../src/models/item-neighbours/item-neighbours.ts'
import { lambdaMart } from '../src/models/lambda-mart/lambda-mart.ts'
import { popularity } from '../src/models/popularity/popularity.ts'

const owner = 'bench'

/** What is asked for: of each generator so many, and of all together as many as the ranker orders. */
export interface FunnelShape {
  readonly candidateCount: number
  readonly leaves: number
}

export const funnelSystem = ({ candidateCount, leaves }: FunnelShape) =>
  defineSystem({
    name: 'made-shop',
    data: {
      owner,
      entities: {
        user: {},
        item: { title: text(), category: category(), brand: category(), price: number(), stock: integer() },
      },
      interactions: { view: { weight: 1 }, purchase: { weight: 10 } },
      sources: { web: httpIngest() },
      features: {
        user_views_1d: count({ of: 'view', by: 'user', window: '1 day' }),
        user_views_30d: count({ of: 'view', by: 'user', window: '30 days' }),
        user_purchases_30d: count({ of: 'purchase', by: 'user', window: '30 days' }),
        user_items_30d: distinct({ of: 'view', by: 'user', window: '30 days' }),
        user_recency: since({ of: 'any', by: 'user' }),
        user_categories: share({ of: 'any', over: 'item.category', by: 'user', window: '30 days' }),
        user_brands: share({ of: 'any', over: 'item.brand', by: 'user', window: '30 days' }),
        item_views_1h: count({ of: 'view', by: 'item', window: '1 hour' }),
        item_views_1d: count({ of: 'view', by: 'item', window: '1 day' }),
        item_views_7d: count({ of: 'view', by: 'item', window: '7 days' }),
        item_views_30d: count({ of: 'view', by: 'item', window: '30 days' }),
        item_purchases_7d: count({ of: 'purchase', by: 'item', window: '7 days' }),
        item_purchases_30d: count({ of: 'purchase', by: 'item', window: '30 days' }),
        item_users_30d: distinct({ of: 'view', by: 'item', window: '30 days' }),
        item_rate_30d: rate({
          of: 'purchase',
          per: 'view',
          by: 'item',
          window: '30 days',
          prior: 0.1,
          strength: 20,
        }),
        item_price: attribute('item.price'),
        item_stock: attribute('item.stock'),
        item_category: attribute('item.category'),
        item_brand: attribute('item.brand'),
        category_affinity: cross({ share: 'user_categories', attribute: 'item.category' }),
        brand_affinity: cross({ share: 'user_brands', attribute: 'item.brand' }),
        item_recency: since({ of: 'view', by: 'item' }),
      },
    },
    training: {
      owner,
      candidates: { cf: ials({ factors: 64, iterations: 2 }), alike: itemNeighbours(), trending: popularity() },
      ranker: lambdaMart({ trees: 100, leaves, minRowsPerLeaf: 20 }),
      // One window: there is none to say that fewer trees would do.
      examples: { windows: 1, window: '1 hour', questionsPerUser: 1, candidates: Math.ceil(candidateCount / 2) },
    },
    serving: {
      owner,
      placements: {
        home: {
          candidates: ['cf', 'alike', 'trending'],
          candidateCount,
          limit: 20,
          rules: [inStock(), notInteracted('purchase', '30 days'), atMost(4, { per: 'brand' })],
        },
      },
    },
    monitoring: { owner },
  })
