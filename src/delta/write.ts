// The writes a table takes, as pure functions: from the state of the table to the actions of a commit. The commit loop may ask again, for a newer state.
import { MillraceError, type Problem } from '../lib/errors.ts'
import type { Action, AddAction } from './action.ts'
import {
  isInSomePartition,
  normalisedValues,
  type PartitionFilter,
  type PartitionValues,
  partitionProblems,
} from './partition.ts'
import { type DeltaSchema, evolvedSchema, schemaToJson } from './schema.ts'
import type { DeltaStats } from './snapshot.ts'
import type { TableState } from './table-state.ts'

/** A Parquet file that lies in the table's storage already and is to become part of it. */
export interface NewDeltaFile {
  /** Relative to the table, `/` between names; never used before, so that older versions stay what they were. */
  readonly path: string
  readonly sizeBytes: number
  /** A value, or null, for each partition column. */
  readonly partitionValues: PartitionValues
  readonly rowCount: number
  readonly stats?: DeltaStats
  /** Default: the time of the commit. */
  readonly modifiedAtMs?: number
}

/** What a commit would do to a state. */
export interface WritePlan {
  readonly actions: readonly Action[]
  readonly operation: string
  readonly parameters: Readonly<Record<string, string>>
}

/** What a write rests on: if another commit touches it, that is a conflict. */
export interface WriteClaim {
  /** Rows in these partitions must be as they were. */
  readonly partitions: readonly PartitionFilter[]
  /** These files must still be in the table. */
  readonly paths: ReadonlySet<string>
}

export interface Write {
  readonly claim: WriteClaim
  /** @throws MillraceError DELTA_COMMIT_INVALID, DELTA_SCHEMA_MISMATCH */
  plan(state: TableState, nowMs: number): WritePlan
}

const NOTHING: WriteClaim = { partitions: [], paths: new Set() }

/** Adds files, rests on nothing. With a schema, columns that are new in it become the table's. */
export function appendWrite(files: readonly NewDeltaFile[], schema?: DeltaSchema): Write {
  return {
    claim: NOTHING,
    plan: (state, nowMs) => {
      assertNewFiles(state, files)
      return {
        actions: [...evolution(state, schema), ...adds(state, files, { nowMs, dataChange: true })],
        operation: 'WRITE',
        parameters: { mode: 'Append', partitionBy: JSON.stringify(state.metadata.partitionColumns) },
      }
    },
  }
}

/** Replaces whatever lies in the partitions by the files, which must lie in them. */
export function overwriteWrite(
  partitions: readonly PartitionFilter[],
  files: readonly NewDeltaFile[],
  schema?: DeltaSchema,
): Write {
  return {
    claim: { ...NOTHING, partitions },
    plan: (state, nowMs) => {
      assertMayRemove(state)
      assertFilters(state, partitions)
      assertNewFiles(state, files)
      const strays = files.filter(({ partitionValues }) => !isInSomePartition(partitionValues, partitions))
      assertNoProblems(
        strays.map(({ path, partitionValues }) => ({
          where: path,
          message: `Found partition ${JSON.stringify(partitionValues)}, expected one that is overwritten: ${JSON.stringify(partitions)}.`,
        })),
      )
      return {
        actions: [
          ...evolution(state, schema),
          ...removes(pathsIn(state, partitions), { state, nowMs, dataChange: true }),
          ...adds(state, files, { nowMs, dataChange: true }),
        ],
        operation: 'WRITE',
        parameters: { mode: 'Overwrite', predicate: predicateOf(partitions) },
      }
    },
  }
}

/** Removes every row of the partitions. */
export function removePartitionsWrite(partitions: readonly PartitionFilter[]): Write {
  return {
    claim: { ...NOTHING, partitions },
    plan: (state, nowMs) => {
      assertMayRemove(state)
      assertFilters(state, partitions)
      return {
        actions: removes(pathsIn(state, partitions), { state, nowMs, dataChange: true }),
        operation: 'DELETE',
        parameters: { predicate: predicateOf(partitions) },
      }
    },
  }
}

/** Removes the files and their rows. */
export function removeFilesWrite(paths: readonly string[]): Write {
  return {
    claim: { ...NOTHING, paths: new Set(paths) },
    plan: (state, nowMs) => {
      assertMayRemove(state)
      assertPresent(state, paths)
      return {
        actions: removes(paths, { state, nowMs, dataChange: true }),
        operation: 'DELETE',
        parameters: { fileCount: String(paths.length) },
      }
    },
  }
}

/** Puts the same rows into other files: for readers of changes nothing happened. */
export function compactWrite(paths: readonly string[], files: readonly NewDeltaFile[]): Write {
  return {
    claim: { ...NOTHING, paths: new Set(paths) },
    plan: (state, nowMs) => {
      assertPresent(state, paths)
      assertNewFiles(state, files)
      assertSameRowCount(state, { paths, files })
      return {
        actions: [
          ...removes(paths, { state, nowMs, dataChange: false }),
          ...adds(state, files, { nowMs, dataChange: false }),
        ],
        operation: 'OPTIMIZE',
        parameters: { predicate: '[]' },
      }
    },
  }
}

/** Adds the columns of the schema that the table lacks. */
export function evolveWrite(schema: DeltaSchema): Write {
  return {
    claim: NOTHING,
    plan: (state) => ({ actions: evolution(state, schema), operation: 'ADD COLUMNS', parameters: {} }),
  }
}

