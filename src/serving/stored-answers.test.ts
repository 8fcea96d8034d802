// Goal: an answer from a stored list obeys everything that holds at its moment, equals what a visitor would have got live, and stands on its own rung.
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { memoryOnlineStore } from '../adapters/embedded/memory-online-store.ts'
import type { PlacementPlan } from '../config/plan.ts'
import type { LogEvent } from '../domain/event.ts'
import type { RecommendRequest, RecommendResponse, Rung } from '../domain/recommendation.ts'
import { listMaker } from './list-maker.ts'
import { publishLists } from './publish-lists.ts'
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
import { StoredLists } from './stored-lists.ts'

const MADE_AT_MS = NOW_MS - 3_600_000
const ITEM_COUNT = 60
const model = modelOf(ITEM_COUNT)
const idsOf = ({ items }: RecommendResponse): readonly string[] => items.map(({ itemId }) => itemId)
const catalogue = Array.from({ length: ITEM_COUNT }, (_, n) => item(`i${n}`, { stock: 1, category: `c${n % 7}` }))
const patterns: Readonly<Record<string, Partial<PlacementPlan>>> = {
  mail: { pattern: 'batch' },
  live: {},
  mixed: { pattern: 'hybrid', liveCandidates: ['second'] },
}

/** The best rung that answers may stand on; tests that change it change it back. */
let bestRung: Rung = 'full'
afterEach(() => {
  bestRung = 'full'
})

/** A shop whose lists of every placement were made an hour ago. */
async function batchedShop(own: Partial<PlacementPlan> = {}, ...events: readonly LogEvent[]) {
  const plan = planWith(
    Object.fromEntries(Object.entries(patterns).map(([name, given]) => [name, { ...given, ...own }])),
  )
  const store = memoryOnlineStore()
  const shop = new Shop(plan, undefined, { storedLists: new StoredLists(store), bestRung: () => bestRung })
  shop.log(...catalogue, ...events)
  const userIds = [...shop.live.histories.userIds()].sort()
  const clock = { now: () => MADE_AT_MS }
  const publications = await Promise.all(
    Object.keys(patterns).map(async (placement) => {
      const lists = await listMaker({ plan, placement, live: shop.live, model, clock })(userIds)
      const generatorNames = plan.serving.placements[placement]!.candidates
      return {
        placement,
        generation: {
          batchId: 'b1',
          modelVersion: model.version,
          madeAtMs: MADE_AT_MS,
          generatorNames,
          listCount: userIds.length,
        },
        chunks: (async function* () {
          yield { ...lists, userIds }
        })(),
      }
    }),
  )
  await publishLists(store, publications, MADE_AT_MS)
  shop.service.useModel(model)
  const ask = async (request: RecommendRequest) => shop.service.recommend(request)
  return { shop, ask }
}

const did30 = (userId: string) => did(userId, 'i30')

test('a stored list is what the visitor would have got live, whatever they did, in whatever shop', async () => {
  const interactions = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(ITEM_COUNT - 1)), {
    minLength: 1,
    maxLength: 30,
  })
  await fc.assert(
    fc.asyncProperty(interactions, fc.boolean(), fc.integer({ min: 1, max: 10 }), async (done, isLimited, limit) => {
      const rules: PlacementPlan['rules'] = [
        { kind: 'only', filter: 'stock > 0' },
        ...(isLimited ? [{ kind: 'atMost', count: 2, per: 'category' } as const] : []),
      ]
      const events = done.map(([userId, n]) => did(userId, `i${n}`))
      const { ask } = await batchedShop({ rules, candidateCount: 60 }, ...events)
      for (const userId of new Set(done.map(([user]) => user))) {
        const stored = await ask({ placement: 'mail', userId, limit })
        const live = await ask({ placement: 'live', userId, limit })
        expect(idsOf(stored)).toEqual(idsOf(live))
        expect(stored.items).toEqual(live.items)
      }
    }),
    { numRuns: 40 },
  )
})

