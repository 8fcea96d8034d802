import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CsvSyntax } from './csv-syntax.ts'
import { LineSyntax } from './jsonl-syntax.ts'
import { TextRecords } from './text-records.ts'
import { UnreadableRow } from './unreadable-row.ts'

/** Cells, or the reason, of every record; with `chunkBytes` at a time. */
function readCsv(bytes: Buffer | string, { chunkBytes = 1e9, format = 'csv' as 'csv' | 'tsv' } = {}) {
  const buffer = Buffer.from(bytes)
  const reader = new TextRecords(new CsvSyntax(format))
  const batches = []
  for (let at = 0; at < buffer.length; at += chunkBytes) batches.push(reader.push(buffer.subarray(at, at + chunkBytes)))
  batches.push(reader.end())
  return {
    rows: batches.flatMap(({ records }) =>
      records.map((record) => (record instanceof UnreadableRow ? record.reason : record)),
    ),
    lines: batches.flatMap(({ lines }) => lines),
    unreadable: batches.flatMap(({ records }) => records.filter((record) => record instanceof UnreadableRow)),
  }
}

describe('CSV', () => {
  it.each<[string, string, unknown[]]>([
    [
      'plain rows',
      'a,b\n1,2\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'a last line without a line break',
      'a,b\n1,2',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'CRLF',
      'a,b\r\n1,2\r\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    ['a byte order mark', '\ufeffa,b\n', [['a', 'b']]],
    [
      'empty cells',
      ',\n"",x\n',
      [
        ['', ''],
        ['', 'x'],
      ],
    ],
    ['empty lines, which are no rows', '\na\n\n\r\nb\n', [['a'], ['b']]],
    [
      'quoted delimiters, line breaks and quotation marks',
      '"a,b","c\nd","e""f"\r\ng,h,i\n',
      [
        ['a,b', 'c\nd', 'e"f'],
        ['g', 'h', 'i'],
      ],
    ],
    ['a quoted CRLF', '"a\r\nb",c\r\n', [['a\r\nb', 'c']]],
    ['a quoted last cell without a line break', 'a,"b"', [['a', 'b']]],
    [
      'letters beyond ASCII',
      'ä,€\n"😀",x\n',
      [
        ['ä', '€'],
        ['😀', 'x'],
      ],
    ],
    ['nothing', '', []],
  ])('reads %s', (_, text, expected) => {
    expect(readCsv(text).rows).toEqual(expected)
    expect(readCsv(text, { chunkBytes: 1 }).rows).toEqual(expected)
  })

  it('takes quotation marks of TSV as they are', () => {
    expect(readCsv('5" pipe\t"a"\n', { format: 'tsv' }).rows).toEqual([['5" pipe', '"a"']])
  })

  it('tells on which line of the file a record begins', () => {
    expect(readCsv('a\n\n"b\nc"\nd\r\n"e\r\n\r\nf"\ng').lines).toEqual([1, 3, 5, 6, 9])
  })

  it.each<[string, string, unknown[]]>([
    ['inside a value', 'a,b"c"\nd,e\n', ['MISPLACED_QUOTE', ['d', 'e']]],
    ['behind a closed value', '"a"b,c\nd,e\n', ['MISPLACED_QUOTE', ['d', 'e']]],
    ['that never closes', 'a,b\n"c,d\ne,f\n', [['a', 'b'], 'MISPLACED_QUOTE', ['e', 'f']]],
    ['that never closes, twice', '"a\nb,c\nx"d\ne,f', ['MISPLACED_QUOTE', ['b', 'c'], 'MISPLACED_QUOTE', ['e', 'f']]],
  ])('loses one line to a quotation mark %s', (_, text, expected) => {
    expect(readCsv(text).rows).toEqual(expected)
    expect(readCsv(text, { chunkBytes: 1 }).rows).toEqual(expected)
  })

  it('loses one line to a quotation mark that does not close within a megabyte', () => {
    const rows = readCsv(`a,"b\n${'c,d\n'.repeat(500_000)}`, { chunkBytes: 65_536 }).rows
    expect(rows.length).toBe(500_001)
    expect(rows[0]).toBe('MISPLACED_QUOTE')
  })

  it('loses one row to a line of 3 MB, and holds no more of it than a megabyte', () => {
    const { rows, lines } = readCsv(`a,b\n${'x'.repeat(3 * 2 ** 20)}\nc,d\n`, { chunkBytes: 65_536 })
    expect(rows).toEqual([['a', 'b'], 'ROW_TOO_LONG', ['c', 'd']])
    expect(lines).toEqual([1, 2, 3])
  })

  it('tells invalid UTF-8 row by row, with the bytes, and reads the rows around it', () => {
    const bytes = Buffer.concat([
      Buffer.from('ä,b\n'),
      Buffer.from([0x63, 0xe4, 0x2c, 0x64, 0x0a]),
      Buffer.from('é,f\n'),
    ])
    for (const chunkBytes of [1, 3, 1000]) {
      const { rows, unreadable } = readCsv(bytes, { chunkBytes })
      expect(rows).toEqual([['ä', 'b'], 'INVALID_UTF8', ['é', 'f']])
      expect(unreadable[0]).toMatchObject({
        message: expect.stringContaining('e4 2c 64'),
        content: { bytesBase64: 'Y+QsZA==' },
      })
    }
  })

  // Goal: on valid files this reader is the reference. Method: csv-parse reads the same bytes; ours gets them in pieces of any size.
  it('equals csv-parse on every valid file, however it is cut into chunks', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'é', '😀', ',', '"', '\n', '\r\n', ' ', '1'), maxLength: 6 })
    // Rows of one empty cell are empty lines, which are no rows.
    const table = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 8 })
    const written = (rows: string[][], lineBreak: string): string =>
      rows
        .map((row) =>
          row.map((value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)).join(','),
        )
        .join(lineBreak)
    fc.assert(
      fc.property(
        table,
        fc.constantFrom('\n', '\r\n'),
        fc.integer({ min: 1, max: 40 }),
        (rows, lineBreak, chunkBytes) => {
          const text = written(rows, lineBreak)
          const reference = parse(text, {
            relax_column_count: true,
            skip_empty_lines: true,
            record_delimiter: lineBreak,
          })
          expect(readCsv(text, { chunkBytes }).rows).toEqual(reference)
        },
      ),
      { numRuns: 500 },
    )
  })

  // Found at random: half a character that begins as the replacement character does held the reader for ever.
  it.each([[[0xef]], [[0xef, 0x97]], [[0xef, 0xbf]], [[0xef, 0xbf, 0xbd, 0xef]]])(
    'ends where a file ends in the bytes %j',
    (bytes) => {
      const { rows } = readCsv(Buffer.from([0x61, 0x2c, ...bytes]))
      expect(rows).toEqual(['INVALID_UTF8'])
    },
  )

  it('never throws and never loses a line break, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (bytes, chunkBytes) => {
        const { rows, lines } = readCsv(Buffer.from(bytes), { chunkBytes })
        expect(rows.length).toBe(lines.length)
        expect(lines.every((line, n) => n === 0 || line > lines[n - 1]!)).toBe(true)
      }),
    )
  })
})

describe('lines', () => {
  it('come whole, decoded, however they are cut', () => {
    const reader = new TextRecords(new LineSyntax())
    const records = [...Buffer.from('{"a":"ä"}\r\n\n[1]')].flatMap((byte) => reader.push(Buffer.from([byte])).records)
    expect([...records, ...reader.end().records]).toEqual(['{"a":"ä"}', '[1]'])
  })
})
