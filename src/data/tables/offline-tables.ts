// The offline tables of a system: kept up to date with the event log, audited, published, compacted, vacuumed, and shown.
import type { CleanedUp } from '../../delta/clean-up.ts'
import type { DeltaSnapshot } from '../../delta/snapshot.ts'
import { featureTableNames, type OfflineTableName, offlineTableNames } from '../../domain/offline-table.ts'
import type { TableHold, TablePublication } from '../../domain/table-publication.ts'
import type { TableVersion } from '../../domain/training-set.ts'
import { MillraceError } from '../../lib/errors.ts'
import { suggestName } from '../../lib/nearest-name.ts'
import type { StoredEvent } from '../../ports/event-log.ts'
import type { TrainingSets } from '../../ports/training-sets.ts'
import { type Audit, type AuditPorts, auditTable, dateOf, lastWholeDay } from './audit-table.ts'
import { type Compaction, compactTable } from './compact-table.ts'
import { type FilesOfVersions, readFailure, versionFilesOf } from './damaged-file.ts'
import { type OfflineTable, offlineTable, type TablePlace } from './offline-table.ts'
import { type SyncPorts, type TableCommit, TableSync } from './sync-tables.ts'
import { DATE_COLUMN } from './table-schema.ts'

export interface OfflineTablesPorts extends AuditPorts, SyncPorts {
  readonly trainingSets: TrainingSets
  readonly placeOf: (table: OfflineTableName) => Omit<TablePlace, 'table' | 'clock' | 'newId'>
}

export interface TablesReport {
  readonly commits: readonly TableCommit[]
  readonly audits: readonly Audit[]
  readonly compactions: readonly Compaction[]
  /** Events of the log that the tables do not have yet; 0 unless the sync was told to end early. */
  readonly lagEventCount: number
}

export interface TableDescription {
  readonly table: OfflineTableName
  readonly newestVersion: number
  /** Undefined where readers get nothing yet. */
  readonly published: TablePublication | undefined
  readonly hold: TableHold | undefined
  /** Of the newest version, as the rest. */
  readonly rowCount: number
  readonly fileCount: number
  readonly bytes: number
  /** The newest day of availability, such as "2026-03-01"; undefined where there is no row. */
  readonly newestDay: string | undefined
}

export interface TableHistoryEntry {
  readonly version: number
  readonly timestampMs: number
  readonly operation: string | undefined
  readonly addedRowCount: number | undefined
  readonly addedFileCount: number
  readonly removedFileCount: number
  /** `published` is the one that readers get, `older` what came before it, `held` what is kept back, `new` what was not judged yet. */
  readonly state: 'older' | 'published' | 'held' | 'new'
}

export interface SyncOptions {
  /** Looks again at what the checks hold, which otherwise happens once a day. */
  readonly isAuditAgain?: boolean
  /** Commits to each table; the rest waits for the next time. Default: until there is no lag. */
  readonly stepCountMax?: number
  readonly onProgress?: (progress: { readonly nextOffset: number; readonly lagEventCount: number }) => void
}

/** Small files of one day that are made one without anyone asking: half an hour of a commit a minute. */
const SMALL_FILE_COUNT = 32
const DAY_MS = 86_400_000
/** Shorter than this a write that is on its way could lose its files. */
export const KEEP_DAYS_MIN = 1
export const KEEP_DAYS_DEFAULT = 7

export class OfflineTables {
  readonly #tables: readonly OfflineTable[]
  readonly #ports: OfflineTablesPorts
  readonly #sync: TableSync

  constructor(ports: OfflineTablesPorts) {
    const { placeOf, clock, newId } = ports
    this.#ports = ports
    this.#tables = offlineTableNames.map((table) => offlineTable({ table, clock, newId, ...placeOf(table) }))
    this.#sync = new TableSync(this.#tables, ports)
  }

