// The client against the real server over a real connection; failures of the network through a `fetch` that fails on purpose.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type ConnectionOptions, createClient, MillraceApiError } from './client.ts'
import { startTestServer, type TestServer } from './http/testing.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(cleanups.splice(0).map((cleanup) => cleanup()))
})

async function connected(
  options: Parameters<typeof startTestServer>[0] & Partial<ConnectionOptions> & { needsKey?: boolean } = {},
) {
  const running: TestServer = startTestServer({
    port: 0,
    ...(options.needsKey ? { requireKey: true } : {}),
    ...options,
  })
  const key = running.addKey('read')
  const { url } = await running.server.listen()
  cleanups.push(() => running.server.close())
  return { running, url, key, client: createClient({ url: `${url}/`, ...options }) }
}

/** A server that answers each request in turn as told. */
async function scripted(answers: readonly { status: number; body: string; delayMs?: number }[]) {
  let callCount = 0
  const server = createServer((_, response) => {
    const answer = answers[Math.min(callCount++, answers.length - 1)]!
    setTimeout(() => response.writeHead(answer.status).end(answer.body), answer.delayMs ?? 0)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, callCount: () => callCount }
}

async function failureOf(call: Promise<unknown>): Promise<MillraceApiError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(MillraceApiError)
  return error as MillraceApiError
}

const good = { status: 200, body: '{"models":[]}' }

test('searches, lists to be put in order and duplicates go to their routes', async () => {
  const { client } = await connected()
  expect(await client.search({ query: 'lamp', filter: 'price < 5', limit: 3 })).toMatchObject({
    items: [{ itemId: 'i1', matched: ['lamp'] }],
  })
  const { items, unknown } = await client.rank({ itemIds: ['i2', 'unknown'], userId: 'u1', recent: [{ itemId: 'i9' }] })
  expect(items).toEqual([{ itemId: 'i2', score: 9 }, { itemId: 'unknown' }])
  expect(unknown).toEqual(['unknown'])
  expect(await client.duplicates('a/b ü')).toMatchObject({
    itemId: 'a/b ü',
    duplicates: [{ itemId: 'i2', by: 'words' }],
  })
})

test('recommend and similar send what they are asked and return what the server says', async () => {
  const { client, running } = await connected()
  const answer = await client.recommend({ placement: 'home', userId: 'u1', recent: [{ itemId: 'i9' }], limit: 3 })
  expect(answer).toMatchObject({ placement: 'home', rung: 'full' })
  expect(answer.items.map((item) => item.itemId)).toEqual(['i1', 'i2', 'i3'])
  await client.similar('a/b ü', { filter: "brand = 'x & y'", limit: 5 })
  await client.similar('i1')
  expect(running.requests).toEqual([
    { placement: 'home', userId: 'u1', recent: [{ itemId: 'i9' }], limit: 3 },
    { placement: 'productPage', itemId: 'a/b ü', filter: "brand = 'x & y'", limit: 5 },
    { placement: 'productPage', itemId: 'i1' },
  ])
})

test('events get an id and a time where they have none', async () => {
  const { client, running } = await connected()
  const event = { interaction: 'view', userId: 'u1', itemId: 'i1' }
  const answer = await client.sendEvents([event, { ...event, id: 'known', eventTime: 5, weight: 2 }])
  expect(answer).toEqual({ acceptedCount: 1, duplicateCount: 1, rejected: [] })
  expect(running.eventBatches[0]!.rows).toEqual([
    { ...event, id: expect.stringMatching(/^[0-9a-f-]{36}$/), eventTime: expect.stringMatching(/^\d{4}-.*Z$/) },
    { ...event, id: 'known', eventTime: 5, weight: 2 },
  ])
})

test('many events go in batches, and rejected ones keep their place in the whole list', async () => {
  const { client, running } = await connected()
  const events = Array.from({ length: 2500 }, (_, i) => ({
    id: i === 2001 ? 'bad' : `e${i}`,
    interaction: 'view',
    userId: 'u1',
    itemId: 'i1',
  }))
  const answer = await client.sendEvents(events)
  expect(running.eventBatches.map((batch) => batch.rows.length)).toEqual([1000, 1000, 500])
  expect(answer).toEqual({
    acceptedCount: 2499,
    duplicateCount: 0,
    rejected: [{ position: 2001, reason: 'BAD_ROW', message: 'It is bad.' }],
  })
  expect(await client.sendEvents([])).toEqual({ acceptedCount: 0, duplicateCount: 0, rejected: [] })
})

