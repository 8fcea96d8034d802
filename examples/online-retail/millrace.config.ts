// A gift shop's recommender, in one file. The data is described in data/README.md.
import {
  atLeast,
  attribute,
  blocked,
  category,
  count,
  defineSystem,
  distinct,
  fileSource,
  graphFilter,
  httpIngest,
  itemNeighbours,
  lambdaMart,
  last,
  mean,
  number,
  pin,
  popularity,
  since,
  sum,
  text,
  timestamp,
} from 'millrace'

/** Lines of invoices that nobody would recommend: postage, carriage, a marketplace's fee, samples. */
const noGoods = blocked({ items: ['POST', 'DOT', 'C2', 'AMAZONFEE', 'S'] })

/** Of the newsletter, which is made for every customer. Less than the default, so that the demo stays short. */
const candidateCount = 100

export default defineSystem({
  name: 'online-retail',
  data: {
    owner: 'data@shop.example',
    entities: {
      user: { country: category() },
      item: { title: text(), price: number({ optional: true }), firstSold: timestamp() },
    },
    // The weight of a purchase is the number of pieces.
    interactions: { purchase: { weight: 1, values: ['unitPrice'] } },
    sources: {
      // The shop kept no history of its catalogue; what it said at the end is taken for what was known from the first day on. So the price, a median
      // over the year, knows a little of the future.
      products: fileSource({
        path: 'data/products.tsv.gz',
        holds: 'item',
        columns: { entityId: 'StockCode', title: 'Title', price: 'Price', firstSold: 'FirstSold' },
        known: { since: '2010-12-01' },
      }),
      customers: fileSource({
        path: 'data/customers.tsv.gz',
        holds: 'user',
        columns: { entityId: 'CustomerID', country: 'Country' },
        known: { since: '2010-12-01' },
      }),
      // Cancelled lines have a quantity below zero, and 135,080 lines have no customer: the import says how many it turned away, and why.
      purchases: fileSource({
        path: 'data/transactions.tsv.gz',
        holds: 'interactions',
        interaction: 'purchase',
        columns: {
          userId: 'CustomerID',
          itemId: 'StockCode',
          eventTime: 'InvoiceDate',
          weight: 'Quantity',
          unitPrice: 'UnitPrice',
        },
        // The shop knew of each purchase at once, though this system reads of it years later.
        known: 'when-it-happened',
      }),
      shop: httpIngest(),
    },
    features: {
      user_lines_30d: count({ of: 'purchase', by: 'user', window: '30 days' }),
      user_lines_90d: count({ of: 'purchase', by: 'user', window: '90 days' }),
      user_pieces_90d: sum({ of: 'purchase', value: 'weight', by: 'user', window: '90 days' }),
      user_items_90d: distinct({ of: 'purchase', by: 'user', window: '90 days' }),
      user_unit_price_90d: mean({ of: 'purchase', value: 'unitPrice', by: 'user', window: '90 days' }),
      user_recency: since({ of: 'purchase', by: 'user' }),
      user_last_item: last({ of: 'purchase', by: 'user', window: '90 days' }),
      user_country: attribute('user.country'),
      item_lines_7d: count({ of: 'purchase', by: 'item', window: '7 days' }),
      item_lines_90d: count({ of: 'purchase', by: 'item', window: '90 days' }),
      item_buyers_90d: distinct({ of: 'purchase', by: 'item', window: '90 days' }),
      item_price: attribute('item.price'),
    },
  },
  training: {
    owner: 'ml@shop.example',
    candidates: {
      taste: graphFilter(),
      alsoBought: itemNeighbours(),
      trending: popularity({ halfLifeDays: 14 }),
    },
    // Less than the defaults, so that the demo stays short.
    ranker: lambdaMart(),
    examples: { windows: 2, window: '7 days', questionsPerUser: 1, candidates: 60 },
    card: {
      intendedUse:
        'Ten gifts for a customer of the shop on its home page, and gifts bought together with one that is looked at.',
      limits:
        'Learned from one year of one British shop, most of whose customers are resellers. It knows neither prices nor stock.',
      contact: 'ml@shop.example',
    },
  },
  serving: {
    owner: 'backend@shop.example',
    // Of every answer all candidates are kept as the ranker saw them: then it is explained and repeated at once, without computing features again.
    answers: { candidateShare: 1 },
    placements: {
      // Real time: everything is put together when somebody asks.
      home: {
        candidates: ['taste', 'trending'],
        limit: 10,
        rules: [
          noGoods,
          // The best two of what came in since the summer, wherever the ranker has them.
          atLeast(2, { of: "firstSold >= '2011-06-01'" }),
          // Paper chains of the fifties, for as long as people hang them up.
          pin('22086', { at: 5, from: '2011-11-15', until: '2011-12-24' }),
        ],
      },
      // Batch: made for everybody by a run, and looked up.
      newsletter: { pattern: 'batch', candidates: ['taste', 'trending'], candidateCount, limit: 10, rules: [noGoods] },
      // Hybrid: made by a run, and merged in every answer with what goes with the newest purchases.
      account: {
        pattern: 'hybrid',
        candidates: ['taste', 'alsoBought'],
        live: ['alsoBought'],
        // In the order of its generators, so that the demo stays short.
        ranked: false,
        limit: 10,
        rules: [noGoods],
      },
      // Embedding: what is like an item, or goes with a basket.
      productPage: { pattern: 'embedding', candidates: ['alsoBought'], limit: 10, rules: [noGoods] },
    },
  },
  monitoring: { owner: 'sre@shop.example' },
})
