import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MillraceError } from '../lib/errors.ts'
import { type Filter, type FilterableAttributes, MAX_FILTER_LENGTH } from './filter.ts'
import { parseFilter } from './filter-parser.ts'

const attributes: FilterableAttributes = {
  category: { type: 'category' },
  brand: { type: 'category' },
  title: { type: 'text' },
  tags: { type: 'tags' },
  price: { type: 'number' },
  stock: { type: 'integer' },
  isOnSale: { type: 'boolean' },
  publishedAt: { type: 'timestamp' },
  in: { type: 'number' },
}

const parse = (text: string): Filter => parseFilter(text, attributes)

function errorOf(text: string): MillraceError {
  try {
    parse(text)
  } catch (error) {
    if (error instanceof MillraceError) return error
    throw error
  }
  throw new Error(`"${text}" was read without an error`)
}

describe('what a filter says', () => {
  test('"and" binds tighter than "or", "not" tighter than both, parentheses tightest', () => {
    expect(parse("category = 'x' and price < 20 or not (brand in ('a','b')) and tags has 'y'")).toEqual({
      kind: 'or',
      operands: [
        {
          kind: 'and',
          operands: [
            { kind: 'compare', attribute: 'category', comparison: '=', value: 'x' },
            { kind: 'compare', attribute: 'price', comparison: '<', value: 20 },
          ],
        },
        {
          kind: 'and',
          operands: [
            { kind: 'not', operand: { kind: 'oneOf', attribute: 'brand', values: ['a', 'b'] } },
            { kind: 'has', attribute: 'tags', tag: 'y' },
          ],
        },
      ],
    })
  })

  test('words of the language may be written in capitals, and <> means !=', () => {
    expect(parse('NOT price <> 3 AND isOnSale = TRUE')).toEqual({
      kind: 'and',
      operands: [
        { kind: 'not', operand: { kind: 'compare', attribute: 'price', comparison: '!=', value: 3 } },
        { kind: 'compare', attribute: 'isOnSale', comparison: '=', value: true },
      ],
    })
  })

  test.each([
    [`title = 'it''s'`, "it's"],
    [`title = "it's"`, "it's"],
    [`title = "say ""hi"""`, 'say "hi"'],
    ['price = -1.5e3', -1500],
    ['price < .5', 0.5],
    ["publishedAt > '2024-01-01'", Date.UTC(2024, 0, 1)],
    ["publishedAt > '2024-01-01T12:30'", Date.UTC(2024, 0, 1, 12, 30)],
    ["publishedAt > '2024-01-01 12:30:15.250+02:00'", Date.UTC(2024, 0, 1, 10, 30, 15, 250)],
    ['publishedAt > 1700000000000', 1_700_000_000_000],
  ])('%s compares with the value it means', (text, value) => {
    expect(parse(text)).toMatchObject({ kind: 'compare', value })
  })

  test('an attribute named like a word of the language is written in back quotes', () => {
    expect(parse('`in` = 1')).toMatchObject({ attribute: 'in', value: 1 })
    expect(errorOf('in = 1').fix).toContain('`in`')
  })
})

