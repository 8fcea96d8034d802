// From the event log to the offline tables. A table's own log says how far it has come: the offset is part of the commit that brings the rows, so a process
// that is killed anywhere leaves the table with all events up to some offset, each once, and the next one goes on from there.
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DeltaStorage } from '../../delta/storage.ts'
import type { NewDeltaFile } from '../../delta/write.ts'
import { type OfflineTableName, tableOfKind } from '../../domain/offline-table.ts'
import type { Clock } from '../../lib/clock.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { EventLog, StoredEvent } from '../../ports/event-log.ts'
import type { DataFile, OfflineStore } from '../../ports/offline-store.ts'
import { removeAbandoned } from '../abandoned.ts'
import { logBatches } from '../log-batches.ts'
import { LOG_APP_ID, type OfflineTable } from './offline-table.ts'
import { inSlices } from './slices.ts'
import { DATE_COLUMN } from './table-schema.ts'

export interface SyncPorts {
  readonly log: EventLog
  readonly store: OfflineStore
  readonly clock: Clock
  readonly newId: () => string
  /** For files that are on their way; created where it is missing. */
  readonly stagingFolder: string
  /** Events of one commit. Default: 250,000. */
  readonly chunkLength?: number
}

export interface TableCommit {
  readonly table: OfflineTableName
  readonly version: number
  readonly rowCount: number
  readonly fileCount: number
}

export interface SyncStep {
  readonly commits: readonly TableCommit[]
  /** One past the newest event that all tables have. */
  readonly nextOffset: number
  /** Events in the log that are still to come. */
  readonly lagEventCount: number
  /** Of tables that could not be opened; the others go on. */
  readonly failures: readonly MillraceError[]
}

/** Keeps the log from trimming what the tables do not have yet. */
const CONSUMER = 'offline-tables'
const CHUNK_LENGTH = 250_000
/**
 * A table that got no rows for so long says in a commit without files how far it has read, so that neither a new process nor the log's retention has to
 * go back further.
 */
const SILENT_EVENT_COUNT = 1_000_000
/** Two processes that write in turns each lose half of their races; so many in a row are something else. */
const ATTEMPT_COUNT_MAX = 20

/** Brings the tables up to the log, a commit at a time. Several processes may do so at once: one of them wins each commit, the others go on from it. */
export class TableSync {
  readonly #tables: readonly OfflineTable[]
  readonly #ports: SyncPorts
  /** How far a table without new rows was read, by name; what a new process does not know it reads again. */
  readonly #silent = new Map<OfflineTableName, { readonly committed: number | undefined; readonly readTo: number }>()

  constructor(tables: readonly OfflineTable[], ports: SyncPorts) {
    this.#tables = tables
    this.#ports = ports
  }

