// The whole recommender in one file: its four components, each with someone who answers for it. A mistyped name is underlined in the editor,
// and every command checks the file before it does anything.
import {
  atMost,
  category,
  defineSystem,
  fileSource,
  httpIngest,
  inStock,
  integer,
  itemNeighbours,
  notInteracted,
  number,
  popularity,
  text,
  timestamp,
} from 'millrace'

export default defineSystem({
  name: '{{name}}',

  // 1. What is known, and where it comes from.
  data: {
    owner: '{{owner}}',
    entities: {
      user: { country: category({ optional: true }), signedUp: timestamp({ optional: true }) },
      item: { title: text(), category: category(), brand: category(), price: number(), stock: integer() },
    },
    // What users do with items. A purchase says as much about taste as ten views.
    interactions: { view: { weight: 1 }, cart: { weight: 4 }, purchase: { weight: 10 } },
    sources: {
      // `millrace import` reads the files. Replace the sample by your own, and say which column holds what.
      history: fileSource({
        path: 'data/interactions.csv',
        holds: 'interactions',
        columns: { userId: 'user', itemId: 'item', eventTime: 'time', interaction: 'action' },
        // Your shop knew it then, though it is read only now: so features of last month may be made of it.
        known: 'when-it-happened',
      }),
      catalogue: fileSource({
        path: 'data/items.csv',
        holds: 'item',
        columns: {
          entityId: 'id',
          title: 'title',
          category: 'category',
          brand: 'brand',
          price: 'price',
          stock: 'stock',
        },
        // A catalogue without history: what it says now is taken for what was known since then.
        known: { since: '{{since}}' },
      }),
      people: fileSource({
        path: 'data/users.csv',
        holds: 'user',
        columns: { entityId: 'id', country: 'country', signedUp: 'signed_up' },
        known: { since: '{{since}}' },
      }),
      // Your shop sends what happens now to POST /v1/events.
      live: httpIngest(),
    },
  },

  // 2. The models that propose items. `millrace evaluate` tells what each is worth; try `ials()` beside them once you have more data.
  training: {
    owner: '{{owner}}',
    candidates: {
      taste: itemNeighbours(),
      trending: popularity(),
    },
  },

  // 3. Where recommendations are shown.
  serving: {
    owner: '{{owner}}',
    placements: {
      // For a user, or for a visitor of whom only the last clicks are known.
      home: {
        candidates: ['taste', 'trending'],
        limit: 20,
        // What was only viewed may come again; what was bought, not for 30 days.
        includeSeen: true,
        rules: [inStock(), notInteracted('purchase', '30 days'), atMost(6, { per: 'category' })],
      },
      // Items like the one that is looked at.
      productPage: { pattern: 'embedding', candidates: ['taste'], limit: 8, rules: [inStock()] },
    },
  },

  // 4. Who is told when something is wrong.
  monitoring: { owner: '{{owner}}' },
})
