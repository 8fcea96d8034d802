// Which tables this module reads and writes. Protocol, sections "Protocol Evolution" and "Table Features".
import { MillraceError } from '../lib/errors.ts'
import type { MetadataAction, ProtocolAction } from './action.ts'
import { schemaFromJson } from './schema.ts'

/** What a new table asks for: append-only tables and column invariants, which all writers know. */
export const NEW_TABLE_PROTOCOL: ProtocolAction = { minReaderVersion: 1, minWriterVersion: 2 }

const READER_FEATURES: readonly string[] = []
const WRITER_FEATURES: readonly string[] = ['appendOnly', 'invariants']

/** @throws MillraceError DELTA_PROTOCOL_UNSUPPORTED */
export function assertReadable(
  { minReaderVersion, readerFeatures = [] }: ProtocolAction,
  metadata: MetadataAction,
): void {
  if (metadata.format?.provider !== 'parquet') {
    throw unsupported(`Its files are in the format "${metadata.format?.provider}"; this module knows Parquet.`)
  }
  if (minReaderVersion <= 1) return
  const unknown = readerFeatures.filter((feature) => !READER_FEATURES.includes(feature))
  if (minReaderVersion === 3 && unknown.length === 0) return
  throw unsupported(
    `It needs a reader of version ${minReaderVersion}${named(unknown)}; this module reads version 1, and version 3 without features.`,
  )
}

/** @throws MillraceError DELTA_PROTOCOL_UNSUPPORTED */
export function assertWritable(
  { minWriterVersion, writerFeatures = [] }: ProtocolAction,
  metadata: MetadataAction,
): void {
  const unknown = writerFeatures.filter((feature) => !WRITER_FEATURES.includes(feature))
  if (minWriterVersion > 2 && (minWriterVersion !== 7 || unknown.length > 0)) {
    throw unsupported(
      `It needs a writer of version ${minWriterVersion}${named(unknown)}; this module writes version 2, and version 7 with ${WRITER_FEATURES.join(' and ')}.`,
    )
  }
  for (const { name, metadata: notes = {} } of schemaFromJson(metadata.schemaString)) {
    // A writer must check each row against an invariant; we never see the rows.
    if ('delta.invariants' in notes)
      throw unsupported(`Its column "${name}" has an invariant, which is checked row by row.`)
  }
}

const named = (features: readonly string[]): string => (features.length === 0 ? '' : ` with ${features.join(', ')}`)

function unsupported(message: string): MillraceError {
  return new MillraceError('DELTA_PROTOCOL_UNSUPPORTED', `The table cannot be used here. ${message}`, {
    fix: 'Use a newer version of this software, or turn the feature off in the tool that turned it on.',
  })
}
