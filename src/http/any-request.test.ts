// Goal: no request makes the server fail, hang or answer something that is not what it promises.
// Method: arbitrary JSON, arbitrary bytes and arbitrary addresses against every route that takes them; the components behind are made.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { startTestServer } from './testing.ts'

const { server } = startTestServer()

const routes = [
  ['POST', '/v1/recommend'],
  ['POST', '/v1/search'],
  ['POST', '/v1/rank'],
  ['POST', '/v1/events'],
  ['PUT', '/v1/items'],
  ['PUT', '/v1/users'],
  ['PUT', '/v1/items/x'],
  ['PATCH', '/v1/users/x'],
] as const

/** Bodies that get further than arbitrary ones: the right names, with anything in them. */
const nearlyRight = fc.record(
  {
    placement: fc.oneof(fc.constant('home'), fc.jsonValue()),
    query: fc.oneof(fc.string(), fc.jsonValue()),
    itemIds: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
    userId: fc.oneof(fc.string(), fc.jsonValue()),
    recent: fc.oneof(fc.array(fc.record({ itemId: fc.oneof(fc.string(), fc.jsonValue()) })), fc.jsonValue()),
    limit: fc.oneof(fc.integer(), fc.double(), fc.jsonValue()),
    events: fc.oneof(fc.array(fc.jsonValue()), fc.jsonValue()),
    items: fc.array(fc.jsonValue()),
    users: fc.array(fc.jsonValue()),
    attributes: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue()),
    eventTime: fc.jsonValue(),
  },
  { requiredKeys: [] },
)

async function isWellAnswered(request: Parameters<typeof server.inject>[0]): Promise<void> {
  const response = await server.inject(request)
  expect(response.statusCode).toBeLessThan(500)
  const body = response.json()
  if (response.statusCode < 300) return
  expect(response.headers['content-type']).toContain('application/problem+json')
  expect(body).toMatchObject({ status: response.statusCode, code: expect.stringMatching(/^[A-Z_]+$/) })
  expect(body.detail.length).toBeGreaterThan(5)
}

test('any JSON gets an answer or a problem', async () => {
  const request = fc.record({ route: fc.constantFrom(...routes), value: fc.oneof(fc.jsonValue(), nearlyRight) })
  await fc.assert(
    fc.asyncProperty(request, async ({ route: [method, url], value }) => {
      const headers = { 'content-type': 'application/json' }
      await isWellAnswered({ method, url, headers, payload: JSON.stringify(value) })
    }),
    { numRuns: 500 },
  )
})

test('any bytes get an answer or a problem', async () => {
  const request = fc.record({
    route: fc.constantFrom(...routes),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }),
  })
  await fc.assert(
    fc.asyncProperty(request, async ({ route: [method, url], bytes }) => {
      await isWellAnswered({
        method,
        url,
        headers: { 'content-type': 'application/json' },
        payload: Buffer.from(bytes),
      })
    }),
    { numRuns: 300 },
  )
})

test('any address gets an answer or a problem', async () => {
  const part = fc.oneof(
    fc.string(),
    fc.constantFrom('v1', 'items', 'users', 'similar', 'duplicates', '%', '%zz', '..', 'a%00b'),
  )
  const address = fc.record({
    parts: fc.array(part, { maxLength: 5 }),
    query: fc.string(),
    method: fc.constantFrom('GET' as const, 'DELETE' as const),
  })
  await fc.assert(
    fc.asyncProperty(address, async ({ parts, query, method }) => {
      // What a client cannot put on the wire at all is left out.
      const url = `/${parts.join('/')}?${query}`.replaceAll(/[^\x21-\x7e]/g, '_').replace(/^\/+/, '/')
      await isWellAnswered({ method, url: `http://localhost${url}` })
    }),
    { numRuns: 500 },
  )
})