test('where there is no time for generators, every placement answers from the stored list and says so', async () => {
  const { shop, ask } = await batchedShop({}, did30('u'))
  bestRung = 'stored'
  // The live generator of the hybrid placement would have put it first.
  shop.log(did('u', 'i0', 'view', NOW_MS))
  const lists = []
  for (const placement of ['mail', 'live', 'mixed']) {
    const answer = await ask({ placement, userId: 'u' })
    expect(answer, placement).toMatchObject({ rung: 'stored', stored: { batchId: 'b1' } })
    expect(answer.items.map(({ generator }) => generator)).not.toContain('popular')
    lists.push(idsOf(answer))
  }
  expect(lists[2]).toEqual(lists[0])
  expect((await ask({ placement: 'live', userId: 'new' })).rung).toBe('popular')
})

describe('a batch placement', () => {
  test('answers from the list, says so, and how old it is', async () => {
    const { ask } = await batchedShop({}, did30('u'))
    expect(await ask({ placement: 'mail', userId: 'u' })).toMatchObject({
      rung: 'stored',
      modelVersion: model.version,
      stored: { batchId: 'b1', madeAt: '2024-05-31T23:00:00.000Z', ageSeconds: 3600 },
    })
  })

  test('shows nothing that was seen, sold out, deleted, excluded or filtered out since, and fills up behind it', async () => {
    const rules: PlacementPlan['rules'] = [{ kind: 'only', filter: 'stock > 0' }]
    const { shop, ask } = await batchedShop({ rules }, did30('u'))
    const before = idsOf(await ask({ placement: 'mail', userId: 'u' }))
    const [seen, soldOut, deleted, excluded, filtered] = before
    shop.log(did('u', seen!), itemPatch(soldOut!, { stock: 0 }, 5_000), deletion('item', deleted!, 5_000))
    shop.log(itemPatch(filtered!, { price: 9 }, 5_000))
    const after = await ask({ placement: 'mail', userId: 'u', exclude: [excluded!], filter: 'not price = 9' })
    expect(idsOf(after).slice(0, 5)).toEqual(before.slice(5, 10))
    expect(after.items).toHaveLength(10)
    expect(shop.observations.at(-1)).toMatchObject({ invalidCandidateCount: 0 })
    const left = await ask({ placement: 'mail', userId: 'u', limit: 60 })
    expect(new Set(left.items.map(({ generator }) => generator))).toContain('popular')
  })

  test('gives the popular list to whoever has none', async () => {
    const { ask } = await batchedShop({}, did30('u'))
    for (const request of [{ placement: 'mail' }, { placement: 'mail', userId: 'new' }]) {
      const answer = await ask(request)
      expect(answer).toMatchObject({ rung: 'popular' })
      expect(answer.stored).toBeUndefined()
      expect(answer.items.every(({ generator }) => generator === 'popular')).toBe(true)
    }
  })

  test('makes no use of a list of what the user had deleted since', async () => {
    const { shop, ask } = await batchedShop({}, did30('u'))
    shop.log(deletion('user', 'u', MADE_AT_MS + 1), did('u', 'i2', 'view', MADE_AT_MS + 2))
    expect((await ask({ placement: 'mail', userId: 'u' })).rung).toBe('popular')
  })

  test('needs no model to answer', async () => {
    const { shop, ask } = await batchedShop({}, did30('u'))
    const before = await ask({ placement: 'mail', userId: 'u' })
    shop.service.useModel(undefined)
    expect(await ask({ placement: 'mail', userId: 'u' })).toEqual({ ...before, requestId: expect.any(String) })
  })
})

