// Every route, in the order of the OpenAPI document, answered without a socket.
import { expect, test } from 'vitest'
import { MillraceError } from '../lib/errors.ts'
import { startTestServer } from './testing.ts'

const answer = { requestId: 'r1', placement: 'home', modelVersion: 'm1', rung: 'full' }

test('a recommendation is asked with the body and answered as it is', async () => {
  const { server, requests } = startTestServer()
  const body = {
    placement: 'home',
    userId: 'u1',
    recent: [{ itemId: 'i9', interaction: 'view' }, { itemId: 'i8' }],
    filter: 'price < 20',
    exclude: ['i7'],
    limit: 3,
    includeSeen: true,
  }
  const response = await server.inject({ method: 'POST', url: '/v1/recommend', payload: body })
  expect(response.statusCode).toBe(200)
  expect(response.headers['content-type']).toBe('application/json; charset=utf-8')
  expect(response.json()).toEqual({
    ...answer,
    items: [
      { itemId: 'i1', score: 0.5, generator: 'cf' },
      { itemId: 'i2', score: 0.25, generator: 'cf' },
      { itemId: 'i3', score: 0.125, generator: 'popular' },
    ],
  })
  expect(requests).toEqual([body])
})

test('a shortfall is passed on', async () => {
  const shortfall = { askedCount: 5, reason: 'FILTER_TOO_NARROW' as const, message: 'Two items fit the filter.' }
  const { server } = startTestServer({
    recommender: {
      recommend: () => ({ requestId: 'r1', placement: 'home', modelVersion: 'm1', rung: 'full', items: [], shortfall }),
    },
  })
  const response = await server.inject({ method: 'POST', url: '/v1/recommend', payload: { placement: 'home' } })
  expect(response.json()).toEqual({ ...answer, items: [], shortfall })
})

test('similar items are asked of the first embedding placement, or of the one that is named', async () => {
  const { server, requests } = startTestServer()
  const response = await server.inject('/v1/items/caf%C3%A9%2F1/similar?limit=5&filter=price%20%3C%2020&userId=u1')
  expect(response.statusCode).toBe(200)
  await server.inject('/v1/items/i1/similar?placement=other')
  expect(requests).toEqual([
    { itemId: 'café/1', placement: 'productPage', limit: 5, filter: 'price < 20', userId: 'u1' },
    { itemId: 'i1', placement: 'other' },
  ])
})

test('similar items need a placement of the pattern embedding', async () => {
  const { server } = startTestServer({ placements: { home: { pattern: 'realtime' } } })
  const response = await server.inject('/v1/items/i1/similar')
  expect(response.statusCode).toBe(409)
  expect(response.json()).toMatchObject({
    code: 'PLACEMENT_PATTERN_MISSING',
    fix: expect.stringContaining('embedding'),
  })
})

test('events are handed to the intake as they came, with the request id as their origin', async () => {
  const { server, eventBatches } = startTestServer()
  const events = [{ id: 'e1', anything: { at: ['all'] } }, 'not even an object', { id: 'known' }]
  const response = await server.inject({ method: 'POST', url: '/v1/events', payload: { events } })
  expect(response.statusCode).toBe(200)
  expect(response.json()).toEqual({ acceptedCount: 2, duplicateCount: 1, rejected: [] })
  expect(eventBatches).toEqual([{ rows: events, origin: { source: 'http', where: expect.stringMatching(/-0$/) } }])
})

test('a batch of 10,000 events with 3 bad ones keeps the other 9,997', async () => {
  const { server } = startTestServer()
  const events = Array.from({ length: 10_000 }, (_, i) => ({ id: [7, 5000, 9999].includes(i) ? 'bad' : `e${i}` }))
  const response = await server.inject({ method: 'POST', url: '/v1/events', payload: { events } })
  expect(response.statusCode).toBe(207)
  expect(response.json()).toEqual({
    acceptedCount: 9997,
    duplicateCount: 0,
    rejected: [7, 5000, 9999].map((position) => ({ position, reason: 'BAD_ROW', message: 'It is bad.' })),
  })
})

test('an empty batch and one over the limit are refused as a whole', async () => {
  const { server, eventBatches } = startTestServer({ limits: { batchCount: 2 } })
  for (const events of [[], [{}, {}, {}]]) {
    const response = await server.inject({ method: 'POST', url: '/v1/events', payload: { events } })
    expect(response.statusCode).toBe(400)
    expect(response.json().problems).toMatchObject([{ where: '/events' }])
  }
  expect(eventBatches).toEqual([])
})

