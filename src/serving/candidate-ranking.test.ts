import { beforeEach, describe, expect, test } from 'vitest'
import type { PlacementPlan } from '../config/plan.ts'
import type { FeatureReading } from '../domain/feature.ts'
import type { RecommendRequest, RecommendResponse } from '../domain/recommendation.ts'
import type { ServingModel, ServingRanker } from '../models/serving-model.ts'
import type { Ranker } from '../ports/ranker.ts'
import type { RankedCandidates } from './candidate-ranking.ts'
import {
  did,
  featuresReadBy,
  item,
  itemPatch,
  modelOf,
  planWith,
  type ReadFeatures,
  Shop,
  scoredGenerator,
} from './serving-fixture.testing.ts'

const ITEM_COUNT = 40

/** Orders candidates by one column, the largest first; a missing value is worst. */
function rankerBy(column: string, featureNames: readonly string[]): Ranker {
  const at = featureNames.indexOf(column)
  return {
    featureNames,
    score(rows, rowCount, out) {
      for (let row = 0; row < rowCount; row++) {
        const value = rows[row * featureNames.length + at]!
        out[row] = Number.isNaN(value) ? -1 : value
      }
    },
  }
}

function rankedBy(column: string, given: Partial<ServingRanker> = {}): ServingRanker {
  const systemFeatures = given.systemFeatures ?? []
  const columns = ['leading.score', 'leading.rank', 'second.score', 'second.rank', 'history.length', ...systemFeatures]
  return {
    ranker: rankerBy(column, columns),
    generatorNames: ['leading', 'second'],
    perGenerator: 10,
    systemFeatures,
    dictionaries: {},
    ...given,
  }
}

const reading = (value: number | undefined): FeatureReading => ({
  status: value === undefined ? 'missing' : 'present',
  value,
  newestEventTimeMs: undefined,
})

let shop: Shop
/** What the features of an item are read to be, and what was asked. */
let asked: { names: readonly string[]; userId: string | undefined; itemIds: readonly string[] }[]
let read: ReadFeatures

function open(
  ranker: ServingRanker,
  placement: Partial<PlacementPlan> = {},
  generators: Parameters<typeof modelOf>[1] = {},
): ServingModel {
  const plan = planWith({ home: { isRanked: true, ...placement }, plain: {}, like: { pattern: 'embedding' } })
  shop = new Shop(
    plan,
    featuresReadBy((...question) => read(...question)),
  )
  for (let i = 0; i < ITEM_COUNT; i++) shop.log(item(`i${i}`, { price: i }))
  shop.log(did('u', 'i5'))
  const model = { ...modelOf(ITEM_COUNT, generators), ranker }
  shop.service.useModel(model)
  return model
}

const ask = async (request: Partial<RecommendRequest> = {}): Promise<RecommendResponse> =>
  shop.service.recommend({ placement: 'home', userId: 'u', limit: 3, ...request })

const idsOf = ({ items }: RecommendResponse): string[] => items.map(({ itemId }) => itemId)

beforeEach(() => {
  asked = []
  read = async (names, userId, itemIds) => {
    asked.push({ names, userId, itemIds })
    return itemIds.map((itemId) => names.map(() => reading(Number(itemId.slice(1)))))
  }
})

