// The rows of a file of any format, as rows for `Ingest`, in batches of some thousand.
import type { FileHandle } from 'node:fs/promises'
import type { FileSourcePlan } from '../config/plan.ts'
import { MillraceError } from '../lib/errors.ts'
import { type FileRecord, positionsOf, type RowMapper, rowMapper } from './column-mapping.ts'
import { CsvSyntax } from './csv-syntax.ts'
import { DamagedBytes, fileBytes, firstBytes, isGzip, openFile } from './file-bytes.ts'
import { LineSyntax, parseJsonLine } from './jsonl-syntax.ts'
import { parquetRows } from './parquet-rows.ts'
import type { RowBatch } from './row-batch.ts'
import { type RecordBatch, TextRecords } from './text-records.ts'
import { UnreadableRow } from './unreadable-row.ts'

/**
 * @param path where the file lies
 * @param source how to read it; its `path` is not looked at
 * @throws MillraceError IMPORT_FILE_UNREADABLE, IMPORT_MAPPING_INVALID, and IMPORT_FILE_DAMAGED after the rows before the damage
 */
export async function* fileRows(path: string, source: FileSourcePlan): AsyncGenerator<RowBatch> {
  const file = await openFile(path)
  try {
    const start = await firstBytes(file)
    assertFormat(start, { path, format: source.format })
    if (source.format === 'parquet') yield* parquetRows(file, { path, source })
    else yield* textRows(file, { path, source })
  } finally {
    await file.close()
  }
}

interface FileToRead {
  readonly path: string
  readonly source: FileSourcePlan
}

function assertFormat(
  start: Buffer,
  { path, format }: { readonly path: string; readonly format: FileSourcePlan['format'] },
): void {
  const damaged = (message: string, fix: string): MillraceError =>
    new MillraceError('IMPORT_FILE_DAMAGED', `${path} ${message}, expected ${format}.`, { fix })
  if (start.length === 0)
    throw damaged('is empty', 'Check how the file was made: even without rows it should have a header.')
  const isParquet = start.toString('latin1') === 'PAR1'
  if (isParquet !== (format === 'parquet')) {
    const found = isParquet ? 'is a Parquet file' : isGzip(start) ? 'is compressed as a whole' : 'is no Parquet file'
    throw damaged(
      found,
      'Give the right format, and Parquet files without gzip around them: they compress their columns themselves.',
    )
  }
  if ((start[0] === 0xff && start[1] === 0xfe) || (start[0] === 0xfe && start[1] === 0xff)) {
    throw damaged('is in UTF-16', 'Convert it to UTF-8.')
  }
}

async function* textRows(file: FileHandle, { path, source }: FileToRead): AsyncGenerator<RowBatch> {
  const reader = source.format === 'jsonl' ? new JsonlReader(path, source) : new CsvReader(path, source)
  let lastLine = 0
  let hasBytes = false
  try {
    for await (const { chunk, readBytes } of fileBytes(file)) {
      hasBytes = true
      const rows = reader.push(chunk, readBytes)
      if (!rows) continue
      lastLine = reader.lastLine
      yield rows
    }
  } catch (error) {
    if (!(error instanceof DamagedBytes)) throw error
    throw new MillraceError(
      'IMPORT_FILE_DAMAGED',
      `${path} is damaged behind line ${lastLine}, at byte ${error.readBytes} of the compressed file: ${error.message}.`,
      {
        fix: 'Get the file again, and import it again: the rows before that place are in the log and are not added twice.',
        cause: error,
      },
    )
  }
  if (!hasBytes) {
    throw new MillraceError(
      'IMPORT_FILE_DAMAGED',
      `${path} is empty inside its compression, expected ${source.format}.`,
    )
  }
  const rest = reader.end((await file.stat()).size)
  if (rest) yield rest
}

interface TextReader {
  /** The line on which the last row so far begins. */
  readonly lastLine: number
  /** Undefined where no row is complete. */
  push(chunk: Buffer, readBytes: number): RowBatch | undefined
  end(readBytes: number): RowBatch | undefined
}

