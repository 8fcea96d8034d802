// Run as a process of its own, to be killed: brings offline tables up to a log, again and again.
// node table-sync.ts FOLDER CHUNK_LENGTH
import { randomUUID } from 'node:crypto'
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { duckDbOfflineStore } from '../../src/adapters/duckdb/offline-store.ts'
import { localDeltaStorage } from '../../src/adapters/embedded/delta-storage.ts'
import { openEventLog } from '../../src/adapters/embedded/event-log.ts'
import { openMetadataStore } from '../../src/adapters/embedded/metadata-store.ts'
import { testPlan } from '../../src/data/plan.testing.ts'
import { OfflineTables } from '../../src/data/tables/offline-tables.ts'
import { systemClock } from '../../src/lib/clock.ts'

const [folder, chunkLength] = process.argv.slice(2) as [string, string]
const log = await openEventLog({ folder: join(folder, 'log') })
const metadata = await openMetadataStore({ folder: join(folder, 'metadata'), clock: systemClock })
const tables = new OfflineTables({
  plan: testPlan(),
  log,
  store: duckDbOfflineStore({ temporaryFolder: join(folder, 'temporary', String(process.pid)), threadCount: 1 }),
  clock: systemClock,
  newId: randomUUID,
  stagingFolder: join(folder, 'staging'),
  chunkLength: Number(chunkLength),
  checkResults: metadata.checkResults,
  publications: metadata.tablePublications,
  trainingSets: metadata.trainingSets,
  placeOf: (table) => {
    const place = join(folder, 'tables', table)
    return { folder: place, storage: localDeltaStorage({ folder: place }) }
  },
})
writeSync(1, 'begins\n')
while (!(await log.waitFor(Number.MAX_SAFE_INTEGER, 1))) {
  await tables.sync()
  await tables.compact()
}
