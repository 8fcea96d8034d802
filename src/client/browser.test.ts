// The collector in a page made of the parts that it uses, sending to the real server. What a real browser does: test/browser.
import { afterEach, expect, test } from 'vitest'
import { startTestServer, type TestServer } from '../http/testing.ts'
import { type Collector, type CollectorOptions, createCollector, type LostEvent, type Page } from './browser.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const click = { interaction: 'view', itemId: 'i1', requestId: 'r1', position: 1 }

/** A browser's storage and connection, which pages come to and leave. */
function browser({ storage = new Map<string, string>(), hasLocks = true } = {}) {
  const state = {
    isOnline: true,
    beacons: [] as { url: string; body: string }[],
    requests: [] as { keepalive?: boolean }[],
  }
  let isLocked = false
  function openPage() {
    const listeners = new Map<string, (() => void)[]>()
    const addEventListener = (kind: string, run: () => void) =>
      void listeners.set(kind, [...(listeners.get(kind) ?? []), run])
    const removeEventListener = (kind: string, run: () => void) =>
      void listeners.set(
        kind,
        listeners.get(kind)!.filter((other) => other !== run),
      )
    const document = { visibilityState: 'visible', addEventListener, removeEventListener }
    const page: Page = {
      document,
      navigator: {
        get onLine() {
          return state.isOnline
        },
        sendBeacon: (url, body) => state.beacons.push({ url, body }) > 0,
        ...(hasLocks && {
          locks: {
            async request(_: string, __: object, work: (lock: unknown) => Promise<void>) {
              if (isLocked) return work(null)
              isLocked = true
              await work({}).finally(() => {
                isLocked = false
              })
            },
          },
        }),
      },
      localStorage: {
        get length() {
          return storage.size
        },
        key: (i) => [...storage.keys()][i] ?? null,
        getItem: (key) => storage.get(key) ?? null,
        setItem: (key, value) => void storage.set(key, value),
        removeItem: (key) => void storage.delete(key),
      },
      fetch: (url, init) => {
        state.requests.push(init)
        return state.isOnline ? fetch(url, init) : Promise.reject(new TypeError('offline'))
      },
      // Nothing happens by itself: tests flush.
      setTimeout: () => 1,
      clearTimeout: () => {},
      addEventListener,
      removeEventListener,
    }
    const happens = (kind: string) => {
      for (const run of listeners.get(kind) ?? []) run()
    }
    return { page, document, happens, listenerCount: () => [...listeners.values()].flat().length }
  }
  return { state, storage, openPage }
}

async function server(options: Parameters<typeof startTestServer>[0] = {}): Promise<TestServer & { url: string }> {
  const running = startTestServer({ port: 0, ...options })
  const { url } = await running.server.listen()
  cleanups.push(() => running.server.close())
  return Object.assign(running, { url })
}

function collect(page: Page, options: Omit<CollectorOptions, 'page'>): Collector {
  const collector = createCollector({ ...options, page })
  cleanups.push(() => collector.close())
  return collector
}

const received = (running: TestServer) => running.eventBatches.flatMap(({ rows }) => rows) as Record<string, unknown>[]

test('clicks and shown lists carry the visitor, the answer and the position, and are sent once', async () => {
  const running = await server({ requireKey: true })
  const { page } = browser().openPage()
  const collector = collect(page, { url: `${running.url}/`, key: running.addKey('collect') })
  const items = [
    { itemId: 'i1', score: 2 },
    { itemId: 'i2', score: 1 },
  ]
  collector.shown({ requestId: 'r1', placement: 'home', modelVersion: 'm1', rung: 'full', items })
  collector.clicked(click)
  collector.identify('u1')
  collector.track({ interaction: 'purchase', itemId: 'i2' })
  await collector.flush()
  await collector.flush()
  const { visitorId } = collector
  expect(received(running)).toMatchObject([
    { kind: 'impression', id: 'r1', userId: visitorId, itemIds: ['i1', 'i2'], scores: [2, 1], modelVersion: 'm1' },
    { id: `r1:1:view:${visitorId}`, userId: visitorId, interaction: 'view', itemId: 'i1' },
    { id: expect.stringMatching(/^[0-9a-f-]{36}$/), userId: 'u1', interaction: 'purchase', itemId: 'i2' },
  ])
  expect(Object.keys(received(running)[1]!).sort()).toEqual(['eventTime', 'id', 'interaction', 'itemId', 'userId'])
})

test('what was collected offline survives a reload and is sent when the browser is online again', async () => {
  const running = await server()
  const { state, storage, openPage } = browser()
  state.isOnline = false
  const first = openPage()
  const before = createCollector({ url: running.url, remember: true, page: first.page })
  before.track({ interaction: 'view', itemId: 'i1' })
  before.track({ interaction: 'view', itemId: 'i2' })
  await before.flush()
  before.close()
  expect(received(running)).toEqual([])

  // Events of two pages are in the order of their times, and no page is loaded within the millisecond.
  const leftMs = Date.now()
  while (Date.now() === leftMs) await new Promise((resolve) => setTimeout(resolve, 1))
  const second = openPage()
  const after = collect(second.page, { url: running.url, remember: true })
  expect(after.visitorId).toBe(before.visitorId)
  after.track({ interaction: 'view', itemId: 'i3' })
  state.isOnline = true
  second.happens('online')
  await after.flush()
  expect(received(running).map(({ itemId }) => itemId)).toEqual(['i1', 'i2', 'i3'])
  expect([...storage.keys()]).toEqual(['millrace:visitor'])
})

