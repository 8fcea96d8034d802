// A small shop for `millrace start`: its models are told apart by the items they recommend.
import { category, count, defineSystem, httpIngest, popularity } from 'millrace'

export default defineSystem({
  name: 'started-shop',
  data: {
    owner: 'data@test.example',
    entities: { user: {}, item: { category: category() } },
    interactions: { view: { weight: 1 } },
    sources: { shop: httpIngest() },
    features: { views: count({ of: 'view', by: 'user', window: '1 day' }) },
  },
  training: { owner: 'ml@test.example', candidates: { trending: popularity({ halfLifeDays: 1 }) } },
  serving: { owner: 'backend@test.example', placements: { home: { limit: 5, newItemShare: 0 } }, impressions: {} },
  monitoring: { owner: 'sre@test.example' },
})