function evolution(state: TableState, schema: DeltaSchema | undefined): Action[] {
  if (!schema) return []
  const evolved = evolvedSchema(state.schema, schema)
  return evolved === state.schema ? [] : [{ metaData: { ...state.metadata, schemaString: schemaToJson(evolved) } }]
}

function adds(
  { metadata }: TableState,
  files: readonly NewDeltaFile[],
  { nowMs, dataChange }: { readonly nowMs: number; readonly dataChange: boolean },
): Action[] {
  return files.map((file): { add: AddAction } => ({
    add: {
      path: file.path,
      partitionValues: normalisedValues(file.partitionValues, metadata.partitionColumns),
      size: file.sizeBytes,
      modificationTime: file.modifiedAtMs ?? nowMs,
      dataChange,
      stats: JSON.stringify({ numRecords: file.rowCount, ...file.stats }),
    },
  }))
}

function removes(
  paths: Iterable<string>,
  { state, nowMs, dataChange }: { readonly state: TableState; readonly nowMs: number; readonly dataChange: boolean },
): Action[] {
  return [...paths].map((path) => {
    const { partitionValues, size } = state.files.get(path)!
    return {
      remove: { path, deletionTimestamp: nowMs, dataChange, extendedFileMetadata: true, partitionValues, size },
    }
  })
}

const pathsIn = (state: TableState, partitions: readonly PartitionFilter[]): string[] =>
  [...state.files.values()]
    .filter(({ partitionValues }) => isInSomePartition(partitionValues, partitions))
    .map(({ path }) => path)

const predicateOf = (partitions: readonly PartitionFilter[]): string =>
  JSON.stringify(
    partitions.map((filter) =>
      Object.entries(filter)
        .map(([column, value]) => (value ? `${column} = '${value.replaceAll("'", "''")}'` : `${column} IS NULL`))
        .join(' AND '),
    ),
  )

function assertMayRemove({ metadata }: TableState): void {
  if (metadata.configuration['delta.appendOnly'] !== 'true') return
  throw new MillraceError(
    'DELTA_COMMIT_INVALID',
    'The table is append-only, and the commit would remove rows from it.',
    {
      fix: 'Append, or have the owner of the table set delta.appendOnly to false.',
    },
  )
}

function assertFilters({ schema, metadata }: TableState, partitions: readonly PartitionFilter[]): void {
  const table = { schema, partitionColumns: metadata.partitionColumns, isFilter: true }
  assertNoProblems(
    partitions.flatMap((filter) =>
      partitionProblems(filter, table).map((message) => ({ where: JSON.stringify(filter), message })),
    ),
  )
}

function assertNewFiles(state: TableState, files: readonly NewDeltaFile[]): void {
  const table = { schema: state.schema, partitionColumns: state.metadata.partitionColumns }
  const problems: Problem[] = []
  const seen = new Set<string>()
  for (const { path, sizeBytes, rowCount, partitionValues } of files) {
    const problem = (message: string) => problems.push({ where: path, message })
    if (!isDataPath(path))
      problem('Found no path of a data file, expected one inside of the table and outside of its log.')
    if (state.files.has(path)) problem('Found a path that is in the table already, expected a new one.')
    if (seen.has(path)) problem('Found the path twice in this commit, expected it once.')
    seen.add(path)
    if (!isCount(sizeBytes)) problem(`Found a size of ${sizeBytes} bytes, expected a whole number, 0 or more.`)
    if (!isCount(rowCount)) problem(`Found ${rowCount} rows, expected a whole number, 0 or more.`)
    for (const message of partitionProblems(partitionValues, table)) problem(message)
  }
  assertNoProblems(problems)
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** Names that begin with `_` or `.` are hidden from readers, those of partition columns apart. */
const isDataPath = (path: string): boolean => {
  const names = path.split('/')
  return !names.includes('') && !names.includes('.') && !names.includes('..') && names[0] !== '_delta_log'
}

function assertPresent(state: TableState, paths: readonly string[]): void {
  assertNoProblems(
    paths
      .filter((path, i) => !state.files.has(path) || paths.indexOf(path) !== i)
      .map((path) => ({
        where: path,
        message: state.files.has(path) ? 'Found the path twice, expected it once.' : 'Found no such file in the table.',
      })),
  )
}

/** The one thing about "the same rows" that shows without reading them. Files of writers that told no row count are taken on trust. */
function assertSameRowCount(
  state: TableState,
  { paths, files }: { readonly paths: readonly string[]; readonly files: readonly NewDeltaFile[] },
): void {
  const counts = paths.map((path) => JSON.parse(state.files.get(path)!.stats ?? '{}').numRecords as number | undefined)
  if (counts.includes(undefined)) return
  const expected = counts.reduce((sum: number, count) => sum + count!, 0)
  const found = files.reduce((sum, { rowCount }) => sum + rowCount, 0)
  if (found === expected) return
  throw new MillraceError(
    'DELTA_COMMIT_INVALID',
    `A compaction must keep every row: found ${found} rows in the new files, expected ${expected} as in the old ones.`,
    { fix: 'Write the compacted files again from the files that they replace.' },
  )
}

function assertNoProblems(problems: readonly Problem[]): void {
  if (problems.length === 0) return
  throw new MillraceError('DELTA_COMMIT_INVALID', `The commit does not suit the table; ${problems.length} problems.`, {
    problems,
    fix: 'Mend what is listed and commit again; nothing was committed.',
  })
}
