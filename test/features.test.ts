// Goal: a feature that the system file defines follows what is sent to the server, and a command reads the same.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { category, count, defineSystem, folderSource, httpIngest, popularity, share } from 'millrace'
import { createClient } from 'millrace/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openFeatures } from '../src/app/open-features.ts'
import { type RunningSystem, serve } from '../src/app/serve.ts'
import { type App, openApp } from '../src/app.ts'

const shop = (windowOfViews: '1 day' | '2 days') =>
  defineSystem({
    name: 'feature-shop',
    data: {
      owner: 'data@test.example',
      entities: { user: {}, item: { category: category() } },
      interactions: { view: { weight: 1 }, purchase: { weight: 5 } },
      sources: { shop: httpIngest() },
      features: {
        views: count({ of: 'view', by: 'user', window: windowOfViews }),
        taste: share({ of: 'any', over: 'item.category', by: 'user', window: '30 days' }),
      },
    },
    training: { owner: 'ml@test.example', candidates: { popular: popularity() } },
    serving: { owner: 'backend@test.example', placements: { home: { limit: 5 } } },
    monitoring: { owner: 'sre@test.example' },
  })

const dataDir = mkdtempSync(join(tmpdir(), 'millrace-features-'))
let app: App
let running: RunningSystem
beforeAll(async () => {
  app = await openApp({ system: shop('1 day'), dataDir })
  running = await serve(app, { port: 0 })
})
afterAll(async () => {
  await running?.close()
  await app?.close()
  rmSync(dataDir, { recursive: true, force: true })
})

