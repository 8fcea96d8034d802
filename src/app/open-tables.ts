import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { duckDbOfflineStore } from '../adapters/duckdb/offline-store.ts'
import { localDeltaStorage } from '../adapters/embedded/delta-storage.ts'
import type { App } from '../app.ts'
import { OfflineTables } from '../data/tables/offline-tables.ts'
import { releaseAbandonedSets } from './abandoned-training-sets.ts'

/** Beside a server, that serving keeps what it needs. */
const besideServing = { memoryBytes: 512 * 2 ** 20, threadCount: 1 } as const

/**
 * The offline tables of an app, in `tables/` of its data folder. They hold nothing open but what the app holds. Versions that a killed process kept for a training
 * set are let go.
 * @param options.isBesideServing less memory, and one thread; default: what the offline store takes by itself
 * @throws MillraceError METADATA_*
 */
export async function openTables(
  app: App,
  options: { readonly isBesideServing?: boolean } = {},
): Promise<OfflineTables> {
  const { plan, log, clock, dataDir } = app
  await releaseAbandonedSets(app)
  const { checkResults, tablePublications, trainingSets } = await app.metadata()
  const temporaryFolder = join(dataDir, 'temporary', 'duckdb')
  return new OfflineTables({
    plan,
    log,
    clock,
    newId: randomUUID,
    store: duckDbOfflineStore({ temporaryFolder, ...(options.isBesideServing && besideServing) }),
    stagingFolder: join(dataDir, 'temporary', 'tables'),
    checkResults,
    publications: tablePublications,
    trainingSets,
    placeOf: (table) => {
      const folder = join(dataDir, 'tables', table)
      return { folder, storage: localDeltaStorage({ folder }) }
    },
  })
}
