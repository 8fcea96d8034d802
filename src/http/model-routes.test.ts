import { expect, test } from 'vitest'
import { someGateReport } from '../ports/gate-reports.contract.ts'
import { startTestServer } from './testing.ts'

const running = startTestServer()
const get = async (url: string) => {
  const answer = await running.server.inject(url)
  return { status: answer.statusCode, body: answer.json() }
}
const post = async (url: string, payload: object, under = running, key?: string) => {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` }
  const answer = await under.server.inject({ method: 'POST', url, payload, headers })
  return { status: answer.statusCode, body: answer.json() }
}

test('models are listed with what became of them, the deleted ones where they are asked for', async () => {
  const described = {
    version: 'm1',
    status: 'registered',
    aliases: ['champion'],
    isAnswering: true,
    trainedAt: '2026-01-02T03:04:05.000Z',
    registeredAt: '2026-01-02T03:05:00.000Z',
    userCount: 2,
    itemCount: 3,
    interactionCount: 9,
    generators: [{ name: 'cf', kind: 'ials' }],
    metrics: [{ name: 'NDCG@20', value: 0.25, interval: [0.125, 0.5] }],
    lineage: {
      planHash: 'f'.repeat(64),
      commit: 'c0ffee',
      millraceVersion: '0.1.0',
      seed: 1,
      nextOffset: 2 ** 40,
      asOf: '2026-01-02T03:04:04.999Z',
    },
    bundleBytes: 2 ** 33,
    bundle: { state: 'whole' },
    usedBy: [7],
  }
  expect(await get('/v1/models')).toEqual({ status: 200, body: { models: [described] } })
  expect(await get('/v1/models/m1')).toEqual({ status: 200, body: described })
  expect((await get('/v1/models?deleted=true')).body.models).toMatchObject([
    { version: 'm1' },
    { version: 'm0', status: 'deleted', deletedAt: '1970-01-01T00:00:03.000Z', isAnswering: false },
  ])
  expect(await get('/v1/models/m9')).toMatchObject({ status: 404, body: { code: 'MODEL_NOT_FOUND' } })
})

test('the log tells what was in charge at a moment, and who decided', async () => {
  const move = {
    number: 1,
    alias: 'champion',
    to: 'm1',
    at: '1970-01-01T00:00:01.000Z',
    by: 'train',
    command: 'millrace train',
    why: 'newly trained',
  }
  expect((await get('/v1/models/audit')).body).toEqual({ moves: [move] })
  expect((await get('/v1/models/audit?at=1970-01-01T00:00:01Z')).body).toEqual({ inCharge: move, moves: [move] })
  expect((await get('/v1/models/audit?at=1970-01-01')).body).toEqual({ moves: [] })
  for (const query of ['at=yesterday', 'alias=best', 'limit=0', 'when=now']) {
    expect(await get(`/v1/models/audit?${query}`), query).toMatchObject({
      status: 400,
      body: { code: 'REQUEST_INVALID' },
    })
  }
})

test('who promotes is the name of the key, and the address is noted with the reason', async () => {
  const guarded = startTestServer({ requireKey: true })
  const key = guarded.addKey('admin')
  const promotion = { version: 'm2', as: 'challenger', reason: 'better on new users', expected: 'm1' }
  expect(await post('/v1/models/promote', promotion, guarded, key)).toMatchObject({ status: 200 })
  await post('/v1/models/rollback', { reason: 'worse' }, guarded, key)
  expect(guarded.promotions).toEqual([
    {
      version: 'm2',
      as: 'challenger',
      expected: 'm1',
      decision: { by: 'admin', command: 'POST /v1/models/promote', why: 'better on new users' },
    },
    { decision: { by: 'admin', command: 'POST /v1/models/rollback', why: 'worse' } },
  ])
})

test('putting a model in charge needs a key for administration', async () => {
  const guarded = startTestServer({ requireKey: true })
  const promotion = { version: 'm2', reason: 'better' }
  for (const [scope, status] of [
    ['read', 403],
    ['write', 403],
    ['admin', 200],
  ] as const) {
    const key = guarded.addKey(scope)
    expect(await post('/v1/models/promote', promotion, guarded, key), scope).toMatchObject({ status })
    expect(await post('/v1/models/rollback', { reason: 'worse' }, guarded, key), scope).toMatchObject({ status })
  }
  expect(await post('/v1/models/promote', promotion, guarded)).toMatchObject({ status: 401 })
  expect(guarded.promotions).toHaveLength(2)
})

test('on loopback without keys, a key that is not valid lends nobody its name', async () => {
  const open = startTestServer()
  await post('/v1/models/rollback', { reason: 'worse' }, open, open.addKey('admin').replace(/.$/, '-'))
  expect(open.promotions).toMatchObject([{ decision: { by: expect.stringContaining('without a key') } }])
})

test('a promotion without a reason, or of nothing, is refused', async () => {
  for (const body of [
    { version: 'm1' },
    { version: 'm1', reason: '  ' },
    { reason: 'x' },
    { version: '', reason: 'x' },
  ]) {
    expect(await post('/v1/models/promote', body), JSON.stringify(body)).toMatchObject({ status: 400 })
  }
  expect(await post('/v1/models/promote', { version: 'm1', reason: 'x', as: 'previous' })).toMatchObject({
    status: 400,
  })
  expect(await post('/v1/models/rollback', {})).toMatchObject({ status: 400 })
  expect(running.promotions).toEqual([])
})

test('what the gates said of a model is told, and that nobody asked them', async () => {
  const report = {
    id: 'g1',
    judgedAt: '1970-01-01T00:00:02.000Z',
    passed: true,
    champion: 'm0',
    comparison: { champion: 'm0', on: 'fresh', split: '1970-01-01T00:00:01.000Z', until: '1970-01-01T00:00:01.900Z' },
    results: someGateReport.results,
  }
  expect(await get('/v1/models/m1/gates')).toEqual({ status: 200, body: { version: 'm1', report } })
  expect(await get('/v1/models/m9/gates')).toMatchObject({ status: 404, body: { code: 'MODEL_NOT_FOUND' } })
})

test('the card is told as Markdown and in parts', async () => {
  const { status, body } = await get('/v1/models/m1/card')
  expect(status).toBe(200)
  expect(body).toMatchObject({
    version: 'm1',
    owner: 'ml@shop.example',
    intendedUse: 'Recommendations | on the home page.',
    newestInteraction: '1970-01-01T00:00:01.900Z',
    gates: { id: 'g1' },
  })
  expect(body.markdown).toContain('| NDCG@20 | 0.2500 | 0.1250 … 0.5000 |')
  expect(body.markdown).toContain('| accuracy | passed | not worse |')
})

test('an override is noted with the decision', async () => {
  const under = startTestServer()
  await post('/v1/models/promote', { version: 'm2', reason: 'r', override: 'known to be good' }, under)
  expect(under.promotions).toMatchObject([{ decision: { why: 'r', override: 'known to be good' } }])
  expect(await post('/v1/models/promote', { version: 'm2', reason: 'r', override: ' ' }, under)).toMatchObject({
    status: 400,
  })
})
