// A made shop whose parts can be made to fail: what a fault is, and what answers must never hold.
import { category, integer, number } from '../../src/config/attributes.ts'
import { defineSystem } from '../../src/config/define-system.ts'
import { attribute, count, cross, share, since } from '../../src/config/features.ts'
import { atMost, inStock } from '../../src/config/rules.ts'
import { httpIngest } from '../../src/config/sources.ts'
import { itemNeighbours } from '../../src/models/item-neighbours/item-neighbours.ts'
import { lambdaMart } from '../../src/models/lambda-mart/lambda-mart.ts'
import { popularity } from '../../src/models/popularity/popularity.ts'
import type { GeneratorKind } from '../../src/ports/candidate-generator.ts'
import type { RankerKind } from '../../src/ports/ranker.ts'

export const ITEM_COUNT = 600
export const USER_COUNT = 200
export const LIMIT = 10
export const BRAND_MOST = 3
export const itemIdOf = (n: number): string => `i${n}`
export const userIdOf = (n: number): string => `u${n}`
export const brandOf = (n: number): string => `b${n % 40}`
/** Every seventh item is sold out. */
export const stockOf = (n: number): number => (n % 7 === 0 ? 0 : 5)

/** What goes wrong inside the server, from the word of the trial to the next. */
export const innerFaults = [
  'none',
  'the store answers slowly',
  'the store fails',
  'the store answers garbage',
  'the ranker throws',
  'the ranker gives NaN',
  'the ranker takes ten seconds',
  'a generator throws',
  'the log has no room',
  'the clock is a day ahead',
  'the clock is a day behind',
  'models are swapped',
] as const
export type InnerFault = (typeof innerFaults)[number]

const owner = 'team@test.example'

/** @param fault says what is wrong now */
export function faultSystem(fault: () => InnerFault) {
  return defineSystem({
    name: 'fault-shop',
    data: {
      owner,
      entities: { user: {}, item: { category: category(), brand: category(), price: number(), stock: integer() } },
      interactions: { view: { weight: 1 }, purchase: { weight: 5 } },
      sources: { shop: httpIngest() },
      features: {
        item_views: count({ of: 'view', by: 'item', window: '7 days' }),
        item_price: attribute('item.price'),
        user_recency: since({ of: 'any', by: 'user' }),
        user_categories: share({ of: 'any', over: 'item.category', by: 'user', window: '30 days' }),
        affinity: cross({ share: 'user_categories', attribute: 'item.category' }),
      },
    },
    training: {
      owner,
      candidates: { alike: failing(itemNeighbours(), fault), trending: popularity() },
      ranker: failingRanker(lambdaMart({ trees: 20, minRowsPerLeaf: 5 }), fault),
      examples: { windows: 1, window: '2 days', candidates: 100 },
    },
    serving: {
      owner,
      budgetMs: 100,
      impressions: true,
      placements: {
        home: { limit: LIMIT, candidateCount: 100, rules: [inStock(), atMost(BRAND_MOST, { per: 'brand' })] },
        like: { pattern: 'embedding', limit: LIMIT },
      },
    },
    monitoring: { owner },
  })
}

function failing(kind: GeneratorKind, fault: () => InnerFault): GeneratorKind {
  return {
    ...kind,
    with: (options) => failing(kind.with(options), fault),
    open(artifacts, size) {
      const opened = kind.open(artifacts, size)
      return {
        supportsEmptyHistory: opened.supportsEmptyHistory,
        generate(...asked) {
          if (fault() === 'a generator throws') throw new Error('the generator is broken')
          return opened.generate(...asked)
        },
        similar: (...asked) => opened.similar!(...asked),
      }
    },
  }
}

function failingRanker(kind: RankerKind<never>, fault: () => InnerFault): RankerKind<never> {
  return {
    ...kind,
    with: (options) => failingRanker(kind.with(options) as RankerKind<never>, fault),
    async open(artifacts, featureNames) {
      const opened = await kind.open(artifacts, featureNames)
      return {
        featureNames,
        async score(rows, rowCount, out) {
          if (fault() === 'the ranker throws') throw new Error('the ranker is broken')
          if (fault() === 'the ranker takes ten seconds') await new Promise((resolve) => setTimeout(resolve, 10_000))
          await opened.score(rows, rowCount, out)
          if (fault() === 'the ranker gives NaN') out.fill(Number.NaN, 0, rowCount)
        },
      }
    },
  }
}
