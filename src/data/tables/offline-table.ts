// One offline table: a Delta table in a folder of its own, made by the first who needs it.
import { join } from 'node:path'
import type { DeltaWorld } from '../../delta/commit.ts'
import { type CommitResult, createDeltaTable, type DeltaTable, openDeltaTable } from '../../delta/table.ts'
import type { NewDeltaFile } from '../../delta/write.ts'
import type { OfflineTableName } from '../../domain/offline-table.ts'
import { MillraceError } from '../../lib/errors.ts'
import { DATE_COLUMN, tableSchemas } from './table-schema.ts'

/** Where a table lies. */
export interface TablePlace extends DeltaWorld {
  readonly table: OfflineTableName
  /** What the storage's paths are relative to, for readers of files. */
  readonly folder: string
}

export interface OfflineTable {
  readonly name: OfflineTableName
  readonly place: TablePlace
  /**
   * Does something with the table, which is made where it is missing.
   * @throws MillraceError DELTA_*, DISK_FULL; those of the Delta log name the table
   */
  ask<T>(work: (delta: DeltaTable) => Promise<T>): Promise<T>
  /** Absolute, for whoever reads the file. */
  absolutePath(path: string): string
  /** Adds files with all of the event log from `follows` to `nextOffset`; a table that goes on from elsewhere is a DELTA_CONFLICT. */
  append(
    files: readonly NewDeltaFile[],
    place: { readonly follows: number | undefined; readonly nextOffset: number },
  ): Promise<CommitResult>
}

/** Who wrote a version, in the table's log: its versions are offsets, one past the newest event that the table holds. */
export const LOG_APP_ID = 'millrace-event-log'

/** Opens the table when it is first asked, and again after its log was found damaged: somebody may have mended it. */
export function offlineTable(place: TablePlace): OfflineTable {
  const { table: name, folder } = place
  let opened: Promise<DeltaTable> | undefined
  const ask = async <T>(work: (delta: DeltaTable) => Promise<T>): Promise<T> => {
    opened ??= openOrCreate(place)
    try {
      return await work(await opened)
    } catch (error) {
      if (!(error instanceof MillraceError) || !error.code.startsWith('DELTA_')) throw error
      if (error.code !== 'DELTA_CONFLICT') opened = undefined
      throw withTable(name, error)
    }
  }
  return {
    name,
    place,
    ask,
    absolutePath: (path) => join(folder, path),
    append: (files, { follows, nextOffset }) =>
      ask((delta) =>
        delta.append(files, {
          // So that a table of an older version gets the columns that came since.
          schema: tableSchemas[name],
          txn: { appId: LOG_APP_ID, version: nextOffset, follows: follows ?? null },
        }),
      ),
  }
}

async function openOrCreate(place: TablePlace): Promise<DeltaTable> {
  try {
    return await openDeltaTable(place)
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'DELTA_TABLE_NOT_FOUND') throw error
  }
  try {
    return await createDeltaTable(place, {
      name: place.table,
      schema: tableSchemas[place.table],
      partitionColumns: [DATE_COLUMN],
    })
  } catch (error) {
    // Another process was first.
    if (error instanceof MillraceError && error.code === 'DELTA_TABLE_EXISTS') return openDeltaTable(place)
    throw error
  }
}

/** The Delta log knows no name of its own. */
function withTable(table: string, cause: MillraceError): MillraceError {
  const { code, message, fix, problems } = cause
  return new MillraceError(code, `Table "${table}": ${message}`, { problems, ...(fix !== undefined && { fix }), cause })
}
