// The system whose types are in client-made.testing.ts, as "millrace client" writes them.
import { boolean, category, integer, number, tags, text, timestamp } from '../config/attributes.ts'
import { defineSystem } from '../config/define-system.ts'
import { httpIngest } from '../config/sources.ts'
import { popularity } from '../models/popularity/popularity.ts'

const owner = 'team@shop.example'

export default defineSystem({
  name: 'lamp-shop',
  data: {
    owner,
    entities: {
      user: {},
      item: {
        title: text(),
        brand: category({ optional: true }),
        labels: tags(),
        price: number({ optional: true }),
        stock: integer(),
        isNew: boolean(),
        addedAt: timestamp(),
      },
    },
    interactions: { view: { weight: 1 }, purchase: { weight: 10 } },
    sources: { web: httpIngest() },
  },
  training: { owner, candidates: { trending: popularity() } },
  serving: { owner, placements: { product: { pattern: 'embedding' }, home: {}, 'search-page': { limit: 5 } } },
  monitoring: { owner },
})
