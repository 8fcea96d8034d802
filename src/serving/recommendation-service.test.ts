import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PlacementPlan, RulePlan } from '../config/plan.ts'
import type { RecommendResponse } from '../domain/recommendation.ts'
import { MillraceError } from '../lib/errors.ts'
import type { CandidateGenerator } from '../ports/candidate-generator.ts'
import { NO_MODEL } from './recommendation-service.ts'
import {
  DAY_MS,
  deletion,
  did,
  item,
  itemPatch,
  modelOf,
  NOW_MS,
  planWith,
  Shop,
  scoredGenerator,
} from './serving-fixture.testing.ts'

const idsOf = (response: RecommendResponse): string[] => response.items.map(({ itemId }) => itemId)
const ids = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `i${from + i}`)
const everyItem = (count: number) => ids(0, count).map((id) => item(id))

function shopWith(placement: Partial<PlacementPlan> = {}, itemCount = 40): Shop {
  const shop = new Shop(planWith({ home: placement }))
  shop.log(...everyItem(itemCount))
  shop.service.useModel(modelOf(itemCount))
  return shop
}

function errorOf(act: () => unknown): MillraceError {
  try {
    act()
  } catch (error) {
    if (error instanceof MillraceError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('who asks', () => {
  test('a known user gets what the leading generator says, without what they have seen', () => {
    const shop = shopWith()
    shop.log(did('u', 'i3'), did('u', 'i5'))
    const response = shop.recommend({ placement: 'home', userId: 'u' })
    expect(idsOf(response)).toEqual(ids(6, 16))
    expect(response).toMatchObject({ requestId: 'r1', placement: 'home', modelVersion: 'model-of-40', rung: 'full' })
    expect(new Set(response.items.map(({ generator }) => generator))).toEqual(new Set(['leading']))
    expect(response.shortfall).toBeUndefined()
  })

  test('an interaction that comes through the log changes the next answer', () => {
    const shop = shopWith()
    shop.log(did('u', 'i5'))
    expect(idsOf(shop.recommend({ placement: 'home', userId: 'u', limit: 2 }))).toEqual(['i6', 'i7'])
    shop.log(did('u', 'i6', 'purchase', NOW_MS))
    expect(idsOf(shop.recommend({ placement: 'home', userId: 'u', limit: 2 }))).toEqual(['i7', 'i8'])
  })

  test('an anonymous visitor gets what follows from the recent interactions of the request, and not those items again', () => {
    const shop = shopWith()
    const recent = [{ itemId: 'i1', interaction: 'purchase' }, { itemId: 'unheard-of' }, { itemId: 'i8' }]
    expect(idsOf(shop.recommend({ placement: 'home', recent, limit: 3 }))).toEqual(['i9', 'i10', 'i11'])
    expect(shop.observations[0]!.historyLength).toBe(2)
  })

  test('recent interactions come after what is known of the user', () => {
    const shop = shopWith()
    shop.log(did('u', 'i30'))
    expect(idsOf(shop.recommend({ placement: 'home', userId: 'u', recent: [{ itemId: 'i2' }], limit: 1 }))).toEqual([
      'i3',
    ])
  })

  test('a new user gets what generators say that need no history', () => {
    const response = shopWith().recommend({ placement: 'home', userId: 'nobody-knows', limit: 2 })
    expect(response).toMatchObject({ rung: 'full', items: [{ itemId: 'i0', generator: 'second' }, { itemId: 'i1' }] })
  })

  test('the history is oldest first by event time, whatever order it came in', () => {
    const shop = shopWith()
    shop.log(did('u', 'i20', 'view', NOW_MS - 10), did('u', 'i7', 'view', NOW_MS - 20))
    expect(idsOf(shop.recommend({ placement: 'home', userId: 'u', limit: 1 }))).toEqual(['i21'])
  })

  test('seen items come again where the request wants them', () => {
    const shop = shopWith()
    shop.log(did('u', 'i5'))
    expect(idsOf(shop.recommend({ placement: 'home', userId: 'u', includeSeen: true, limit: 1 }))).toEqual(['i5'])
  })

  test('a deleted user starts anew', () => {
    const shop = shopWith()
    shop.log(did('u', 'i5', 'view', 100), deletion('user', 'u', 200), did('u', 'i9', 'view', 150))
    expect(idsOf(shop.recommend({ placement: 'home', userId: 'u', limit: 1 }))).toEqual(['i0'])
    shop.log(did('u', 'i9', 'view', 300))
    expect(idsOf(shop.recommend({ placement: 'home', userId: 'u', limit: 1 }))).toEqual(['i10'])
  })
})

describe('how a list is filled', () => {
  test('later generators fill what the leading one leaves open, and nothing comes twice', () => {
    const shop = new Shop(planWith({ home: { candidateCount: 20 } }))
    shop.log(...everyItem(40))
    const few: CandidateGenerator = {
      supportsEmptyHistory: true,
      generate: (_history, _k, _allowed, out) => {
        out.itemIndexes.set([2, 39])
        out.scores.set([9, 8])
        return 2
      },
    }
    shop.service.useModel(modelOf(40, { leading: few }))
    const response = shop.recommend({ placement: 'home', limit: 5 })
    expect(idsOf(response)).toEqual(['i2', 'i39', 'i0', 'i1', 'i3'])
    expect(response.items.map(({ generator }) => generator)).toEqual([
      'leading',
      'leading',
      'second',
      'second',
      'second',
    ])
  })

  test('only the head of the candidates is asked for, and all of them where rules turn the head away', () => {
    const asked: unknown[] = []
    const base = scoredGenerator(1000, (index) => 1000 - index)
    const leading: CandidateGenerator = {
      supportsEmptyHistory: true,
      generate: (history, k, allowed, out, options) => {
        asked.push([k, options?.headOf])
        return base.generate(history, k, allowed, out)
      },
    }
    const rules = [{ kind: 'atMost', count: 2, per: 'brand' }] as const
    const shop = new Shop(planWith({ home: { candidateCount: 400, candidates: ['leading'], rules } }))
    // 100 items of one brand, then one more for each.
    for (let i = 0; i < 1000; i++) shop.log(item(`i${i}`, { brand: i < 100 ? 'big' : `b${i}` }))
    shop.service.useModel(modelOf(1000, { leading }))
    expect(idsOf(shop.recommend({ placement: 'home', limit: 2 }))).toEqual(['i0', 'i1'])
    expect(asked.splice(0)).toEqual([[6, 400]])
    expect(idsOf(shop.recommend({ placement: 'home', limit: 4 }))).toEqual(['i0', 'i1', 'i100', 'i101'])
    expect(asked).toEqual([
      [12, 400],
      [400, 400],
    ])
  })

  test('what generators leave open is filled with any allowed item, the most popular first', () => {
    const shop = shopWith({ candidates: ['second'] })
    shop.log(did('v', 'i33'), did('w', 'i33'), did('w', 'i37'))
    const response = shop.recommend({ placement: 'home', limit: 40 })
    expect(idsOf(response).slice(0, 22)).toEqual([...ids(0, 20), 'i33', 'i37'])
    expect(response.items[20]).toEqual({ itemId: 'i33', score: 2, generator: 'popular' })
    expect(new Set(idsOf(response)).size).toBe(40)
  })

  test('a generator that throws is noted, and the rest of the ladder answers', () => {
    const shop = new Shop(planWith({ home: {} }))
    shop.log(...everyItem(40))
    const broken = new Error('broken')
    const failing: CandidateGenerator = {
      supportsEmptyHistory: true,
      generate: () => {
        throw broken
      },
    }
    shop.service.useModel(modelOf(40, { leading: failing }))
    const response = shop.recommend({ placement: 'home', limit: 3 })
    expect(response).toMatchObject({ rung: 'popular', items: [{ generator: 'second' }, {}, {}] })
    expect(shop.observations[0]!.failures).toEqual([{ generator: 'leading', error: broken }])
    shop.service.useModel(modelOf(40, { leading: failing, second: failing }))
    expect(shop.recommend({ placement: 'home', limit: 3 }).items).toHaveLength(3)
  })

  test('a generator that the model was trained without is noted as failed', () => {
    const shop = shopWith({ candidates: ['added-later', 'second'] })
    const response = shop.recommend({ placement: 'home', limit: 3 })
    expect(response).toMatchObject({ rung: 'popular', items: [{ generator: 'second' }, {}, {}] })
    expect(shop.observations[0]!.failures).toMatchObject([{ generator: 'added-later' }])
  })

  test('proposals that break the generators’ law never leave', () => {
    const shop = new Shop(planWith({ home: { candidates: ['leading'] } }))
    shop.log(...everyItem(40), did('u', 'i7'))
    const lawless: CandidateGenerator = {
      supportsEmptyHistory: true,
      generate: (_history, _k, _allowed, out) => {
        out.itemIndexes.set([-1, 40, 1_000_000, 3, 4, 5, 5, 7])
        out.scores.set([1, 1, 1, Number.NaN, Number.POSITIVE_INFINITY, 2, 2, 1])
        return 8
      },
    }
    shop.service.useModel(modelOf(40, { leading: lawless }))
    const response = shop.recommend({ placement: 'home', userId: 'u', limit: 3 })
    expect(response.items[0]).toEqual({ itemId: 'i5', score: 2, generator: 'leading' })
    expect(response.items.slice(1).map(({ generator }) => generator)).toEqual(['popular', 'popular'])
    expect(shop.observations[0]!.invalidCandidateCount).toBe(6)
  })

  test('a narrow filter over a large catalogue is filled in the order of popularity too', () => {
    const shop = shopWith({}, 3_000)
    for (const [count, id] of [
      [1, 'i1500'],
      [3, 'i2990'],
      [2, 'i2600'],
    ] as const) {
      shop.log(itemPatch(id, { category: 'rare' }), ...ids(0, count).map((user) => did(user, id)))
    }
    shop.service.useModel(undefined)
    const response = shop.recommend({ placement: 'home', filter: "category = 'rare'", limit: 3 })
    expect(idsOf(response)).toEqual(['i2990', 'i2600', 'i1500'])
  })

  test('without any model the live counts answer', () => {
    const shop = new Shop(planWith({ home: {} }))
    expect(shop.recommend({ placement: 'home' })).toMatchObject({
      items: [],
      modelVersion: NO_MODEL,
      rung: 'popular',
      shortfall: { reason: 'CATALOGUE_TOO_SMALL' },
    })
    shop.log(did('a', 'x'), did('b', 'y'), did('c', 'y'))
    expect(idsOf(shop.recommend({ placement: 'home', limit: 2 }))).toEqual(['y', 'x'])
    expect(idsOf(shop.recommend({ placement: 'home', userId: 'c', limit: 1 }))).toEqual(['x'])
  })

  test('a new model takes over between two requests, with everything the log said', () => {
    const shop = shopWith({}, 40)
    shop.log(item('newer', { category: 'a' }), did('u', 'newer'), did('u', 'i5'))
    shop.recommend({ placement: 'home', userId: 'u' })
    const reordered = { ...modelOf(3), itemIds: ['newer', 'i7', 'never-logged'] }
    shop.service.useModel(reordered)
    const response = shop.recommend({ placement: 'home', userId: 'u', limit: 2 })
    // The history holds "newer", index 0 of the model now; "leading" likes what comes after it.
    expect(response).toMatchObject({
      modelVersion: 'model-of-3',
      items: [{ itemId: 'i7' }, { itemId: 'never-logged' }],
    })
    expect(
      idsOf(
        shop.recommend({
          placement: 'home',
          userId: 'u',
          filter: "category = 'a'",
          includeSeen: true,
          limit: 1,
        }),
      ),
    ).toEqual(['newer'])
  })
})

describe('what is kept out', () => {
  test('filters hold for every item, and follow changes of items', () => {
    const shop = shopWith()
    shop.log(itemPatch('i30', { category: 'a', price: 5 }), itemPatch('i31', { category: 'a', price: 50 }))
    const request = { placement: 'home', filter: "category = 'a' and price < 20", limit: 1 }
    expect(idsOf(shop.recommend(request))).toEqual(['i30'])
    shop.log(itemPatch('i31', { price: 3 }, 5_000), itemPatch('i30', { price: 30 }, 6_000))
    expect(idsOf(shop.recommend(request))).toEqual(['i31'])
    shop.log(itemPatch('i30', { price: 1 }, 5_500))
    expect(idsOf(shop.recommend(request))).toEqual(['i31'])
  })

  test('excluded items stay out, unknown ones are passed over', () => {
    const shop = shopWith()
    expect(idsOf(shop.recommend({ placement: 'home', exclude: ['i0', 'unheard-of', 'i2', 'i0'], limit: 2 }))).toEqual([
      'i1',
      'i3',
    ])
    expect(idsOf(shop.recommend({ placement: 'home', limit: 2 }))).toEqual(['i0', 'i1'])
  })

  test('a deleted item is gone from the next answer, and back when it is put again', () => {
    const shop = shopWith()
    shop.log(deletion('item', 'i0', 5_000))
    expect(idsOf(shop.recommend({ placement: 'home', limit: 1 }))).toEqual(['i1'])
    shop.log(item('i0', {}, 6_000))
    expect(idsOf(shop.recommend({ placement: 'home', limit: 1 }))).toEqual(['i0'])
  })

  test('a rule "only" holds beside the request’s filter', () => {
    const shop = shopWith({ rules: [{ kind: 'only', filter: 'stock > 0' }] })
    shop.log(
      itemPatch('i4', { stock: 2, category: 'b' }),
      itemPatch('i6', { stock: 1, category: 'a' }),
      itemPatch('i5', { stock: 0 }),
    )
    expect(idsOf(shop.recommend({ placement: 'home', limit: 2 }))).toEqual(['i4', 'i6'])
    expect(idsOf(shop.recommend({ placement: 'home', filter: "category = 'a'", limit: 1 }))).toEqual(['i6'])
  })

  test('a rule "notInteracted" looks at the interaction and at the time', () => {
    const shop = shopWith({ rules: [{ kind: 'notInteracted', interaction: 'purchase', withinMs: 30 * DAY_MS }] })
    shop.log(
      did('u', 'i0', 'purchase', NOW_MS - 29 * DAY_MS),
      did('u', 'i1', 'purchase', NOW_MS - 31 * DAY_MS),
      did('u', 'i2'),
    )
    const request = { placement: 'home', userId: 'u', includeSeen: true, limit: 3 }
    const shown = shop.recommend({ ...request, limit: 40 })
    expect(idsOf(shown)).not.toContain('i0')
    expect(idsOf(shown)).toEqual(expect.arrayContaining(['i1', 'i2']))
    expect(shown.shortfall).toMatchObject({ reason: 'RULES_TOO_STRICT' })
  })

  test('a rule "atMost" keeps the list diverse, in the generator’s order, and still fills it', () => {
    const shop = shopWith({ candidateCount: 5, rules: [{ kind: 'atMost', count: 2, per: 'category' }] })
    shop.log(...ids(0, 40).map((id, i) => itemPatch(id, { category: `c${Math.floor(i / 8)}` })))
    const response = shop.recommend({ placement: 'home', limit: 10 })
    expect(idsOf(response).slice(0, 6)).toEqual(['i0', 'i1', 'i8', 'i9', 'i16', 'i17'])
    // The last two are beyond the candidates asked for at first: the generator was asked again for more.
    expect(response.items.slice(0, 6).map(({ generator }) => generator)).toEqual(Array(6).fill('second'))
    expect(response.items).toHaveLength(10)
    expect(shop.recommend({ placement: 'home', limit: 11 })).toMatchObject({
      items: { length: 10 },
      shortfall: { askedCount: 11, reason: 'RULES_TOO_STRICT' },
    })
  })
})

describe('items newer than the model', () => {
  test('they get their share, spread over the list, those first that share words with what the visitor did', () => {
    const shop = shopWith({ newItemShare: 0.2 })
    shop.log(itemPatch('i5', { category: 'shoes', tags: ['red'] }), did('u', 'i5'))
    shop.log(
      item('n0', { category: 'shoes', tags: ['red'] }),
      item('n1', { category: 'shoes' }),
      item('n2', { category: 'hats' }),
      item('n3'),
    )
    const response = shop.recommend({ placement: 'home', userId: 'u', limit: 10 })
    expect(response.items.flatMap(({ generator }, place) => (generator === 'newItems' ? [place] : []))).toEqual([2, 7])
    expect(idsOf(response).filter((id) => id.startsWith('n'))).toEqual(['n0', 'n1'])
    expect(response.rung).toBe('full')
  })

  test('the newest come first for a visitor of whom nothing is known', () => {
    const shop = shopWith({ newItemShare: 0.1 })
    shop.log(item('n0'), item('n1'))
    expect(idsOf(shop.recommend({ placement: 'home', limit: 5 }))).toContain('n1')
    shop.log(item('n2'))
    expect(idsOf(shop.recommend({ placement: 'home', limit: 5 }))).toContain('n2')
  })

  test('a filter that only new items pass is answered in full', () => {
    const shop = shopWith()
    shop.log(item('n0', { category: 'new' }), item('n1', { category: 'new' }))
    const response = shop.recommend({ placement: 'home', filter: "category = 'new'", limit: 2 })
    expect(idsOf(response).sort()).toEqual(['n0', 'n1'])
  })
})

describe('items like another', () => {
  const likeShop = (): Shop => shopWith({ pattern: 'embedding', candidates: ['leading'] })

  test('a set of items is folded in as a history, and none of it is in the answer', () => {
    // `leading` goes by the newest of a history: here the last one of the set.
    const shop = likeShop()
    const basket = ['i20', 'i13', 'i12']
    expect(idsOf(shop.recommend({ placement: 'home', itemIds: basket, limit: 3 }))).toEqual(['i14', 'i15', 'i16'])
    expect(shop.recommend({ placement: 'home', itemIds: ['i12'], limit: 3 }).items).toEqual(
      shop.recommend({ placement: 'home', itemId: 'i12', limit: 3 }).items,
    )
    const all = shop.recommend({ placement: 'home', itemIds: basket, limit: 40 })
    expect(all.items).toHaveLength(37)
    expect(idsOf(all).filter((id) => basket.includes(id))).toEqual([])
    expect(all.shortfall).toMatchObject({ reason: 'EVERYTHING_EXCLUDED' })
  })

  test('a set that no generator knows, or has a likeness for, is answered by its attributes', () => {
    const shop = likeShop()
    shop.log(item('n', { category: 'lamps' }), item('m', { category: 'rugs' }))
    shop.log(item('i20', { category: 'lamps' }, 5_000), item('i21', { category: 'rugs' }, 5_000))
    const response = shop.recommend({ placement: 'home', itemIds: ['n', 'm'], limit: 2 })
    expect(response).toMatchObject({
      rung: 'popular',
      items: [{ generator: 'attributes' }, { generator: 'attributes' }],
    })
    expect(idsOf(response).sort()).toEqual(['i20', 'i21'])
    const { similar: _, ...unlike } = scoredGenerator(40, (index) => index + 1)
    shop.service.useModel(modelOf(40, { leading: unlike }))
    expect(shop.recommend({ placement: 'home', itemIds: ['i1', 'i2'], limit: 2 }).rung).toBe('popular')
  })

  test('a set with an item that is unknown, twice there, or too many, is refused', () => {
    const shop = likeShop()
    const problemsOf = (given: object) => errorOf(() => shop.recommend({ placement: 'home', ...given }))
    expect(problemsOf({ itemIds: ['i1', 'unheard-of'] })).toMatchObject({
      code: 'UNKNOWN_ITEM',
      message: expect.stringContaining('/itemIds/1'),
    })
    const places = (given: object) => problemsOf(given).problems.map(({ where }) => where)
    expect(places({ itemIds: ['i1', 'i2', 'i1'] })).toEqual(['/itemIds/2'])
    expect(places({ itemIds: [] })).toEqual(['/itemIds'])
    expect(places({ itemIds: ids(0, 40).concat(ids(0, 61)) })).toEqual(['/itemIds'])
    expect(places({ itemIds: ['i1'], itemId: 'i2' })).toEqual(['/itemIds'])
    const elsewhere = shopWith()
    expect(errorOf(() => elsewhere.recommend({ placement: 'home', itemIds: ['i1'] })).problems).toMatchObject([
      { where: '/itemIds' },
    ])
  })

  test('they come from the generators’ similarity, without the item itself', () => {
    expect(idsOf(likeShop().recommend({ placement: 'home', itemId: 'i12', limit: 3 }))).toEqual(['i13', 'i14', 'i15'])
  })

  test('an item newer than the model is compared by its attributes, then popular items follow', () => {
    const shop = likeShop()
    shop.log(itemPatch('i20', { category: 'shoes' }), itemPatch('i21', { category: 'shoes', tags: ['red'] }))
    shop.log(item('n', { category: 'shoes', tags: ['red'] }), did('u', 'i30'))
    const response = shop.recommend({ placement: 'home', itemId: 'n', limit: 3 })
    expect(response).toMatchObject({
      rung: 'popular',
      items: [
        { itemId: 'i21', generator: 'attributes' },
        { itemId: 'i20', generator: 'attributes' },
        { itemId: 'i30', generator: 'popular' },
      ],
    })
  })

  test('an unknown or deleted item is a clear error', () => {
    const shop = likeShop()
    expect(errorOf(() => shop.recommend({ placement: 'home', itemId: 'unheard-of' })).code).toBe('UNKNOWN_ITEM')
    shop.log(deletion('item', 'i3', 5_000))
    expect(errorOf(() => shop.recommend({ placement: 'home', itemId: 'i3' })).message).toContain('deleted')
  })
})

describe('what cannot be answered', () => {
  test('an unknown placement is answered with the nearest name', () => {
    const error = errorOf(() => shopWith().recommend({ placement: 'hone' }))
    expect(error.code).toBe('UNKNOWN_PLACEMENT')
    expect(error.fix).toContain('"home"')
  })

  test.each([0, -1, 1.5, 1_001, 1e9, Number.NaN, Number.POSITIVE_INFINITY])('a limit of %d is refused', (limit) => {
    expect(errorOf(() => shopWith().recommend({ placement: 'home', limit }))).toMatchObject({
      code: 'REQUEST_INVALID',
      problems: [{ where: '/limit' }],
    })
  })

  test('every problem of a request is reported at once', () => {
    const error = errorOf(() =>
      shopWith().recommend({
        placement: 'home',
        userId: '',
        limit: 0,
        itemId: 'i1',
        recent: [{ itemId: 'i1', interaction: 'veiw' }],
        exclude: Array.from({ length: 100_001 }, () => 'x'),
      }),
    )
    expect(error.problems.map(({ where }) => where)).toEqual([
      '/limit',
      '/userId',
      '/itemId',
      '/exclude',
      '/recent/0/interaction',
    ])
    expect(error.problems.at(-1)!.fix).toContain('"view"')
  })

  test('a filter with an error fails the request and nothing else', () => {
    const shop = shopWith()
    expect(errorOf(() => shop.recommend({ placement: 'home', filter: 'price <' })).code).toBe('FILTER_SYNTAX')
    expect(shop.recommend({ placement: 'home' }).items).toHaveLength(10)
  })

  test('a plan whose rule has a filter with an error names the rule', () => {
    const error = errorOf(() => new Shop(planWith({ home: { rules: [{ kind: 'only', filter: 'prize > 0' }] } })))
    expect(error).toMatchObject({ code: 'FILTER_UNKNOWN_ATTRIBUTE' })
    expect(error.message).toContain('serving.placements.home.rules[0]')
  })
})

describe('why a list is short', () => {
  const asked = (request: object, placement: Partial<PlacementPlan> = {}) => {
    const shop = shopWith(placement)
    shop.log(...ids(0, 4).map((id) => itemPatch(id, { category: 'a' })), ...ids(0, 35).map((id) => did('u', id)))
    return shop.recommend({ placement: 'home', limit: 10, ...request })
  }

  test.each([
    ['CATALOGUE_TOO_SMALL', { limit: 41 }, {}, 40],
    ['FILTER_TOO_NARROW', { filter: "category = 'a'" }, {}, 4],
    ['FILTER_TOO_NARROW', { filter: "category = 'no such'" }, {}, 0],
    ['EVERYTHING_EXCLUDED', { exclude: ids(0, 38) }, {}, 2],
    ['EVERYTHING_EXCLUDED', { userId: 'u' }, {}, 5],
    ['RULES_TOO_STRICT', {}, { rules: [{ kind: 'only', filter: "category = 'a'" }] as RulePlan[] }, 4],
  ] as const)('%s for %j', (reason, request, placement, count) => {
    const response = asked(request, placement)
    expect(response.items).toHaveLength(count)
    expect(response.shortfall).toMatchObject({ reason })
  })
})

// Goal: an answer is as long as it can be and holds nothing that is not allowed, whatever the catalogue, the model, the filter, the exclusions
// and the rules. Method: random shops; eligible items are found by reading every item, without bitmaps.
describe('the fill guarantee', () => {
  const shopCase = fc.record({
    items: fc.array(
      fc.record({
        category: fc.option(fc.constantFrom('a', 'b', 'c')),
        price: fc.option(fc.integer({ min: 0, max: 9 })),
      }),
      { maxLength: 90 },
    ),
    deleted: fc.array(fc.nat(89), { maxLength: 10 }),
    modelItemCount: fc.option(fc.nat(90), { nil: undefined }),
    modelIsReversed: fc.boolean(),
    seen: fc.array(fc.nat(89), { maxLength: 40 }),
    recent: fc.array(fc.nat(120), { maxLength: 5 }),
    exclude: fc.array(fc.nat(120), { maxLength: 40 }),
    filter: fc.option(
      fc.constantFrom(
        "category = 'a'",
        "category != 'a'",
        "not category = 'a'",
        'price > 3',
        "price >= 2 and category in ('a','b')",
      ),
      {
        nil: undefined,
      },
    ),
    only: fc.option(fc.constantFrom('price < 8', "not (category = 'b')"), { nil: undefined }),
    atMost: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    limit: fc.integer({ min: 1, max: 60 }),
    includeSeen: fc.boolean(),
    newItemShare: fc.constantFrom(0, 0.1, 0.5),
    candidateCount: fc.integer({ min: 1, max: 30 }),
  })

  type Row = { category: string | null; price: number | null }
  const holds: Readonly<Record<string, (row: Row) => boolean>> = {
    "category = 'a'": ({ category }) => category === 'a',
    "category != 'a'": ({ category }) => category !== null && category !== 'a',
    "not category = 'a'": ({ category }) => category !== 'a',
    'price > 3': ({ price }) => price !== null && price > 3,
    "price >= 2 and category in ('a','b')": ({ price, category }) =>
      price !== null && price >= 2 && (category === 'a' || category === 'b'),
    'price < 8': ({ price }) => price !== null && price < 8,
    "not (category = 'b')": ({ category }) => category !== 'b',
  }

  test('an answer holds as many eligible items as there are, up to the limit, none twice and no other', () => {
    fc.assert(
      fc.property(shopCase, (c) => {
        const rules: RulePlan[] = []
        if (c.only) rules.push({ kind: 'only', filter: c.only })
        if (c.atMost) rules.push({ kind: 'atMost', count: c.atMost, per: 'category' })
        const shop = new Shop(
          planWith({ home: { rules, newItemShare: c.newItemShare, candidateCount: c.candidateCount } }),
        )
        shop.log(...c.items.map((row, i) => item(`i${i}`, row)))
        if (c.modelItemCount !== undefined) {
          const model = modelOf(Math.min(c.modelItemCount, c.items.length))
          shop.service.useModel(c.modelIsReversed ? { ...model, itemIds: [...model.itemIds].reverse() } : model)
        }
        const known = (i: number) => i < c.items.length
        shop.log(...c.seen.filter(known).map((i) => did('u', `i${i}`)))
        shop.log(...c.deleted.filter(known).map((i) => deletion('item', `i${i}`, 5_000)))

        const out = new Set([...c.exclude, ...c.deleted, ...(c.includeSeen ? [] : [...c.seen, ...c.recent])])
        const eligible = c.items.flatMap((row, i) => {
          const isIn = !out.has(i) && (!c.filter || holds[c.filter]!(row)) && (!c.only || holds[c.only]!(row))
          return isIn ? [{ id: `i${i}`, category: row.category }] : []
        })
        const perCategory = new Map<string, number>()
        let reachable = 0
        for (const { category } of eligible) {
          const taken = category === null ? 0 : (perCategory.get(category) ?? 0)
          if (category !== null && c.atMost && taken >= c.atMost) continue
          if (category !== null) perCategory.set(category, taken + 1)
          reachable++
        }

        const request = {
          placement: 'home',
          userId: 'u',
          recent: c.recent.map((i) => ({ itemId: `i${i}` })),
          exclude: c.exclude.map((i) => `i${i}`),
          ...(c.filter ? { filter: c.filter } : {}),
          limit: c.limit,
          includeSeen: c.includeSeen,
        }
        const response = shop.recommend(request)
        const answered = idsOf(response)
        expect(answered).toHaveLength(Math.min(c.limit, reachable))
        expect(new Set(answered).size).toBe(answered.length)
        expect(eligible.map(({ id }) => id)).toEqual(expect.arrayContaining(answered))
        expect(response.shortfall !== undefined).toBe(reachable < c.limit)
        if (c.atMost) {
          const categoryOf = new Map(eligible.map(({ id, category }) => [id, category]))
          for (const name of ['a', 'b', 'c']) {
            expect(answered.filter((id) => categoryOf.get(id) === name).length).toBeLessThanOrEqual(c.atMost)
          }
        }
        // Nothing of a request is left behind for the next.
        expect(idsOf(shop.recommend(request))).toEqual(answered)
      }),
      { numRuns: 1000 },
    )
  })

  // Thousands of items against rules that let in few: the way by bitmaps of full groups, which small shops never take.
  test('two strict rules over thousands of items leave no item out that they would let in', () => {
    const rules: RulePlan[] = [
      { kind: 'atMost', count: 2, per: 'category' },
      { kind: 'atMost', count: 3, per: 'stock' },
    ]
    for (const [isMixed, categoryCount, stockCount, limit] of [
      [true, 3, 50, 40],
      [false, 3, 50, 40],
      [true, 60, 2, 40],
      [false, 60, 2, 40],
      [true, 30, 30, 200],
      [false, 30, 30, 200],
      [true, 1, 1, 5],
      [false, 1, 1, 5],
      [true, 400, 400, 100],
      [false, 400, 400, 100],
    ] as const) {
      const shop = new Shop(planWith({ home: { rules } }))
      const rows = Array.from({ length: 3_000 }, (_, i) => ({
        category: `c${isMixed ? (i * 7) % categoryCount : Math.floor((i * categoryCount) / 3_000)}`,
        stock: (i * 13 + Math.floor(i / 100)) % stockCount,
      }))
      shop.log(...rows.map((row, i) => item(`i${i}`, row)))
      shop.service.useModel(modelOf(2_500))
      const response = shop.recommend({ placement: 'home', limit })
      const answered = new Set(idsOf(response))
      const counts = new Map<string | number, number>()
      rows.forEach(({ category, stock }, i) => {
        if (!answered.has(`i${i}`)) return
        counts.set(category, (counts.get(category) ?? 0) + 1)
        counts.set(stock, (counts.get(stock) ?? 0) + 1)
      })
      for (const [group, count] of counts) expect(count).toBeLessThanOrEqual(typeof group === 'string' ? 2 : 3)
      const couldJoin = rows.filter(
        ({ category, stock }, i) =>
          !answered.has(`i${i}`) && (counts.get(category) ?? 0) < 2 && (counts.get(stock) ?? 0) < 3,
      )
      expect(answered.size === limit || couldJoin.length === 0).toBe(true)
      expect(response.shortfall === undefined).toBe(answered.size === limit)
    }
  })
})