describe('an answer in the order of the ranker', () => {
  test('holds the candidates of all generators, each with the one that put it furthest up', async () => {
    // `leading` proposes i6 to i15, `second` i0 to i10 without the seen i5.
    open(rankedBy('second.score'))
    const answer = await ask({ limit: 12 })
    expect(answer.rung).toBe('full')
    expect(idsOf(answer).slice(0, 10)).toEqual(['i0', 'i1', 'i2', 'i3', 'i4', 'i6', 'i7', 'i8', 'i9', 'i10'])
    expect(answer.items[0]).toEqual({ itemId: 'i0', score: ITEM_COUNT, generator: 'second' })
    expect(answer.items[5]).toEqual({ itemId: 'i6', score: ITEM_COUNT - 6, generator: 'leading' })
    // Of no score in `second`: in the order of proposal.
    expect(idsOf(answer).slice(10)).toEqual(['i11', 'i12'])
  })

  test('looks at the features of the user and of every candidate, and at nothing that the ranker does not want', async () => {
    open(rankedBy('price', { systemFeatures: ['price'] }))
    expect(idsOf(await ask())).toEqual(['i15', 'i14', 'i13'])
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatchObject({ names: ['price'], userId: 'u' })
    expect([...asked[0]!.itemIds].sort()).toEqual(
      Array.from({ length: 16 }, (_, i) => `i${i}`)
        .filter((id) => id !== 'i5')
        .sort(),
    )
  })

  test('is asked for as many candidates as the placement says, the best of every generator first', async () => {
    open(rankedBy('price', { systemFeatures: ['price'] }), { candidateCount: 4 })
    await ask()
    expect(asked[0]!.itemIds).toEqual(['i6', 'i0', 'i7', 'i1'])
  })

  test('shows candidates of the generators that the placement names only, and the ranker hears of the others too', async () => {
    open(rankedBy('second.score'), { candidates: ['leading'] })
    const answer = await ask({ limit: 6 })
    expect(idsOf(answer)).toEqual(['i6', 'i7', 'i8', 'i9', 'i10', 'i11'])
    expect(answer.items[0]!.score).toBe(ITEM_COUNT - 6)
  })

  test('keeps to filters, exclusions and rules, and is filled up where these turn candidates away', async () => {
    open(rankedBy('price', { systemFeatures: ['price'] }))
    expect(idsOf(await ask({ filter: 'price < 9', exclude: ['i8'] }))).toEqual(['i7', 'i6', 'i4'])
    open(rankedBy('price', { systemFeatures: ['price'] }), {
      rules: [{ kind: 'atMost', count: 1, per: 'category' }],
    })
    for (const i of [12, 13, 14, 15]) shop.log(itemPatch(`i${i}`, { category: 'shoes' }))
    expect(idsOf(await ask())).toEqual(['i15', 'i11', 'i10'])
  })

  test('leaves placements alone that are not to be ranked, and those for items like one', async () => {
    open(rankedBy('second.score'))
    expect(idsOf(await ask({ placement: 'plain' }))).toEqual(['i6', 'i7', 'i8'])
    expect(idsOf(await ask({ placement: 'like', itemId: 'i9' }))).toHaveLength(3)
    expect(shop.observations.every(({ rankingFailure }) => rankingFailure === undefined)).toBe(true)
  })

  test('gives each of many visitors at once their own list', async () => {
    open(rankedBy('leading.score'))
    const users = Array.from({ length: 20 }, (_, n) => `u${n}`)
    for (const [n, userId] of users.entries()) shop.log(did(userId, `i${n}`))
    const answers = await Promise.all(users.map((userId) => ask({ userId })))
    expect(answers.map(idsOf)).toEqual(users.map((_, n) => [1, 2, 3].map((next) => `i${(n + next) % ITEM_COUNT}`)))
  })

  test('never shows an item that was taken away while the features were read', async () => {
    open(rankedBy('price', { systemFeatures: ['price'] }))
    const answering = ask()
    shop.log({
      kind: 'entity',
      id: 'gone',
      entity: 'item',
      entityId: 'i15',
      change: 'delete',
      attributes: {},
      eventTimeMs: 9_000,
    })
    expect(idsOf(await answering)).toEqual(['i14', 'i13', 'i12'])
  })

  test('comes from the model that was asked, though another is in charge when the features are there', async () => {
    const first = open(rankedBy('price', { systemFeatures: ['price'] }))
    const answering = ask()
    shop.service.useModel({ ...modelOf(10), version: 'next' })
    expect(await answering).toMatchObject({ modelVersion: first.version, rung: 'full' })
    // It has no ranker, and the placement wants one.
    expect(await ask()).toMatchObject({ modelVersion: 'next', rung: 'unranked' })
  })
})