describe('the ladder of a realtime placement', () => {
  const failing = modelOf(ITEM_COUNT, {
    leading: {
      supportsEmptyHistory: true,
      generate: () => {
        throw new Error('gone')
      },
    },
  })

  test('has the stored list before the popular one, where generators fail and where there is no model', async () => {
    const { shop, ask } = await batchedShop({}, did30('u'))
    const full = await ask({ placement: 'live', userId: 'u' })
    expect(full.rung).toBe('full')
    expect(full.stored).toBeUndefined()
    for (const other of [failing, undefined]) {
      shop.service.useModel(other)
      const answer = await ask({ placement: 'live', userId: 'u' })
      expect(answer).toMatchObject({ rung: 'stored', stored: { batchId: 'b1' }, modelVersion: model.version })
      expect(idsOf(answer)).toEqual(idsOf(full))
      expect((await ask({ placement: 'live', userId: 'new' })).rung).toBe('popular')
      expect((await ask({ placement: 'live' })).rung).toBe('popular')
    }
  })

  test('ends with the popular list where the store fails, too, and tells why', async () => {
    const plan = planWith(patterns)
    const broken = new StoredLists({ read: () => Promise.reject(new Error('no store')) })
    const shop = new Shop(plan, undefined, { storedLists: broken })
    shop.log(...catalogue, did30('u'))
    for (const placement of ['live', 'mail']) {
      expect(await shop.service.recommend({ placement, userId: 'u' })).toMatchObject({ rung: 'popular' })
      expect(shop.observations.at(-1)).toMatchObject({ lookupFailure: new Error('no store') })
    }
    shop.service.useModel(model)
    expect(await shop.service.recommend({ placement: 'mixed', userId: 'u' })).toMatchObject({ rung: 'full' })
  })
})

describe('a hybrid placement', () => {
  test('merges the stored list with what its live generators propose now', async () => {
    const { ask } = await batchedShop({}, did30('u'))
    const answer = await ask({ placement: 'mixed', userId: 'u' })
    expect(answer).toMatchObject({ rung: 'full', stored: { batchId: 'b1' } })
    // The batch begins at i31, behind the newest of the history; live, "second" begins at i0. "i0" is the 30th of the batch, too.
    expect(idsOf(answer).slice(0, 4)).toEqual(['i0', 'i31', 'i1', 'i32'])
    expect(answer.items[0]).toMatchObject({ generator: 'second', score: 1 / 61 + 1 / 90 })
  })

  test('follows the session at once, where the list of a batch placement waits for the next batch', async () => {
    const following = modelOf(ITEM_COUNT, {
      second: scoredGenerator(
        ITEM_COUNT,
        (index, newest) => (newest !== undefined && index === newest + 1 ? 1 : 0),
        false,
      ),
    })
    const { shop, ask } = await batchedShop({}, did30('u'))
    shop.service.useModel(following)
    const recent = [{ itemId: 'i10' }]
    expect(idsOf(await ask({ placement: 'mixed', userId: 'u', recent })).slice(0, 2)).toEqual(['i11', 'i31'])
    expect(idsOf(await ask({ placement: 'mail', userId: 'u', recent }))[0]).toBe('i31')
  })

  test('is a realtime placement for whoever has no list', async () => {
    const { shop, ask } = await batchedShop({}, did30('u'))
    shop.log(did('late', 'i30', 'view', NOW_MS - DAY_MS))
    const answer = await ask({ placement: 'mixed', userId: 'late' })
    expect(answer.rung).toBe('full')
    expect(idsOf(answer)).toEqual(idsOf(await ask({ placement: 'live', userId: 'late' })))
  })

  test('answers from the list alone where its live generators fail', async () => {
    const { shop, ask } = await batchedShop({}, did30('u'))
    const generate = () => {
      throw new Error('gone')
    }
    shop.service.useModel(modelOf(ITEM_COUNT, { second: { supportsEmptyHistory: true, generate } }))
    const answer = await ask({ placement: 'mixed', userId: 'u' })
    expect(answer.rung).toBe('stored')
    expect(idsOf(answer)[0]).toBe('i31')
  })
})
