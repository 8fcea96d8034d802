// The system file of the made shop: every rule there is, one model.
import { category, integer, number, text } from '../src/config/attributes.ts'
import { defineSystem } from '../src/config/define-system.ts'
import { atMost, inStock, notInteracted } from '../src/config/rules.ts'
import { httpIngest } from '../src/config/sources.ts'
import { ials } from '../src/models/ials/ials.ts'

const owner = 'bench'
export const shopSystem = defineSystem({
  name: 'made-shop',
  data: {
    owner,
    entities: {
      user: {},
      item: { title: text(), category: category(), brand: category(), price: number(), stock: integer() },
    },
    interactions: { view: { weight: 1 }, purchase: { weight: 10 } },
    sources: { web: httpIngest() },
  },
  training: { owner, candidates: { cf: ials({ factors: 64, iterations: 2 }) } },
  serving: {
    owner,
    placements: {
      home: {
        candidates: ['cf'],
        candidateCount: 500,
        limit: 20,
        rules: [inStock(), notInteracted('purchase', '30 days'), atMost(4, { per: 'brand' })],
      },
      similar: { pattern: 'embedding', limit: 20 },
    },
  },
  monitoring: { owner },
})
