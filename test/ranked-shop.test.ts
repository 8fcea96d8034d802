// Goal: the same plan, data and seed give the same bundle, whenever and with however many threads, ranker and features included; and what the ranker makes of a user can
// be explained. Method: a made shop whose events arrive as they happen, trained in folders of their own at different times.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  count,
  defineSystem,
  explainRecommendation,
  httpIngest,
  itemNeighbours,
  lambdaMart,
  openApp,
  popularity,
  readTrainingInput,
  serve,
  since,
  trainModel,
} from 'millrace'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../src/app.ts'
import { seededRng } from '../src/lib/rng.ts'
import type { Manifest } from '../src/models/bundle.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 0, 1)
const owner = 'team@test.example'

const system = (seed = 1, views = '7 days' as '7 days' | '14 days') =>
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
    serving: { owner, placements: { home: { limit: 5 } } },
    monitoring: { owner },
  })

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** Each event reaches the log when it happens; then it is `trainedDaysLater`. */
async function filledShop(described: ReturnType<typeof system>, trainedDaysLater: number): Promise<App> {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-ranked-'))
  folders.push(dataDir)
  let nowMs = START_MS
  const app = await openApp({ system: described, dataDir, clock: { now: () => nowMs } })
  const rng = seededRng('visits')
  for (let visit = 0; visit < 300; visit++) {
    nowMs = START_MS + visit * 0.08 * DAY_MS
    const user = rng.integer(40)
    const events = Array.from({ length: 3 }, (_, step) => ({
      id: `${visit}-${step}`,
      interaction: rng.next() < 0.2 ? 'purchase' : 'view',
      userId: `u${user}`,
      itemId: `i${(user % 2) * 20 + Math.floor(20 * rng.next() ** 2)}`,
      eventTime: new Date(nowMs - (2 - step) * 1000).toISOString(),
    }))
    const { acceptedCount } = await app.ingest.acceptEvents(events, { source: 'shop', where: `visit ${visit}` })
    expect(acceptedCount).toBe(3)
  }
  nowMs += trainedDaysLater * DAY_MS
  return app
}

async function trained(described: ReturnType<typeof system>, days: number, threadCount: number): Promise<Manifest> {
  const app = await filledShop(described, days)
  try {
    return await trainModel(app, await readTrainingInput(app), { threadCount, log: () => {} })
  } finally {
    await app.close()
  }
}

describe('a bundle with a ranker', () => {
  let first: Manifest
  beforeAll(async () => {
    first = await trained(system(), 1, 1)
  })

  test('is the same on another day, in another folder, with 2 threads', async () => {
    const again = await trained(system(), 3, 2)
    expect(again.contentHash).toBe(first.contentHash)
    expect(again.files).toEqual(first.files)
    expect(again.version).not.toBe(first.version)
  })

  test('is another with another seed', async () => {
    expect((await trained(system(2), 1, 2)).contentHash).not.toBe(first.contentHash)
  })

  test('knows its features by version, and that they were there when it learned', () => {
    expect(first.ranker!.features.map(({ name }) => name)).toEqual(['item_purchases', 'item_views', 'user_recency'])
    expect(first.ranker!.examples.answeredCount).toBeGreaterThan(20)
  })
})

test('a recommendation is explained: contributions add up, and what cannot be explained is refused with a way out', async () => {
  const app = await filledShop(system(), 1)
  try {
    const manifest = await trainModel(app, await readTrainingInput(app), { log: () => {}, override: 'a test' })
    const { version, items, explained } = await explainRecommendation(app, { userId: 'u1' })
    expect(version).toBe(manifest.version)
    const { score, averageScore, contributions } = explained.explanation
    expect(explained.itemId).toBe(items[0]!.itemId)
    expect(score).toBeCloseTo(items[0]!.score, 5)
    expect(averageScore + contributions.reduce((sum, { contribution }) => sum + contribution, 0)).toBeCloseTo(score, 9)
    expect(contributions.find(({ featureName }) => featureName === 'item_views')!.value).toBeGreaterThanOrEqual(0)
    await expect(explainRecommendation(app, { userId: 'u1', itemId: 'nope' })).rejects.toMatchObject({
      code: 'NO_CANDIDATE',
    })
    const changed = await openApp({ system: system(1, '14 days'), dataDir: app.dataDir, clock: app.clock })
    await expect(explainRecommendation(changed, { userId: 'u1' })).rejects.toMatchObject({
      code: 'MODEL_MISMATCH',
      problems: [expect.objectContaining({ where: 'data.features.item_views' })],
    })
    await changed.close()
  } finally {
    await app.close()
  }
})

test('answers hold what the ranker makes of the past played again, to the last digit; one that no longer fits has no say', async () => {
  const app = await filledShop(system(), 1)
  try {
    await trainModel(app, await readTrainingInput(app), { log: () => {}, override: 'a test' })
    const server = await serve(app, { port: 0 })
    await server.featuresCaughtUp()
    for (const userId of ['u1', 'u2', 'u3', 'newcomer']) {
      const { items } = await explainRecommendation(app, { userId, limit: 5 })
      const answer = await server.service.recommend({ placement: 'home', userId })
      expect(answer.rung).toBe('full')
      expect(answer.items.map(({ itemId, score }) => ({ itemId, score }))).toEqual(
        items.map(({ itemId, score }) => ({ itemId, score })),
      )
    }
    await server.close()

    const changed = await openApp({ system: system(1, '14 days'), dataDir: app.dataDir, clock: app.clock })
    const unranked = await serve(changed, { port: 0 })
    expect(await unranked.service.recommend({ placement: 'home', userId: 'u1' })).toMatchObject({ rung: 'unranked' })
    expect(await (await fetch(`${unranked.url}/health/ready`)).text()).toMatch(
      /MODEL_MISMATCH.*data.features.item_views/,
    )
    await unranked.close()
    await changed.close()
  } finally {
    await app.close()
  }
})