describe('what is wrong with a filter', () => {
  test('a syntax error shows the place with a caret', () => {
    const error = errorOf("category = 'x' and price 20")
    expect(error.code).toBe('FILTER_SYNTAX')
    expect(error.message).toBe(
      [
        'filter, character 26: found "20", expected =, !=, <, <=, >, >=, "in" or "has".',
        "  category = 'x' and price 20",
        '                           ^',
      ].join('\n'),
    )
  })

  test.each([
    ['', 'FILTER_SYNTAX'],
    ['   ', 'FILTER_SYNTAX'],
    ['price', 'FILTER_SYNTAX'],
    ['price <', 'FILTER_SYNTAX'],
    ['price = price', 'FILTER_SYNTAX'],
    ['price < 20)', 'FILTER_SYNTAX'],
    ['(price < 20', 'FILTER_SYNTAX'],
    ['price < 20 and', 'FILTER_SYNTAX'],
    ['price < 20 stock > 1', 'FILTER_SYNTAX'],
    ['category in ()', 'FILTER_SYNTAX'],
    ["category in ('a' 'b')", 'FILTER_SYNTAX'],
    ["category = 'a", 'FILTER_SYNTAX'],
    ['price == 2', 'FILTER_SYNTAX'],
    ['price < 20; drop', 'FILTER_SYNTAX'],
    ['price < \u0000', 'FILTER_SYNTAX'],
    ['price < 12abc', 'FILTER_SYNTAX'],
    ['colour = 1', 'FILTER_UNKNOWN_ATTRIBUTE'],
    ['__proto__ = 1', 'FILTER_UNKNOWN_ATTRIBUTE'],
    ["price < 'cheap'", 'FILTER_TYPE_MISMATCH'],
    ['price < true', 'FILTER_TYPE_MISMATCH'],
    ['price < 1e999', 'FILTER_TYPE_MISMATCH'],
    ['category = 3', 'FILTER_TYPE_MISMATCH'],
    ["category < 'x'", 'FILTER_TYPE_MISMATCH'],
    ["tags = 'x'", 'FILTER_TYPE_MISMATCH'],
    ["tags in ('x')", 'FILTER_TYPE_MISMATCH'],
    ["category has 'x'", 'FILTER_TYPE_MISMATCH'],
    ['isOnSale > false', 'FILTER_TYPE_MISMATCH'],
    ["publishedAt > 'yesterday'", 'FILTER_TYPE_MISMATCH'],
    ["publishedAt > '2024-02-31'", 'FILTER_TYPE_MISMATCH'],
    [`${'('.repeat(40)}price < 1${')'.repeat(40)}`, 'FILTER_TOO_LARGE'],
    [`${'not '.repeat(1000)}price < 1`, 'FILTER_TOO_LARGE'],
    [Array.from({ length: 101 }, () => 'price < 1').join(' or '), 'FILTER_TOO_LARGE'],
    [`price in (${Array.from({ length: 1001 }, () => '1').join(',')})`, 'FILTER_TOO_LARGE'],
    [`title = '${'x'.repeat(MAX_FILTER_LENGTH)}'`, 'FILTER_TOO_LARGE'],
  ])('%j is refused as %s', (text, code) => {
    expect(errorOf(text).code).toBe(code)
  })

  test('an unknown attribute is answered with the nearest valid name', () => {
    expect(errorOf('prize < 20').fix).toContain('Did you mean "price"?')
  })

  test('every wrong name and type is reported at once', () => {
    const { problems } = errorOf("prize < 20 and category = 3 and price < 'x' and colour in (1, 'a')")
    expect(problems.map(({ where }) => where)).toEqual([
      'filter, character 1',
      'filter, character 27',
      'filter, character 41',
      'filter, character 49',
    ])
  })

  test('in a long filter the caret still stands under the place', () => {
    const [, line, caret] = errorOf(
      `${'price < 1 and '.repeat(20)}colour = 1${' and price < 1'.repeat(20)}`,
    ).message.split('\n')
    expect(line!.slice(caret!.indexOf('^')).startsWith('colour')).toBe(true)
    expect(line!.length).toBeLessThan(100)
  })

  test('whatever the text, there is a tree or a MillraceError', () => {
    const word = fc.constantFrom(
      ...Object.keys(attributes),
      'and',
      'or',
      'not',
      'in',
      'has',
      '(',
      ')',
      ',',
      '=',
      '<',
      "'x'",
      '1',
      'true',
      '"',
      '`',
    )
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.array(word).map((words) => words.join(' ')),
    )
    fc.assert(
      fc.property(text, (filter) => {
        try {
          parse(filter)
        } catch (error) {
          expect(error).toBeInstanceOf(MillraceError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
