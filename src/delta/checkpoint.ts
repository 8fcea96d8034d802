// A checkpoint: everything a version consists of, in one Parquet file, so that opening a table need not read its whole log.
// Protocol, sections "Checkpoints" (classic) and "Checkpoint Schema".
import { createHash } from 'node:crypto'
import { parquetMetadata, parquetReadObjects, type SchemaElement } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { type Action, damaged, decodedAction, encodedAction } from './action.ts'
import type { TableState } from './table-state.ts'

/** Our own notes in the footer, which other readers pass over. */
const TIMESTAMP_KEY = 'commitTimestampMs'
const HASH_KEY = 'contentHash'
/** Before the SHA-256 of the file, whose own digits count as zeros. */
const HASH_MARK = 'file-sha256:'
const HASH_DIGIT_COUNT = 64
const NO_HASH = '0'.repeat(HASH_DIGIT_COUNT)

/** What the file at `_last_checkpoint` says. */
export interface LastCheckpoint {
  readonly version: number
  /** Actions in the checkpoint. */
  readonly size: number
  readonly parts?: number
  readonly sizeInBytes?: number
  readonly numOfAddFiles?: number
}

/**
 * @param options.forgetBeforeMs tombstones of files removed before this moment are left out
 * @returns the file's bytes, and the number of actions in it
 */
export function formatCheckpoint(
  state: TableState,
  { forgetBeforeMs }: { readonly forgetBeforeMs: number },
): { readonly bytes: Uint8Array; readonly actionCount: number } {
  const actions = actionsOf(state, forgetBeforeMs).map(encodedAction)
  const columns = ['protocol', 'metaData', 'txn', 'add', 'remove'] as const
  const buffer = parquetWriteBuffer({
    schema: CHECKPOINT_SCHEMA,
    columnData: columns.map((name) => ({ name, data: actions.map((action) => withBigInts(action[name])) })),
    kvMetadata: [
      { key: TIMESTAMP_KEY, value: String(state.timestampMs) },
      { key: HASH_KEY, value: `${HASH_MARK}${NO_HASH}` },
    ],
    createdBy: 'millrace delta',
    // Nested columns have no use for them, and readers of checkpoints look at none.
    statistics: false,
  })
  return { bytes: sealed(Buffer.from(buffer)), actionCount: actions.length }
}

function actionsOf(state: TableState, forgetBeforeMs: number): Action[] {
  const { protocol, metadata: metaData } = state
  const actions: Action[] = [{ protocol }, { metaData }]
  for (const txn of state.txns.values()) actions.push({ txn })
  // Reconciled actions describe the table, not a change of it.
  for (const add of state.files.values()) actions.push({ add: { ...add, dataChange: false } })
  for (const remove of state.tombstones.values()) {
    if (remove.deletionTimestamp >= forgetBeforeMs) actions.push({ remove: { ...remove, dataChange: false } })
  }
  return actions
}

/**
 * Applies a checkpoint, given as the bytes of each of its parts, to a fresh state.
 * @throws MillraceError DELTA_LOG_DAMAGED where it cannot be read, is not whole, or is not what was written
 */
export async function applyCheckpoint(
  state: TableState,
  parts: readonly Uint8Array[],
  { version, path }: { readonly version: number; readonly path: string },
): Promise<void> {
  for (const bytes of parts) {
    // Before it is parsed: a decoder that follows damaged lengths may run for ever.
    assertSealed(bytes, path)
    const { rows, notes } = await readPart(bytes, path)
    for (const row of rows) state.applyAction(decodedAction(row, path))
    state.timestampMs = Math.max(state.timestampMs, Number(notes.get(TIMESTAMP_KEY) ?? 0))
  }
  state.version = version
  // Either throws where it is missing.
  void state.protocol
  void state.metadata
}

async function readPart(bytes: Uint8Array, path: string) {
  try {
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
    const metadata = parquetMetadata(buffer)
    const names = new Set(metadata.schema.slice(1).map(({ name }) => name))
    const columns = ['protocol', 'metaData', 'txn', 'add', 'remove'].filter((name) => names.has(name))
    const rows = await parquetReadObjects({ file: buffer, metadata, columns, compressors })
    const notes = new Map(metadata.key_value_metadata?.map(({ key, value }) => [key, value]))
    return { rows: rows.map((row) => withNumbers(row) as Action), notes }
  } catch (error) {
    throw damaged(path, `cannot be read as Parquet (${(error as Error).message})`, error)
  }
}

