// Goal: what a running server serves is what the offline store computes, and a defect planted in its state is found. Method: the server, the log and the
// online store on disk; features read over HTTP; then one user's record is replaced by another's behind the engine's back.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { category, defineSystem, httpIngest, number, popularity, shopFeatures } from 'millrace'
import { createClient } from 'millrace/client'
import { afterAll, expect, test } from 'vitest'
import { skewOf } from '../src/app/measure-skew.ts'
import { serve } from '../src/app/serve.ts'
import { openApp } from '../src/app.ts'
import { unexplainedCount } from '../src/domain/skew-report.ts'
import { pause } from '../src/lib/within.ts'

const system = defineSystem({
  name: 'skew-shop',
  data: {
    owner: 'data@test.example',
    entities: { user: {}, item: { category: category(), price: number() } },
    interactions: {
      impression: { weight: 0.1 },
      view: { weight: 1, values: ['durationSeconds'] },
      cart: { weight: 4 },
      purchase: { weight: 10, values: ['revenue'] },
    },
    sources: { shop: httpIngest() },
    features: shopFeatures({
      impression: 'impression',
      view: 'view',
      cart: 'cart',
      purchase: 'purchase',
      durationSeconds: 'durationSeconds',
      revenue: 'revenue',
      category: 'item.category',
      price: 'item.price',
    }),
    skew: { sampleShare: 1 },
  },
  training: { owner: 'ml@test.example', candidates: { popular: popularity() } },
  serving: { owner: 'backend@test.example', placements: { home: { limit: 5 } } },
  monitoring: { owner: 'sre@test.example' },
})

const dataDir = mkdtempSync(join(tmpdir(), 'millrace-skew-'))
afterAll(() => rmSync(dataDir, { recursive: true, force: true }))

test('served features are recomputed to the same, and a planted defect is found with its user', {
  timeout: 120_000,
}, async () => {
  const app = await openApp({ system, dataDir })
  const server = await serve(app, { port: 0 })
  try {
    const client = createClient({ url: server.url })
    for (let n = 0; n < 10; n++) await client.putItem(`i${n}`, { category: n < 5 ? 'lamps' : 'chairs', price: 10 + n })
    const served = async (): Promise<void> => {
      for (let n = 0; n < 10; n++) {
        const answer = await fetch(`${server.url}/v1/features/values?userId=u${n % 4}&itemId=i${n}`)
        expect(((await answer.json()) as { features: unknown[] }).features).toHaveLength(16)
      }
    }
    for (let round = 0; round < 5; round++) {
      await client.sendEvents(
        Array.from({ length: 40 }, (_, n) => ({
          interaction: (['impression', 'view', 'cart', 'purchase'] as const)[(n + round) % 4]!,
          userId: `u${(n * 7 + round) % 4}`,
          itemId: `i${(n * 3 + round) % 10}`,
          eventTime: new Date(Date.now() - ((n * 977) % 3600) * 1000),
        })),
      )
      // Read while the engine takes them: what it lacks is lag.
      await served()
      await server.featuresCaughtUp()
      await served()
    }

    // Later than the moment of the last answer, which may be one after the newest event.
    await pause(5)
    const toMs = Date.now()
    const report = await skewOf(app, { toMs })
    expect(report.rowCount).toBe(100)
    expect(report.features.map(({ comparedCount }) => comparedCount)).toEqual(Array(16).fill(100))
    expect(unexplainedCount(report), JSON.stringify(report, undefined, 1)).toBe(0)
    expect(await (await fetch(`${server.url}/v1/skew`)).json()).toMatchObject({
      report: { rowCount: 100, features: expect.any(Array) },
    })
    // Nothing in between is left behind.
    expect(readdirSync(join(dataDir, 'temporary'))).toEqual([])
    expect(await (await fetch(`${server.url}/metrics`)).text()).toContain('millrace_served_features_kept_total 100\n')
  } finally {
    await server.close()
  }

  const store = await app.onlineStore()
  const writer = await store.claim()
  const [[record]] = (await store.read([{ space: 'features-1', keys: ['uu1'] }])) as [[Uint8Array]]
  await writer.commit([{ space: 'features-1', puts: [{ key: 'uu0', bytes: record }], removes: [] }], 0)
  await writer.release()
  const again = await serve(app, { port: 0 })
  const fromMs = Date.now()
  for (let n = 0; n < 10; n++) await fetch(`${again.url}/v1/features/values?userId=u${n % 4}&itemId=i${n}`)
  await again.close()
  const found = await skewOf(app, { fromMs, toMs: Date.now() + 1 })
  expect(found.rowCount).toBe(10)
  const examples = found.features.flatMap((feature) => feature.examples)
  expect(unexplainedCount(found)).toBeGreaterThan(0)
  expect(new Set(examples.map(({ userId }) => userId))).toEqual(new Set(['u0']))
  await app.close()
})
