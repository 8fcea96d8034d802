// Whatever is sent, the answer is one problem that says what to do, and never a stack trace.
import { expect, test } from 'vitest'
import type { HttpServer } from './server.ts'
import { startTestServer } from './testing.ts'

type Given = Parameters<HttpServer['inject']>[0]

async function problemFor(given: Given, options: Parameters<typeof startTestServer>[0] = {}) {
  const response = await startTestServer(options).server.inject(given)
  const problem = response.json()
  expect(response.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  expect(problem.status).toBe(response.statusCode)
  expect(response.body).not.toMatch(/\.[jt]s:\d+|node_modules|\\n +at /)
  return problem
}

const recommend = (payload: unknown): Given => ({
  method: 'POST',
  url: '/v1/recommend',
  headers: { 'content-type': 'application/json' },
  payload: payload as string,
})

test('a body that is not JSON', async () => {
  expect(await problemFor(recommend('{"placement": "home" x}'))).toMatchObject({
    status: 400,
    code: 'REQUEST_MALFORMED',
    detail: expect.stringMatching(/^The body is not valid JSON: .*position 21/),
  })
})

test('an empty body', async () => {
  expect(await problemFor(recommend(''))).toMatchObject({ status: 400, code: 'REQUEST_MALFORMED' })
})

test('a body that is not UTF-8', async () => {
  const problem = await problemFor(recommend(Buffer.from([0x22, 0xc3, 0x28, 0x22])))
  expect(problem).toMatchObject({ status: 400, code: 'REQUEST_MALFORMED', detail: 'The body is not valid UTF-8.' })
})

test('bodies that would change the prototypes of objects', async () => {
  for (const body of [
    '{"placement":"home","__proto__":{"isAdmin":true}}',
    '{"placement":"home","\\u005f_proto__":{"isAdmin":true}}',
    '{"placement":"home","constructor":{"prototype":{"isAdmin":true}}}',
  ]) {
    expect(await problemFor(recommend(body))).toMatchObject({
      status: 400,
      code: 'REQUEST_MALFORMED',
      detail: 'The body has a field that would change prototypes.',
    })
  }
  expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined()
})

test('a body nested without bound, which nobody could write down again', async () => {
  const deep = (levelCount: number) => `${'['.repeat(levelCount)}${']'.repeat(levelCount)}`
  const events = (levelCount: number): Given => ({
    method: 'POST',
    url: '/v1/events',
    headers: { 'content-type': 'application/json' },
    payload: `{"events":[{"itemId":${deep(levelCount)}}]}`,
  })
  expect(await problemFor(events(2_000_000))).toMatchObject({
    status: 400,
    code: 'REQUEST_MALFORMED',
    detail: 'The body is nested more than 32 levels deep.',
  })
  expect(await problemFor(events(30))).toMatchObject({ status: 400 })
  expect((await startTestServer().server.inject(events(29))).statusCode).toBe(200)
})

test('a body of another type, and one of no type', async () => {
  for (const headers of [{ 'content-type': 'application/xml' }, { 'content-type': '' }]) {
    const problem = await problemFor({ method: 'POST', url: '/v1/recommend', headers, payload: '<a/>' })
    expect(problem).toMatchObject({
      status: 415,
      code: 'CONTENT_TYPE_UNSUPPORTED',
      fix: expect.stringContaining('JSON'),
    })
  }
})

test('a body over the limit, and a batch under its own larger limit', async () => {
  const limits = { bodyBytes: 100, batchBodyBytes: 10_000 }
  const payload = JSON.stringify({ placement: 'x'.repeat(200) })
  expect(await problemFor(recommend(payload), { limits })).toMatchObject({
    status: 413,
    code: 'REQUEST_TOO_LARGE',
    detail: 'The body is larger than 100 bytes.',
  })
  const batch = await startTestServer({ limits }).server.inject({
    method: 'POST',
    url: '/v1/events',
    payload: { events: [{ id: 'x'.repeat(200) }] },
  })
  expect(batch.statusCode).toBe(200)
})

test('every problem of a body is reported at once, each with its place and a fix', async () => {
  const problem = await problemFor(
    recommend({ placment: 'home', limit: '10', recent: [{ itemId: 5 }, {}], exclude: 'i1', includeSeen: 1 }),
  )
  expect(problem).toMatchObject({ status: 400, code: 'REQUEST_INVALID', detail: '7 things are wrong with the body.' })
  const byPlace = Object.fromEntries(problem.problems.map((p: { where: string }) => [p.where, p]))
  expect(Object.keys(byPlace).sort()).toEqual([
    '/exclude',
    '/includeSeen',
    '/limit',
    '/placement',
    '/placment',
    '/recent/0/itemId',
    '/recent/1/itemId',
  ])
  expect(byPlace['/placment'].fix).toContain('Did you mean "placement"?')
  expect(byPlace['/placement'].message).toBe('"placement" is missing.')
  expect(byPlace['/limit'].message).toBe('Found "10", expected integer.')
  expect(byPlace['/recent/0/itemId'].message).toBe('Found 5, expected string.')
})

test('k of 0, below 0, a fraction, and a thousand million', async () => {
  for (const limit of [0, -1, 2.5, 1e9]) {
    const problem = await problemFor(recommend({ placement: 'home', limit }))
    expect(problem).toMatchObject({ code: 'REQUEST_INVALID', problems: [{ where: '/limit' }] })
    expect(problem.problems[0].message).toContain(String(limit))
  }
})

test('a query without a letter and one of 10,000, 1,001 items and none to rank, 101 items to find others for', async () => {
  const post = (url: string, payload: object) => problemFor({ method: 'POST', url, payload })
  const items = (count: number) => Array.from({ length: count }, (_, n) => `i${n}`)
  const found = [
    await post('/v1/search', { query: '' }),
    await post('/v1/search', { query: 'x'.repeat(10_000) }),
    await post('/v1/rank', { itemIds: items(1001) }),
    await post('/v1/rank', { itemIds: [] }),
    await problemFor(recommend({ placement: 'productPage', itemIds: items(101) })),
  ]
  expect(found.map(({ code, problems: [{ where, message }] }) => [code, where, message])).toEqual([
    ['REQUEST_INVALID', '/query', 'Found empty text.'],
    ['REQUEST_INVALID', '/query', 'Found 10000 characters, expected at most 512.'],
    ['REQUEST_INVALID', '/itemIds', 'Found 1001 entries, it must NOT have more than 1000 items.'],
    ['REQUEST_INVALID', '/itemIds', 'Found 0 entries, it must NOT have fewer than 1 items.'],
    ['REQUEST_INVALID', '/itemIds', 'Found 101 entries, it must NOT have more than 100 items.'],
  ])
})

test('a parameter of the address is named without a slash', async () => {
  const problem = await problemFor('/v1/items/i1/similar?limit=many&colour=red')
  expect(problem).toMatchObject({ code: 'REQUEST_INVALID' })
  expect(problem.problems.map((p: { where: string }) => p.where).sort()).toEqual(['colour', 'limit'])
})

test('an id of 10 kB, in the body and in the address', async () => {
  const id = 'x'.repeat(10_000)
  expect(await problemFor(recommend({ placement: 'home', userId: id }))).toMatchObject({
    problems: [{ where: '/userId', message: 'Found 10000 characters, expected at most 256.' }],
  })
  expect(await problemFor(`/v1/items/${id}/similar`)).toMatchObject({ problems: [{ where: 'id' }] })
})

test('a list of thousands of problems is cut, and says so', async () => {
  const problem = await problemFor(recommend({ placement: 'home', exclude: Array(5000).fill(1) }))
  expect(problem.problems).toHaveLength(100)
  expect(problem.detail).toBe('5000 things are wrong with the body. 4900 more are not listed.')
})

test('an attribute that is no attribute and a time that is no time, of one item', async () => {
  const problem = await problemFor({ method: 'PUT', url: '/v1/items/i1', payload: { attributes: 5, eventTime: [] } })
  expect(problem.problems).toEqual([
    { where: '/attributes', message: 'Found 5, expected object.' },
    { where: '/eventTime', message: 'Found a list, expected string or number.' },
  ])
})

test('an unknown address names the nearest route', async () => {
  const nearest = async (method: 'GET' | 'POST', url: string) => (await problemFor({ method, url })).fix
  expect(await nearest('POST', '/v1/recomend')).toContain('Did you mean POST /v1/recommend?')
  expect(await nearest('GET', '/v1/items/some-long-item-id/simlar')).toContain(
    'Did you mean GET /v1/items/:id/similar?',
  )
  expect(await nearest('GET', '/nothing/like/it/at/all')).toBe('See /openapi.json for all routes.')
  expect(await problemFor('/v2')).toMatchObject({ status: 404, code: 'ROUTE_UNKNOWN' })
  expect(await problemFor(`/${'x'.repeat(8000)}`)).toMatchObject({ status: 404, code: 'ROUTE_UNKNOWN' })
})

test('a wrong method names the right ones', async () => {
  const response = await startTestServer().server.inject({ method: 'GET', url: '/v1/recommend' })
  expect([response.statusCode, response.headers.allow]).toEqual([405, 'POST'])
  expect(response.json()).toMatchObject({ code: 'METHOD_NOT_ALLOWED', fix: 'Use POST.' })
})

test('an address that cannot be decoded', async () => {
  expect(await problemFor('/v1/items/%zz/similar')).toMatchObject({ status: 400, code: 'REQUEST_MALFORMED' })
})

test('what nobody expected is logged with the request id and told without details', async () => {
  const { server, logLines } = startTestServer({
    recommender: {
      recommend: () => {
        throw new TypeError('secret internals')
      },
    },
  })
  const response = await server.inject({ method: 'POST', url: '/v1/recommend', payload: { placement: 'home' } })
  expect(response.statusCode).toBe(500)
  expect(response.json()).toMatchObject({ code: 'INTERNAL' })
  expect(response.body).not.toContain('secret internals')
  const entry = JSON.parse(logLines.at(-1)!)
  expect(entry).toMatchObject({ level: 'error', requestId: response.json().requestId, route: 'POST /v1/recommend' })
  expect(entry.error.stack).toContain('secret internals')
})
