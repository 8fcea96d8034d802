// A made shop with a ranker over two generators and three features, whose events arrive as they happen.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { count, defineSystem, httpIngest, itemNeighbours, lambdaMart, openApp, popularity, since } from 'millrace'
import { afterAll, expect } from 'vitest'
import type { App } from '../src/app.ts'
import type { System } from '../src/config/system.ts'
import { seededRng } from '../src/lib/rng.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 0, 1)
const owner = 'team@test.example'

export const rankedSystem = (seed = 1, views = '7 days' as '7 days' | '14 days') =>
  defineSystem({
    name: 'ranked-shop',
    data: {
      owner,
      entities: { user: {}, item: {} },
      interactions: { view: { weight: 1 }, purchase: { weight: 5 } },
      sources: { shop: httpIngest() },
      features: {
        item_views: count({ of: 'view', by: 'item', window: views }),
        item_purchases: count({ of: 'purchase', by: 'item', window: '30 days' }),
        user_recency: since({ of: 'any', by: 'user' }),
      },
    },
    training: {
      owner,
      seed,
      candidates: { alike: itemNeighbours(), trending: popularity({ halfLifeDays: 5 }) },
      ranker: lambdaMart({ trees: 20, minRowsPerLeaf: 5 }),
      examples: { windows: 2, window: '5 days' },
    },
    serving: { owner, placements: { home: { limit: 5 } }, impressions: true },
    monitoring: { owner },
  })

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** An open shop in a folder that is removed after the file's tests. */
export interface RankedShop {
  readonly app: App
  /** Lets as many visits happen, two hours apart; each event reaches the log when it happens. */
  visits(count: number): Promise<void>
  /** Lets time pass. */
  wait(days: number): void
}

export async function openRankedShop(described: System = rankedSystem()): Promise<RankedShop> {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-ranked-'))
  folders.push(dataDir)
  let nowMs = START_MS
  let visitCount = 0
  const app = await openApp({ system: described, dataDir, clock: { now: () => nowMs } })
  const rng = seededRng('visits')
  const visit = async (): Promise<void> => {
    nowMs = START_MS + visitCount * 0.08 * DAY_MS
    const user = rng.integer(40)
    const events = Array.from({ length: 3 }, (_, step) => ({
      id: `${visitCount}-${step}`,
      interaction: rng.next() < 0.2 ? 'purchase' : 'view',
      userId: `u${user}`,
      itemId: `i${(user % 2) * 20 + Math.floor(20 * rng.next() ** 2)}`,
      eventTime: new Date(nowMs - (2 - step) * 1000).toISOString(),
    }))
    const { acceptedCount } = await app.ingest.acceptEvents(events, { source: 'shop', where: `visit ${visitCount}` })
    expect(acceptedCount).toBe(3)
    visitCount++
  }
  return {
    app,
    visits: async (count) => {
      for (let n = 0; n < count; n++) await visit()
    },
    wait: (days) => {
      nowMs += days * DAY_MS
    },
  }
}

/** With 300 visits; then it is so many days later. */
export async function filledShop(described: System, daysLater: number): Promise<App> {
  const shop = await openRankedShop(described)
  await shop.visits(300)
  shop.wait(daysLater)
  return shop.app
}
