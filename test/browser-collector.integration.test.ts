// Goal: in a real Chromium, with a whole system behind it, everything that a page collects arrives once: offline, over reloads, from two tabs, and while it is left.
// Method: the collector as it is published, types taken off, in a page of another origin; what arrived is read from the event log.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type RunningSystem, serve } from '../src/app/serve.ts'
import type { App } from '../src/app.ts'
import { createApiKey } from '../src/domain/api-key.ts'
import { popularity } from '../src/models/popularity/popularity.ts'
import { openTab, type Tab } from './devtools.testing.ts'
import { openTestApp } from './system.testing.ts'

const chromiumUrl = process.env.CHROMIUM_URL
const source = readFileSync(join(import.meta.dirname, '..', 'src', 'client', 'browser.ts'), 'utf8')

let app: App
let running: RunningSystem
let lockedRunning: RunningSystem
let pages: Server
let pageUrl: string
let collectKey: string
beforeAll(async () => {
  expect(chromiumUrl, 'run this through "npm run test:services"').toBeDefined()
  pages = createServer(({ url }, response) => {
    const isScript = url === '/browser.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? stripTypeScriptTypes(source) : '<!doctype html><title>shop</title>')
  })
  await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
  pageUrl = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`
  app = await openTestApp({ popular: popularity() })
  const { key, record } = createApiKey({ name: 'page', scopes: ['collect'], createdAtMs: 0 }, randomBytes)
  await app.keys.add(record)
  collectKey = key
  running = await serve(app, { port: 0, allowedOrigins: [pageUrl] })
  lockedRunning = await serve(app, { port: 0, allowedOrigins: [pageUrl], requireKey: true })
})
afterAll(async () => {
  await lockedRunning?.close()
  await running?.close()
  await app?.close()
  pages?.close()
})

const tabs: Tab[] = []
afterEach(async () => {
  for (const tab of tabs.splice(0)) await tab.close()
})

/** A page with a collector in it. */
async function openPage({ key }: { key?: string } = {}): Promise<Tab> {
  const tab = await openTab(chromiumUrl!)
  tabs.push(tab)
  const options = JSON.stringify({
    url: key === undefined ? running.url : lockedRunning.url,
    ...(key && { key }),
    remember: true,
    delayMs: 100,
  })
  await tab.goTo(pageUrl)
  await tab.evaluate(
    `import('/browser.js').then(({ createCollector }) => {
      globalThis.lost = []
      globalThis.collector = createCollector({ ...${options}, onLost: (more) => lost.push(...more) })
    })`,
  )
  return tab
}

const click = (itemId: string, requestId = 'r1') =>
  `collector.clicked({ interaction: 'view', itemId: '${itemId}', requestId: '${requestId}', position: 1 })`

/** Items of the interactions in the log whose id begins so, in its order; waits until there are as many. */
async function arrived(requestId: string, count: number): Promise<string[]> {
  const items = async () => {
    const stored = await app.log.read(0, 10_000)
    return stored.flatMap(({ event }) =>
      event.kind === 'interaction' && event.id.startsWith(`${requestId}`) ? [event.itemId] : [],
    )
  }
  await expect.poll(async () => (await items()).length, { timeout: 10_000 }).toBeGreaterThanOrEqual(count)
  return items()
}

test('clicks of a page that was closed offline arrive once and in order with the next page', async () => {
  const page = await openPage()
  await page.setOffline(true)
  expect(await page.evaluate('navigator.onLine')).toBe(false)
  for (const n of [1, 2]) await page.evaluate(click(`off-${n}`, `off${n}`))
  await page.evaluate('collector.flush()')
  await tabs.pop()!.close()
  expect(await arrived('off', 0)).toEqual([])

  const next = await openPage()
  await next.evaluate(click('off-3', 'off3'))
  expect(await arrived('off', 3)).toEqual(['off-1', 'off-2', 'off-3'])
  const waiting = "Object.keys(localStorage).filter((key) => key.startsWith('millrace:event:')).length"
  await expect.poll(() => next.evaluate(waiting)).toBe(0)
  expect(await next.evaluate('lost.length')).toBe(0)
})

test('an offline page that stays open sends by itself as soon as it is online', async () => {
  const page = await openPage()
  await page.setOffline(true)
  await page.evaluate(click('stay', 'stay'))
  await page.evaluate('collector.flush()')
  await page.setOffline(false)
  expect(await arrived('stay', 1)).toEqual(['stay'])
})

test('a page that is left sends a beacon, which the server takes from another origin', async () => {
  const page = await openPage()
  await page.evaluate(`globalThis.sent = navigator.sendBeacon.bind(navigator)
    navigator.sendBeacon = (url, body) => { sessionStorage.beacons = Number(sessionStorage.beacons ?? 0) + 1; return sent(url, body) }
    ${click('left', 'left')}`)
  await page.goTo(`${pageUrl}/other`)
  expect(await page.evaluate('sessionStorage.beacons')).toBe('1')
  expect(await arrived('left', 1)).toEqual(['left'])
})

test('with a key it is a request that outlives the page', async () => {
  const page = await openPage({ key: collectKey })
  await page.evaluate(click('kept', 'kept'))
  await page.goTo(`${pageUrl}/other`)
  expect(await arrived('kept', 1)).toEqual(['kept'])
})

test('two tabs with clicks at the same time lose none and send none twice', async () => {
  const both = [await openPage(), await openPage()]
  await Promise.all(
    both.map((page, tab) =>
      page.evaluate(
        `for (let i = 0; i < 30; i++) ${click(`t${tab}`, `tab${tab}`).replace('position: 1', 'position: i + 1')}`,
      ),
    ),
  )
  const items = await arrived('tab', 60)
  expect(items).toHaveLength(60)
  expect(items.filter((item) => item === 't0')).toHaveLength(30)
})
