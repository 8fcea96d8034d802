// Goal: the same plan, data and seed give the same bundle, whenever and with however many threads, ranker and features included; and what the ranker makes of a user can
// be explained. Method: a made shop whose events arrive as they happen, trained in folders of their own at different times.
import { explainRecommendation, openApp, readTrainingInput, serve, trainModel } from 'millrace'
import { beforeAll, describe, expect, test } from 'vitest'
import type { System } from '../src/config/system.ts'
import { logBatches } from '../src/data/log-batches.ts'
import type { ImpressionEvent } from '../src/domain/event.ts'
import { decodedServedRows } from '../src/domain/served-rows.ts'
import { type Manifest, readManifest } from '../src/models/bundle.ts'
import { filledShop, rankedSystem as system } from './ranked-shop.testing.ts'

async function trained(described: System, days: number, threadCount: number): Promise<Manifest> {
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
    const before = await app.log.bounds()
    await server.featuresCaughtUp()
    for (const userId of ['u1', 'u2', 'u3']) {
      const { items } = await explainRecommendation(app, { userId, limit: 5 })
      const answer = await server.service.recommend({ placement: 'home', userId })
      expect(answer.rung).toBe('full')
      expect(answer.items.map(({ itemId, score }) => ({ itemId, score }))).toEqual(
        items.map(({ itemId, score }) => ({ itemId, score })),
      )
      // A list that somebody else made is scored alike.
      const itemIds = ['unheard-of', ...answer.items.map(({ itemId }) => itemId).reverse()]
      const ranked = await server.service.rank({ userId, itemIds })
      expect(ranked.rung).toBe('full')
      expect(ranked.items).toEqual([
        ...answer.items.map(({ itemId, score }) => ({ itemId, score })),
        { itemId: 'unheard-of' },
      ])
    }
    await server.service.recommend({ placement: 'home' })
    await server.close()
    // What was shown is in the log, with what the ranker saw; of anonymous visitors nothing is.
    const shown: ImpressionEvent[] = []
    for await (const batch of logBatches(app.log, { ...(await app.log.bounds()), firstOffset: before.nextOffset })) {
      for (const { event } of batch) if (event.kind === 'impression') shown.push(event)
    }
    expect(shown.map(({ userId }) => userId)).toEqual(['u1', 'u2', 'u3'])
    const { ranker } = await readManifest(app.modelsDir, (await (await app.models()).aliases()).champion!)
    const viewsAt = ranker!.featureNames.indexOf('item_views')
    for (const { itemIds, scores, served, rung } of shown) {
      expect(rung).toBe('full')
      expect(scores).toHaveLength(itemIds.length)
      const rows = decodedServedRows(served!, itemIds.length)!
      expect(rows).toHaveLength(itemIds.length * ranker!.featureNames.length)
      for (let n = 0; n < itemIds.length; n++) {
        expect(rows[n * ranker!.featureNames.length + viewsAt]).toBeGreaterThanOrEqual(0)
      }
    }

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
