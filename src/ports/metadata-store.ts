// What the data pipeline must remember beside the data itself: small records that several processes read and change.
import type { CheckResults } from './check-results.ts'
import type { FeatureVersions } from './feature-versions.ts'
import type { GateReports } from './gate-reports.ts'
import type { ModelRegistry } from './model-registry.ts'
import type { ModelUses } from './model-uses.ts'
import type { RunStore } from './run-store.ts'
import type { SourceStates } from './source-states.ts'
import type { TablePublications } from './table-publications.ts'
import type { TrainingSets } from './training-sets.ts'

/**
 * One database, seen through one port per kind of record. Any operation may throw these besides its own:
 * - METADATA_UNAVAILABLE: it did not answer, or not in time. Trying again can help; a change was made wholly or not at all, and which is not known.
 * - METADATA_FULL: no room; nothing was changed. Trying again helps once there is room.
 * - METADATA_UNUSABLE: trying again does not help.
 * - METADATA_CLOSED: after `close`.
 */
export interface MetadataStore {
  readonly sourceStates: SourceStates
  readonly checkResults: CheckResults
  readonly featureVersions: FeatureVersions
  readonly trainingSets: TrainingSets
  readonly tablePublications: TablePublications
  readonly modelRegistry: ModelRegistry
  readonly modelUses: ModelUses
  readonly runs: RunStore
  readonly gateReports: GateReports
  /** Closing twice is fine. */
  close(): Promise<void>
}
