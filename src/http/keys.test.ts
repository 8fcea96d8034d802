import { expect, test } from 'vitest'
import { isLoopback } from './authorization.ts'
import { startTestServer } from './testing.ts'

const anywhere = { host: '0.0.0.0', port: 0 }
const ask = (key?: string) => ({
  method: 'POST' as const,
  url: '/v1/recommend',
  payload: { placement: 'home' },
  headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
})
const send = (key: string) => ({ ...ask(key), url: '/v1/events', payload: { events: [{}] } })

test('on loopback no key is needed, unless the server is told to ask for one', async () => {
  expect((await startTestServer().server.inject(ask())).statusCode).toBe(200)
  expect((await startTestServer({ requireKey: true }).server.inject(ask())).statusCode).toBe(401)
})

test('only addresses that other machines cannot reach count as loopback', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].every(isLoopback)).toBe(true)
  expect(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example', '128.0.0.1', 'localhost.example'].some(isLoopback)).toBe(
    false,
  )
})

test('elsewhere a request without a key is told how to get one', async () => {
  const response = await startTestServer(anywhere).server.inject(ask())
  expect([response.statusCode, response.headers['www-authenticate']]).toEqual([401, 'Bearer realm="millrace"'])
  expect(response.json()).toMatchObject({ code: 'KEY_MISSING', fix: expect.stringContaining('--scope read') })
})

test('a key may do what its scopes say', async () => {
  const { server, addKey, keys } = startTestServer(anywhere)
  const make = addKey.bind({ keys })
  const [read, collect, write, admin] = [make('read'), make('collect'), make('write'), make('admin')]
  const statuses = async (key: string) => [
    (await server.inject(ask(key))).statusCode,
    (await server.inject(send(key))).statusCode,
  ]
  expect(await statuses(read)).toEqual([200, 403])
  expect(await statuses(write)).toEqual([403, 200])
  expect(await statuses(collect)).toEqual([403, 200])
  const change = { ...ask(collect), method: 'DELETE' as const, url: '/v1/items/i1', payload: undefined }
  expect((await server.inject(change)).statusCode).toBe(403)
  expect(await statuses(admin)).toEqual([200, 200])
  const refused = (await server.inject(send(read))).json()
  expect(refused).toMatchObject({ code: 'KEY_SCOPE_MISSING', fix: expect.stringContaining('--scope collect') })
})

test('an unknown, a malformed and a revoked key get one and the same answer', async () => {
  const running = startTestServer(anywhere)
  const revoked = running.addKey('read')
  for (const [id, key] of running.keys) running.keys.set(id, { ...key, revokedAtMs: 5 })
  const details: unknown[] = []
  for (const key of [`mlr_${'0'.repeat(16)}_${'A'.repeat(43)}`, 'nonsense', '', revoked]) {
    const response = await running.server.inject(ask(key))
    const { requestId: _, ...problem } = response.json()
    details.push(problem)
    expect(problem).toMatchObject({ status: 401, code: 'KEY_INVALID' })
  }
  expect(new Set(details.map((detail) => JSON.stringify(detail))).size).toBe(1)
})

test('a revocation works with the next request', async () => {
  const running = startTestServer(anywhere)
  const key = running.addKey('read')
  expect((await running.server.inject(ask(key))).statusCode).toBe(200)
  for (const [id, record] of running.keys) running.keys.set(id, { ...record, revokedAtMs: 5 })
  expect((await running.server.inject(ask(key))).statusCode).toBe(401)
})

test('health and the OpenAPI document need no key; models and metrics do', async () => {
  const { server } = startTestServer(anywhere)
  const status = async (url: string) => (await server.inject(url)).statusCode
  expect(await Promise.all(['/health/live', '/health/ready', '/openapi.json'].map(status))).toEqual([200, 200, 200])
  expect(await Promise.all(['/v1/models', '/metrics', '/v1/items/i1/similar'].map(status))).toEqual([401, 401, 401])
})

test('a request without a valid key is refused before its body is read', async () => {
  const { server } = startTestServer(anywhere)
  const response = await server.inject({
    method: 'POST',
    url: '/v1/events',
    headers: { 'content-type': 'application/json' },
    payload: '{broken',
  })
  expect(response.json().code).toBe('KEY_MISSING')
})

test('a host that other machines can reach is refused at the start while there is no working key', async () => {
  const running = startTestServer(anywhere)
  await expect(running.server.listen()).rejects.toMatchObject({
    code: 'KEYS_REQUIRED',
    fix: expect.stringContaining('millrace keys create'),
  })
  running.addKey('read')
  for (const [id, key] of running.keys) running.keys.set(id, { ...key, revokedAtMs: 5 })
  await expect(running.server.listen()).rejects.toMatchObject({ code: 'KEYS_REQUIRED' })
  running.addKey('read')
  await running.server.listen()
  await running.server.close()
})

test('no key ever reaches the log', async () => {
  const running = startTestServer({
    ...anywhere,
    recommender: {
      recommend: () => {
        throw new Error('unexpected')
      },
    },
  })
  const key = running.addKey('read')
  await running.server.listen()
  await running.server.inject(ask(key))
  await running.server.inject(send(key))
  await running.server.inject(ask(`${key}x`))
  await running.server.inject({ ...ask(key), url: `/nowhere/${key}` })
  await running.server.close()
  expect(running.logLines.length).toBeGreaterThan(2)
  expect(running.logLines.join('')).not.toContain(key.slice(0, 20))
  expect(running.logLines.join('')).not.toContain(key.slice(21))
})
