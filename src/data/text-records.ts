// From the bytes of a text file to its records, a chunk at a time. Bytes are looked at as Latin-1, where each is one character and line breaks,
// quotation marks and delimiters are what they are in UTF-8; only records with other characters are decoded, one by one, so that a broken one is
// known as that and never silently mended.
import { isAscii, isUtf8 } from 'node:buffer'
import { UnreadableRow } from './unreadable-row.ts'

/** Bytes of one record. A longer one is most often a quotation mark that never closes. */
const RECORD_BYTES_MAX = 2 ** 20
/** Characters of an unreadable line that are shown. */
const SHOWN_LENGTH = 2000

/** The record goes on behind the end of the text. */
export const INCOMPLETE = Symbol('incomplete')

/** How one record is read. */
export interface RecordSyntax<R> {
  /**
   * @param lineEnd where the record's first line ends, without its line break
   * @returns an UnreadableRow stands for the first line only: reading goes on with the second
   */
  read(text: string, begin: number, lineEnd: number): R | UnreadableRow | typeof INCOMPLETE
  /** Where the record that `read` returned ends, without its line break. */
  readonly end: number
  /** The record as UTF-8, given as Latin-1; undefined where its bytes are not UTF-8. */
  decode(record: R): R | undefined
}

export interface RecordBatch<R> {
  readonly records: (R | UnreadableRow)[]
  /** The line of the file on which each record begins, 1-based. */
  readonly lines: number[]
}

export class TextRecords<R> {
  readonly #syntax: RecordSyntax<R>
  /** Text of the record that was not complete yet. */
  #rest = ''
  #isRestAscii = true
  #line = 1
  /** Within a line that is too long, up to its end. */
  #isSkipping = false
  #isAtStart = true

  constructor(syntax: RecordSyntax<R>) {
    this.#syntax = syntax
  }

  /** The records that are complete with this chunk. */
  push(chunk: Buffer): RecordBatch<R> {
    return this.#read(chunk, { isLast: false })
  }

  /** What is left when the file ends; its last line may do without a line break. */
  end(): RecordBatch<R> {
    if (this.#isSkipping || this.#rest === '') return { records: [], lines: [] }
    return this.#read(LINE_BREAK, { isLast: true })
  }

  #read(chunk: Buffer, { isLast }: { readonly isLast: boolean }): RecordBatch<R> {
    const batch: RecordBatch<R> = { records: [], lines: [] }
    const isChunkAscii = isAscii(chunk)
    const areBytesAscii = this.#isRestAscii && isChunkAscii
    const text = this.#rest + chunk.toString('latin1')
    let begin = 0
    if (this.#isAtStart) {
      const isShort = text.length < BYTE_ORDER_MARK.length && !isLast
      if (isShort) {
        this.#rest = text
        this.#isRestAscii = areBytesAscii
        return batch
      }
      this.#isAtStart = false
      if (text.startsWith(BYTE_ORDER_MARK)) begin = BYTE_ORDER_MARK.length
    }
    while (begin < text.length) {
      const lineBreak = text.indexOf('\n', begin)
      if (this.#isSkipping) {
        begin = lineBreak === -1 ? text.length : lineBreak + 1
        if (lineBreak !== -1) this.#isSkipping = false
        if (lineBreak !== -1) this.#line++
        continue
      }
      if (lineBreak === -1) {
        if (text.length - begin <= RECORD_BYTES_MAX) break
        this.#add(batch, tooLong(text.slice(begin)))
        this.#isSkipping = true
        begin = text.length
        break
      }
      const lineEnd =
        lineBreak > begin && text.charCodeAt(lineBreak - 1) === CARRIAGE_RETURN ? lineBreak - 1 : lineBreak
      if (lineEnd === begin) {
        begin = lineBreak + 1
        this.#line++
        continue
      }
      const next = this.#readRecord(batch, { text, begin, lineEnd, lineBreak, areBytesAscii, isLast })
      if (next === INCOMPLETE) break
      begin = next
    }
    this.#rest = text.slice(begin)
    this.#isRestAscii = this.#rest === '' || areBytesAscii || isAscii(Buffer.from(this.#rest, 'latin1'))
    return batch
  }