  /**
   * At most one commit to each table. Repeat it while there is a lag.
   * @throws MillraceError TABLE_LOG_GAP, DISK_FULL, OFFLINE_STORE_FAILED, and those of the event log; the next step goes on from what was committed
   */
  async step(): Promise<SyncStep> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt()
      } catch (error) {
        const isRace = error instanceof MillraceError && error.code === 'DELTA_CONFLICT'
        if (!isRace || attempt >= ATTEMPT_COUNT_MAX) throw error
      }
    }
  }

  async #attempt(): Promise<SyncStep> {
    const { log, chunkLength = CHUNK_LENGTH } = this.#ports
    const { firstOffset, nextOffset: logEnd } = await log.bounds()
    const { places, failures } = await this.#places(firstOffset)
    if (places.length === 0) throw failures[0]
    const start = Math.min(...places.map(({ readFrom }) => readFrom))
    const end = Math.min(start + chunkLength, logEnd)
    // A table that cannot be opened still needs what the log holds.
    if (failures.length === 0) {
      const kept = Math.min(...places.map(({ committed, readFrom }) => committed ?? readFrom))
      if ((await log.committedOffset(CONSUMER)) !== kept) await log.commitOffset(CONSUMER, kept)
    }
    const commits = start < end ? await this.#commit(places, { start, end }) : []
    return { commits, nextOffset: end, lagEventCount: Math.max(0, logEnd - end), failures }
  }

  async #places(firstOffset: number): Promise<{ places: TablePlaceInLog[]; failures: MillraceError[] }> {
    const places: TablePlaceInLog[] = []
    const failures: MillraceError[] = []
    for (const table of this.#tables) {
      try {
        places.push(await this.#placeOf(table, firstOffset))
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error
        failures.push(error)
      }
    }
    return { places, failures }
  }

  async #placeOf(table: OfflineTable, firstOffset: number): Promise<TablePlaceInLog> {
    const committed = (await table.ask((delta) => delta.snapshot())).txnVersion(LOG_APP_ID)
    const silent = this.#silent.get(table.name)
    const readTo = silent !== undefined && silent.committed === committed ? silent.readTo : 0
    const readFrom = Math.max(committed ?? firstOffset, readTo)
    if (readFrom < firstOffset) throw logGap(table.name, { readFrom, firstOffset })
    return { table, committed, readFrom }
  }

  async #commit(
    places: readonly TablePlaceInLog[],
    { start, end }: { readonly start: number; readonly end: number },
  ): Promise<TableCommit[]> {
    const { log, store, newId, stagingFolder } = this.#ports
    await this.#sweep()
    const staging = join(stagingFolder, newId())
    const wanted = new Map(places.map(({ table, readFrom }) => [table.name, readFrom]))
    const batches = inSlices(logBatches(log, { firstOffset: start, nextOffset: end }))
    try {
      const files = await store.writeEvents(onlyFrom(batches, wanted), staging)
      const commits: TableCommit[] = []
      for (const place of places) {
        const commit = await this.#commitTable(place, { end, staging, files })
        if (commit) commits.push(commit)
      }
      return commits
    } finally {
      await rm(staging, { recursive: true, force: true })
    }
  }

  async #commitTable(
    { table, committed, readFrom }: TablePlaceInLog,
    { end, staging, files }: { readonly end: number; readonly staging: string; readonly files: readonly DataFile[] },
  ): Promise<TableCommit | undefined> {
    const own = files.filter((file) => file.table === table.name)
    if (own.length === 0 && end - (committed ?? readFrom) < SILENT_EVENT_COUNT) {
      this.#silent.set(table.name, { committed, readTo: Math.max(end, readFrom) })
      return undefined
    }
    const placed = await this.#place(table, { staging, files: own })
    const { version, isNew } = await this.#appended(table, placed, { follows: committed, nextOffset: end })
    if (!isNew) return undefined
    const rowCount = placed.reduce((sum, file) => sum + file.rowCount, 0)
    return { table: table.name, version, rowCount, fileCount: placed.length }
  }

  /** Puts files where the table has them, under names that nobody else uses. Without a commit they belong to nothing, and are vacuumed. */
  async #place(
    { place }: OfflineTable,
    { staging, files }: { readonly staging: string; readonly files: readonly DataFile[] },
  ): Promise<NewDeltaFile[]> {
    const placed: NewDeltaFile[] = []
    try {
      for (const { path, date, rowCount, bytes } of files) {
        const firstOffset = path.slice(path.lastIndexOf('/') + 1).replace('.parquet', '')
        const target = `${DATE_COLUMN}=${date}/${firstOffset}-${this.#ports.newId()}.parquet`
        await place.storage.write(target, await readFile(join(staging, path)))
        placed.push({ path: target, sizeBytes: bytes, rowCount, partitionValues: { [DATE_COLUMN]: date } })
      }
      return placed
    } catch (error) {
      // A disk that is full gets no fuller with every try.
      await removeFiles(place.storage, placed)
      throw error
    }
  }

  async #appended(
    table: OfflineTable,
    files: readonly NewDeltaFile[],
    place: { readonly follows: number | undefined; readonly nextOffset: number },
  ): ReturnType<OfflineTable['append']> {
    const { storage } = table.place
    try {
      const result = await table.append(files, place)
      if (!result.isNew) await removeFiles(storage, files)
      return result
    } catch (error) {
      // Of any other failure it is not known whether the commit was made.
      if (error instanceof MillraceError && error.code === 'DELTA_CONFLICT') await removeFiles(storage, files)
      throw error
    }
  }

  /** What a process that was killed left on its way. */
  async #sweep(): Promise<void> {
    const { stagingFolder, clock } = this.#ports
    await mkdir(stagingFolder, { recursive: true })
    await removeAbandoned(stagingFolder, clock.now())
  }
}

async function removeFiles(storage: DeltaStorage, files: readonly NewDeltaFile[]): Promise<void> {
  for (const { path } of files) await storage.remove(path)
}

interface TablePlaceInLog {
  readonly table: OfflineTable
  /** What the table's log says; undefined before its first rows. */
  readonly committed: number | undefined
  /** The first offset that it may still need. */
  readonly readFrom: number
}

/** Leaves out what a table has already: they need not have come equally far. */
async function* onlyFrom(
  batches: AsyncIterable<readonly StoredEvent[]>,
  wanted: ReadonlyMap<OfflineTableName, number>,
): AsyncGenerator<readonly StoredEvent[]> {
  for await (const batch of batches) {
    yield batch.filter(
      ({ offset, event }) => offset >= (wanted.get(tableOfKind[event.kind]) ?? Number.POSITIVE_INFINITY),
    )
  }
}

function logGap(table: string, { readFrom, firstOffset }: { readFrom: number; firstOffset: number }): MillraceError {
  return new MillraceError(
    'TABLE_LOG_GAP',
    `Table "${table}" holds the event log up to offset ${readFrom}, and the log begins at ${firstOffset}: ${firstOffset - readFrom} events between are gone.`,
    {
      fix: 'Restore the table or the log from a backup. Or move the table’s folder away: it is made anew from what the log still holds.',
    },
  )
}
