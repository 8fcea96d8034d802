// Offline tables over the embedded stores in a folder, on a clock of their own, for tests.
import { join } from 'node:path'
import { duckDbOfflineStore } from '../../adapters/duckdb/offline-store.ts'
import { localDeltaStorage } from '../../adapters/embedded/delta-storage.ts'
import { openEventLog } from '../../adapters/embedded/event-log.ts'
import { openMetadataStore } from '../../adapters/embedded/metadata-store.ts'
import type { AttributePlan } from '../../config/plan.ts'
import type { DeltaStorage } from '../../delta/storage.ts'
import type { ImpressionEvent, InteractionEvent, LogEvent } from '../../domain/event.ts'
import { offlineTableNames } from '../../domain/offline-table.ts'
import type { EventLog, StoredEvent } from '../../ports/event-log.ts'
import type { MetadataStore } from '../../ports/metadata-store.ts'
import { testPlan } from '../plan.testing.ts'
import { OfflineTables } from './offline-tables.ts'

export const START_MS = Date.parse('2026-03-10T12:00:00Z')

export interface TablesUnderTest {
  readonly log: EventLog
  readonly metadata: MetadataStore
  readonly clock: { nowMs: number; now(): number }
  /** What the log holds, interactions with the weight that they have without one. */
  logged(): Promise<readonly StoredEvent[]>
  /** As another process would: nothing remembered but what is stored. */
  open(options?: {
    readonly chunkLength?: number
    readonly through?: (storage: DeltaStorage) => DeltaStorage
  }): OfflineTables
  close(): Promise<void>
}

const item: Record<string, AttributePlan> = {
  category: { type: 'category', isOptional: false },
  price: { type: 'number', isOptional: true },
}

export async function tablesIn(folder: string): Promise<TablesUnderTest> {
  const clock = { nowMs: START_MS, now: () => clock.nowMs }
  const log = await openEventLog({ folder: join(folder, 'log'), clock })
  const metadata = await openMetadataStore({ folder: join(folder, 'metadata'), clock })
  const store = duckDbOfflineStore({ temporaryFolder: join(folder, 'temporary'), threadCount: 1 })
  let idCount = 0
  return {
    log,
    metadata,
    clock,
    logged: async () =>
      (await log.read(0, 1_000_000)).map((stored) =>
        stored.event.kind === 'interaction' ? { ...stored, event: { weight: 1, ...stored.event } } : stored,
      ),
    open: ({ chunkLength = 1000, through = (storage: DeltaStorage) => storage } = {}) =>
      new OfflineTables({
        plan: testPlan({ item }),
        log,
        store,
        clock,
        newId: () => `id-${idCount++}`,
        stagingFolder: join(folder, 'staging'),
        chunkLength,
        checkResults: metadata.checkResults,
        publications: metadata.tablePublications,
        trainingSets: metadata.trainingSets,
        placeOf: (table) => ({
          folder: join(folder, 'tables', table),
          storage: through(localDeltaStorage({ folder: join(folder, 'tables', table) })),
        }),
      }),
    close: async () => {
      await log.close()
      await metadata.close()
    },
  }
}

let eventCount = 0

export const view = (changes: Partial<InteractionEvent> = {}): LogEvent => ({
  kind: 'interaction',
  id: `view-${eventCount++}`,
  interaction: 'view',
  userId: `u${eventCount % 7}`,
  itemId: `i${eventCount % 5}`,
  eventTimeMs: START_MS - 1000,
  weight: 1,
  ...changes,
})

export const put = (
  entityId: string,
  attributes: Readonly<Record<string, string | number>> = { category: 'lamps' },
): LogEvent => ({
  kind: 'entity',
  id: `put-${eventCount++}`,
  entity: 'item',
  entityId,
  change: 'put',
  attributes,
  eventTimeMs: START_MS - 2000,
})

export const shown = (itemIds: readonly string[], changes: Partial<ImpressionEvent> = {}): LogEvent => ({
  kind: 'impression',
  id: `shown-${eventCount++}`,
  userId: `u${eventCount % 7}`,
  itemIds,
  eventTimeMs: START_MS - 1500,
  ...changes,
})

/** Every row of all tables' newest versions, by offset. */
export async function newestRows(tables: OfflineTables): Promise<readonly StoredEvent[]> {
  const rows: StoredEvent[] = []
  for (const name of offlineTableNames) {
    const { newestVersion } = await tables.describe(name)
    rows.push(...(await tables.rows(name, { version: newestVersion, limit: 1_000_000 })).rows)
  }
  return rows.sort((a, b) => a.offset - b.offset)
}
