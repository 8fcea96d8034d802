// Measures training-serving skew on the stores of an app, and keeps the report.
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { duckDbOfflineStore } from '../adapters/duckdb/offline-store.ts'
import type { App } from '../app.ts'
import { measureSkew } from '../data/skew/measure-skew.ts'
import type { SkewReport } from '../domain/skew-report.ts'

/** An event that was available by a moment may be on its way to the disk for a while after it; by now it is there. */
const SETTLED_MS = 10_000

/**
 * Compares what was served with what the offline store computes of the same history. Large values go to the data folder while it runs.
 * @param range moments in milliseconds; by default the last day, up to ten seconds ago
 * @throws MillraceError of the stores
 */
export async function skewOf(
  app: App,
  range: { readonly fromMs?: number | undefined; readonly toMs?: number | undefined } = {},
): Promise<SkewReport> {
  const { toMs = app.clock.now() - SETTLED_MS } = range
  const { fromMs = toMs - 86_400_000 } = range
  const served = await app.servedFeatures()
  const folder = join(app.dataDir, 'temporary', `skew-${randomUUID()}`)
  const offline = duckDbOfflineStore({ temporaryFolder: join(folder, 'duckdb') })
  try {
    const { plan, log, clock } = app
    const report = await measureSkew({ plan, log, clock, served, offline, folder: join(folder, 'files'), fromMs, toMs })
    await served.saveReport(report)
    return report
  } finally {
    await offline.close()
    await rm(folder, { recursive: true, force: true })
  }
}