  /**
   * Brings every table up to the log, publishes what the checks let through, and compacts days of many small files.
   * @throws MillraceError the first failure of a table, once the others are done; DISK_FULL, TABLE_LOG_GAP, DELTA_*, OFFLINE_*, METADATA_*.
   *   What was committed stays, and the next sync goes on from there.
   */
  async sync(options: SyncOptions = {}): Promise<TablesReport> {
    const { isAuditAgain = false, stepCountMax = Number.POSITIVE_INFINITY, onProgress } = options
    const commits: TableCommit[] = []
    let step = await this.#sync.step()
    for (let stepCount = 1; ; stepCount++) {
      commits.push(...step.commits)
      onProgress?.(step)
      if (step.lagEventCount === 0 || stepCount >= stepCountMax) break
      step = await this.#sync.step()
    }
    const failures: unknown[] = [...step.failures]
    const audits: Audit[] = []
    const compactions: Compaction[] = []
    for (const table of this.#tables) {
      try {
        const audit = await this.#audit(table, isAuditAgain)
        const compacted = await this.#compact(table, SMALL_FILE_COUNT)
        audits.push(compacted.length > 0 ? await this.#audit(table, false) : audit)
        compactions.push(...compacted)
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
    return { commits, audits, compactions, lagEventCount: step.lagEventCount }
  }

  async list(): Promise<readonly TableDescription[]> {
    return Promise.all(this.#tables.map(({ name }) => this.describe(name)))
  }

  /** @throws MillraceError TABLE_UNKNOWN, DELTA_* */
  async describe(name: string): Promise<TableDescription> {
    const table = this.#table(name)
    const { publications } = this.#ports
    const { version, files } = await table.ask((delta) => delta.snapshot())
    const days = files.map(({ partitionValues }) => partitionValues[DATE_COLUMN]!)
    return {
      table: table.name,
      newestVersion: version,
      published: await publications.find(table.name),
      hold: await publications.openHold(table.name),
      rowCount: files.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0),
      fileCount: files.length,
      bytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      newestDay: days.sort().at(-1),
    }
  }

  /** Newest first, as far back as the table's log reaches. @throws MillraceError TABLE_UNKNOWN, DELTA_* */
  async history(name: string, limit: number): Promise<readonly TableHistoryEntry[]> {
    const table = this.#table(name)
    const { publications } = this.#ports
    const entries = (await table.ask((delta) => delta.history())).slice(-limit).reverse()
    const published = (await publications.find(table.name))?.version ?? -1
    const isHeld = (await publications.openHold(table.name)) !== undefined
    return entries.map((entry) => {
      const { version, timestampMs, operation, addedRowCount, addedFileCount, removedFileCount } = entry
      const later = isHeld ? 'held' : 'new'
      const state = version === published ? 'published' : version < published ? 'older' : later
      return { version, timestampMs, operation, addedRowCount, addedFileCount, removedFileCount, state }
    })
  }

  /**
   * The newest rows of a version, newest first.
   * @param options.version default: the published one
   * @throws MillraceError TABLE_UNKNOWN, TABLE_NOT_PUBLISHED, DELTA_VERSION_NOT_FOUND, DELTA_LOG_DAMAGED, TABLE_FILE_DAMAGED, OFFLINE_STORE_FAILED
   */
  async rows(
    name: string,
    options: { readonly version?: number | undefined; readonly limit: number },
  ): Promise<{ readonly version: number; readonly rows: readonly StoredEvent[] }> {
    const table = this.#table(name)
    const { version, files } = await this.#snapshot(table, options.version)
    const paths = files.map(({ path }) => table.absolutePath(path))
    const rows: StoredEvent[] = []
    const request = { table: table.name, paths, order: 'newestFirst', limit: options.limit } as const
    try {
      for await (const batch of this.#ports.store.readEvents(request)) rows.push(...batch)
    } catch (error) {
      throw await readFailure(error, versionFilesOf(table, { version, files }))
    }
    return { version, rows }
  }

  /**
   * Puts a version in charge by a person's decision. A newer one than the published lets through what is held; an older one takes readers back to it, and keeps
   * every later version back until somebody publishes one.
   * @param decision.version default: the newest
   * @throws MillraceError TABLE_UNKNOWN, DELTA_VERSION_NOT_FOUND, TABLE_PUBLICATION_CHANGED
   */
  async publish(
    name: string,
    decision: { readonly version?: number | undefined; readonly by: string; readonly why: string },
  ): Promise<TablePublication> {
    const table = this.#table(name)
    const { publications, clock } = this.#ports
    const { version } = await table.ask((delta) =>
      delta.snapshot(decision.version === undefined ? {} : { version: decision.version }),
    )
    const before = await publications.find(table.name)
    const nowMs = clock.now()
    const { by, why } = decision
    const isBack = before !== undefined && version < before.version
    const through = isBack ? before.checked?.through : dateOf(lastWholeDay(nowMs))
    const publication: TablePublication = {
      table: table.name,
      version,
      publishedAtMs: nowMs,
      by,
      why,
      ...(through !== undefined && { checked: { through, version } }),
    }
    const hold = {
      table: table.name,
      sinceVersion: version + 1,
      heldAtMs: nowMs,
      checkedAtMs: nowMs,
      by,
      reasons: [why],
    }
    await publications.publish(publication, { follows: before?.version, ...(isBack && { hold }) })
    return publication
  }

  /**
   * Makes the small files of each day one, in published rows only.
   * @param name default: every table
   * @throws MillraceError TABLE_UNKNOWN, DISK_FULL, OFFLINE_STORE_FAILED, DELTA_*
   */
  async compact(name?: string): Promise<readonly Compaction[]> {
    const done: Compaction[] = []
    for (const table of this.#chosen(name)) {
      const compactions = await this.#compact(table, 2)
      if (compactions.length > 0) await this.#audit(table, false)
      done.push(...compactions)
    }
    return done
  }

  /**
   * Removes files and commits that no version needs any more which may still be read: none of the kept days, none that a training set pins, and not the published one.
   * @param name default: every table
   * @throws MillraceError TABLE_UNKNOWN, DELTA_VERSION_NOT_FOUND where a pinned version is gone already, DELTA_LOG_DAMAGED
   */
  async vacuum(
    name: string | undefined,
    { keepDays, isDryRun }: { readonly keepDays: number; readonly isDryRun: boolean },
  ): Promise<readonly (CleanedUp & { readonly table: OfflineTableName })[]> {
    const { publications, trainingSets } = this.#ports
    const cleaned: (CleanedUp & { readonly table: OfflineTableName })[] = []
    for (const table of this.#chosen(name)) {
      const published = await publications.find(table.name)
      const inUse = published ? [published.version, ...(published.checked ? [published.checked.version] : [])] : []
      const pinnedVersions = [...new Set([...(await trainingSets.pinnedVersions(table.name)), ...inUse])]
      const options = { retentionMs: keepDays * DAY_MS, pinnedVersions, isDryRun }
      const files = await table.ask((delta) => delta.vacuum(options))
      const log = await table.ask((delta) => delta.cleanUpLog(options))
      cleaned.push({
        table: table.name,
        removedPaths: [...files.removedPaths, ...log.removedPaths],
        removedBytes: files.removedBytes + log.removedBytes,
      })
    }
    return cleaned
  }

  /**
   * What a training set reads: the files of a version of every table that features are made of. Note the versions (`TrainingSets.begin`) before reading, so that no vacuum takes the
   * files away. Where reading them fails, `readFailure` says of which file.
   * @param versions one of each table; default: the published ones
   * @throws MillraceError TABLE_NOT_PUBLISHED, TABLE_UNKNOWN where the versions are of other tables, DELTA_*
   */
  async files(versions?: readonly TableVersion[]): Promise<FilesOfVersions> {
    const all: FilesOfVersions[] = []
    for (const name of featureTableNames) {
      const table = this.#table(name)
      all.push(versionFilesOf(table, await this.#snapshot(table, versions && versionIn(versions, table.name))))
    }
    return { files: all.flatMap(({ files }) => files), tables: all.flatMap(({ tables }) => tables) }
  }

  #table(name: string): OfflineTable {
    const table = this.#tables.find((one) => one.name === name)
    if (table) return table
    throw new MillraceError('TABLE_UNKNOWN', `No offline table is called ${JSON.stringify(name)}.`, {
      fix: suggestName(name, offlineTableNames),
    })
  }

  #chosen(name: string | undefined): readonly OfflineTable[] {
    return name === undefined ? this.#tables : [this.#table(name)]
  }

  #audit(table: OfflineTable, isAgain: boolean): Promise<Audit> {
    const changes = this.#tables.find(({ name }) => name === 'changes')!
    return auditTable(table, this.#ports, { changes, isAgain })
  }

  async #compact(table: OfflineTable, smallFileCountMin: number): Promise<Compaction[]> {
    const published = await this.#ports.publications.find(table.name)
    if (!published) return []
    return compactTable(table, this.#ports, { publishedVersion: published.version, smallFileCountMin })
  }

  async #snapshot(table: OfflineTable, version: number | undefined): Promise<DeltaSnapshot> {
    const wanted = version ?? (await this.#ports.publications.find(table.name))?.version
    if (wanted !== undefined) return table.ask((delta) => delta.snapshot({ version: wanted }))
    const hold = await this.#ports.publications.openHold(table.name)
    const newest = await table.ask((delta) => delta.snapshot())
    throw new MillraceError(
      'TABLE_NOT_PUBLISHED',
      hold
        ? `No version of table "${table.name}" is published. The checks hold it back: ${hold.reasons.join(' ')}`
        : `No version of table "${table.name}" is published yet.`,
      {
        fix: hold
          ? `Look at the rows with "millrace data show ${table.name} --version ${newest.version}". If they are fine, release them with "millrace data publish ${table.name} --why REASON".`
          : 'Run "millrace data sync".',
      },
    )
  }
}

/** A table that is left out must not be read in whatever version is published: the rest is of another time. */
function versionIn(versions: readonly TableVersion[], table: OfflineTableName): number {
  const found = versions.find((one) => one.table === table)
  if (found) return found.version
  const named = versions.map((one) => one.table).join(', ')
  throw new MillraceError('TABLE_UNKNOWN', `No version of "${table}" is among those of ${named || 'no table'}.`, {
    fix: 'What was made of other tables cannot be made again of these. Make it anew.',
  })
}
