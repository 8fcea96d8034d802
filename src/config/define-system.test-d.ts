// What a system file may say, and what the types must refuse. Checked by `npm run types` and, as a test, by `test/types.test.ts`.
import { onnxRanker } from '../adapters/onnx/ranker-kind.ts'
import { lightgbmRanker } from '../models/lightgbm/lightgbm-ranker.ts'
import type { GeneratorKind } from '../ports/candidate-generator.ts'
import type { RankerKind } from '../ports/ranker.ts'
import { boolean, category, integer, number, tags, text, timestamp } from './attributes.ts'
import { defineSystem } from './define-system.ts'
import {
  attribute,
  count,
  cross,
  distinct,
  last,
  maximum,
  mean,
  minimum,
  rate,
  ratioToGroup,
  sessionMean,
  share,
  similarity,
  since,
  sum,
} from './features.ts'
import {
  atLeast,
  atMost,
  blocked,
  boost,
  bury,
  explore,
  inStock,
  notInteracted,
  only,
  pin,
  rotate,
  rule,
  spread,
} from './rules.ts'
import { shopFeatures } from './shop-features.ts'
import { catalogueApi, fileSource, folderSource, httpIngest, postgresSource } from './sources.ts'

declare const ials: (options?: { factors?: number }) => GeneratorKind
declare const popularity: () => GeneratorKind

const owner = 'team@shop.example'
const entities = {
  user: { country: category({ optional: true }), signedUpAt: timestamp() },
  item: { title: text(), brand: category(), labels: tags(), price: number(), stock: integer(), isNew: boolean() },
}
const interactions = { view: { weight: 1 }, purchase: { weight: 10 } }
const sources = { clicks: httpIngest() }
const data = { owner, entities, interactions, sources }
const training = { owner, candidates: { cf: ials({ factors: 64 }), trending: popularity() } }
const monitoring = { owner }

// Everything there is, right.
defineSystem({
  name: 'shop',
  data: {
    ...data,
    sources: {
      clicks: httpIngest(),
      history: fileSource({
        path: 'history.csv.gz',
        holds: 'interactions',
        columns: { userId: 'CustomerID', itemId: 'StockCode', eventTime: 2, weight: 'Quantity' },
        interaction: 'purchase',
        timeFormat: 'iso',
        known: 'when-it-happened',
      }),
      catalogue: fileSource({
        path: 'items.jsonl',
        holds: 'item',
        columns: { entityId: 'id', title: 'name', price: 'price' },
        known: { since: '2024-01-01' },
      }),
      people: fileSource({ path: 'users.tsv', holds: 'user', columns: { entityId: 0, country: 1 }, hasHeader: false }),
      orders: postgresSource({
        urlVariable: 'SHOP_DATABASE_URL',
        query: 'SELECT * FROM orders',
        incrementalBy: 'created_at',
        overlap: '1 hour',
        holds: 'interactions',
        columns: { userId: 'customer', itemId: 'sku', eventTime: 'created_at' },
        interaction: 'purchase',
        every: '5 minutes',
        freshness: '1 hour',
        owner: 'orders@shop.example',
      }),
      prices: catalogueApi({
        url: 'https://shop.example/api/items',
        paging: { by: 'cursor', parameter: 'after', field: 'meta.next' },
        rowsAt: 'data',
        authorization: { variable: 'SHOP_API_TOKEN' },
        holds: 'item',
        columns: { entityId: 'id', title: 'name', price: 'price.amount' },
        every: '0 4 * * *',
      }),
      drops: folderSource({
        path: 'drop',
        files: 'users-*.csv',
        holds: 'user',
        columns: { entityId: 'id', country: 'country' },
        every: '30 seconds',
      }),
    },
    retention: { maxAge: '365 days', maxBytes: 1e9 },
    futureTolerance: '10 minutes',
  },
  training: { ...training, seed: 7 },
  serving: {
    owner,
    placements: {
      home: {
        candidates: ['cf', 'trending'],
        limit: 20,
        candidateCount: 500,
        rules: [
          inStock(),
          inStock({ attribute: 'price' }),
          only("brand = 'acme'"),
          notInteracted('purchase', '30 days'),
          atMost(4, { per: 'brand' }),
          blocked({ items: ['sku-7'] }),
          blocked({ attribute: 'brand', values: ['shady'] }),
          atLeast(2, { of: 'price < 20' }),
          spread(0.2, { by: ['brand'] }),
          boost(2, { of: 'price < 20' }),
          bury(2, { of: 'price > 90' }),
          pin('sku-1', { at: 1, until: '2027-01-01' }),
          rotate(3, { within: '7 days', to: 'out' }),
          explore(0.1),
          rule<typeof data.entities.item>('cheap', ({ attributes }) => (attributes.price ?? 0) < 20),
          rule('any', ({ itemId }, { userId }) => (itemId === userId ? 2 : true)),
        ],
      },
      product: { pattern: 'embedding' },
    },
  },
  monitoring,
})

