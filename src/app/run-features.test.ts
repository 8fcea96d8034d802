// Goal: an engine that fails is opened again from its last commit, without a restart, with nothing lost and nothing counted twice; meanwhile answers go on
// and say what they lack. Method: a real app on disk, whose online store refuses commits while the test says so.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type App, openApp } from '../app.ts'
import type { LogEvent } from '../domain/event.ts'
import { category, count, defineSystem, httpIngest, popularity } from '../index.ts'
import { MillraceError } from '../lib/errors.ts'
import { silentLogger } from '../lib/logger.ts'
import type { OnlineStore } from '../ports/online-store.ts'
import { type RunningFeatures, readFeatures, runFeatures } from './run-features.ts'
import { serve } from './serve.ts'

const system = defineSystem({
  name: 'recovery-shop',
  data: {
    owner: 'data@test.example',
    entities: { user: {}, item: { category: category() } },
    interactions: { view: { weight: 1 } },
    sources: { shop: httpIngest() },
    features: { views: count({ of: 'view', by: 'user', window: '1 day' }) },
    skew: { sampleShare: 1 },
  },
  training: { owner: 'ml@test.example', candidates: { popular: popularity() } },
  serving: { owner: 'web@test.example', placements: { home: {} }, impressions: {} },
  monitoring: { owner: 'sre@test.example' },
})

let dataDir: string
let app: App
let store: OnlineStore
/** What commits and releases fail with at present. */
let failure: Error | undefined
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'millrace-recovery-'))
  failure = undefined
  const opened = await openApp({ system, dataDir })
  store = await opened.onlineStore()
  const failing: OnlineStore = {
    ...store,
    claim: async () => {
      const writer = await store.claim()
      const refuse = (): void => {
        if (failure !== undefined) throw failure
      }
      return {
        ...writer,
        commit: async (changes, nowMs) => {
          refuse()
          await writer.commit(changes, nowMs)
        },
      }
    },
  }
  app = { ...opened, onlineStore: async () => failing }
})
afterEach(async () => {
  await app.close()
  rmSync(dataDir, { recursive: true, force: true })
})

const full = () => new MillraceError('ONLINE_STORE_FULL', 'There is no room left.')
let eventCount = 0
const views = (length: number): LogEvent[] =>
  Array.from({ length }, () => ({
    kind: 'interaction',
    id: `e${eventCount++}`,
    interaction: 'view',
    userId: 'u',
    itemId: 'i',
    eventTimeMs: Date.now() - 1000,
  }))
const viewsOf = async ({ reader }: RunningFeatures): Promise<unknown> =>
  (await reader.read({ features: ['views'], entities: [{ userId: 'u' }] })).rows[0]![0]!.value

test('a full disk stops the features while it is full, and counts nothing twice when it has room again', async () => {
  const messages: string[] = []
  const note = (message: string): void => void messages.push(message)
  const features = await runFeatures(app, { ...silentLogger, info: note, error: note })
  try {
    await app.log.append(views(3))
    await expect.poll(() => viewsOf(features)).toBe(3)
    expect(features.problem()).toBeUndefined()

    failure = full()
    await app.log.append(views(4))
    await expect.poll(() => features.problem()).toContain('ONLINE_STORE_FULL')
    expect(await viewsOf(features)).toBe(3)
    expect(await features.status()).toMatchObject({ lagEventCount: 4 })
    // It tries again, and says how often it has failed.
    await expect.poll(() => features.failureCount(), { timeout: 10_000 }).toBeGreaterThanOrEqual(2)
    expect(features.problem()).toContain('ONLINE_STORE_FULL')

    failure = undefined
    await expect.poll(() => features.problem(), { timeout: 10_000 }).toBeUndefined()
    await expect.poll(() => viewsOf(features)).toBe(7)
    await app.log.append(views(1))
    await expect.poll(() => viewsOf(features)).toBe(8)
    expect(messages.at(-1)).toBe('the features follow the log again')
  } finally {
    await features.stop()
  }
  expect(await store.isClaimed()).toBe(false)
})

test('a server that starts on a full disk serves, stays ready, says what it lacks, and catches up when there is room', async () => {
  failure = full()
  await app.log.append(views(2))
  const server = await serve(app, { port: 0 })
  try {
    const asked = async (path: string) => {
      const answer = await fetch(`${server.url}${path}`)
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
    }
    expect(await asked('/health/ready')).toEqual({
      status: 200,
      body: { status: 'ready', reasons: [], shortcomings: [expect.stringContaining('ONLINE_STORE_FULL')] },
    })
    expect((await asked('/v1/status')).body.features).toMatchObject({
      problem: expect.stringContaining('ONLINE_STORE_FULL'),
      lagEventCount: 2,
    })
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    expect(metrics).toMatch(/millrace_feature_engine_failures_total [1-9]/)
    expect(metrics).toContain('millrace_feature_lag_events 2\n')

    failure = undefined
    await expect
      .poll(async () => (await asked('/health/ready')).body, { timeout: 10_000 })
      .toEqual({ status: 'ready', reasons: [] })
    await expect
      .poll(async () => (await asked('/v1/features/values?userId=u')).body.features)
      .toMatchObject([{ value: 2 }])
  } finally {
    await server.close()
  }
})

test('what cannot pass by itself keeps a server from starting', async () => {
  failure = new MillraceError('ONLINE_STORE_UNUSABLE', 'It is no store.')
  await expect(runFeatures(app, silentLogger)).rejects.toMatchObject({ code: 'ONLINE_STORE_UNUSABLE' })
  expect(await store.isClaimed()).toBe(false)
})

test('stopping while it waits to try again takes no longer than the wait at hand', async () => {
  failure = full()
  const features = await runFeatures(app, silentLogger)
  await expect.poll(() => features.failureCount(), { timeout: 10_000 }).toBe(3)
  // The next attempt is four seconds away.
  const startMs = performance.now()
  await features.stop()
  expect(performance.now() - startMs).toBeLessThan(1000)
})

test('a worker, which never keeps the features, says that nobody does and how late they are', async () => {
  await app.log.append(views(2))
  let aheadMs = 0
  const features = await readFeatures({ ...app, clock: { now: () => Date.now() + aheadMs } }, silentLogger)
  try {
    expect(features.isKeeper()).toBe(false)
    expect(await store.isClaimed()).toBe(false)
    aheadMs = 11_000
    await expect
      .poll(() => features.problem(), { timeout: 5_000 })
      .toMatch(/^The features are 2 events and 1\d s behind the event log\. No process keeps them\.$/)
    const keeping = await runFeatures(app, silentLogger)
    await expect.poll(() => features.problem(), { timeout: 5_000 }).toBeUndefined()
    expect(await viewsOf(features)).toBe(2)
    await keeping.stop()
  } finally {
    await features.stop()
  }
})

test('a server that is warmed up has answered before the first visitor, and nothing of it is counted or kept', async () => {
  await app.log.append(views(2))
  const told: object[] = []
  const logger = { ...silentLogger, info: (message: string, fields = {}) => void told.push({ message, ...fields }) }
  const running = await serve(app, { port: 0, isWarmedUp: true, isPipelineElsewhere: true, logger })
  try {
    expect(told).toContainEqual({ message: 'warmed up', questionCount: 200, ms: expect.any(Number) })
    expect((await app.log.bounds()).nextOffset).toBe(2)
    expect(await running.ownMetrics()).not.toContain('millrace_answers_total{')
    expect(await store.isClaimed()).toBe(false)
  } finally {
    await running.close()
  }
})
