import { beforeEach, describe, expect, test } from 'vitest'
import type { RankRequest, RankResponse } from '../domain/recommendation.ts'
import type { ServingModel, ServingRanker } from '../models/serving-model.ts'
import type { Ranker } from '../ports/ranker.ts'
import {
  deletion,
  did,
  featuresReadBy,
  item,
  modelOf,
  planWith,
  type ReadFeatures,
  Shop,
} from './serving-fixture.testing.ts'

const ITEM_COUNT = 40

/** Scores by a function of the values of the columns; a missing value is undefined. */
function rankerOf(columns: readonly string[], score: (values: readonly (number | undefined)[]) => number): Ranker {
  return {
    featureNames: columns,
    score(rows, rowCount, out) {
      for (let row = 0; row < rowCount; row++) {
        const values = Array.from(rows.subarray(row * columns.length, (row + 1) * columns.length))
        out[row] = score(values.map((value) => (Number.isNaN(value) ? undefined : value)))
      }
    },
  }
}

const servingRanker = (ranker: Ranker, systemFeatures: readonly string[] = []): ServingRanker => ({
  ranker,
  generatorNames: ['leading', 'second'],
  perGenerator: 10,
  systemFeatures,
  dictionaries: {},
})

let shop: Shop
let asked: { userId: string | undefined; itemIds: readonly string[] }[]
let read: ReadFeatures

function open(ranker?: ServingRanker, generators: Parameters<typeof modelOf>[1] = {}): ServingModel {
  asked = []
  read = async (names, userId, itemIds) => {
    asked.push({ userId, itemIds })
    const value = (itemId: string) => (/^i\d+$/.test(itemId) ? Number(itemId.slice(1)) : 1_000)
    return itemIds.map((itemId) =>
      names.map(() => ({ status: 'present', value: value(itemId), newestEventTimeMs: undefined })),
    )
  }
  shop = new Shop(
    planWith({ home: { isRanked: true } }),
    featuresReadBy((...question) => read(...question)),
  )
  for (let i = 0; i < ITEM_COUNT; i++) shop.log(item(`i${i}`))
  shop.log(did('u', 'i5'))
  const model = { ...modelOf(ITEM_COUNT, generators), ...(ranker && { ranker }) }
  shop.service.useModel(model)
  return model
}

const rank = (request: RankRequest): Promise<RankResponse> => shop.service.rank(request)
const idsOf = ({ items }: RankResponse): string[] => items.map(({ itemId }) => itemId)

describe('with a ranker', () => {
  test('every item is scored by its features of now, those that are newer than the model too', async () => {
    open(
      servingRanker(
        rankerOf(['price'], ([price]) => price!),
        ['price'],
      ),
    )
    shop.log(item('new'))
    const answer = await rank({ userId: 'u', itemIds: ['i3', 'nope', 'i30', 'new', 'i7'] })
    expect(answer).toEqual({
      requestId: 'r1',
      modelVersion: 'model-of-40',
      rung: 'full',
      items: [
        { itemId: 'new', score: 1_000 },
        { itemId: 'i30', score: 30 },
        { itemId: 'i7', score: 7 },
        { itemId: 'i3', score: 3 },
        { itemId: 'nope' },
      ],
      unknown: ['nope'],
    })
    expect(asked).toEqual([{ userId: 'u', itemIds: ['i3', 'i30', 'new', 'i7'] }])
  })

  test('what generators say is there as in training: of the candidates, and missing of the others', async () => {
    const seen: (readonly (number | undefined)[])[] = []
    const columns = ['leading.score', 'leading.rank', 'second.rank', 'history.length']
    const ranker = rankerOf(columns, (values) => {
      seen.push(values)
      return 0
    })
    open(servingRanker(ranker))
    // For a history of i5 `leading` proposes i6 to i15, `second` i0 to i4 and i6 to i10; nothing proposes i20.
    await rank({ userId: 'u', itemIds: ['i6', 'i0', 'i20'] })
    expect(seen).toEqual([
      [ITEM_COUNT - 1, 0, 5, 1],
      [undefined, undefined, 0, 1],
      [undefined, undefined, undefined, 1],
    ])
  })

  test('a seen item that is in the list is a candidate like others', async () => {
    const ranker = rankerOf(['leading.rank'], ([place]) => -(place ?? 100))
    open(servingRanker(ranker))
    expect(idsOf(await rank({ userId: 'u', itemIds: ['i6', 'i5', 'i7'] }))).toEqual(['i5', 'i6', 'i7'])
    expect((await rank({ userId: 'u', itemIds: ['i6', 'i7'] })).items).toEqual([
      { itemId: 'i6', score: -0 },
      { itemId: 'i7', score: -1 },
    ])
  })

  test('equals stay in the order of the generators, then in the order given', async () => {
    open(servingRanker(rankerOf(['history.length'], () => 0)))
    expect(idsOf(await rank({ userId: 'u', itemIds: ['i4', 'i9', 'i6'] }))).toEqual(['i6', 'i9', 'i4'])
  })

  test('recent interactions count as if they were in the log', async () => {
    open(servingRanker(rankerOf(['leading.rank'], ([place]) => -(place ?? 100))))
    const recent = [{ itemId: 'i20' }, { itemId: 'unheard-of' }]
    expect(idsOf(await rank({ itemIds: ['i6', 'i22', 'i21'], recent }))).toEqual(['i21', 'i22', 'i6'])
  })

  test.each([
    ['its features cannot be read', () => void (read = () => Promise.reject(new Error('away')))],
    ['they take too long', () => void (read = () => new Promise(() => {}))],
  ])('where %s, the generators order, and the rung says so', async (_, fail) => {
    open(
      servingRanker(
        rankerOf(['price'], ([price]) => price!),
        ['price'],
      ),
    )
    fail()
    const answer = await rank({ userId: 'u', itemIds: ['i30', 'i7', 'i6'] })
    expect(answer).toMatchObject({ rung: 'unranked', modelVersion: 'model-of-40' })
    expect(idsOf(answer)).toEqual(['i6', 'i7', 'i30'])
  })

  test('a score that is no number is no order', async () => {
    open(servingRanker(rankerOf(['leading.rank'], () => Number.NaN)))
    expect(await rank({ userId: 'u', itemIds: ['i7', 'i6'] })).toMatchObject({ rung: 'unranked' })
  })

  test('a model that is exchanged while features are read stays open until they are there', async () => {
    let isClosed = false
    const ranker = {
      ...rankerOf(['price'], ([price]) => (isClosed ? Number.NaN : price!)),
      close: async () => void (isClosed = true),
    }
    open(servingRanker(ranker, ['price']))
    const usual = read
    let go: () => void = () => {}
    read = async (...question) => {
      await new Promise<void>((resolve) => {
        go = resolve
      })
      return usual(...question)
    }
    const answer = rank({ itemIds: ['i1', 'i2'] })
    shop.service.useModel(modelOf(3))
    expect(isClosed).toBe(false)
    go()
    expect(await answer).toMatchObject({
      rung: 'full',
      modelVersion: 'model-of-40',
      items: [{ itemId: 'i2' }, { itemId: 'i1' }],
    })
    await expect.poll(() => isClosed).toBe(true)
    expect(await rank({ itemIds: ['i1'] })).toMatchObject({ modelVersion: 'model-of-3' })
  })
})

