// A gift shop's recommender, in one file. The data is described in data/README.md.
import {
  category,
  defineSystem,
  fileSource,
  graphFilter,
  httpIngest,
  itemNeighbours,
  number,
  popularity,
  text,
  timestamp,
} from 'millrace'

export default defineSystem({
  name: 'online-retail',
  data: {
    owner: 'data@shop.example',
    entities: {
      user: { country: category() },
      item: { title: text(), price: number({ optional: true }), firstSold: timestamp() },
    },
    interactions: { purchase: { weight: 1 } },
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
        columns: { userId: 'CustomerID', itemId: 'StockCode', eventTime: 'InvoiceDate', weight: 'Quantity' },
        // The shop knew of each purchase at once, though this system reads of it years later.
        known: 'when-it-happened',
      }),
      shop: httpIngest(),
    },
  },
  training: {
    owner: 'ml@shop.example',
    candidates: { taste: graphFilter(), alsoBought: itemNeighbours(), trending: popularity({ halfLifeDays: 14 }) },
  },
  serving: {
    owner: 'backend@shop.example',
    placements: {
      home: { candidates: ['taste', 'trending'], limit: 10 },
      productPage: { pattern: 'embedding', candidates: ['alsoBought'], limit: 10 },
    },
  },
  monitoring: { owner: 'sre@shop.example' },
})
