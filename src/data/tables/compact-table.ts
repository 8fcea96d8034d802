// Many small files of a day become one with the same rows. A commit a minute makes over a thousand a day, and each costs whoever reads the day a look.
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DeltaFile } from '../../delta/snapshot.ts'
import type { NewDeltaFile } from '../../delta/write.ts'
import type { OfflineTableName } from '../../domain/offline-table.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { OfflineStore } from '../../ports/offline-store.ts'
import { readFailure, versionFilesOf } from './damaged-file.ts'
import type { OfflineTable } from './offline-table.ts'
import { DATE_COLUMN } from './table-schema.ts'

export interface CompactPorts {
  readonly store: OfflineStore
  readonly newId: () => string
  /** For files that are on their way; created where it is missing. */
  readonly stagingFolder: string
}

export interface Compaction {
  readonly table: OfflineTableName
  /** The version that the compaction made. */
  readonly version: number
  /** Of one day, such as "2026-03-01". */
  readonly date: string
  readonly fileCountBefore: number
  readonly rowCount: number
}

export interface CompactOptions {
  /** Only published rows are compacted: what is in a compacted file was audited. */
  readonly publishedVersion: number
  /** A day is compacted that has so many small files, or more; at least 2. */
  readonly smallFileCountMin: number
}

/** Larger files stay as they are. */
const SMALL_BYTES = 64 * 2 ** 20
/** Of the new file; a day with more becomes several. */
const TARGET_BYTES = 256 * 2 ** 20

const COMPACTED = /(^|\/)compacted-[^/]*$/
export const isCompacted = (path: string): boolean => COMPACTED.test(path)

/** A commit for each day that needs it. Where another process compacts the same day at the same time, one of them wins and the rows stay as they are. */
export async function compactTable(
  table: OfflineTable,
  ports: CompactPorts,
  options: CompactOptions,
): Promise<Compaction[]> {
  const published = await table.ask((delta) => delta.snapshot({ version: options.publishedVersion }))
  const newest = await table.ask((delta) => delta.snapshot())
  const present = new Set(newest.files.map(({ path }) => path))
  const small = published.files.filter(({ path, sizeBytes }) => present.has(path) && sizeBytes < SMALL_BYTES)
  const byDate = Map.groupBy(small, ({ partitionValues }) => partitionValues[DATE_COLUMN]!)
  const done: Compaction[] = []
  for (const [date, files] of byDate) {
    if (files.length < Math.max(2, options.smallFileCountMin)) continue
    for (const group of groupsOf(files)) {
      const compaction = await compactFiles(table, { date, files: group, basedOn: newest.version }, ports)
      if (compaction) done.push(compaction)
    }
  }
  return done
}

/** In their order, each group up to the size of a file. */
function groupsOf(files: readonly DeltaFile[]): DeltaFile[][] {
  const groups: DeltaFile[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const file of files) {
    if (bytes + file.sizeBytes > TARGET_BYTES) {
      groups.push([])
      bytes = 0
    }
    groups.at(-1)!.push(file)
    bytes += file.sizeBytes
  }
  return groups.filter((group) => group.length > 1)
}

async function compactFiles(
  table: OfflineTable,
  { date, files, basedOn }: { readonly date: string; readonly files: readonly DeltaFile[]; readonly basedOn: number },
  { store, newId, stagingFolder }: CompactPorts,
): Promise<Compaction | undefined> {
  const id = newId()
  await mkdir(stagingFolder, { recursive: true })
  const staged = join(stagingFolder, `${id}.parquet`)
  const path = `${DATE_COLUMN}=${date}/compacted-${id}.parquet`
  const { storage } = table.place
  try {
    const paths = files.map((file) => table.absolutePath(file.path))
    const { rowCount, bytes } = await store.mergeEventFiles({ table: table.name, paths }, staged)
    await storage.write(path, await readFile(staged))
    const merged: NewDeltaFile = { path, sizeBytes: bytes, rowCount, partitionValues: { [DATE_COLUMN]: date } }
    const old = files.map((file) => file.path)
    const { version } = await table.ask((delta) => delta.compact(old, [merged], { basedOn }))
    return { table: table.name, version, date, fileCountBefore: files.length, rowCount }
  } catch (error) {
    if (!isRefused(error)) throw await readFailure(error, versionFilesOf(table, { version: basedOn, files }))
    // Not committed for certain: another process did it, or it keeps not the rows.
    await storage.remove(path)
    if (error.code === 'DELTA_CONFLICT') return undefined
    throw error
  } finally {
    await rm(staged, { force: true })
  }
}

const isRefused = (error: unknown): error is MillraceError =>
  error instanceof MillraceError && (error.code === 'DELTA_CONFLICT' || error.code === 'DELTA_COMMIT_INVALID')
