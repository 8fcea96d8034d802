// What browsers send while a page is being left, and what they must not be able to send from pages of strangers.
import { expect, test } from 'vitest'
import { startTestServer } from './testing.ts'

const beacon = (headers: Record<string, string>, url = '/v1/events') => ({
  method: 'POST' as const,
  url,
  headers: { 'content-type': 'text/plain;charset=UTF-8', host: 'recommend.example', ...headers },
  payload: JSON.stringify({ events: [{ id: 'e1' }] }),
})

test('a beacon of an allowed origin, or of a page of the same address, is taken', async () => {
  for (const origin of ['https://shop.example', 'https://recommend.example']) {
    const { server, eventBatches } = startTestServer({ allowedOrigins: ['https://shop.example'] })
    expect((await server.inject(beacon({ origin }))).statusCode).toBe(200)
    expect(eventBatches[0]!.rows).toEqual([{ id: 'e1' }])
  }
})

test('plain text from elsewhere, without an origin, or to another route is refused as before', async () => {
  const { server, eventBatches } = startTestServer({ allowedOrigins: ['https://shop.example'] })
  const refused = [
    beacon({ origin: 'https://evil.example' }),
    beacon({ origin: 'null' }),
    beacon({}),
    beacon({ origin: 'https://shop.example' }, '/v1/recommend'),
    { ...beacon({ origin: 'https://shop.example' }, '/v1/items'), method: 'PUT' as const },
  ]
  for (const request of refused) {
    expect((await server.inject(request)).json()).toMatchObject({ status: 415, code: 'CONTENT_TYPE_UNSUPPORTED' })
  }
  expect(eventBatches).toEqual([])
})

test('a beacon is read like any other body, and needs a key where others do', async () => {
  const origin = 'https://recommend.example'
  const bad = await startTestServer().server.inject({ ...beacon({ origin }), payload: '{' })
  expect(bad.json()).toMatchObject({ code: 'REQUEST_MALFORMED' })
  const locked = await startTestServer({ requireKey: true }).server.inject(beacon({ origin }))
  expect(locked.json()).toMatchObject({ code: 'KEY_MISSING', fix: expect.stringContaining('--scope collect') })
})

test('answers say which plan the server runs, on the short way and on the long one, and pages may read it', async () => {
  const { server } = startTestServer({ allowedOrigins: ['https://shop.example'] })
  const headers = { origin: 'https://shop.example' }
  for (const request of [
    { method: 'POST' as const, url: '/v1/recommend', payload: { placement: 'home' }, headers },
    { method: 'GET' as const, url: '/v1/models', headers },
  ]) {
    expect((await server.inject(request)).headers).toMatchObject({
      'millrace-plan': 'abc',
      'access-control-expose-headers': 'retry-after, millrace-plan',
    })
  }
})
