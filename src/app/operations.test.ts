import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openApp } from '../app.ts'
import { category, count, defineSystem, folderSource, popularity } from '../index.ts'
import { silentLogger } from '../lib/logger.ts'
import { someCheckResult } from '../ports/check-results.contract.ts'
import { operationsOf } from './operations.ts'
import { runFeatures } from './run-features.ts'
import { sourcesOf } from './run-sources.ts'
import { systemStatus } from './system-status.ts'

const system = defineSystem({
  name: 'operated-shop',
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
    features: { views: count({ of: 'view', by: 'user', window: '1 day' }) },
  },
  training: { owner: 'ml@test.example', candidates: { popular: popularity() } },
  serving: { owner: 'web@test.example', placements: { home: {} } },
  monitoring: { owner: 'sre@test.example' },
})

async function withApp(check: (app: Awaited<ReturnType<typeof openApp>>) => Promise<void>): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-operations-'))
  const app = await openApp({ system, dataDir })
  try {
    await check(app)
  } finally {
    await app.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

test('looking at the state plans no features, claims nothing, and sees what is to be backfilled', () =>
  withApp(async (app) => {
    const store = await app.onlineStore()
    for (let look = 0; look < 2; look++) {
      const { features } = await systemStatus(app, { sources: undefined })
      expect(features).toEqual({
        count: 1,
        isKept: false,
        lagEventCount: 0,
        lagMs: 0,
        backfilling: ['views'],
        problem: undefined,
      })
    }
    expect(await store.read([{ space: 'features', keys: ['manifest'] }])).toEqual([[undefined]])
    const features = await runFeatures(app, silentLogger)
    await expect
      .poll(async () => (await systemStatus(app, { sources: undefined })).features)
      .toMatchObject({ isKept: true, backfilling: [] })
    await features.stop()
  }))

test('figures of what cannot be read are left out and said to the log, and the rest is there', () =>
  withApp(async (app) => {
    const warnings: unknown[] = []
    const logger = { ...silentLogger, warn: (_: string, fields?: object) => void warnings.push(fields) }
    const liveModel = { champion: 'v', manifest: undefined, problem: 'BUNDLE_CORRUPT: it is damaged.' }
    const sources = await sourcesOf(app, silentLogger)
    const { checkResults } = await app.metadata()
    await checkResults.append({
      runId: 'before',
      results: [{ ...someCheckResult, verdict: 'fail', checkedAtMs: 1000 }],
    })
    const results = (['pass', 'warn', 'pass'] as const).map((verdict) => ({
      ...someCheckResult,
      verdict,
      checkedAtMs: 2000,
    }))
    await checkResults.append({ runId: 'now', results })
    const figures = await operationsOf(app, {
      features: undefined,
      impressions: undefined,
      liveModel,
      sources: () => sources,
      logger,
    }).figures()
    expect(figures).toMatchObject({
      features: undefined,
      impressions: undefined,
      championAnswers: false,
      sources: [{ name: 'drops', freshness: 'never', ageMs: undefined, freshnessMs: expect.any(Number) }],
      // Of the newest run alone.
      checks: { checkedAt: '1970-01-01T00:00:02.000Z', counts: { pass: 2, warn: 1, fail: 0, notEnoughHistory: 0 } },
    })
    expect(warnings).toEqual([])

    const broken = { ...app, metadata: () => Promise.reject(new Error('no metadata')) }
    const rest = await operationsOf(broken, {
      features: undefined,
      impressions: undefined,
      liveModel,
      sources: () => sources,
      logger,
    }).figures()
    expect(rest).toMatchObject({ checks: undefined, sources: [{ name: 'drops' }] })
    expect(warnings).toMatchObject([{ part: 'checks' }])
    await sources?.stop()
  }))
