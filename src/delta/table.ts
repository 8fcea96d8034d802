// A Delta table: versions of a set of Parquet files, kept in a log that several processes may write at once.
// Armbrust et al., "Delta Lake: High-Performance ACID Table Storage over Cloud Object Stores", VLDB 2020, and the "Delta Transaction Log Protocol",
// reader version 1 and writer version 2. It knows files and their partition values; what is in the files is for others to write and to read.
import { MillraceError } from '../lib/errors.ts'
import { type Action, formatCommit } from './action.ts'
import { type CleanedUp, type CleanUpOptions, cleanUpLog, vacuum } from './clean-up.ts'
import { type CommitOptions, type Committed, commit, type DeltaWorld, refresh } from './commit.ts'
import { type HistoryEntry, history, versionAt } from './history.ts'
import { commitPath, LOG_FOLDER, parseLogPath } from './log-path.ts'
import type { PartitionFilter } from './partition.ts'
import { assertReadable, assertWritable, NEW_TABLE_PROTOCOL } from './protocol.ts'
import { readState } from './read-log.ts'
import { type DeltaSchema, schemaProblems, schemaToJson } from './schema.ts'
import { type DeltaSnapshot, snapshotOf } from './snapshot.ts'
import type { TableState } from './table-state.ts'
import {
  appendWrite,
  compactWrite,
  evolveWrite,
  type NewDeltaFile,
  overwriteWrite,
  removeFilesWrite,
  removePartitionsWrite,
  type Write,
} from './write.ts'
import { isCheckpointDue, writeCheckpoint } from './write-checkpoint.ts'

export interface NewDeltaTable {
  readonly schema: DeltaSchema
  /** Columns whose values are in the log instead of in the files. Default: none. */
  readonly partitionColumns?: readonly string[]
  readonly name?: string
  readonly description?: string
  /** Table properties, such as `delta.appendOnly` or `delta.checkpointInterval` (default 100). */
  readonly configuration?: Readonly<Record<string, string>>
}

export interface CommitResult extends Committed {
  /** Why a checkpoint that was due could not be written. The commit stands; the next checkpoint that is due makes up for it. */
  readonly checkpointFailure?: unknown
}

/** Which version: neither means the latest. */
export type VersionOrTime = { readonly version?: number } | { readonly timestampMs?: number }

/** Any of the writes may throw MillraceError DELTA_CONFLICT, DELTA_COMMIT_INVALID, DELTA_PROTOCOL_UNSUPPORTED, DELTA_LOG_DAMAGED, DISK_FULL; then nothing was committed. */
export interface DeltaTable {
  /**
   * A version, as it was. At a moment: the newest that had been committed by then.
   * @throws MillraceError DELTA_VERSION_NOT_FOUND, DELTA_LOG_DAMAGED, DELTA_PROTOCOL_UNSUPPORTED
   */
  snapshot(at?: VersionOrTime): Promise<DeltaSnapshot>
  /**
   * Adds files. Never conflicts with another append.
   * @param options.schema of the files; columns that are new in it are added to the table. Default: the table's
   * @throws MillraceError DELTA_SCHEMA_MISMATCH
   */
  append(
    files: readonly NewDeltaFile[],
    options?: CommitOptions & { readonly schema?: DeltaSchema },
  ): Promise<CommitResult>
  /**
   * Replaces the rows of some partitions (`[{}]`: of all) by those of the files. Conflicts with whatever else changed rows there.
   * @throws MillraceError DELTA_SCHEMA_MISMATCH
   */
  overwrite(
    partitions: readonly PartitionFilter[],
    files: readonly NewDeltaFile[],
    options?: CommitOptions & { readonly schema?: DeltaSchema },
  ): Promise<CommitResult>
  /** Removes the rows of some partitions; the files stay in the storage for older versions until `vacuum`. */
  removePartitions(partitions: readonly PartitionFilter[], options?: CommitOptions): Promise<CommitResult>
  /** Removes files with their rows. Conflicts where another commit removed or compacted one of them. */
  removeFiles(paths: readonly string[], options?: CommitOptions): Promise<CommitResult>
  /** Replaces files by others that hold the same rows. Conflicts where another commit removed one of them. */
  compact(paths: readonly string[], files: readonly NewDeltaFile[], options?: CommitOptions): Promise<CommitResult>
  /** @throws MillraceError DELTA_SCHEMA_MISMATCH */
  evolve(schema: DeltaSchema, options?: CommitOptions): Promise<CommitResult>
  /** As far back as the log reaches, ascending by version. Reads every commit. */
  history(): Promise<readonly HistoryEntry[]>
  /** Writes a checkpoint of the latest version. Commits do so on their own every `delta.checkpointInterval` versions. */
  checkpoint(): Promise<number>
  cleanUpLog(options: CleanUpOptions): Promise<CleanedUp>
  vacuum(options: CleanUpOptions): Promise<CleanedUp>
}

