// The one query set of the metadata store, typed by its tables: SQLite and Postgres differ in how they connect, not in what is asked.
import type { MetadataStore } from '../../ports/metadata-store.ts'
import { checkResults } from './check-result-queries.ts'
import { featureVersions } from './feature-version-queries.ts'
import { gateReports } from './gate-report-queries.ts'
import { type Connected, MetadataDatabase } from './metadata-database.ts'
import { modelRegistry } from './model-registry-queries.ts'
import { modelUses } from './model-use-queries.ts'
import { runStore } from './run-store-queries.ts'
import { sourceStates } from './source-state-queries.ts'
import { tablePublications } from './table-publication-queries.ts'
import { trainingSets } from './training-set-queries.ts'

/** The store over a database whose tables are up to date. */
export function metadataStoreOver(connected: Connected): MetadataStore {
  const database = new MetadataDatabase(connected)
  return {
    sourceStates: sourceStates(database),
    checkResults: checkResults(database),
    featureVersions: featureVersions(database),
    trainingSets: trainingSets(database),
    tablePublications: tablePublications(database),
    modelRegistry: modelRegistry(database),
    modelUses: modelUses(database),
    runs: runStore(database),
    gateReports: gateReports(database),
    close: () => database.close(),
  }
}
