// What a client of a known system may be asked, and what the types must refuse.
import { createClient } from './client.ts'
import { boolean, category, integer, number, tags, text } from './config/attributes.ts'
import { defineSystem } from './config/define-system.ts'
import { httpIngest } from './config/sources.ts'
import type { GeneratorKind } from './ports/candidate-generator.ts'

declare const popularity: () => GeneratorKind

const owner = 'team@shop.example'
const system = defineSystem({
  name: 'shop',
  data: {
    owner,
    entities: {
      user: { country: category({ optional: true }) },
      item: { title: text(), price: number(), stock: integer(), labels: tags(), isNew: boolean({ optional: true }) },
    },
    interactions: { view: { weight: 1 }, purchase: { weight: 10 } },
    sources: { web: httpIngest() },
  },
  training: { owner, candidates: { trending: popularity() } },
  serving: { owner, placements: { home: {}, product: { pattern: 'embedding' } } },
  monitoring: { owner },
})

const client = createClient<typeof system>({ url: 'http://localhost:7700' })
const item = { title: 'Lamp', price: 5, stock: 3, labels: ['red', 'small'] }

// Everything right.
client.recommend({ placement: 'home', userId: 'u1', recent: [{ itemId: 'i1', interaction: 'view' }, { itemId: 'i2' }] })
client.similar('i1', { placement: 'product', limit: 5 })
client.recommend({ placement: 'product', itemId: 'i1', userId: 'u1' }, { timeoutMs: 200 })
client.track({ interaction: 'view', userId: 'u1', itemId: 'i1' })
client.track({ kind: 'impression', userId: 'u1', itemIds: ['i1'] })
client.recommend({ placement: 'product', itemIds: ['i1', 'i2'] })
client.search({ query: 'lamp', userId: 'u1' })
client.rank({ itemIds: ['i1'], userId: 'u1', recent: [{ itemId: 'i2', interaction: 'view' }] })
client.duplicates('i1')
client.sendEvents([{ interaction: 'purchase', userId: 'u1', itemId: 'i1', eventTime: new Date() }])
client.putItem('i1', item)
client.putItem('i1', { ...item, isNew: true })
client.patchItem('i1', { price: 4 })
client.putItems([{ id: 'i1', attributes: item }])
client.putUser('u1', {})
client.putUser('u1', { country: 'nl' })

// @ts-expect-error no placement is called "hom"
client.recommend({ placement: 'hom' })
// @ts-expect-error no interaction is called "buy"
client.recommend({ placement: 'home', recent: [{ itemId: 'i1', interaction: 'buy' }] })
// @ts-expect-error no interaction is called "buy"
client.rank({ itemIds: ['i1'], recent: [{ itemId: 'i2', interaction: 'buy' }] })
// @ts-expect-error a search needs words
client.search({ userId: 'u1' })
// @ts-expect-error no placement is called "products"
client.similar('i1', { placement: 'products' })
// @ts-expect-error no interaction is called "buy"
client.sendEvents([{ interaction: 'buy', userId: 'u1', itemId: 'i1' }])
// @ts-expect-error an event needs an item
client.sendEvents([{ interaction: 'view', userId: 'u1' }])
// @ts-expect-error items have no "colour"
client.patchItem('i1', { colour: 'red' })
// @ts-expect-error a price is a number
client.patchItem('i1', { price: '4' })
// @ts-expect-error title, stock and labels are missing
client.putItem('i1', { price: 4 })
// @ts-expect-error users have no price
client.putUser('u1', { price: 4 })

// @ts-expect-error a placement of items like a given one needs the item
client.recommend({ placement: 'product', userId: 'u1' })
// @ts-expect-error a placement for a user takes no item
client.recommend({ placement: 'home', itemId: 'i1' })
// @ts-expect-error "home" does not show items like a given one
client.similar('i1', { placement: 'home' })
// @ts-expect-error no interaction is called "buy"
client.track({ interaction: 'buy', userId: 'u1', itemId: 'i1' })
type Names = NonNullable<(typeof system)['names']>
const generator: Names['generator'] = 'trending'
// @ts-expect-error no generator is called "cf"
const badGenerator: Names['generator'] = 'cf'
// @ts-expect-error "home" does not show items like a given one
const itemPlacement: Names['itemPlacement'] = 'home'

// Without a system every name is allowed, but shapes are still checked.
const anyClient = createClient({ url: 'http://localhost:7700' })
anyClient.recommend({ placement: 'anything', recent: [{ itemId: 'i1', interaction: 'whatever' }] })
anyClient.putItem('i1', { colour: 'red', sizes: ['s', 'm'], weight: null })
// @ts-expect-error a limit is a number
anyClient.recommend({ placement: 'anything', limit: '5' })
// @ts-expect-error attributes are text, numbers, truth values or lists of text
anyClient.putItem('i1', { size: { width: 5 } })
anyClient.recommend({ placement: 'anything', itemId: 'i1' })
anyClient.similar('i1', { placement: 'anything' })
void [generator, badGenerator, itemPlacement]
