// One join, in a process of its own so that its memory is its own: node bench/join-run.ts compiled|by-hand FOLDER MEMORY_BYTES. Prints one line of JSON.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openDuckDb } from '../src/adapters/duckdb/connection.ts'
import { duckDbOfflineStore } from '../src/adapters/duckdb/offline-store.ts'
import type { Label } from '../src/ports/offline-store.ts'
import { joinByHand } from './join-by-hand.ts'
import { joinAttributes, joinDefinitions, joinPaths } from './join-data.ts'

export interface JoinRun {
  readonly seconds: number
  readonly peakBytes: number
  readonly bytes: number
}

const [how, folder, memory] = process.argv.slice(2) as [string, string, string]
const paths = joinPaths(folder)
const options = { temporaryFolder: join(folder, 'temporary'), memoryBytes: Number(memory), threadCount: 2 }
const target = join(folder, `${how}.parquet`)
const startMs = performance.now()
if (how === 'compiled') await compiled()
else await byHand()
const run: JoinRun = {
  seconds: (performance.now() - startMs) / 1000,
  peakBytes: process.resourceUsage().maxRSS * 1024,
  bytes: (await stat(target)).size,
}
console.log(JSON.stringify(run))

async function compiled(): Promise<void> {
  const store = duckDbOfflineStore(options)
  await store.joinFeatures({
    files: [
      { path: paths.interactions, table: 'interactions' },
      { path: paths.changes, table: 'changes' },
    ],
    definitions: joinDefinitions(),
    attributes: joinAttributes,
    labels: readLabels(),
    target,
  })
  await store.close()
}

async function* readLabels(): AsyncGenerator<readonly Label[]> {
  const duckDb = await openDuckDb(options)
  const result = await duckDb.connection.stream(`select user_id, item_id, t from '${paths.labels}' order by row_id`)
  for await (const rows of result.yieldRowsJs()) {
    yield rows.map(([userId, itemId, t]) => ({ userId: String(userId), itemId: String(itemId), momentMs: Number(t) }))
  }
  duckDb.close()
}

async function byHand(): Promise<void> {
  const duckDb = await openDuckDb(options)
  for (const table of ['interactions', 'changes', 'labels'] as const)
    await duckDb.run(`create temp view ${table} as select * from '${paths[table]}'`)
  for (const statement of joinByHand) await duckDb.run(statement)
  await duckDb.run('set preserve_insertion_order = true')
  await duckDb.run(
    `copy (select l.user_id, l.item_id, l.t, h.* from labels l join by_hand h using (row_id) order by row_id) to '${target}' (format parquet, compression zstd)`,
  )
  duckDb.close()
}