const serving = { owner, placements: { home: {} } }
const system = { name: 'shop', data, training, serving, monitoring }
defineSystem(system)

// Rules.
const sellers = { sellerId: text() }
const withRules = { ...system, serving: { owner, placements: {} } }
defineSystem({
  ...withRules,
  serving: {
    owner,
    placements: {
      // @ts-expect-error items have no "brnad"
      a: { rules: [atMost(4, { per: 'brnad' })] },
      // @ts-expect-error a title is no group
      b: { rules: [atMost(4, { per: 'title' })] },
      // @ts-expect-error users do not "purchas"
      c: { rules: [notInteracted('purchas', '30 days')] },
      // @ts-expect-error "dais" is no unit
      d: { rules: [notInteracted('purchase', '30 dais')] },
      // @ts-expect-error nothing counts the "stok"
      e: { rules: [inStock({ attribute: 'stok' })] },
      // @ts-expect-error a brand cannot be above zero
      f: { rules: [inStock({ attribute: 'brand' })] },
      // @ts-expect-error items have no "seller"
      blocked: { rules: [blocked({ attribute: 'seller', values: ['shady'] })] },
      // @ts-expect-error items have no "colour"
      spread: { rules: [spread(0.5, { by: ['brand', 'colour'] })] },
      // @ts-expect-error a title is no group
      spreadByTitle: { rules: [spread(0.5, { by: ['title'] })] },
      // @ts-expect-error "dais" is no unit
      rotate: { rules: [rotate(3, { within: '7 dais' })] },
      // @ts-expect-error there is no such place to go
      rotateTo: { rules: [rotate(3, { within: '7 days', to: 'back' })] },
      // @ts-expect-error a rule answers at once
      promise: { rules: [rule('later', async () => true)] },
      // @ts-expect-error items have no "colour"
      code: { rules: [rule<typeof data.entities.item>('red', ({ attributes }) => attributes.colour === 'red')] },
      other: {
        // @ts-expect-error items have no "sellerId", which the rule looks at
        rules: [rule<typeof sellers>('own', ({ attributes }) => attributes.sellerId === 'us')],
      },
      // @ts-expect-error there is no generator "cff"
      g: { candidates: ['cff'] },
      // @ts-expect-error there is no such pattern
      h: { pattern: 'nightly' },
      // @ts-expect-error there is no such setting
      i: { limitt: 3 },
    },
  },
})

// A rule on stock needs a stock.
defineSystem({
  ...system,
  data: { ...data, entities: { user: {}, item: { title: text() } } },
  serving: {
    owner,
    placements: {
      // @ts-expect-error items have no "stock"
      home: { rules: [inStock()] },
      plain: { rules: [only("title = 'x'")] },
    },
  },
})

// Sources.
const nightly = { urlVariable: 'SHOP_DATABASE_URL', query: 'SELECT * FROM items', every: '1 day' } as const
defineSystem({
  ...system,
  data: {
    ...data,
    sources: {
      // @ts-expect-error items have no "titel"
      a: fileSource({ path: 'a.csv', holds: 'item', columns: { entityId: 'id', titel: 'name' } }),
      // @ts-expect-error "price" belongs to items
      b: fileSource({ path: 'b.csv', holds: 'user', columns: { entityId: 'id', price: 'price' } }),
      // @ts-expect-error "rating" is not an interaction
      c: fileSource({
        path: 'c.csv',
        holds: 'interactions',
        columns: { userId: 0, itemId: 1, eventTime: 2 },
        interaction: 'rating',
      }),
      // @ts-expect-error an interaction has no "price"
      d: fileSource({
        path: 'd.csv',
        holds: 'interactions',
        columns: { userId: 0, itemId: 1, eventTime: 2, price: 3 },
      }),
      // @ts-expect-error the item is missing
      e: fileSource({ path: 'e.csv', holds: 'interactions', columns: { userId: 0, eventTime: 2 } }),
      // @ts-expect-error items have no "titel"
      g: postgresSource({ ...nightly, holds: 'item', columns: { entityId: 'id', titel: 'name' } }),
      // @ts-expect-error "price" belongs to items
      h: catalogueApi({ url: '', holds: 'user', columns: { entityId: 'id', price: 'p' }, every: '1 day' }),
      // @ts-expect-error items have no "colour"
      i: folderSource({ path: '', files: '', holds: 'item', columns: { entityId: 'id', colour: 'c' }, every: '1 day' }),
      // @ts-expect-error "rating" is not an interaction
      j: postgresSource({
        ...nightly,
        holds: 'interactions',
        columns: { userId: 'u', itemId: 'i', eventTime: 't' },
        interaction: 'rating',
      }),
      // @ts-expect-error the time is missing
      k: postgresSource({ ...nightly, holds: 'interactions', columns: { userId: 'u', itemId: 'i' } }),
      // @ts-expect-error "dais" is no unit, and four fields are no pattern
      l: postgresSource({ ...nightly, holds: 'item', columns: { entityId: 'id' }, every: '1 dais' }),
      // @ts-expect-error there is no such paging
      m: catalogueApi({ url: '', holds: 'item', columns: { entityId: 'i' }, every: '1 day', paging: { by: 'offset' } }),
      // @ts-expect-error a query needs its address
      n: postgresSource({ query: 'SELECT 1', holds: 'item', columns: { entityId: 'id' }, every: '1 day' }),
      // @ts-expect-error there is no format "xml"
      f: fileSource({ path: 'f.xml', format: 'xml', holds: 'item', columns: { entityId: 0 } }),
    },
  },
})