test('items and users are put, patched and deleted, one or many', async () => {
  const { client, running } = await connected()
  await client.putItem('i/1', { price: 5 }, { eventTime: new Date(0) })
  await client.patchItem('i1', { price: 6 })
  await client.deleteItem('i1')
  await client.putItems([{ id: 'i2', attributes: { price: 7 } }])
  await client.putUser('u1', { country: 'nl' })
  await client.patchUser('u1', {})
  await client.deleteUser('u1')
  await client.putUsers([{ id: 'u2', attributes: {} }])
  expect(running.entityChanges.map(({ entity, entityId, change }) => `${change} ${entity} ${entityId}`)).toEqual([
    'put item i/1',
    'patch item i1',
    'delete item i1',
    'put item i2',
    'put user u1',
    'patch user u1',
    'delete user u1',
    'put user u2',
  ])
  expect(running.entityChanges[0]).toMatchObject({ attributes: { price: 5 }, eventTime: '1970-01-01T00:00:00.000Z' })
})

test('models are described, and which of them is in charge and answers', async () => {
  const { client } = await connected()
  expect(await client.models()).toMatchObject([
    { version: 'm1', aliases: ['champion'], isAnswering: true, metrics: [{ name: 'NDCG@20', interval: [0.125, 0.5] }] },
  ])
})

test('an answer is explained by its request id, with the item that is asked about', async () => {
  const asked: string[] = []
  const client = createClient({
    url: 'http://shop',
    fetch: async (address) => {
      asked.push(String(address))
      return new Response('{"requestId":"r/1"}')
    },
  })
  expect(await client.explain('r/1')).toEqual({ requestId: 'r/1' })
  await client.explain('r/1', { itemId: 'i&1' })
  expect(asked).toEqual(['http://shop/v1/explain/r%2F1', 'http://shop/v1/explain/r%2F1?item=i%261'])
})

test('features are asked for as of now, and of a moment', async () => {
  const asked: string[] = []
  const answer = { asOf: '1970-01-01T00:00:00.000Z', features: [{ name: 'price', status: 'present', value: 3 }] }
  const client = createClient({
    url: 'http://shop',
    fetch: async (address) => {
      asked.push(String(address))
      return new Response(JSON.stringify(answer))
    },
  })
  expect(await client.featureValues({ userId: 'u/1' })).toEqual(answer)
  await client.featureValues({ itemId: 'i1', features: ['taste', 'price'], at: 0, asKnownNow: true })
  expect(asked.map((address) => address.replace('http://shop/v1/features/values?', ''))).toEqual([
    'userId=u%2F1',
    'itemId=i1&asKnownNow=true&features=taste%2Cprice&at=1970-01-01T00%3A00%3A00.000Z',
  ])
})

test('the key is sent', async () => {
  const { url, key, client } = await connected({ needsKey: true })
  expect(await failureOf(client.models())).toMatchObject({ code: 'KEY_MISSING', status: 401 })
  expect(await createClient({ url, key }).models()).toHaveLength(1)
})

test("a problem becomes an error with the server's code, problems and fix", async () => {
  const { client, running } = await connected()
  const error = await failureOf(client.recommend({ placement: 'home', limit: 0, userId: '' }))
  expect(error).toMatchObject({ code: 'REQUEST_INVALID', status: 400, requestId: expect.any(String) })
  expect(error.problems.map((problem) => problem.where).sort()).toEqual(['/limit', '/userId'])
  expect(error.message).toContain('/limit: Found 0')
  expect(running.requests).toEqual([])
})

test('an answer that is no problem and no JSON says so', async () => {
  for (const answer of [
    { status: 404, body: '<h1>Not here</h1>' },
    { status: 200, body: '<h1>Hello</h1>' },
    { status: 500, body: '{"error":"other"}' },
  ]) {
    const { url } = await scripted([answer])
    const error = await failureOf(createClient({ url }).models())
    expect(error).toMatchObject({ code: 'UNEXPECTED_ANSWER', status: answer.status })
  }
})

