import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Attributes, LogEvent } from '../../domain/event.ts'
import type { Rung } from '../../domain/recommendation.ts'
import type { SearchRequest, SearchResponse } from '../../domain/search.ts'
import { LiveState } from '../live-state.ts'
import { deletion, did, item, itemPatch, planWith } from '../serving-fixture.testing.ts'
import { ItemSearch } from './item-search.ts'

const plan = planWith({})
let live: LiveState
let search: ItemSearch
let offset: number

function log(...events: readonly LogEvent[]): void {
  live.apply(events.map((event) => ({ offset: offset++, availableTimeMs: 0, event })))
}

const goods: Readonly<Record<string, Attributes>> = {
  red: { title: 'Red candle holder', category: 'lights', price: 5 },
  blue: { title: 'Blue Candle-Holder', category: 'lights', price: 15 },
  candles: { title: 'Set of 6 candles', category: 'lights', price: 3 },
  spade: { title: 'Garden spade', category: 'garden', price: 20 },
  can: { title: 'Watering can', category: 'garden', tags: ['zinc', 'home decor'], price: 12 },
  cafe: { title: 'Café crème cup & saucer', category: 'kitchen', price: 4 },
  stand: { title: 'Cakestand, two tiers', category: 'kitchen', price: 25 },
  mute: { price: 1 },
}

beforeEach(() => {
  live = new LiveState(plan)
  offset = 0
  let requestCount = 0
  const onFailure = (error: unknown) => {
    throw error
  }
  search = new ItemSearch({ plan, live, newRequestId: () => `r${++requestCount}`, onFailure })
  log(...Object.entries(goods).map(([id, attributes]) => item(id, attributes)))
})

const ask = (request: SearchRequest | string): Promise<SearchResponse> =>
  search.search(typeof request === 'string' ? { query: request } : request)
const idsOf = ({ items }: SearchResponse): string[] => items.map(({ itemId }) => itemId)
/** Those that have a word of the query. */
const matchedIds = (response: SearchResponse): string[] =>
  response.items.filter(({ matched }) => matched.length > 0).map(({ itemId }) => itemId)

describe('a query', () => {
  test('finds items that have its words, those that have all of them first, and says which', async () => {
    const found = await ask('candle holders')
    expect(matchedIds(found)).toEqual(['blue', 'red', 'candles'].sort(byPlaceIn(found)))
    expect(idsOf(found).slice(0, 2).sort()).toEqual(['blue', 'red'])
    expect(found.items.find(({ itemId }) => itemId === 'red')!.matched).toEqual(['candle', 'holder'])
    expect(found.items.find(({ itemId }) => itemId === 'candles')!.matched).toEqual(['candles'])
    expect(found.words).toEqual([
      { word: 'candle', readAs: [{ word: 'candle', by: 'word' }] },
      { word: 'holders', readAs: [{ word: 'holder', by: 'word' }] },
    ])
    expect(found.requestId).toBe('r1')
  })

  const byPlaceIn = (found: SearchResponse) => (a: string, b: string) =>
    idsOf(found).indexOf(a) - idsOf(found).indexOf(b)

  test.each([
    ['in another case, without accents', 'CAFE CREME', ['cafe'], 'word'],
    ['with a letter more', 'wattering', ['can'], 'spelling'],
    ['with two letters exchanged', 'gadren', ['spade', 'can'], 'spelling'],
    ['half-written', 'sau', ['cafe'], 'prefix'],
    ['in two words', 'cake stand', ['stand'], 'compound'],
    ['in one word', 'candleholder', ['red', 'blue'], 'compound'],
    ['of a category or tag', 'kitchen zinc', ['cafe', 'stand', 'can'], 'word'],
  ])('finds a word %s', async (_, query, ids, by) => {
    const found = await ask(query)
    expect(matchedIds(found).sort()).toEqual([...ids].sort())
    expect(found.words.flatMap(({ readAs }) => readAs.map((reading) => reading.by))).toContain(by)
  })

  test('whose last word is closed is not taken for half-written', async () => {
    expect(matchedIds(await ask('sau '))).toEqual([])
    expect(matchedIds(await ask('sau, cup'))).toEqual(['cafe'])
  })

  test('finds what is only alike, and says of the rest that nothing has it', async () => {
    const found = await ask('candlestick')
    expect(matchedIds(found)).toEqual([])
    expect(idsOf(found)).toContain('candles')
    expect(found.words).toEqual([{ word: 'candlestick', readAs: [] }])
    expect(await ask('xyzzy')).toMatchObject({ items: [], words: [{ word: 'xyzzy', readAs: [] }] })
  })

  test('heeds filter, exclude and limit; where nothing is left, it says why', async () => {
    expect(matchedIds(await ask({ query: 'candle', filter: 'price < 10' })).sort()).toEqual(['candles', 'red'])
    expect(matchedIds(await ask({ query: 'candle', exclude: ['red', 'unheard-of'] })).sort()).toEqual([
      'blue',
      'candles',
    ])
    expect((await ask({ query: 'candle', limit: 1 })).items).toHaveLength(1)
    expect(await ask({ query: 'candle', limit: 2, filter: 'price > 100' })).toMatchObject({
      items: [],
      shortfall: { askedCount: 2, reason: 'FILTER_TOO_NARROW' },
    })
    expect((await ask({ query: 'spade', limit: 5 })).shortfall).toBeUndefined()
    // The bitmaps are as they were.
    expect(matchedIds(await ask('candle')).sort()).toEqual(['blue', 'candles', 'red'])
  })

  test('sees what changed since the last one', async () => {
    await ask('candle')
    log(
      item('new', { title: 'Beeswax candle' }),
      itemPatch('spade', { title: 'Candle snuffer' }),
      deletion('item', 'red'),
    )
    expect(matchedIds(await ask('candle')).sort()).toEqual(['blue', 'candles', 'new', 'spade'])
    expect(matchedIds(await ask('garden spade'))).not.toContain('red')
    log(item('red', { title: 'Red candle holder' }, 9_000))
    expect(matchedIds(await ask('red candle'))).toContain('red')
  })

  test('shows the more popular of equals first', async () => {
    log(item('a', { title: 'Brass bell' }), item('b', { title: 'Brass bell' }), did('u', 'b'))
    expect(idsOf(await ask('brass bell')).slice(0, 2)).toEqual(['b', 'a'])
  })

  test('moves what is like a user’s last items up, among items that fit equally well', async () => {
    for (const colour of ['red', 'green']) {
      for (const thing of ['lamp', 'rug', 'vase', 'mug', 'bowl'])
        log(item(`${colour}-${thing}`, { title: `${colour} ${thing}` }))
    }
    for (const thing of ['rug', 'mug', 'bowl'])
      log(did('likes-green', `green-${thing}`), did('likes-red', `red-${thing}`))
    const first = async (userId: string) => idsOf(await ask({ query: 'vase', userId }))[0]
    expect(await first('likes-green')).toBe('green-vase')
    expect(await first('likes-red')).toBe('red-vase')
    // Not before an item that fits better.
    expect(idsOf(await ask({ query: 'red vase', userId: 'likes-green' }))[0]).toBe('red-vase')
  })
})