// Features.
const measured = {
  ...data,
  interactions: { view: { weight: 1, values: ['durationSeconds'] }, purchase: { weight: 10, values: ['revenue'] } },
} as const
defineSystem({
  ...system,
  data: {
    ...measured,
    features: {
      views: count({
        of: 'view',
        by: 'item',
        window: '7 days',
        owner: 'a@b',
        description: 'x',
        ttl: '1 day',
        default: 3,
      }),
      taste: share({ of: ['view', 'purchase'], over: 'item.labels', by: 'user', window: '30 days' }),
      spent: sum({ of: 'purchase', value: 'revenue', by: 'user', window: '90 days' }),
      quantity: mean({ of: 'any', value: 'weight', by: 'user', window: '90 days' }),
      buys: rate({ of: 'purchase', per: 'view', by: 'item', window: '7 days', prior: 0.1, strength: 10 }),
      session: sessionMean({ of: 'any', value: 'durationSeconds', gap: '30 minutes', by: 'user', window: '1 day' }),
      idle: since({ of: 'any', by: 'user' }),
      brand: last({ of: 'view', value: 'item.brand', by: 'user', window: '1 day', default: 'none' }),
      item: last({ of: 'view', by: 'user', window: '1 day' }),
      brands: distinct({ of: 'view', value: 'item.brand', by: 'user', window: '1 day' }),
      price: attribute('item.price', { default: 0 }),
      versus: ratioToGroup({ of: 'view', group: 'item.brand', by: 'item', window: '7 days' }),
      fit: cross({ share: 'taste', attribute: 'item.labels' }),
      alike: similarity({ user: 'taste', item: 'taste' }),
      cheapest: minimum({ of: 'purchase', value: 'revenue', by: 'user', window: '1 day' }),
      dearest: maximum({ of: 'purchase', value: 'revenue', by: 'user', window: '1 day' }),
    },
  },
})
defineSystem({
  ...system,
  data: {
    ...measured,
    features: {
      taste: share({ of: 'view', over: 'item.brand', by: 'user', window: '30 days' }),
      // @ts-expect-error there is no interaction "viev"
      a: count({ of: 'viev', by: 'item', window: '7 days' }),
      // @ts-expect-error one of them is no interaction
      b: count({ of: ['view', 'viev'], by: 'item', window: '7 days' }),
      // @ts-expect-error there is no interaction "impression"
      c: rate({ of: 'view', per: 'impression', by: 'item', window: '7 days' }),
      // @ts-expect-error a feature is of users or items
      d: count({ of: 'view', by: 'brand', window: '7 days' }),
      // @ts-expect-error "dais" is no unit
      e: count({ of: 'view', by: 'item', window: '7 dais' }),
      // @ts-expect-error nothing measures "duration"
      f: sum({ of: 'view', value: 'duration', by: 'item', window: '7 days' }),
      // @ts-expect-error items have no "brnad"
      g: share({ of: 'view', over: 'item.brnad', by: 'user', window: '7 days' }),
      // @ts-expect-error a share over a number has as many parts as there are numbers
      h: share({ of: 'view', over: 'item.price', by: 'user', window: '7 days' }),
      // @ts-expect-error users have no "price"
      i: attribute('user.price'),
      // @ts-expect-error there is no feature "tast"
      j: cross({ share: 'tast', attribute: 'item.brand' }),
      // @ts-expect-error there is no feature "alike"
      k: similarity({ user: 'taste', item: 'alike' }),
      // @ts-expect-error a session ends by a gap
      l: sessionMean({ of: 'any', by: 'user', window: '1 day' }),
      // @ts-expect-error the default of a count is a number
      m: count({ of: 'view', by: 'item', window: '7 days', default: 'none' }),
    },
  },
})

