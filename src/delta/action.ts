// The lines of a commit, as values. Names are the protocol's own ("Delta Transaction Log Protocol", section "Actions"); only paths differ: here they
// are plain, in the log they are percent-encoded.
import { MillraceError } from '../lib/errors.ts'
import type { PartitionValues } from './partition.ts'
import { schemaFromJson } from './schema.ts'

export interface AddAction {
  readonly path: string
  readonly partitionValues: PartitionValues
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970. */
  readonly modificationTime: number
  /** Whether the rows are new to the table, rather than moved within it. */
  readonly dataChange: boolean
  /** JSON: `numRecords`, `minValues`, `maxValues`, `nullCount`. */
  readonly stats?: string
  readonly tags?: Readonly<Record<string, string | null>>
}

export interface RemoveAction {
  readonly path: string
  readonly deletionTimestamp: number
  readonly dataChange: boolean
  readonly extendedFileMetadata?: boolean
  readonly partitionValues?: PartitionValues
  readonly size?: number
}

export interface MetadataAction {
  readonly id: string
  readonly name?: string
  readonly description?: string
  readonly format: { readonly provider: string; readonly options: Readonly<Record<string, string>> }
  readonly schemaString: string
  readonly partitionColumns: readonly string[]
  readonly configuration: Readonly<Record<string, string>>
  readonly createdTime?: number
}

export interface ProtocolAction {
  readonly minReaderVersion: number
  readonly minWriterVersion: number
  readonly readerFeatures?: readonly string[]
  readonly writerFeatures?: readonly string[]
}

/** The newest version that an application says it has written. */
export interface TxnAction {
  readonly appId: string
  readonly version: number
  readonly lastUpdated?: number
}

export interface CommitInfo {
  readonly timestamp?: number
  readonly operation?: string
  readonly operationParameters?: Readonly<Record<string, unknown>>
  readonly operationMetrics?: Readonly<Record<string, unknown>>
  readonly engineInfo?: string
  readonly userMetadata?: string
  /** Unique to each commit, so that a writer knows its own. */
  readonly txnId?: string
  readonly isBlindAppend?: boolean
  readonly readVersion?: number
}

/** One line holds one of these; lines of other kinds are passed over, as the protocol demands. */
export interface Action {
  readonly add?: AddAction
  readonly remove?: RemoveAction
  readonly metaData?: MetadataAction
  readonly protocol?: ProtocolAction
  readonly txn?: TxnAction
  readonly commitInfo?: CommitInfo
}

export interface Commit {
  readonly version: number
  readonly actions: readonly Action[]
  readonly info: CommitInfo
}

export function formatCommit(actions: readonly Action[]): Uint8Array {
  const lines = actions.map((action) => JSON.stringify(encodedAction(action)))
  return new TextEncoder().encode(`${lines.join('\n')}\n`)
}

/** @throws MillraceError DELTA_LOG_DAMAGED where a line cannot be read; DELTA_PROTOCOL_UNSUPPORTED where a file has a deletion vector */
export function parseCommit(
  bytes: Uint8Array,
  { version, path }: { readonly version: number; readonly path: string },
): Commit {
  const actions: Action[] = []
  let info: CommitInfo = {}
  for (const [i, line] of textOf(bytes, path).split('\n').entries()) {
    if (line.trim() === '') continue
    const action = parseLine(line, `${path}:${i + 1}`)
    if (action.commitInfo) info = action.commitInfo
    actions.push(action)
  }
  if (actions.length === 0) throw damaged(path, 'found an empty commit, expected at least one action')
  return { version, actions, info }
}

function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw damaged(path, 'found bytes that are not UTF-8', error)
  }
}

function parseLine(line: string, where: string): Action {
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch (error) {
    throw damaged(where, `found a line that is no JSON (${(error as Error).message})`, error)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw damaged(where, 'found a line that is no object')
  }
  return decodedAction(parsed as Action, where)
}

/**
 * An action as the log writes it, checked and with plain paths.
 * @throws MillraceError DELTA_LOG_DAMAGED, DELTA_PROTOCOL_UNSUPPORTED
 */
export function decodedAction(action: Action, where: string): Action {
  const { add, remove, metaData, protocol, txn } = action
  const expect = (holds: boolean, what: string) => {
    if (!holds) throw damaged(where, `expected ${what}, found ${JSON.stringify(action).slice(0, 200)}`)
  }
  if (add) {
    expect(typeof add.path === 'string' && isSize(add.size), 'a file with its path and size')
    expect(typeof add.partitionValues === 'object' && add.partitionValues !== null, 'a file with its partition values')
    assertNoDeletionVector(add, where)
    return { add: { ...add, path: decodePath(add.path) } }
  }
  if (remove) {
    expect(typeof remove.path === 'string', 'a removed file with its path')
    assertNoDeletionVector(remove, where)
    return { remove: { ...remove, deletionTimestamp: remove.deletionTimestamp ?? 0, path: decodePath(remove.path) } }
  }
  if (metaData) {
    expect(
      typeof metaData.id === 'string' &&
        typeof metaData.schemaString === 'string' &&
        Array.isArray(metaData.partitionColumns),
      'metadata with id, schema and partition columns',
    )
    assertSchema(metaData, where)
    return { metaData: { ...metaData, configuration: metaData.configuration ?? {} } }
  }
  if (protocol) {
    expect(isSize(protocol.minReaderVersion) && isSize(protocol.minWriterVersion), 'a protocol with its versions')
  }
  if (txn)
    expect(typeof txn.appId === 'string' && Number.isInteger(txn.version), 'a transaction with its app and version')
  return action
}

const isSize = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

function assertSchema({ schemaString }: MetadataAction, where: string): void {
  try {
    schemaFromJson(schemaString)
  } catch (error) {
    throw damaged(where, `found a schema that cannot be read (${(error as Error).message})`, error)
  }
}

function assertNoDeletionVector(file: object, where: string): void {
  if (!('deletionVector' in file) || file.deletionVector === null || file.deletionVector === undefined) return
  throw new MillraceError(
    'DELTA_PROTOCOL_UNSUPPORTED',
    `${where}: a file has a deletion vector, and this reader knows none.`,
    {
      fix: 'Rewrite the table without deletion vectors (in Spark: REORG TABLE ... APPLY (PURGE)).',
    },
  )
}

/** An action as the log writes it. */
export function encodedAction(action: Action): Action {
  if (action.add) return { add: { ...action.add, path: encodePath(action.add.path) } }
  if (action.remove) return { remove: { ...action.remove, path: encodePath(action.remove.path) } }
  return action
}

/** RFC 3986; `=` stays readable, as in `date=2026-01-01/part.parquet`. */
const encodePath = (path: string): string => path.split('/').map(encodeURIComponent).join('/').replaceAll('%3D', '=')

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    // Some writers do not encode; a stray % is then part of the name.
    return path
  }
}

export function damaged(where: string, what: string, cause?: unknown): MillraceError {
  return new MillraceError('DELTA_LOG_DAMAGED', `${where}: ${what}.`, {
    fix: 'Restore the file from a backup. Where nothing later depends on it, moving it out of the log goes back to the version before.',
    cause,
  })
}