test.each([
  [{ query: '' }, ['/query']],
  [{ query: ' ?! ' }, ['/query']],
  [{ query: 'x'.repeat(10_000) }, ['/query']],
  [{ query: 'lamp', limit: 0, userId: '' }, ['/limit', '/userId']],
])('a request that makes no sense is refused with every problem', async (request, places) => {
  await expect(ask(request)).rejects.toMatchObject({
    code: 'REQUEST_INVALID',
    problems: places.map((where) => expect.objectContaining({ where })),
  })
})

test('a filter with a mistake is refused as everywhere', async () => {
  await expect(ask({ query: 'lamp', filter: 'colour = 1' })).rejects.toMatchObject({
    code: expect.stringMatching(/^FILTER_/),
  })
})

test('is turned away where requests wait too long, and answered otherwise', async () => {
  let bestRung: Rung | undefined
  const options = { plan, live, newRequestId: () => 'r', onFailure: () => {} }
  const loaded = new ItemSearch({ ...options, bestRung: () => bestRung })
  await expect(loaded.search({ query: 'candle' })).rejects.toMatchObject({ code: 'SERVER_OVERLOADED' })
  bestRung = 'stored'
  expect(await loaded.search({ query: 'candle' })).toEqual({ ...(await ask('candle')), requestId: 'r' })
})

test('an empty catalogue, and one of which nothing is written, find nothing', async () => {
  const empty = new LiveState(plan)
  const quiet = new ItemSearch({ plan, live: empty, newRequestId: () => 'r', onFailure: () => {} })
  expect(await quiet.search({ query: 'lamp' })).toMatchObject({
    items: [],
    shortfall: { reason: 'CATALOGUE_TOO_SMALL' },
  })
  empty.apply([{ offset: 0, availableTimeMs: 0, event: item('mute', {}) }])
  expect((await quiet.search({ query: 'lamp' })).items).toEqual([])
})

test('whatever is asked, items come once, in order, alive, and no more than wanted', async () => {
  const word = fc.constantFrom(
    'candle',
    'holder',
    'candels',
    'gard',
    'zinc',
    '6',
    'ß',
    '東京',
    '"',
    '-',
    'x'.repeat(40),
  )
  const query = fc.array(word, { minLength: 1, maxLength: 40 }).map((words) => words.join(' ').slice(0, 512))
  await fc.assert(
    fc.asyncProperty(query, fc.integer({ min: 1, max: 10 }), async (asked, limit) => {
      fc.pre(/[\p{L}\p{N}]/u.test(asked))
      const { items, words } = await ask({ query: asked, limit })
      expect(items.length).toBeLessThanOrEqual(limit)
      expect(new Set(items.map(({ itemId }) => itemId)).size).toBe(items.length)
      for (let n = 0; n < items.length; n++) {
        expect(live.catalogue.rowOf(items[n]!.itemId)).toBeDefined()
        expect(items[n]!.score).toBeGreaterThan(0)
        if (n > 0) expect(items[n]!.score).toBeLessThanOrEqual(items[n - 1]!.score)
      }
      expect(words.length).toBeLessThanOrEqual(32)
    }),
  )
})

describe('duplicates', () => {
  test('are told with the attributes in which they differ', async () => {
    log(item('copy', { title: 'holder: candle, RED', category: 'lights', price: 6 }))
    expect(await search.duplicatesOf('red')).toEqual({
      itemId: 'red',
      duplicates: [{ itemId: 'copy', by: 'words', differing: ['price'] }],
    })
    expect(await search.allDuplicates()).toEqual([await search.duplicatesOf('red')])
    log(deletion('item', 'copy'))
    expect((await search.duplicatesOf('red')).duplicates).toEqual([])
    await expect(search.duplicatesOf('copy')).rejects.toMatchObject({ code: 'UNKNOWN_ITEM' })
    await expect(search.duplicatesOf('unheard-of')).rejects.toMatchObject({ code: 'UNKNOWN_ITEM' })
  })
})