test('one item or user is put, patched and deleted', async () => {
  for (const entity of ['item', 'user'] as const) {
    const { server, entityChanges } = startTestServer()
    const url = `/v1/${entity}s/x1`
    const payload = { attributes: { price: 5 }, eventTime: '2026-01-01T00:00:00Z' }
    for (const method of ['PUT', 'PATCH'] as const) {
      const response = await server.inject({ method, url, payload })
      expect([response.statusCode, response.json().acceptedCount]).toEqual([200, 1])
    }
    expect((await server.inject({ method: 'DELETE', url })).statusCode).toBe(200)
    const withHeader = await server.inject({ method: 'DELETE', url, headers: { 'content-type': 'application/json' } })
    expect(withHeader.statusCode).toBe(200)
    const change = { entity, entityId: 'x1' }
    const removal = { ...change, change: 'delete', attributes: {}, eventTime: undefined }
    expect(entityChanges).toEqual([
      { ...change, change: 'put', ...payload },
      { ...change, change: 'patch', ...payload },
      removal,
      removal,
    ])
  }
})

test('a change of one entity that the intake rejects is an error with the reason', async () => {
  const { server } = startTestServer()
  const payload = { attributes: { colour: 'bad' } }
  const response = await server.inject({ method: 'PUT', url: '/v1/items/x1', payload })
  expect(response.statusCode).toBe(422)
  expect(response.json()).toMatchObject({
    code: 'ENTITY_REJECTED',
    detail: 'It is bad.',
    problems: [{ where: '/', message: 'BAD_ROW: It is bad.' }],
  })
})

test('many items or users are put at once, and bad ones do not cost the good ones', async () => {
  for (const entity of ['item', 'user'] as const) {
    const { server, entityChanges } = startTestServer()
    const list = [{ id: 'x1', attributes: { price: 5 } }, { id: 'bad', attributes: {} }, 7, null]
    const response = await server.inject({ method: 'PUT', url: `/v1/${entity}s`, payload: { [`${entity}s`]: list } })
    expect(response.statusCode).toBe(207)
    expect(response.json()).toMatchObject({ acceptedCount: 3, rejected: [{ position: 1, reason: 'BAD_ROW' }] })
    expect(entityChanges[0]).toEqual({
      entity,
      entityId: 'x1',
      change: 'put',
      attributes: { price: 5 },
      eventTime: undefined,
    })
    expect(entityChanges[2]).toMatchObject({ entityId: undefined, attributes: undefined })
  }
})

test('it is alive, whatever else', async () => {
  const running = startTestServer()
  running.status = { lagEventCount: 5, lagMs: 60_000, obstacles: ['No model.'] }
  const response = await running.server.inject('/health/live')
  expect([response.statusCode, response.json()]).toEqual([200, { status: 'live', reasons: [] }])
})

test('it is ready once it has caught up with the log, and not before, and says why', async () => {
  const running = startTestServer()
  const ready = async () => {
    const response = await running.server.inject('/health/ready')
    return [response.statusCode, response.json().reasons] as const
  }
  running.status = { lagEventCount: 1200, lagMs: 9_000, obstacles: ['The model is being loaded.'] }
  expect(await ready()).toEqual([
    503,
    ['The model is being loaded.', 'Catching up with the event log: 1200 events to go.'],
  ])
  running.status = { lagEventCount: 0, lagMs: 0, obstacles: [] }
  expect(await ready()).toEqual([200, []])
  running.status = { lagEventCount: 40, lagMs: 9_000, obstacles: [] }
  expect(await ready()).toEqual([200, []])
  running.status = { lagEventCount: 40, lagMs: 11_000, obstacles: [] }
  expect(await ready()).toEqual([503, ['The live state is 40 events and 11 s behind the event log.']])
  await running.server.close()
})