class CsvReader implements TextReader {
  lastLine = 0
  readonly #path: string
  readonly #source: FileSourcePlan
  readonly #records: TextRecords<string[]>
  #header: readonly string[] | undefined
  #columnCount = 0
  #toRow: RowMapper | undefined

  constructor(path: string, source: FileSourcePlan) {
    this.#path = path
    this.#source = source
    this.#records = new TextRecords(new CsvSyntax(source.format as 'csv' | 'tsv'))
  }

  push(chunk: Buffer, readBytes: number): RowBatch | undefined {
    return this.#toRows(this.#records.push(chunk), readBytes)
  }

  end(readBytes: number): RowBatch | undefined {
    return this.#toRows(this.#records.end(), readBytes)
  }

  #toRows({ records, lines }: RecordBatch<string[]>, readBytes: number): RowBatch | undefined {
    let begin = 0
    if (!this.#toRow && records.length > 0) begin = this.#begin(records[0]!)
    if (records.length === begin) return undefined
    const toRow = this.#toRow!
    const rows: unknown[] = new Array(records.length - begin)
    for (let position = begin; position < records.length; position++) {
      const record = records[position]!
      rows[position - begin] =
        record instanceof UnreadableRow
          ? record
          : record.length === this.#columnCount
            ? toRow(record as unknown as FileRecord)
            : this.#wrongCount(record)
    }
    this.lastLine = lines.at(-1)!
    return {
      rows,
      where: (position) => `${this.#path}:${lines[position + begin]}`,
      original: (position) => this.#byName(records[position + begin] as string[]),
      readBytes,
    }
  }

  /** Takes the header in; returns how many records it takes up. */
  #begin(first: string[] | UnreadableRow): number {
    if (first instanceof UnreadableRow) {
      throw new MillraceError('IMPORT_FILE_DAMAGED', `${this.#path}:1 cannot be read: ${first.message}`, {
        fix: 'Mend the first line: it says what the columns are.',
      })
    }
    const { hasHeader, columns, holds } = this.#source
    this.#columnCount = first.length
    if (hasHeader) this.#header = first
    this.#toRow = rowMapper(
      holds,
      positionsOf(columns, { header: this.#header, columnCount: first.length, file: this.#path }),
    )
    return hasHeader ? 1 : 0
  }

  #wrongCount(record: string[]): UnreadableRow {
    const message = `Found ${record.length} columns, expected ${this.#columnCount}.`
    return new UnreadableRow('WRONG_COLUMN_COUNT', message, record)
  }

  #byName(record: string[]): unknown {
    return this.#header ? Object.fromEntries(this.#header.map((name, column) => [name, record[column]])) : record
  }
}

class JsonlReader implements TextReader {
  lastLine = 0
  readonly #path: string
  readonly #records = new TextRecords(new LineSyntax())
  /** Undefined where the lines have our own field names already. */
  readonly #toRow: RowMapper | undefined

  constructor(path: string, { holds, columns }: FileSourcePlan) {
    this.#path = path
    this.#toRow = Object.keys(columns).length > 0 ? rowMapper(holds, columns) : undefined
  }

  push(chunk: Buffer, readBytes: number): RowBatch | undefined {
    return this.#toRows(this.#records.push(chunk), readBytes)
  }

  end(readBytes: number): RowBatch | undefined {
    return this.#toRows(this.#records.end(), readBytes)
  }

  #toRows({ records, lines }: RecordBatch<string>, readBytes: number): RowBatch | undefined {
    if (records.length === 0) return undefined
    this.lastLine = lines.at(-1)!
    const values = records.map((record) => (record instanceof UnreadableRow ? record : parseJsonLine(record)))
    const toRow = this.#toRow
    return {
      rows: toRow ? values.map((value) => (isObject(value) ? toRow(value) : value)) : values,
      where: (position) => `${this.#path}:${lines[position]}`,
      original: (position) => values[position],
      readBytes,
    }
  }
}

/** Other values go on as they are, to be rejected as what they are. */
const isObject = (value: unknown): value is FileRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof UnreadableRow)
