import { expect, test } from 'vitest'
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

test('runs are listed, with what each works on, took and made', async () => {
  const { status, body } = await get('/v1/runs')
  expect(status).toBe(200)
  expect(body.runs).toMatchObject([
    { id: 'r1', state: 'queued', by: 'ada', isDetached: true, options: { threads: 2 }, attempt: 0 },
    { id: 'r0', state: 'succeeded' },
  ])
  expect((await get('/v1/runs?state=succeeded&kind=train&limit=5')).body.runs).toHaveLength(1)
  expect((await get('/v1/runs?state=running')).body.runs).toEqual([])
})

test('one run is told whole, with its figures', async () => {
  expect(await get('/v1/runs/r0')).toEqual({
    status: 200,
    body: {
      id: 'r0',
      kind: 'train',
      state: 'succeeded',
      priority: 0,
      trigger: 'hand',
      by: 'ada',
      command: 'millrace train',
      isDetached: true,
      options: { threads: 2 },
      attempt: 2,
      queuedAt: '1970-01-01T00:00:01.000Z',
      notBefore: '1970-01-01T00:00:01.000Z',
      startedAt: '1970-01-01T00:00:02.000Z',
      endedAt: '1970-01-01T00:00:03.000Z',
      pid: 7,
      inputs: {
        planHash: 'f'.repeat(64),
        commit: 'c0ffee',
        isDirty: true,
        millraceVersion: '0.1.0',
        seed: 1,
        nextOffset: 9,
        asOf: '1970-01-01T00:00:02.000Z',
        tables: [{ table: 'interactions', version: 3, checkedThrough: '1970-01-01' }],
        parameters: { seed: 1 },
      },
      resources: { cpuSeconds: 1.5, wallSeconds: 1, peakMemoryMb: 90 },
      modelVersion: 'm1',
      artifacts: [{ path: 'models/m1/items.txt', bytes: 4, sha256: 'a'.repeat(64) }],
      metrics: [{ name: 'NDCG@20', step: 0, value: 0.25, interval: [0.2, 0.3], at: '1970-01-01T00:00:02.500Z' }],
    },
  })
  expect(await get('/v1/runs/r9')).toMatchObject({ status: 404, body: { code: 'RUN_NOT_FOUND' } })
})

test('who queues or cancels a run is the name of the key, which must be one for administration', async () => {
  const guarded = startTestServer({ requireKey: true })
  const wish = { kind: 'train', reason: 'new prices', priority: 5, promote: false }
  for (const [scope, status] of [
    ['read', 403],
    ['write', 403],
    ['admin', 202],
  ] as const) {
    expect(await post('/v1/runs', wish, guarded, guarded.addKey(scope)), scope).toMatchObject({ status })
  }
  expect(await post('/v1/runs/r1/cancel', { reason: 'too early' }, guarded, guarded.addKey('read'))).toMatchObject({
    status: 403,
  })
  const key = guarded.addKey('admin')
  expect(await post('/v1/runs/r1/cancel', { reason: 'too early' }, guarded, key)).toMatchObject({
    status: 200,
    body: { id: 'r1', state: 'cancelled' },
  })
  expect(guarded.runWishes).toEqual([
    { kind: 'train', priority: 5, promote: false, by: 'admin', command: 'POST /v1/runs', why: 'new prices' },
    { id: 'r1', by: 'admin', why: 'too early' },
  ])
})

test('a tuning is queued with what it was told, and neither kind takes what is the other’s', async () => {
  const here = startTestServer()
  const wish = {
    kind: 'tune',
    reason: 'new season',
    target: 'ranker',
    minutes: 90,
    method: 'halving',
    ranges: 'leaves=4..16',
  }
  expect(await post('/v1/runs', wish, here)).toMatchObject({ status: 202 })
  const { reason: why, ...told } = wish
  expect(here.runWishes).toEqual([
    { ...told, why, by: 'somebody on this machine, without a key', command: 'POST /v1/runs' },
  ])
  for (const [body, places] of [
    [{ kind: 'tune', reason: 'x' }, ['/target']],
    [{ kind: 'tune', reason: 'x', target: 'cf', promote: true, evaluate: false }, ['/evaluate', '/promote']],
    [{ kind: 'train', reason: 'x', target: 'cf', restart: true }, ['/target', '/restart']],
    [{ kind: 'tune', reason: 'x', target: 'cf', minutes: 0 }, ['/minutes']],
    [{ kind: 'tune', reason: 'x', target: 'cf', metric: 'accuracy' }, ['/metric']],
  ] as const) {
    const { status, body: problem } = await post('/v1/runs', body, here)
    expect({
      status,
      code: problem.code,
      places: problem.problems.map(({ where }: { where: string }) => where),
    }).toEqual({
      status: 400,
      code: 'REQUEST_INVALID',
      places,
    })
  }
})

test('a wish that makes no sense is refused, and so is cancelling what has ended or never was', async () => {
  for (const body of [
    {},
    { kind: 'train' },
    { kind: 'evaluate', reason: 'x' },
    { kind: 'train', reason: ' ' },
    { kind: 'train', reason: 'x', threads: 0 },
    { kind: 'train', reason: 'x', priority: 1.5 },
    { kind: 'train', reason: 'x', speed: 'fast' },
    { kind: 'train', reason: 'x', leaveOneOut: true },
    { kind: 'importance', reason: 'x', promote: true },
    { kind: 'importance', reason: 'x', testShare: 1 },
    { kind: 'importance', reason: 'x', permutation: false },
  ]) {
    expect(await post('/v1/runs', body), JSON.stringify(body)).toMatchObject({
      status: 400,
      body: { code: 'REQUEST_INVALID' },
    })
  }
  for (const query of ['state=done', 'kind=serve', 'limit=0', 'when=now'])
    expect(await get(`/v1/runs?${query}`), query).toMatchObject({ status: 400 })
  expect(await post('/v1/runs/r0/cancel', { reason: 'x' })).toMatchObject({
    status: 409,
    body: { code: 'RUN_STATE_CHANGED' },
  })
  expect(await post('/v1/runs/r9/cancel', { reason: 'x' })).toMatchObject({ status: 404 })
})