/** Puts the hash of the file into its place. */
function sealed(file: Buffer): Uint8Array {
  file.write(hashOf(file), file.lastIndexOf(HASH_MARK) + HASH_MARK.length, 'latin1')
  return file
}

/** Checkpoints of other writers carry no hash and pass. */
function assertSealed(bytes: Uint8Array, path: string): void {
  const file = Buffer.from(bytes)
  const mark = file.lastIndexOf(HASH_MARK)
  if (mark === -1) return
  const start = mark + HASH_MARK.length
  const expected = file.toString('latin1', start, start + HASH_DIGIT_COUNT)
  file.write(NO_HASH, start, 'latin1')
  if (hashOf(file) !== expected) throw damaged(path, 'found other bytes than were written, by their hash')
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const LONGS = new Set(['version', 'lastUpdated', 'size', 'modificationTime', 'deletionTimestamp', 'createdTime'])

function withBigInts(action: object | undefined): object | undefined {
  if (!action) return undefined
  return Object.fromEntries(
    Object.entries(action).map(([key, value]) => [key, LONGS.has(key) && value != null ? BigInt(value) : value]),
  )
}

/** 64-bit integers as numbers, and what is null in the file as absent; values of a map stay null. */
function withNumbers(row: Record<string, unknown>): object {
  const actions = Object.entries(row).filter(([, action]) => action !== undefined && action !== null)
  return Object.fromEntries(
    actions.map(([kind, action]) => [
      kind,
      Object.fromEntries(
        Object.entries(action as object)
          .filter(([, value]) => value !== undefined && value !== null)
          .map(([key, value]) => [key, typeof value === 'bigint' ? Number(value) : value]),
      ),
    ]),
  )
}

const group = (name: string, members: readonly SchemaElement[][]): SchemaElement[] => [
  { name, num_children: members.length, repetition_type: 'OPTIONAL' },
  ...members.flat(),
]
const text = (name: string): SchemaElement[] => [
  { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' }, repetition_type: 'OPTIONAL' },
]
const long = (name: string): SchemaElement[] => [{ name, type: 'INT64', repetition_type: 'OPTIONAL' }]
const integer = (name: string): SchemaElement[] => [{ name, type: 'INT32', repetition_type: 'OPTIONAL' }]
const flag = (name: string): SchemaElement[] => [{ name, type: 'BOOLEAN', repetition_type: 'OPTIONAL' }]
const texts = (name: string): SchemaElement[] => [
  { name, converted_type: 'LIST', logical_type: { type: 'LIST' }, num_children: 1, repetition_type: 'OPTIONAL' },
  { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
  ...text('element'),
]
const textMap = (name: string): SchemaElement[] => [
  { name, converted_type: 'MAP', logical_type: { type: 'MAP' }, num_children: 1, repetition_type: 'OPTIONAL' },
  { name: 'key_value', num_children: 2, repetition_type: 'REPEATED' },
  { ...text('key')[0]!, repetition_type: 'REQUIRED' },
  ...text('value'),
]

const CHECKPOINT_SCHEMA: SchemaElement[] = [
  { name: 'root', num_children: 5 },
  ...group('protocol', [
    integer('minReaderVersion'),
    integer('minWriterVersion'),
    texts('readerFeatures'),
    texts('writerFeatures'),
  ]),
  ...group('metaData', [
    text('id'),
    text('name'),
    text('description'),
    group('format', [text('provider'), textMap('options')]),
    text('schemaString'),
    texts('partitionColumns'),
    textMap('configuration'),
    long('createdTime'),
  ]),
  ...group('txn', [text('appId'), long('version'), long('lastUpdated')]),
  ...group('add', [
    text('path'),
    textMap('partitionValues'),
    long('size'),
    long('modificationTime'),
    flag('dataChange'),
    text('stats'),
    textMap('tags'),
  ]),
  ...group('remove', [
    text('path'),
    long('deletionTimestamp'),
    flag('dataChange'),
    flag('extendedFileMetadata'),
    textMap('partitionValues'),
    long('size'),
  ]),
]