// The shop's features name what the shop has.
const shopEntities = { user: {}, item: { category: category(), price: number() } }
const shopInteractions = {
  impression: { weight: 0.1 },
  view: { weight: 1, values: ['seconds'] },
  cart: { weight: 4 },
  purchase: { weight: 10, values: ['revenue'] },
} as const
const names = { impression: 'impression', view: 'view', cart: 'cart', purchase: 'purchase' } as const
const measures = {
  durationSeconds: 'seconds',
  revenue: 'revenue',
  category: 'item.category',
  price: 'item.price',
} as const
const shopData = { ...data, entities: shopEntities, interactions: shopInteractions }
defineSystem({
  ...system,
  data: {
    ...shopData,
    features: {
      ...shopFeatures({ ...names, ...measures }),
      mine: cross({ share: 'category_affinity', attribute: 'item.category' }),
    },
  },
})
defineSystem({
  ...system,
  data: {
    ...shopData,
    // @ts-expect-error no interaction is called "basket"
    features: shopFeatures({ ...names, ...measures, cart: 'basket' }),
  },
})
defineSystem({
  ...system,
  data: {
    ...shopData,
    // @ts-expect-error nothing measures "turnover"
    features: shopFeatures({ ...names, ...measures, revenue: 'turnover' }),
  },
})

// Rankers.
declare const lambdaMart: () => RankerKind<never>
const rankedData = {
  ...data,
  features: { views: count({ of: 'view', by: 'item', window: '7 days' }), brand: attribute('item.brand') },
} as const
const categories = { brand: ['acme', 'apex'] }
defineSystem({ ...system, data: rankedData, training: { ...training, ranker: lambdaMart() } })
defineSystem({
  ...system,
  data: rankedData,
  training: {
    ...training,
    ranker: onnxRanker({
      path: 'models/ranker.onnx',
      features: ['cf.score', 'trending.rank', 'history.length', 'views', 'brand'],
      categories,
    }),
  },
})
defineSystem({
  ...system,
  training: { ...training, ranker: lightgbmRanker({ path: 'model.txt', features: ['cf.score', 'history.items'] }) },
})
defineSystem({
  ...system,
  data: rankedData,
  // @ts-expect-error no feature is called "veiws"
  training: { ...training, ranker: onnxRanker({ path: 'ranker.onnx', features: ['cf.score', 'veiws'] }) },
})
defineSystem({
  ...system,
  data: rankedData,
  // @ts-expect-error no generator is called "ctf"
  training: { ...training, ranker: lightgbmRanker({ path: 'model.txt', features: ['ctf.score', 'views'] }) },
})
defineSystem({
  ...system,
  // @ts-expect-error this system has no features
  training: { ...training, ranker: onnxRanker({ path: 'ranker.onnx', features: ['cf.score', 'views'] }) },
})
// @ts-expect-error a brand that is not among its features
onnxRanker({ path: 'ranker.onnx', features: ['views'], categories: { brand: ['acme'] } })
// @ts-expect-error categories are texts
lightgbmRanker({ path: 'model.txt', features: ['brand'], categories: { brand: [1, 2] } })
// @ts-expect-error a file
onnxRanker({ features: ['views'] })

// Components.
// @ts-expect-error monitoring has no owner
defineSystem({ ...system, monitoring: {} })
// @ts-expect-error an interaction needs a weight
defineSystem({ ...system, data: { ...data, interactions: { view: {} } } })
// @ts-expect-error a number is no attribute
defineSystem({ ...system, data: { ...data, entities: { user: {}, item: { price: 3 } } } })
// @ts-expect-error a text is no generator
defineSystem({ ...system, training: { owner, candidates: { cf: 'ials' } } })

// What a client learns from the system's type.
const named = defineSystem({
  ...system,
  serving: { owner, placements: { home: {}, product: { pattern: 'embedding' } } },
})
type Names = NonNullable<(typeof named)['names']>
const item: Names['item'] = { title: 'x', brand: 'acme', labels: ['new'], price: 3, stock: 2, isNew: true }
const user: Names['user'] = { signedUpAt: 0 }
const placement: Names['placement'] = 'product'
const interaction: Names['interaction'] = 'view'
// @ts-expect-error a title is a text
const badItem: Names['item'] = { ...item, title: 3 }
// @ts-expect-error signedUpAt is required
const badUser: Names['user'] = { country: 'DE' }
// @ts-expect-error there is no such placement
const badPlacement: Names['placement'] = 'checkout'
export const checked = [user, placement, interaction, badItem, badUser, badPlacement]

// Of history only what is declared at once can be known since a day; what is read again and again says something new each time.
folderSource({
  path: 'drop',
  files: '*.csv',
  every: '1 day',
  holds: 'item',
  columns: { entityId: 'id' },
  // @ts-expect-error
  known: { since: '2024-01-01' },
})
// @ts-expect-error
fileSource({ path: 'items.csv', holds: 'item', columns: { entityId: 'id' }, known: 'always' })
