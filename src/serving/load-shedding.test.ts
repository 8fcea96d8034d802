// Goal: under load an answer costs less, may still be shown, and says so; it comes out the same when it is given again.
import { describe, expect, test } from 'vitest'
import { memoryOnlineStore } from '../adapters/embedded/memory-online-store.ts'
import type { RecommendRequest, RecommendResponse, Rung } from '../domain/recommendation.ts'
import type { LiveFeatures } from './candidate-ranking.ts'
import { bestRungAfter } from './load-shedding.ts'
import { did, featuresReadBy, item, modelOf, planWith, Shop } from './serving-fixture.testing.ts'
import { StoredLists } from './stored-lists.ts'

const ITEM_COUNT = 100
const idsOf = ({ items }: RecommendResponse): string[] => items.map(({ itemId }) => itemId)

describe('the best rung', () => {
  test.each([
    [0, 'full'],
    [29, 'full'],
    [30, 'reduced'],
    [59, 'reduced'],
    [60, 'unranked'],
    [99, 'unranked'],
    [100, 'stored'],
    [999, 'stored'],
    [1000, undefined],
  ] as const)('after %d ms of a budget of 100 is %s', (waitedMs, rung) => {
    expect(bestRungAfter(waitedMs, 100)).toBe(rung)
  })
})

function loadedShop() {
  let bestRung: Rung | undefined = 'full'
  let itemCount = 0
  let generatedCount = 0
  const features: LiveFeatures = featuresReadBy(async (names, _userId, itemIds) => {
    itemCount = itemIds.length
    return itemIds.map((itemId) =>
      names.map(() => ({ status: 'present', value: Number(itemId.slice(1)), newestEventTimeMs: undefined })),
    )
  })
  const plan = planWith({ home: { isRanked: true, candidateCount: 80 }, like: { pattern: 'embedding' } })
  const storedLists = new StoredLists(memoryOnlineStore())
  const shop = new Shop(plan, features, { bestRung: () => bestRung, storedLists })
  for (let n = 0; n < ITEM_COUNT; n++) shop.log(item(`i${n}`, { price: n }))
  shop.log(did('u', 'i5'))
  const model = modelOf(ITEM_COUNT)
  const leading = model.generators.get('leading')!
  shop.service.useModel({
    ...model,
    generators: new Map([
      ...model.generators,
      [
        'leading',
        {
          ...leading,
          generate: (...asked: Parameters<typeof leading.generate>) => {
            generatedCount++
            return leading.generate(...asked)
          },
        },
      ],
    ]),
    ranker: {
      ranker: {
        featureNames: ['leading.rank', 'price'],
        score: (rows, rowCount, out) => {
          for (let row = 0; row < rowCount; row++) out[row] = rows[row * 2 + 1]!
        },
      },
      generatorNames: ['leading', 'second'],
      perGenerator: 80,
      systemFeatures: ['price'],
      dictionaries: {},
    },
  })
  return {
    shop,
    async askAt(rung: Rung | undefined, request: RecommendRequest = { placement: 'home', userId: 'u' }) {
      bestRung = rung
      itemCount = 0
      generatedCount = 0
      const answer = await shop.service.recommend({ limit: 5, ...request })
      return { answer, itemCount, generatedCount }
    },
  }
}

describe('an answer', () => {
  test('has the ranker put a quarter of the candidates in order where it is reduced, and enough for the list', async () => {
    const { askAt } = loadedShop()
    const full = await askAt('full')
    expect(full).toMatchObject({ answer: { rung: 'full' }, itemCount: 80 })
    const reduced = await askAt('reduced')
    expect(reduced).toMatchObject({ answer: { rung: 'reduced' }, itemCount: 20 })
    expect(idsOf(reduced.answer)).toHaveLength(5)
    const long = await askAt('reduced', { placement: 'home', userId: 'u', limit: 20 })
    expect(long).toMatchObject({ answer: { rung: 'reduced' }, itemCount: 60 })
  })

  test('is in the order of its generators where it is unranked', async () => {
    const { askAt } = loadedShop()
    const { answer, itemCount } = await askAt('unranked')
    expect(answer.rung).toBe('unranked')
    expect(itemCount).toBe(0)
    expect(idsOf(answer)).toEqual(['i6', 'i7', 'i8', 'i9', 'i10'])
  })

  test('asks no generator where it is stored or popular, and obeys what must be obeyed', async () => {
    const { askAt } = loadedShop()
    const { answer, generatedCount } = await askAt('stored', { placement: 'home', userId: 'u', exclude: ['i0'] })
    expect(answer.rung).toBe('popular')
    expect(generatedCount).toBe(0)
    expect(answer.items).toHaveLength(5)
    expect(idsOf(answer)).not.toContain('i5')
    expect(idsOf(answer)).not.toContain('i0')
    expect(answer.shortfall).toBeUndefined()
  })

  test('to a question about an item stays whole until there is no time for generators', async () => {
    const { askAt } = loadedShop()
    const like = { placement: 'like', itemId: 'i3' }
    expect((await askAt('unranked', like)).answer.rung).toBe('full')
    expect((await askAt('stored', like)).answer).toMatchObject({ rung: 'popular', items: { length: 5 } })
  })

  test('says which rung it was allowed, for whoever gives it again', async () => {
    const { shop, askAt } = loadedShop()
    for (const rung of ['full', 'reduced', 'unranked', 'stored'] as const) await askAt(rung)
    expect(shop.observations.map(({ bestRung }) => bestRung)).toEqual(['full', 'reduced', 'unranked', 'stored'])
  })

  test('is refused where requests wait for ten budgets', async () => {
    const { shop, askAt } = loadedShop()
    await expect(askAt(undefined)).rejects.toMatchObject({ code: 'SERVER_OVERLOADED', httpStatus: 503 })
    await expect(shop.service.rank({ itemIds: ['i1'] })).rejects.toMatchObject({ code: 'SERVER_OVERLOADED' })
    expect((await askAt('full')).answer.rung).toBe('full')
  })
})
