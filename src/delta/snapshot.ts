// A version of a table, as its readers see it.
import type { AddAction } from './action.ts'
import { isInPartition, type PartitionFilter, type PartitionValues } from './partition.ts'
import type { DeltaSchema } from './schema.ts'
import type { TableState } from './table-state.ts'

/** What is known of the values of a file's columns; strings, numbers and booleans, dates and timestamps as text. */
export interface DeltaStats {
  readonly minValues?: Readonly<Record<string, unknown>>
  readonly maxValues?: Readonly<Record<string, unknown>>
  readonly nullCount?: Readonly<Record<string, unknown>>
}

/** A Parquet file that belongs to a version. */
export interface DeltaFile {
  /** Relative to the table, with `/` between names. */
  readonly path: string
  readonly sizeBytes: number
  readonly partitionValues: PartitionValues
  readonly modifiedAtMs: number
  /** Undefined where its writer did not say. */
  readonly rowCount: number | undefined
  readonly stats: DeltaStats | undefined
}

export interface DeltaSnapshot {
  readonly tableId: string
  readonly version: number
  /** Milliseconds since 1970; 0 where no commit said it. */
  readonly timestampMs: number
  readonly schema: DeltaSchema
  readonly partitionColumns: readonly string[]
  readonly configuration: Readonly<Record<string, string>>
  /** Ascending by path (UTF-16 units). */
  readonly files: readonly DeltaFile[]
  /** The files with these partition values, in the order of `files`. */
  filesIn(partition: PartitionFilter): readonly DeltaFile[]
  /** The newest version an application has written with `txn`; undefined where it wrote none. */
  txnVersion(appId: string): number | undefined
}

/** Does not change when the state does. Linear in the number of files. */
export function snapshotOf(state: TableState): DeltaSnapshot {
  const files = [...state.files.values()].map(fileOf).sort((a, b) => (a.path < b.path ? -1 : 1))
  const txnVersions = new Map([...state.txns.values()].map(({ appId, version }) => [appId, version]))
  const { id, partitionColumns, configuration } = state.metadata
  return {
    tableId: id,
    version: state.version,
    timestampMs: state.timestampMs,
    schema: state.schema,
    partitionColumns,
    configuration,
    files,
    filesIn: (partition) => files.filter((file) => isInPartition(file.partitionValues, partition)),
    txnVersion: (appId) => txnVersions.get(appId),
  }
}

function fileOf({ path, size, partitionValues, modificationTime, stats }: AddAction): DeltaFile {
  const { numRecords, ...rest } = statsOf(stats)
  return {
    path,
    sizeBytes: size,
    partitionValues,
    modifiedAtMs: modificationTime,
    rowCount: numRecords,
    stats: Object.keys(rest).length > 0 ? rest : undefined,
  }
}

function statsOf(json: string | undefined): DeltaStats & { numRecords?: number } {
  try {
    return json ? JSON.parse(json) : {}
  } catch {
    // Statistics are an aid; a file without them is read all the same.
    return {}
  }
}