test('without consent nothing is kept in the browser; with it what waits is, and forgetting removes everything', async () => {
  const { storage, openPage } = browser()
  const collector = collect(openPage().page, { url: 'http://127.0.0.1:1' })
  collector.track({ interaction: 'view', itemId: 'i1' })
  expect(storage.size).toBe(0)
  collector.remember()
  expect([...storage.keys()].filter((key) => key.startsWith('millrace:event:'))).toHaveLength(1)
  expect(storage.get('millrace:visitor')).toBe(collector.visitorId)
  collector.track({ interaction: 'view', itemId: 'i2' })
  expect(storage.size).toBe(3)
  collector.forget()
  expect(storage.size).toBe(0)
})

test('without a key a page that is left sends a beacon, of no more than browsers take', async () => {
  const { state, openPage } = browser()
  const { page, happens, document } = openPage()
  const collector = collect(page, { url: 'http://shop.example' })
  document.visibilityState = 'visible'
  for (let i = 0; i < 40; i++) collector.track({ interaction: 'view', itemId: `${i}:${'ü'.repeat(1500)}` })
  happens('visibilitychange')
  expect(state.beacons).toEqual([])
  document.visibilityState = 'hidden'
  happens('visibilitychange')
  happens('pagehide')
  const sent = state.beacons.flatMap(({ body }) => JSON.parse(body).events as { itemId: string }[])
  expect(sent.map(({ itemId }) => itemId.split(':')[0])).toEqual(
    Array.from({ length: sent.length }, (_, i) => String(i)),
  )
  expect(new Set(state.beacons.map(({ url }) => url))).toEqual(new Set(['http://shop.example/v1/events']))
  expect(state.beacons).toHaveLength(2)
  for (const { body } of state.beacons) expect(new TextEncoder().encode(body).length).toBeLessThan(64 * 1024)
})

test('with a key it is a request that outlives the page, and its events are not sent again meanwhile', async () => {
  const running = await server({ requireKey: true })
  const { state, openPage } = browser()
  const { page, happens } = openPage()
  const collector = collect(page, { url: running.url, key: running.addKey('collect') })
  collector.track({ interaction: 'view', itemId: 'i1' })
  happens('pagehide')
  happens('pagehide')
  await collector.flush()
  await expect.poll(() => received(running).length).toBe(1)
  expect(state.requests).toMatchObject([{ keepalive: true }])
  expect(state.beacons).toEqual([])
})

test('two tabs lose nothing, and where the browser can tell them apart send nothing twice', async () => {
  for (const hasLocks of [true, false]) {
    const running = await server()
    const { openPage } = browser({ hasLocks })
    const tabs = [openPage(), openPage()].map(({ page }) =>
      collect(page, { url: running.url, remember: true, batchCount: 1000 }),
    )
    for (let i = 0; i < 20; i++) tabs[i % 2]!.track({ interaction: 'view', itemId: `i${i}` })
    await Promise.all(tabs.map((tab) => tab.flush()))
    await Promise.all(tabs.map((tab) => tab.flush()))
    const ids = received(running).map(({ id }) => id)
    expect(new Set(ids).size).toBe(20)
    if (hasLocks) expect(ids).toHaveLength(20)
  }
})

test('what is rejected, refused, too large or too much is told, and not sent again', async () => {
  const running = await server({ requireKey: true })
  const { openPage } = browser()
  const lost: LostEvent[] = []
  const onLost = (more: readonly LostEvent[]) => lost.push(...more)
  const reasons = () =>
    lost.splice(0).map(({ reason, event }) => `${reason} ${'itemId' in event && event.itemId.slice(0, 5)}`)
  const collector = collect(openPage().page, {
    url: running.url,
    key: running.addKey('collect'),
    queueCount: 3,
    onLost,
  })
  for (const itemId of ['i0', 'bad', 'i1', 'i2', 'x'.repeat(60_000)]) collector.track({ interaction: 'view', itemId })
  expect(reasons()).toEqual(['QUEUE_FULL i0', 'TOO_LARGE xxxxx'])
  await collector.flush()
  await collector.flush()
  expect(reasons()).toEqual(['BAD_ROW bad'])
  expect(received(running).map(({ itemId }) => itemId)).toEqual(['bad', 'i1', 'i2'])

  const stranger = collect(openPage().page, { url: running.url, key: 'nonsense', onLost })
  stranger.track({ interaction: 'view', itemId: 'i3' })
  await stranger.flush()
  expect(reasons()).toEqual(['REFUSED i3'])
})

test('a full or blocked storage costs nothing but the reload', async () => {
  const running = await server()
  const full: Page['localStorage'] = {
    length: 0,
    key: () => null,
    getItem: () => null,
    setItem: () => {
      throw new Error('QuotaExceededError')
    },
    removeItem: () => {},
  }
  const page = { ...browser().openPage().page, localStorage: full }
  const blocked = Object.defineProperty({ ...page }, 'localStorage', {
    get: () => {
      throw new Error('SecurityError')
    },
  })
  for (const limited of [page, blocked]) {
    const collector = collect(limited, { url: running.url, remember: true })
    collector.track({ interaction: 'view', itemId: 'i1' })
    await collector.flush()
  }
  expect(received(running)).toHaveLength(2)
})

test('closing leaves no listener behind and sends what waits', () => {
  const { state, openPage } = browser()
  const { page, listenerCount } = openPage()
  const collector = createCollector({ url: 'http://shop.example', page })
  collector.track({ interaction: 'view', itemId: 'i1' })
  collector.close()
  expect([listenerCount(), state.beacons.length]).toEqual([0, 1])
})