const asked = async (path: string): Promise<{ status: number; body: Record<string, unknown> }> => {
  const answer = await fetch(`${running.url}${path}`)
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

test('what was sent shows in the features of the user', async () => {
  const client = createClient({ url: running.url })
  await client.putItem('lamp', { category: 'lamps' })
  await client.putItem('chair', { category: 'chairs' })
  const eventTime = new Date(Date.now() - 60_000)
  await client.sendEvents([
    { interaction: 'view', userId: 'u', itemId: 'lamp', eventTime },
    { interaction: 'view', userId: 'u', itemId: 'lamp', eventTime },
    { interaction: 'view', userId: 'u', itemId: 'chair', eventTime },
    { interaction: 'purchase', userId: 'u', itemId: 'lamp', eventTime },
  ])
  await running.featuresCaughtUp()
  const newestEventTime = eventTime.toISOString()
  expect((await asked('/v1/features/values?userId=u')).body.features).toEqual([
    { name: 'taste', status: 'present', value: { chairs: 0.25, lamps: 0.75 }, newestEventTime },
    { name: 'views', status: 'present', value: 3, newestEventTime },
  ])
  expect((await asked('/v1/features/values?userId=nobody&features=taste')).body.features).toEqual([
    { name: 'taste', status: 'missing' },
  ])
})

test('an unknown feature and a question about nobody are clear errors', async () => {
  expect(await asked('/v1/features/values?userId=u&features=tatse')).toMatchObject({
    status: 404,
    body: { code: 'FEATURE_UNKNOWN', detail: expect.stringContaining('tatse') },
  })
  expect(await asked('/v1/features/values')).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID' } })
})

test('an earlier moment is answered as a training row would be, and a bad one with what is wrong', async () => {
  const [event] = await app.log.read(3, 1)
  const at = (moment: string) => asked(`/v1/features/values?userId=u&features=views&at=${moment}`)
  const before = new Date(event!.availableTimeMs).toISOString()
  const after = new Date(event!.availableTimeMs + 1).toISOString()
  expect((await at(after)).body.features).toMatchObject([{ name: 'views', status: 'present', value: 3 }])
  expect((await at(before)).body).toMatchObject({ asOf: before, features: [{ value: 0 }] })
  // It happened a minute before it came.
  expect((await at(`${before}&asKnownNow=true`)).body.features).toMatchObject([{ value: 3 }])
  expect(await at('2020-01-01')).toMatchObject({ status: 422, body: { code: 'FEATURE_MOMENT_UNKNOWN' } })
  expect(await at('2999-01-01')).toMatchObject({ status: 422, body: { code: 'FEATURE_MOMENT_UNKNOWN' } })
  expect(await at('then')).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID' } })
  expect(await asked('/v1/features/values?userId=u&features=vews&at=2020-01-01')).toMatchObject({
    status: 404,
    body: { code: 'FEATURE_UNKNOWN', fix: expect.stringContaining('views') },
  })
})

test('nobody who sends an event can say since when it was known', async () => {
  const event = { interaction: 'view', userId: 'u', itemId: 'lamp', eventTime: '2024-01-01', knownTime: '2024-01-01' }
  const answer = await fetch(`${running.url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ events: [event, { ...event, knownTime: undefined, knownTimeMs: 1 }] }),
  })
  expect(await answer.json()).toMatchObject({
    acceptedCount: 0,
    rejected: [{ reason: 'UNKNOWN_FIELD' }, { reason: 'UNKNOWN_FIELD' }],
  })
})

test('the server lists what the system file defines', async () => {
  const { features } = (await asked('/v1/features')).body as { features: { name: string; owner: string }[] }
  expect(features.map(({ name, owner }) => `${name} ${owner}`)).toEqual([
    'taste data@test.example',
    'views data@test.example',
  ])
})

test('a command reads the same while the server runs, and after it with a definition that has changed', async () => {
  const request = { features: ['views'], entities: [{ userId: 'u' }] }
  const beside = await openApp({ system: shop('1 day'), dataDir })
  expect((await (await openFeatures(beside)).read(request)).rows[0]![0]).toMatchObject({ status: 'present', value: 3 })
  await beside.close()
  await running.close()
  await app.close()
  const changed = await openApp({ system: shop('2 days'), dataDir })
  const progress: number[] = []
  const reader = await openFeatures(changed, ({ readCount }) => progress.push(readCount))
  expect((await reader.read(request)).rows[0]![0]).toMatchObject({ status: 'present', value: 3 })
  expect(progress.length).toBeGreaterThan(0)
  await changed.close()
})

test('a server that starts while a command holds the features takes them over when it lets go', async () => {
  const held = await openApp({ system: shop('2 days'), dataDir })
  const writer = await (await held.onlineStore()).claim()
  const server = await serve(held, { port: 0 })
  try {
    const eventTime = new Date(Date.now() - 1000)
    await createClient({ url: server.url }).sendEvents([
      { interaction: 'view', userId: 'later', itemId: 'lamp', eventTime },
    ])
    const readStatus = async (): Promise<unknown> => {
      const answer = await fetch(`${server.url}/v1/features/values?userId=later&features=taste`)
      return ((await answer.json()) as { features: { status: string }[] }).features[0]!.status
    }
    expect(await readStatus()).toBe('missing')
    await writer.release()
    await expect.poll(readStatus, { timeout: 10_000 }).toBe('present')
  } finally {
    await server.close()
    await held.close()
  }
})

test('a server serves though its sources cannot be read', async () => {
  const system = defineSystem({
    name: 'source-shop',
    data: {
      owner: 'data@test.example',
      entities: { user: {}, item: { category: category() } },
      interactions: { view: { weight: 1 } },
      sources: {
        drops: folderSource({
          path: '.',
          files: '*.csv',
          holds: 'item',
          every: '1 hour',
          columns: { entityId: 'id', category: 'category' },
        }),
      },
    },
    training: { owner: 'ml@test.example', candidates: { popular: popularity() } },
    serving: { owner: 'backend@test.example', placements: { home: { limit: 5 } } },
    monitoring: { owner: 'sre@test.example' },
  })
  const opened = await openApp({ system, dataDir })
  const broken = { ...opened, metadata: () => Promise.reject(new Error('no metadata')) }
  const server = await serve(broken, { port: 0 })
  try {
    expect(await createClient({ url: server.url }).recommend({ placement: 'home' })).toHaveProperty('items')
  } finally {
    await server.close()
    await opened.close()
  }
})
