import { expect, it } from 'vitest'
import { catalogueApiSource } from '../../src/adapters/catalogue-api/record-source.ts'
import type { CatalogueApiPlan } from '../../src/config/plan.ts'
import { seededRng } from '../../src/lib/rng.ts'
import { CatalogueProcess, type CatalogueState } from './catalogue-process.ts'
import { runKillTrials } from './killed-source.ts'
import { itemsPlan, itemsSource } from './plan.testing.ts'

const pageSize = 50
const rowCount = 500
/** `MILLRACE_SOURCE_KILLS=20` for as many as the project's claim speaks of. */
const killCount = Number(process.env.MILLRACE_SOURCE_KILLS ?? 6)

it(`a catalogue API that is killed in the middle of ${killCount} runs ends up in the log as it is`, {
  timeout: 60_000 + killCount * 10_000,
}, async () => {
  const rows = new Map(Array.from({ length: rowCount }, (_, n) => [`i${n}`, `title ${n}`]))
  const state = (): CatalogueState => ({
    rows: [...rows].map(([sku, name]) => ({ sku, name })),
    pageSize,
    paging: 'cursor',
    hasEtags: true,
    slowMs: 1,
  })
  const server = await CatalogueProcess.create(state())
  const paging = { kind: 'cursor', parameter: 'after', field: 'next' } as const
  const source: CatalogueApiPlan = {
    ...itemsSource,
    kind: 'catalogue-api',
    url: `${server.url}/items`,
    paging,
    columns: { entityId: 'sku', title: 'name' },
    pull: { mode: 'snapshot', deletedShareMax: 0.2 },
    requestsPerSecond: 1000,
    timeoutMs: 2000,
  }
  const records = catalogueApiSource({
    name: 'items',
    url: source.url,
    paging,
    rowsAt: 'items',
    columns: ['sku', 'name'],
    mode: 'snapshot',
    requestsPerSecond: 1000,
    timeoutMs: 2000,
    // Long enough, now and then, for a server that comes back at once.
    retry: { attemptCount: 5, firstWaitMs: 100, waitMsMax: 300 },
    rng: seededRng(3),
  })
  let titleCount = 0
  const trials = runKillTrials({
    plan: itemsPlan,
    source,
    records,
    server,
    batchCount: rowCount / pageSize - 2,
    killCount,
    seed: 20_261_124,
    async change(rng) {
      const ids = [...rows.keys()]
      for (let n = 0; n < 30; n++) rows.set(ids[rng.integer(ids.length)]!, `changed ${titleCount++}`)
      for (let n = 0; n < 10; n++) rows.delete(ids[rng.integer(ids.length)]!)
      for (let n = 0; n < 8; n++) rows.set(`i${rng.integer(550)}`, `new ${titleCount++}`)
      server.change(state())
      return 48
    },
    truth: async () => rows,
  })
  const report = await trials.finally(() => server.remove())
  expect(report).toMatchObject({ killCount, differentCount: 0 })
  // What was told is told again only where it was in doubt: some tens of rows each time, not the catalogue.
  expect(report.eventCount).toBeLessThan(rowCount + 2 * report.changeCount + killCount * pageSize)
})