test('a lost or refused call is repeated until it works', async () => {
  const { url, callCount } = await scripted([{ status: 503, body: '' }, { status: 502, body: '' }, good])
  expect(await createClient({ url }).models()).toEqual([])
  expect(callCount()).toBe(3)

  let attemptCount = 0
  const flaky: typeof fetch = (...args) =>
    attemptCount++ === 0 ? Promise.reject(new TypeError('lost')) : fetch(...args)
  expect(await createClient({ url, fetch: flaky }).models()).toEqual([])
  expect(attemptCount).toBe(2)
})

test('a repeated batch of events carries the same ids', async () => {
  const bodies: string[] = []
  const losing: typeof fetch = async (_, init) => {
    bodies.push(String(init?.body))
    throw new TypeError('lost')
  }
  const client = createClient({ url: 'http://localhost', fetch: losing })
  await failureOf(client.sendEvents([{ interaction: 'view', userId: 'u1', itemId: 'i1' }]))
  expect(bodies).toHaveLength(3)
  expect(new Set(bodies).size).toBe(1)
})

test("what the caller did wrong, and the server's own failure, are not repeated", async () => {
  for (const status of [400, 401, 422, 500]) {
    const { url, callCount } = await scripted([{ status, body: JSON.stringify({ code: 'X' }) }, good])
    expect(await failureOf(createClient({ url }).models())).toMatchObject({ code: 'X', status })
    expect(callCount()).toBe(1)
  }
})

test('retries are limited to a tenth of the calls when everything fails', async () => {
  let attemptCount = 0
  const failing: typeof fetch = async () => {
    attemptCount++
    throw new TypeError('lost')
  }
  const client = createClient({ url: 'http://localhost', fetch: failing, retryCount: 1 })
  await Promise.all(Array.from({ length: 100 }, () => failureOf(client.models())))
  // 100 calls, the 10 retries saved up at the start, and one more for every tenth call.
  expect(attemptCount).toBeGreaterThanOrEqual(100 + 10)
  expect(attemptCount).toBeLessThanOrEqual(100 + 20)
})

test('a call ends in time, with all its repetitions', async () => {
  const { url, callCount } = await scripted([{ status: 200, body: '{}', delayMs: 5000 }])
  const startedAtMs = performance.now()
  const error = await failureOf(createClient({ url, timeoutMs: 100 }).models())
  expect(error).toMatchObject({ code: 'TIMED_OUT', status: 0 })
  expect(performance.now() - startedAtMs).toBeLessThan(1000)
  expect(callCount()).toBe(1)
})

test('the caller can take a call back', async () => {
  const { url } = await scripted([{ ...good, delayMs: 5000 }])
  const controller = new AbortController()
  const call = createClient({ url }).models({ signal: controller.signal })
  controller.abort()
  expect(await failureOf(call)).toMatchObject({ code: 'ABORTED' })
})

test('a server that is not there is named', async () => {
  const { running, url, client } = await connected({ retryCount: 0 })
  await running.server.close()
  const error = await failureOf(client.models())
  expect(error.code).toBe('UNREACHABLE')
  expect(error.message).toContain(url)
})

test('tracked events arrive in order and once, and the rejected one is told with its reason', async () => {
  const { running, url } = await connected()
  const rejected: unknown[] = []
  const warnings: string[] = []
  const client = createClient({
    url,
    planHash: 'not the one of the server',
    onWarning: (message) => warnings.push(message),
    tracking: { batchCount: 2, onRejected: (list) => rejected.push(...list) },
  })
  for (const itemId of ['i0', 'bad', 'i2', 'i3', 'i4']) client.track({ interaction: 'view', userId: 'u1', itemId })
  await client.close()
  const rows = running.eventBatches.flatMap((batch) => batch.rows) as { id: string; itemId: string }[]
  expect(rows.map(({ itemId }) => itemId)).toEqual(['i0', 'bad', 'i2', 'i3', 'i4'])
  expect(new Set(rows.map(({ id }) => id)).size).toBe(5)
  expect(rejected).toEqual([{ event: rows[1], reason: 'BAD_ROW', message: 'It is bad.' }])
  expect(warnings).toHaveLength(1)
})
