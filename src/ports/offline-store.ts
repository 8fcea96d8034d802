// History for training: what happened, in files, and what was known of whom at each moment.
import type { EntityName } from '../domain/event.ts'
import type { AttributeKind, FeatureDefinition } from '../domain/feature.ts'
import type { OfflineTableName } from '../domain/offline-table.ts'
import type { StoredEvent } from './event-log.ts'

/** A file that was written, as the log of a table wants to know it. Never changed afterwards. */
export interface DataFile {
  /** Relative to the folder it was asked for in, with "/" between the parts. */
  readonly path: string
  /** Which of the tables of events it belongs to. */
  readonly table: OfflineTableName
  /** The day on which its events became available, as "2026-01-31", UTC. */
  readonly date: string
  readonly rowCount: number
  readonly bytes: number
}

/** For whom, and as of when, the features are wanted. */
export interface Label {
  readonly userId: string
  readonly itemId: string
  readonly momentMs: number
}

export interface JoinRequest {
  /** Of events, as `writeEvents` made them: absolute paths. Each event in one file. Files of impressions have no part in any feature. */
  readonly files: readonly { readonly path: string; readonly table: DataFile['table'] }[]
  readonly definitions: readonly FeatureDefinition[]
  /** Those that features name; others may be left out. */
  readonly attributes: Readonly<Record<EntityName, Readonly<Record<string, AttributeKind>>>>
  /** In the order that the training set will have. */
  readonly labels: AsyncIterable<readonly Label[]> | Iterable<readonly Label[]>
  /** Where the training set goes: an absolute path that ends in ".parquet". Replaced where it is there. */
  readonly target: string
}

/** What came of a join. The same files, definitions and labels give the same bytes. */
export interface JoinedFile {
  readonly rowCount: number
  readonly bytes: number
  /** Of the file, as 64 hexadecimal digits. */
  readonly sha256: string
}

/** Files of one table of events. */
export interface EventFiles {
  readonly table: DataFile['table']
  /** Absolute paths, each once. */
  readonly paths: readonly string[]
}

export interface ReadEventsRequest extends EventFiles {
  /** By offset: `log` begins with the oldest, `newestFirst` with the newest. */
  readonly order: 'log' | 'newestFirst'
  /** At most so many events. Default: all. */
  readonly limit?: number
}

/** One place of one user's list. */
export interface ListRow {
  readonly userId: string
  readonly placement: string
  /** From 1, the best first. */
  readonly position: number
  readonly itemId: string
  readonly score: number
  readonly generator: string
  readonly modelVersion: string
  readonly batchId: string
}

export interface OfflineStore {
  /**
   * Writes events to Parquet files by day: `interactions/date=2026-01-31/...`, and so for every table. The files' names hold the offset of
   * their first event, so that writing the same events again gives the same files.
   * @param batches in the order of the log
   * @throws MillraceError OFFLINE_STORE_FAILED, DISK_FULL
   */
  writeEvents(batches: AsyncIterable<readonly StoredEvent[]>, folder: string): Promise<readonly DataFile[]>
  /**
   * The events that went into the files, in batches of some thousand at most. An interaction without a weight comes back with weight 1, which means the same. When
   * the log took an event that was known before is not kept, only the time from which on it was available. A file that lacks a column, because an older version wrote it, has no value there.
   * @throws MillraceError OFFLINE_STORE_FAILED, OFFLINE_MEMORY_EXHAUSTED
   */
  readEvents(request: ReadEventsRequest): AsyncIterable<readonly StoredEvent[]>
  /**
   * Writes all rows of the files to one, in the order of the log: the same rows give the same bytes. The target's folder is created where it is missing.
   * @param target an absolute path
   * @throws MillraceError OFFLINE_STORE_FAILED, OFFLINE_MEMORY_EXHAUSTED, DISK_FULL
   */
  mergeEventFiles(files: EventFiles, target: string): Promise<Pick<DataFile, 'rowCount' | 'bytes'>>
  /**
   * One row for each label: `rowId`, `userId`, `itemId`, `momentMs` and for each feature its value, `<name>__status` and `<name>__newest_ms`. A value is
   * what `FeatureDefinition` says it is: nothing that became available at or after the moment has a part in it.
   * @throws MillraceError LABELS_BEFORE_DATA where no label has an event before it, OFFLINE_STORE_FAILED, OFFLINE_MEMORY_EXHAUSTED, DISK_FULL
   */
  joinFeatures(request: JoinRequest): Promise<JoinedFile>
  /**
   * Writes lists to one Parquet file, with the columns of `ListRow`, in the order of the batches: the same rows give the same bytes. The file is there as a whole
   * or not at all; one that was there is replaced. Its folder is created where it is missing.
   * @param target an absolute path
   * @throws MillraceError EXPORT_UNWRITABLE, OFFLINE_STORE_FAILED, OFFLINE_MEMORY_EXHAUSTED, DISK_FULL
   */
  writeLists(
    batches: AsyncIterable<readonly ListRow[]>,
    target: string,
  ): Promise<{ readonly rowCount: number; readonly bytes: number }>
  close(): Promise<void>
}
