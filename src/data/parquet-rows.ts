// The rows of a Parquet file, a piece of a row group at a time.
import { isUtf8 } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import type { FileSourcePlan } from '../config/plan.ts'
import { MillraceError } from '../lib/errors.ts'
import { assertColumns, type FileRecord, rowMapper } from './column-mapping.ts'
import type { RowBatch } from './row-batch.ts'
import { UnreadableRow } from './unreadable-row.ts'

/** Uncompressed bytes of the mapped columns that are read at once; as JavaScript values they take several times as much. */
const PIECE_BYTES = 2 ** 24
const PIECE_ROW_COUNT = 16_384

export async function* parquetRows(
  file: FileHandle,
  { path, source }: { readonly path: string; readonly source: FileSourcePlan },
): AsyncGenerator<RowBatch> {
  const { size } = await file.stat()
  const buffer = bufferOf(file, size)
  const metadata = await readable(path, () => parquetMetadataAsync(buffer))
  assertColumns(source.columns, {
    names: parquetSchema(metadata).children.map(({ element }) => element.name),
    file: path,
  })
  const columns = [...new Set(Object.values(source.columns).map(String))]
  const toRow = rowMapper(source.holds, source.columns)
  const rowCount = Number(metadata.num_rows)
  for (const [rowStart, rowEnd] of pieces(metadata, columns)) {
    const read = () =>
      parquetReadObjects({
        file: buffer,
        metadata,
        columns,
        rowStart,
        rowEnd,
        compressors,
        parsers,
        useOffsetIndex: true,
      })
    const records = (await readable(path, read, rowStart)) as FileRecord[]
    for (let begin = 0; begin < records.length; begin += PIECE_ROW_COUNT) {
      const part = records.slice(begin, begin + PIECE_ROW_COUNT)
      yield {
        rows: part.map((record) => badText(record, columns) ?? toRow(record)),
        where: (position) => `${path}: row ${rowStart + begin + position + 1}`,
        original: (position) => part[position],
        readBytes: Math.round((size * (rowStart + begin + part.length)) / rowCount),
      }
    }
  }
}

function bufferOf(file: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    slice: async (start, end = byteLength) => {
      const bytes = new Uint8Array(end - start)
      let readBytes = 0
      while (readBytes < bytes.length) {
        const { bytesRead } = await file.read(bytes, readBytes, bytes.length - readBytes, start + readBytes)
        if (bytesRead === 0) throw new Error(`it ends ${bytes.length - readBytes} bytes early`)
        readBytes += bytesRead
      }
      return bytes.buffer
    },
  }
}

/** Row ranges within row groups, each small enough to be held. Pages outside the range are skipped, not decoded. */
function pieces({ row_groups }: FileMetaData, columns: readonly string[]): [rowStart: number, rowEnd: number][] {
  const ranges: [number, number][] = []
  let groupStart = 0
  for (const group of row_groups) {
    const rowCount = Number(group.num_rows)
    let bytes = 0
    for (const { meta_data: column } of group.columns) {
      if (column && columns.includes(column.path_in_schema[0]!)) bytes += Number(column.total_uncompressed_size)
    }
    const pieceRowCount = Math.max(PIECE_ROW_COUNT, Math.ceil(rowCount / Math.max(1, Math.ceil(bytes / PIECE_BYTES))))
    for (let begin = 0; begin < rowCount; begin += pieceRowCount) {
      ranges.push([groupStart + begin, groupStart + Math.min(rowCount, begin + pieceRowCount)])
    }
    groupStart += rowCount
  }
  return ranges
}

const parsers = {
  /** Bytes that are no UTF-8 stay bytes, and the row is not accepted. */
  stringFromBytes: (bytes: Uint8Array | undefined): unknown => {
    if (!bytes) return bytes
    return isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8') : bytes
  },
}

function badText(record: FileRecord, columns: readonly string[]): UnreadableRow | undefined {
  const column = columns.find((name) => record[name] instanceof Uint8Array)
  if (column === undefined) return undefined
  const content = { ...record, [column]: { bytesBase64: Buffer.from(record[column] as Uint8Array).toString('base64') } }
  return new UnreadableRow('INVALID_UTF8', `${column}: found bytes that are not UTF-8.`, content)
}

async function readable<T>(path: string, read: () => Promise<T>, rowStart?: number): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const place = rowStart === undefined ? '' : ` behind row ${rowStart}`
    throw new MillraceError('IMPORT_FILE_DAMAGED', `${path} is damaged${place}: ${(error as Error).message}.`, {
      fix: 'Get the file again, and import it again: rows that are in the log are not added twice.',
      cause: error,
    })
  }
}
