import { expect, test } from 'vitest'
import { startTestServer } from './testing.ts'

const running = startTestServer()
const get = async (url: string) => {
  const answer = await running.server.inject(url)
  return { status: answer.statusCode, body: answer.json() }
}

test('an item is explained with its list, and values keep their kind: numbers, names, nothing', async () => {
  expect(await get('/v1/explain?userId=u1')).toEqual({
    status: 200,
    body: {
      version: 'm1',
      userId: 'u1',
      moment: '1970-01-01T00:00:01.000Z',
      historyLength: 2,
      candidateCount: 3,
      items: [{ itemId: 'i1', score: 0.75, ranks: { cf: 1 } }],
      explained: {
        itemId: 'i1',
        place: 1,
        score: 0.75,
        averageScore: 0.25,
        contributions: [
          { featureName: 'cf.score', value: 0.5, contribution: 0.75 },
          { featureName: 'user_country', value: 'DE', contribution: -0.25 },
          { featureName: 'item_price', value: null, contribution: 0 },
        ],
      },
    },
  })
  const asked = await get('/v1/explain?userId=u1&itemId=i9&version=m7&limit=3')
  expect(asked.body).toMatchObject({ version: 'm7', explained: { itemId: 'i9' } })
})

test('a question that cannot be answered says why', async () => {
  expect(await get('/v1/explain?userId=u9')).toMatchObject({ status: 404, body: { code: 'USER_UNKNOWN' } })
  for (const query of ['', '?userId=', '?userId=u1&limit=0', '?userId=u1&limit=1001', '?userId=u1&item=i1']) {
    expect(await get(`/v1/explain${query}`), query).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID' } })
  }
  expect(await get('/v1/models/m0/importance')).toMatchObject({ status: 409, body: { code: 'MODEL_WITHOUT_TREES' } })
  expect(await get('/v1/models/m9/slices')).toMatchObject({ status: 404, body: { code: 'MODEL_NOT_FOUND' } })
})

test('importance is what the trees gained, and what the newest run measured', async () => {
  expect((await get('/v1/models/m1/importance')).body).toEqual({
    version: 'm1',
    gain: [{ featureName: 'cf.score', gainShare: 1, splitCount: 3 }],
    measured: {
      run: 'r0',
      at: '1970-01-01T00:00:03.000Z',
      permutation: {
        ranker: 'registered',
        from: '1970-01-01T00:00:01.000Z',
        k: 20,
        questionCount: 9,
        userCount: 7,
        ndcg: { mean: 0.5, interval: [0.25, 0.75] },
        losses: [{ featureName: 'cf.score', mean: 0.5, interval: [0.25, 0.75], adjustedPValue: 0.02 }],
      },
    },
  })
})

test('the slices of a model are those that were stored with it', async () => {
  expect((await get('/v1/models/m1/slices')).body).toEqual({
    version: 'm1',
    slices: [{ name: 'new users', value: 0.125, interval: [0.1, 0.15] }],
    weakSlices: [
      {
        of: 'users',
        conditions: ['user.country = DE', 'user = new'],
        unitCount: 60,
        mean: 0.1,
        difference: -0.2,
        interval: [-0.3, -0.1],
        adjustedPValue: 0.004,
      },
    ],
  })
})

test('whoever may read may ask, and nobody else', async () => {
  const guarded = startTestServer({ requireKey: true })
  const key = guarded.addKey('write')
  for (const url of ['/v1/explain?userId=u1', '/v1/models/m1/importance', '/v1/models/m1/slices']) {
    expect((await guarded.server.inject(url)).statusCode, url).toBe(401)
    const headers = { authorization: `Bearer ${key}` }
    expect((await guarded.server.inject({ url, headers })).statusCode, url).toBe(403)
  }
})
