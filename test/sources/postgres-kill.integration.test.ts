import { describe, expect, it } from 'vitest'
import { postgresRecordSource } from '../../src/adapters/postgres/record-source.ts'
import type { PostgresSourcePlan } from '../../src/config/plan.ts'
import { runKillTrials } from './killed-source.ts'
import { itemsPlan, itemsSource } from './plan.testing.ts'
import { PostgresCluster } from './postgres-cluster.ts'

const rowCount = 2000
const batchRowCount = 100
const query = 'SELECT sku, name, version FROM items'

describe('a Postgres server that is killed in the middle of 20 runs ends up in the log as it is', () => {
  it.each<[string, PostgresSourcePlan['pull']]>([
    ['snapshots', { mode: 'snapshot', deletedShareMax: 0.2 }],
    ['incremental', { mode: 'incremental', by: 'version', overlapMs: 0, overlapCount: 0 }],
  ])('read by %s', { timeout: 300_000 }, async (mode, pull) => {
    const cluster = await PostgresCluster.create()
    try {
      await cluster.start()
      await cluster.query(`
        CREATE TABLE items (sku text PRIMARY KEY, name text NOT NULL, version bigserial);
        INSERT INTO items (sku, name) SELECT 'i' || n, 'title ' || n FROM generate_series(1, ${rowCount}) n`)
      const report = await runKillTrials({
        plan: itemsPlan,
        source: {
          ...itemsSource,
          kind: 'postgres',
          urlVariable: 'X',
          query,
          columns: { entityId: 'sku', title: 'name' },
          pull,
        },
        records: postgresRecordSource({
          name: 'items',
          url: () => cluster.url,
          query,
          columns: ['sku', 'name'],
          batchRowCount,
          ...(pull.mode === 'incremental' && { incremental: pull }),
        }),
        server: cluster,
        // Each run of the incremental source reads what a change of this size makes new.
        batchCount: mode === 'incremental' ? 4 : rowCount / batchRowCount - 4,
        killCount: 20,
        seed: 20_261_124,
        async change(rng) {
          const picked = rng.integer(1_000_000)
          await cluster.query(`
            UPDATE items SET name = 'changed ${picked}-' || sku, version = nextval('items_version_seq')
              WHERE sku IN (SELECT sku FROM items ORDER BY md5(sku || ${picked}) LIMIT 400);
            INSERT INTO items (sku, name) SELECT 'n' || ${picked} || n, 'new' FROM generate_series(1, 20) n`)
          // An incremental source does not see deletions.
          if (mode === 'snapshots')
            await cluster.query(
              `DELETE FROM items WHERE sku IN (SELECT sku FROM items ORDER BY md5(sku || 'x${picked}') LIMIT 20)`,
            )
          return 420
        },
        async truth() {
          const rows = await cluster.query('SELECT sku, name FROM items')
          return new Map(rows.map(({ sku, name }) => [String(sku), String(name)]))
        },
      })
      expect(report).toMatchObject({ killCount: 20, differentCount: 0 })
      expect(report.failedCount).toBeGreaterThan(0)
      // The first change came before the first run; a row that is read again under the same version is the same event.
      if (mode === 'incremental') expect(report.eventCount).toBe(rowCount + 20 + 19 * 420)
    } finally {
      await cluster.remove()
    }
  })
})

it('a Postgres server that hangs in the middle of a run is given up in time', { timeout: 60_000 }, async () => {
  const cluster = await PostgresCluster.create()
  try {
    await cluster.start()
    const source = postgresRecordSource({
      name: 'items',
      url: () => cluster.url,
      query: 'SELECT n AS sku FROM generate_series(1, 100000) n',
      columns: ['sku'],
      timeoutMs: 1000,
    })
    let startMs = 0
    const pull = async (): Promise<void> => {
      for await (const _ of source.pull(undefined, new AbortController().signal)) {
        cluster.freeze('SIGSTOP')
        startMs = performance.now()
      }
    }
    await expect(pull()).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE' })
    expect(performance.now() - startMs).toBeLessThan(5000)
    cluster.freeze('SIGCONT')
  } finally {
    await cluster.remove()
  }
})
