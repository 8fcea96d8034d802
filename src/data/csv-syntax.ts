// Comma-separated values as in RFC 4180, and tab-separated values without quotation marks (IANA text/tab-separated-values).
// Why not a library: what counts here is what happens after a mistake. The well-kept parsers lose every row behind a quotation mark that never
// closes; here a row that cannot be read costs one line. A property test holds this reader to one of them on valid files.
import { decodeUtf8, INCOMPLETE, type RecordSyntax } from './text-records.ts'
import { UnreadableRow } from './unreadable-row.ts'

const QUOTE = 0x22
const CARRIAGE_RETURN = 0x0d
const LINE_FEED = 0x0a

export class CsvSyntax implements RecordSyntax<string[]> {
  end = 0
  readonly #delimiter: string
  readonly #hasQuotes: boolean

  /** @param format `tsv`: quotation marks are ordinary characters */
  constructor(format: 'csv' | 'tsv') {
    this.#delimiter = format === 'tsv' ? '\t' : ','
    this.#hasQuotes = format === 'csv'
  }

  read(text: string, begin: number, lineEnd: number): string[] | UnreadableRow | typeof INCOMPLETE {
    const line = text.slice(begin, lineEnd)
    if (this.#hasQuotes && line.includes('"')) return this.#readQuoted(text, begin, line)
    this.end = lineEnd
    return line.split(this.#delimiter)
  }

  decode(cells: string[]): string[] | undefined {
    const decoded: string[] = []
    for (const cell of cells) {
      const text = decodeUtf8(cell)
      if (text === undefined) return undefined
      decoded.push(text)
    }
    return decoded
  }

  #readQuoted(text: string, begin: number, firstLine: string): string[] | UnreadableRow | typeof INCOMPLETE {
    const delimiter = this.#delimiter.charCodeAt(0)
    const cells: string[] = []
    let at = begin
    for (;;) {
      if (text.charCodeAt(at) === QUOTE) {
        const close = closingQuote(text, at + 1)
        if (close === -1) return INCOMPLETE
        const value = text.slice(at + 1, close)
        cells.push(value.includes('"') ? value.replaceAll('""', '"') : value)
        at = close + 1
      } else {
        const cellBegin = at
        while (!isCellEnd(text, at, delimiter)) {
          if (text.charCodeAt(at) === QUOTE) return misplaced(firstLine, text.slice(cellBegin, at + 1))
          at++
        }
        cells.push(text.slice(cellBegin, at))
      }
      // A carriage return is part of a line break only where the line feed follows, which may be in the next chunk.
      if (at >= text.length || (at === text.length - 1 && text.charCodeAt(at) === CARRIAGE_RETURN)) return INCOMPLETE
      if (!isCellEnd(text, at, delimiter)) return misplaced(firstLine, text.slice(at - 1, at + 1))
      if (text.charCodeAt(at) !== delimiter) {
        this.end = at
        return cells
      }
      at++
    }
  }
}

/** A doubled quotation mark is part of the value; -1 where none closes it. */
function closingQuote(text: string, begin: number): number {
  for (let at = text.indexOf('"', begin); at !== -1; at = text.indexOf('"', at + 2)) {
    if (text.charCodeAt(at + 1) !== QUOTE) return at
  }
  return -1
}

function isCellEnd(text: string, at: number, delimiter: number): boolean {
  const code = text.charCodeAt(at)
  return (
    code === delimiter ||
    code === LINE_FEED ||
    at >= text.length ||
    (code === CARRIAGE_RETURN && text.charCodeAt(at + 1) === LINE_FEED)
  )
}

function misplaced(line: string, near: string): UnreadableRow {
  const shown = decodeUtf8(near.slice(-40)) ?? ''
  return new UnreadableRow(
    'MISPLACED_QUOTE',
    `Found a quotation mark in the middle of a value, at ${JSON.stringify(shown)}.`,
    {
      text: Buffer.from(line.slice(0, 2000), 'latin1').toString('utf8'),
    },
  )
}