/**
 * Creates an empty table, its version 0.
 * @throws MillraceError DELTA_TABLE_EXISTS, DELTA_SCHEMA_MISMATCH with every problem of the schema, DELTA_PROTOCOL_UNSUPPORTED
 */
export async function createDeltaTable(world: DeltaWorld, table: NewDeltaTable): Promise<DeltaTable> {
  const { schema, partitionColumns = [] } = table
  const problems = schemaProblems(schema, partitionColumns)
  if (problems.length > 0) {
    throw new MillraceError('DELTA_SCHEMA_MISMATCH', `No table can have these columns; ${problems.length} problems.`, {
      problems,
      fix: 'Mend what is listed.',
    })
  }
  const actions = firstActions(world, table)
  // A log whose first commit was cleaned up is a table too.
  const objects = await world.storage.list(LOG_FOLDER)
  const exists = objects.some(({ path }) => parseLogPath(path) !== undefined)
  if (exists || !(await world.storage.writeIfAbsent(commitPath(0), formatCommit(actions)))) {
    throw new MillraceError('DELTA_TABLE_EXISTS', 'There is a Delta table already where a new one was to be created.', {
      fix: 'Open it, or choose another place.',
    })
  }
  return openDeltaTable(world)
}

function firstActions({ clock, newId }: DeltaWorld, table: NewDeltaTable): Action[] {
  const nowMs = clock.now()
  const { schema, partitionColumns = [], name, description, configuration = {} } = table
  const metaData = {
    id: newId(),
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    format: { provider: 'parquet', options: {} },
    schemaString: schemaToJson(schema),
    partitionColumns,
    configuration,
    createdTime: nowMs,
  }
  assertWritable(NEW_TABLE_PROTOCOL, metaData)
  const commitInfo = {
    timestamp: nowMs,
    operation: 'CREATE TABLE',
    operationParameters: { partitionBy: JSON.stringify(partitionColumns) },
    engineInfo: 'millrace-delta',
    txnId: newId(),
  }
  return [{ commitInfo }, { protocol: NEW_TABLE_PROTOCOL }, { metaData }]
}

/**
 * Opens the table at its latest version. One handle may be used by several callers at once; its writes then happen one after the other.
 * @throws MillraceError DELTA_TABLE_NOT_FOUND, DELTA_LOG_DAMAGED, DELTA_PROTOCOL_UNSUPPORTED
 */
export async function openDeltaTable(world: DeltaWorld): Promise<DeltaTable> {
  const { storage } = world
  let state = await readState(storage)
  assertReadable(state.protocol, state.metadata)
  const exclusive = oneAtATime()

  const write = (work: Write, options: CommitOptions = {}): Promise<CommitResult> =>
    exclusive(async () => {
      const result = await commit(world, state, { write: work, options })
      state = result.state
      return { ...result.committed, ...(await checkpointIfDue(world, state, result.committed)) }
    })

  return {
    snapshot: async (at = {}) => {
      const version =
        'timestampMs' in at && at.timestampMs !== undefined ? await versionAt(storage, at.timestampMs) : undefined
      const wanted = version ?? ('version' in at ? at.version : undefined)
      if (wanted !== undefined) return snapshotOf(await readState(storage, wanted))
      return exclusive(async () => snapshotOf((state = await refresh(world, state))))
    },
    append: (files, options) => write(appendWrite(files, options?.schema), options),
    overwrite: (partitions, files, options) => write(overwriteWrite(partitions, files, options?.schema), options),
    removePartitions: (partitions, options) => write(removePartitionsWrite(partitions), options),
    removeFiles: (paths, options) => write(removeFilesWrite(paths), options),
    compact: (paths, files, options) => write(compactWrite(paths, files), options),
    evolve: (schema, options) => write(evolveWrite(schema), options),
    history: () => history(storage),
    checkpoint: () =>
      exclusive(async () => {
        state = await refresh(world, state)
        assertWritable(state.protocol, state.metadata)
        await writeCheckpoint(world, state, { isLatest: true })
        return state.version
      }),
    cleanUpLog: (options) => cleanUpLog(world, options),
    vacuum: (options) => vacuum(world, options),
  }
}

/** The commit stands whatever becomes of the checkpoint, so its failure is told and not thrown. */
async function checkpointIfDue(
  world: DeltaWorld,
  state: TableState,
  { isNew, version }: Committed,
): Promise<{ checkpointFailure?: unknown }> {
  if (!isNew || version !== state.version || !isCheckpointDue(state)) return {}
  try {
    await writeCheckpoint(world, state, { isLatest: true })
    return {}
  } catch (error) {
    return { checkpointFailure: error }
  }
}

/** Runs what it is given one after the other, in the order of the calls. */
function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const next = last.then(work, work)
    last = next.catch(() => {})
    return next
  }
}