describe('where ranking fails', () => {
  const unranked = ['i6', 'i7', 'i8']

  test.each([
    ['features cannot be read', () => Promise.reject(new Error('the store is away'))],
    ['features are garbage', async () => []],
    ['features never come', () => new Promise<never>(() => {})],
  ])('%s: the generators order the list, the answer says so, and the reason is told', async (_, failing) => {
    open(rankedBy('price', { systemFeatures: ['price'] }))
    read = failing
    const answer = await ask()
    expect(answer.rung).toBe('unranked')
    expect(idsOf(answer)).toEqual(unranked)
    expect(shop.observations.at(-1)!.rankingFailure).toBeInstanceOf(Error)
  })

  test.each([
    ['throws', () => Promise.reject(new Error('no'))],
    ['never comes to an end', () => new Promise<never>(() => {})],
    [
      'gives no number',
      (_rows: Float32Array, rowCount: number, out: Float64Array) => {
        out.fill(Number.NaN, 0, rowCount)
      },
    ],
  ])('a ranker that %s has no say', async (_, score) => {
    const ranker = rankedBy('leading.score')
    open({ ...ranker, ranker: { ...ranker.ranker, score } })
    const answer = await ask()
    expect(answer.rung).toBe('unranked')
    expect(idsOf(answer)).toEqual(unranked)
  })

  test('with nothing to order, the turn of the one who tries again is not used up', async () => {
    open(rankedBy('price', { systemFeatures: ['price'] }))
    const working = read
    read = () => Promise.reject(new Error('the store is away'))
    for (let n = 0; n < 5; n++) await ask()
    read = working
    shop.nowMs += 1000
    expect((await ask({ filter: 'price > 1000' })).items).toEqual([])
    expect((await ask()).rung).toBe('full')
  })

  test('a ranker that is replaced is closed when its last answer is out', async () => {
    const ranker = rankedBy('price', { systemFeatures: ['price'] })
    let closedCount = 0
    const model = open({ ...ranker, ranker: { ...ranker.ranker, close: async () => void closedCount++ } })
    const answering = ask()
    // The same one again changes nothing.
    shop.service.useModel(model)
    expect(closedCount).toBe(0)
    shop.service.useModel(modelOf(10))
    expect(closedCount).toBe(0)
    expect((await answering).rung).toBe('full')
    expect(closedCount).toBe(1)
  })

  test('five times in a row, it is left alone for a second, and has its say again when it works', async () => {
    open(rankedBy('price', { systemFeatures: ['price'] }))
    let readCount = 0
    const working = read
    read = async () => {
      readCount++
      throw new Error('the store is away')
    }
    for (let n = 0; n < 8; n++) expect((await ask()).rung).toBe('unranked')
    expect(readCount).toBe(5)
    read = working
    shop.nowMs += 999
    expect((await ask()).rung).toBe('unranked')
    shop.nowMs += 1
    expect((await ask()).rung).toBe('full')
    expect((await ask()).rung).toBe('full')
  })

  test('one generator that throws does not cost the others their candidates', async () => {
    const throwing = {
      ...scoredGenerator(ITEM_COUNT, () => 1),
      generate: () => {
        throw new Error('broken')
      },
    }
    open(rankedBy('leading.score'), {}, { second: throwing })
    const answer = await ask()
    expect(idsOf(answer)).toEqual(unranked)
    expect(shop.observations.at(-1)!.failures).toMatchObject([{ generator: 'second' }])
  })
})

describe('the arrays of an answer', () => {
  /** What an observer sees of the newest answer. */
  const seen = () => {
    const { ranked } = shop.observations.at(-1)!
    return { ranked: ranked!, text: textOf(ranked!) }
  }
  const textOf = ({ itemIndexes, scores, proposers, places, columns }: RankedCandidates): string =>
    JSON.stringify([itemIndexes, scores, proposers, places, ...columns].map((array) => [...array]))

  test('stay as they are until they are released, whatever is asked meanwhile, and serve another answer then', async () => {
    open(rankedBy('price', { systemFeatures: ['price'] }))
    await ask()
    const kept = seen()
    // Fewer candidates, and others.
    await ask({ exclude: ['i15', 'i14', 'i0'] })
    const other = seen()
    expect(other.ranked.itemIndexes.length).toBeLessThan(kept.ranked.itemIndexes.length)
    expect(textOf(kept.ranked)).toBe(kept.text)
    other.ranked.release()
    await Promise.all([ask(), ask({ exclude: ['i15'] })])
    expect(textOf(kept.ranked)).toBe(kept.text)
    // Each of the two has arrays of its own, one of them those that were released.
    const [first, second] = shop.observations.slice(-2).map(({ ranked }) => ranked!)
    expect(textOf(first!)).toBe(kept.text)
    expect(first!.itemIndexes.buffer).not.toBe(second!.itemIndexes.buffer)
    expect([first!.itemIndexes.buffer, second!.itemIndexes.buffer]).toContain(other.ranked.itemIndexes.buffer)
  })
})