test('metrics count requests, answers, items and events', async () => {
  const running = startTestServer()
  const { server } = running
  running.status = { lagEventCount: 12, lagMs: 250, obstacles: [] }
  await server.inject({ method: 'POST', url: '/v1/recommend', payload: { placement: 'home' } })
  await server.inject({ method: 'POST', url: '/v1/recommend', payload: {} })
  await server.inject({
    method: 'POST',
    url: '/v1/events',
    payload: { events: [{ id: 'known' }, { id: 'bad' }, {}, { kind: 'impression' }, {}] },
  })
  await server.inject({ method: 'PUT', url: '/v1/items/i1', payload: { attributes: {} } })
  server.countAnswered({
    response: { placement: 'home' },
    stepMs: { candidates: 0.3, others: 0.2, features: 1, ranking: 0.06 },
    failures: [{ generator: 'cf' }, { generator: 'cf' }],
    invalidCandidateCount: 3,
    withdrawnCount: 0,
  })
  server.countAnswered({
    response: { placement: 'home', stored: { batchId: 'b', madeAt: '2026-01-01T00:00:00.000Z', ageSeconds: 90 } },
    failures: [],
    ruleFailures: [{ rule: 'fresh' }],
    rankingFailure: new Error('no'),
    lookupFailure: new Error('no store'),
    invalidCandidateCount: 0,
    withdrawnCount: 0,
  })
  const response = await server.inject('/metrics')
  expect(response.headers['content-type']).toContain('text/plain')
  const lines = response.body.split('\n')
  for (const line of [
    'millrace_http_request_seconds_count{route="POST /v1/recommend",status="200"} 1',
    'millrace_answer_step_seconds_bucket{le="0.001",placement="home",step="features"} 1',
    'millrace_answer_step_seconds_bucket{le="0.0001",placement="home",step="ranking"} 1',
    'millrace_answer_step_seconds_bucket{le="0.0002",placement="home",step="candidates"} 0',
    'millrace_http_request_seconds_count{route="POST /v1/recommend",status="400"} 1',
    'millrace_answers_total{placement="home",rung="full"} 1',
    'millrace_answer_items_total{placement="home",generator="cf"} 2',
    'millrace_answer_items_total{placement="home",generator="popular"} 1',
    'millrace_generator_failures_total{generator="cf"} 2',
    'millrace_invalid_candidates_total 3',
    'millrace_ranking_failures_total 1',
    'millrace_stored_list_failures_total 1',
    'millrace_stored_list_age_seconds{placement="home"} 90',
    'millrace_rule_failures_total{rule="fresh"} 1',
    'millrace_events_accepted_total{kind="interaction"} 2',
    'millrace_events_accepted_total{kind="impression"} 1',
    'millrace_events_duplicate_total{kind="interaction"} 1',
    'millrace_events_rejected_total{kind="interaction",reason="BAD_ROW"} 1',
    'millrace_events_accepted_total{kind="entity"} 1',
    'millrace_live_state_lag_events 12',
    'millrace_live_state_lag_seconds 0.25',
    `millrace_build_info{version="9.9.9",plan="abc",node="${process.version}"} 1`,
  ]) {
    expect(lines).toContain(line)
  }
})

test('an expected error keeps its code, status, problems and fix', async () => {
  const { server } = startTestServer({
    recommender: {
      recommend: () => {
        throw new MillraceError('REQUEST_INVALID', 'The filter has an error.', {
          fix: 'Close the quote.',
          problems: [{ where: '/filter', message: 'Quote is open.' }],
        })
      },
    },
  })
  const response = await server.inject({ method: 'POST', url: '/v1/recommend', payload: { placement: 'home' } })
  expect(response.statusCode).toBe(400)
  expect(response.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  expect(response.json()).toEqual({
    type: 'urn:millrace:error:REQUEST_INVALID',
    title: expect.any(String),
    status: 400,
    code: 'REQUEST_INVALID',
    detail: 'The filter has an error.',
    fix: 'Close the quote.',
    problems: [{ where: '/filter', message: 'Quote is open.' }],
    requestId: expect.any(String),
  })
})

test('pages of an allowed origin may call from a browser, others may not', async () => {
  const { server } = startTestServer({ allowedOrigins: ['https://shop.example'] })
  const preflight = (origin: string) =>
    server.inject({
      method: 'OPTIONS',
      url: '/v1/recommend',
      headers: { origin, 'access-control-request-method': 'POST' },
    })
  const allowed = await preflight('https://shop.example')
  expect(allowed.statusCode).toBe(204)
  expect(allowed.headers['access-control-allow-origin']).toBe('https://shop.example')
  const refused = await preflight('https://evil.example')
  expect(refused.headers['access-control-allow-origin']).toBeUndefined()
  expect((await startTestServer().server.inject('/health/live')).headers.vary).toBeUndefined()
})