  #readRecord(
    batch: RecordBatch<R>,
    {
      text,
      begin,
      lineEnd,
      lineBreak,
      areBytesAscii,
      isLast,
    }: {
      readonly text: string
      readonly begin: number
      readonly lineEnd: number
      readonly lineBreak: number
      readonly areBytesAscii: boolean
      readonly isLast: boolean
    },
  ): number | typeof INCOMPLETE {
    let record = this.#syntax.read(text, begin, lineEnd)
    if (record === INCOMPLETE) {
      if (!isLast && text.length - begin <= RECORD_BYTES_MAX) return INCOMPLETE
      record = neverClosed(text.slice(begin, lineEnd))
    }
    if (record instanceof UnreadableRow) {
      this.#add(batch, record)
      this.#line++
      return lineBreak + 1
    }
    const { end } = this.#syntax
    const decoded = areBytesAscii ? record : this.#syntax.decode(record)
    this.#add(batch, decoded ?? notUtf8(text.slice(begin, end)))
    this.#line += end <= lineBreak ? 1 : lineBreakCount(text, begin, end) + 1
    return text.indexOf('\n', end) + 1
  }

  #add({ records, lines }: RecordBatch<R>, record: R | UnreadableRow): void {
    records.push(record)
    lines.push(this.#line)
  }
}

const CARRIAGE_RETURN = 0x0d
const LINE_BREAK = Buffer.from('\n')
/** U+FEFF in UTF-8, as Latin-1. */
const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf'

function lineBreakCount(text: string, begin: number, end: number): number {
  let count = 0
  for (let at = text.indexOf('\n', begin); at !== -1 && at < end; at = text.indexOf('\n', at + 1)) count++
  return count
}

/** A text of the file, given as Latin-1; undefined where its bytes are not UTF-8. */
export function decodeUtf8(latin1: string): string | undefined {
  if (!NOT_ASCII.test(latin1)) return latin1
  const bytes = Buffer.from(latin1, 'latin1')
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: this is the range of ASCII.
const NOT_ASCII = /[^\x00-\x7f]/

const shownText = (latin1: string): string => Buffer.from(latin1.slice(0, SHOWN_LENGTH), 'latin1').toString('utf8')

const tooLong = (text: string): UnreadableRow =>
  new UnreadableRow('ROW_TOO_LONG', `Found more than ${RECORD_BYTES_MAX} bytes without a line break.`, {
    text: shownText(text),
  })

const neverClosed = (line: string): UnreadableRow =>
  new UnreadableRow('MISPLACED_QUOTE', 'Found a quotation mark that opens a value and is never closed.', {
    text: shownText(line),
  })

function notUtf8(record: string): UnreadableRow {
  const bytes = Buffer.from(record, 'latin1')
  const content = { text: shownText(record), bytesBase64: bytes.subarray(0, SHOWN_LENGTH).toString('base64') }
  return new UnreadableRow('INVALID_UTF8', `Found the bytes ${firstBadBytes(bytes)}, which are not UTF-8.`, content)
}

function firstBadBytes(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  let at = text.indexOf(REPLACEMENT)
  let offset = Buffer.byteLength(text.slice(0, at))
  // A replacement character may also stand in the file itself.
  while (bytes.subarray(offset, offset + 3).equals(REPLACEMENT_BYTES)) {
    const next = text.indexOf(REPLACEMENT, at + 1)
    offset += Buffer.byteLength(text.slice(at, next))
    at = next
  }
  return bytes
    .subarray(offset, offset + 3)
    .toString('hex')
    .replace(/..(?=.)/g, '$& ')
}

/** What Node puts in place of bytes that are no UTF-8. */
const REPLACEMENT = '\ufffd'
const REPLACEMENT_BYTES = Buffer.from(REPLACEMENT)