describe('without a ranker', () => {
  beforeEach(() => void open())

  test('the first generator orders what it knows of the list, the next one the rest', async () => {
    const answer = await rank({ userId: 'u', itemIds: ['i1', 'i30', 'i6', 'i0'] })
    expect(answer).toMatchObject({ rung: 'unranked', unknown: [] })
    expect(idsOf(answer)).toEqual(['i6', 'i30', 'i0', 'i1'])
    expect(answer.items.every(({ score }) => Number.isFinite(score))).toBe(true)
  })

  test('what none of them knows stays behind, in the order given, without a score', async () => {
    shop.log(item('new-b'), item('new-a'), deletion('item', 'i3'))
    const answer = await rank({ userId: 'u', itemIds: ['new-b', 'i3', 'new-a', 'i6'] })
    expect(answer.items.slice(1)).toEqual([{ itemId: 'new-b' }, { itemId: 'new-a' }, { itemId: 'i3' }])
    expect(answer.unknown).toEqual(['i3'])
  })

  test('a generator that throws is passed over, and the rung says so', async () => {
    open(undefined, {
      leading: {
        supportsEmptyHistory: true,
        generate: () => {
          throw new Error('broken')
        },
      },
    })
    const answer = await rank({ userId: 'u', itemIds: ['i6', 'i1'] })
    expect(answer.rung).toBe('popular')
    expect(idsOf(answer)).toEqual(['i1', 'i6'])
  })

  test('nor a model, what is popular comes first', async () => {
    shop.service.useModel(undefined)
    shop.log(did('a', 'i9'), did('b', 'i9'), did('a', 'i2'))
    expect(await rank({ itemIds: ['i1', 'i2', 'i9'] })).toMatchObject({
      rung: 'popular',
      modelVersion: 'none',
      items: [
        { itemId: 'i9', score: 2 },
        { itemId: 'i2', score: 1 },
        { itemId: 'i1', score: 0 },
      ],
    })
  })

  test('a list of unknown items comes back as it was', async () => {
    const answer = await rank({ userId: 'u', itemIds: ['x', 'y'] })
    expect(answer.items).toEqual([{ itemId: 'x' }, { itemId: 'y' }])
    expect(answer.unknown).toEqual(['x', 'y'])
  })
})

test.each([
  [{ itemIds: [] }, ['/itemIds']],
  [{ itemIds: Array.from({ length: 1_001 }, (_, n) => `i${n}`) }, ['/itemIds']],
  [{ itemIds: ['i1', 'i2', 'i1'], userId: '' }, ['/itemIds/2', '/userId']],
  [{ itemIds: ['i1'], recent: [{ itemId: 'i2', interaction: 'vieww' }] }, ['/recent/0/interaction']],
])('a request that makes no sense is refused with every problem', async (request, places) => {
  open()
  await expect(rank(request)).rejects.toMatchObject({
    code: 'REQUEST_INVALID',
    problems: places.map((where) => expect.objectContaining({ where })),
  })
})

test('a thousand items are put in order, each once', async () => {
  open(
    servingRanker(
      rankerOf(['price'], ([price]) => price! % 7),
      ['price'],
    ),
  )
  const itemIds = Array.from({ length: 1_000 }, (_, n) => `i${n}`)
  const answer = await rank({ userId: 'u', itemIds })
  expect(new Set(idsOf(answer)).size).toBe(1_000)
  expect(answer.unknown).toHaveLength(1_000 - ITEM_COUNT)
})
