// Text to tree. One pass reads and checks types, so that every message can point at its place; wrong names and types do not stop it, so that
// the sender hears of all of them at once.
import type { ErrorCode } from '../lib/error-catalogue.ts'
import { MillraceError, type Problem } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import {
  type Comparison,
  type Filter,
  type FilterableAttributes,
  type FilterableType,
  type FilterTerm,
  type FilterValue,
  MAX_FILTER_DEPTH,
  MAX_FILTER_LENGTH,
  MAX_FILTER_TERM_COUNT,
} from './filter.ts'
import { pointAt, type Token, tokens } from './filter-tokens.ts'
import { isoTimeMs } from './iso-time.ts'

/**
 * The tree of a filter over items that have these attributes.
 * @throws MillraceError FILTER_SYNTAX, FILTER_TOO_LARGE, or, with every problem of the filter, FILTER_UNKNOWN_ATTRIBUTE and FILTER_TYPE_MISMATCH
 */
export function parseFilter(text: string, attributes: FilterableAttributes): Filter {
  if (text.length > MAX_FILTER_LENGTH) {
    throw tooLarge(`filter: found ${text.length} characters, expected at most ${MAX_FILTER_LENGTH}.`)
  }
  return new Parser(text, attributes).filter()
}

const orders: readonly string[] = ['<', '<=', '>', '>=']
const comparisons: readonly string[] = ['=', '!=', ...orders]

/** Values of one `in` list. */
const MAX_LISTED_VALUE_COUNT = 1_000

/** What each type may be compared with, as shown to people. */
const examples: Readonly<Record<FilterableType, string>> = {
  category: "a text in quotes, such as 'shoes'",
  text: "a text in quotes, such as 'Red shoes'",
  tags: "a text in quotes, such as 'sale'",
  number: 'a number, such as 19.99',
  integer: 'a number, such as 20',
  boolean: 'true or false',
  timestamp: "a time in quotes, such as '2024-01-31' or '2024-01-31T12:00:00Z', or milliseconds since 1970",
}

class Parser {
  readonly #text: string
  readonly #attributes: FilterableAttributes
  readonly #tokens: readonly Token[]
  readonly #problems: (Problem & { readonly code: ErrorCode })[] = []
  #next = 0
  #depth = 0
  #termCount = 0

  constructor(text: string, attributes: FilterableAttributes) {
    this.#text = text
    this.#attributes = attributes
    this.#tokens = tokens(text)
  }

  filter(): Filter {
    const filter = this.#any()
    if (this.#peek().kind !== 'end') throw this.#unexpected('"and", "or" or the end')
    const first = this.#problems[0]
    if (first === undefined) return filter
    throw new MillraceError(first.code, first.message, {
      ...(first.fix === undefined ? {} : { fix: first.fix }),
      problems: this.#problems.map(({ code: _, ...problem }) => problem),
    })
  }

  #any(): Filter {
    return this.#chain('or', () => this.#all())
  }

  #all(): Filter {
    return this.#chain('and', () => this.#one())
  }

  #chain(kind: 'and' | 'or', operand: () => Filter): Filter {
    const operands = [operand()]
    while (this.#takeKeyword(kind)) operands.push(operand())
    return operands.length === 1 ? operands[0]! : { kind, operands }
  }

  #one(): Filter {
    if (this.#depth >= MAX_FILTER_DEPTH) {
      throw tooLarge(
        this.#pointAt(this.#peek(), `expected at most ${MAX_FILTER_DEPTH} parentheses and "not" inside each other`),
      )
    }
    this.#depth++
    const one = this.#inner()
    this.#depth--
    return one
  }

  #inner(): Filter {
    if (this.#takeKeyword('not')) return { kind: 'not', operand: this.#one() }
    if (!this.#takeSign('(')) return this.#term()
    const inner = this.#any()
    if (!this.#takeSign(')')) throw this.#unexpected('"and", "or" or ")"')
    return inner
  }

  #term(): FilterTerm {
    const name = this.#peek()
    if (name.kind !== 'word' || isKeyword(name)) throw this.#unexpected('the name of an attribute, "not" or "("')
    this.#next++
    if (++this.#termCount > MAX_FILTER_TERM_COUNT) {
      throw tooLarge(this.#pointAt(name, `expected at most ${MAX_FILTER_TERM_COUNT} comparisons`))
    }
    const type = this.#typeOf(name)
    const attribute = name.text
    const sign = this.#peek()
    if (this.#takeKeyword('in')) return { kind: 'oneOf', attribute, values: this.#list(sign, attribute, type) }
    if (this.#takeKeyword('has')) return { kind: 'has', attribute, tag: this.#tag(sign, attribute, type) }
    if (sign.kind !== 'sign' || !comparisons.includes(sign.text))
      throw this.#unexpected('=, !=, <, <=, >, >=, "in" or "has"')
    this.#next++
    const comparison = sign.text as Comparison
    if (type === 'tags')
      this.#mismatch(sign, `"${attribute}" holds tags, which cannot be compared`, `Write: ${attribute} has 'sale'.`)
    if (orders.includes(comparison) && type !== undefined && !isOrdered(type)) {
      this.#mismatch(
        sign,
        `"${attribute}" is a ${type}, which has no order, and cannot be compared by ${comparison}`,
        'Use =, != or in.',
      )
    }
    return { kind: 'compare', attribute, comparison, value: this.#value(attribute, type) }
  }

  #list(sign: Token, attribute: string, type: FilterableType | undefined): readonly FilterValue[] {
    if (type === 'tags')
      this.#mismatch(sign, `"${attribute}" holds tags, and "in" asks for one value`, `Write: ${attribute} has 'sale'.`)
    if (!this.#takeSign('(')) throw this.#unexpected('"(" and a list of values')
    const values: FilterValue[] = []
    do {
      if (values.length === MAX_LISTED_VALUE_COUNT) {
        throw tooLarge(this.#pointAt(this.#peek(), `expected at most ${MAX_LISTED_VALUE_COUNT} values in a list`))
      }
      values.push(this.#value(attribute, type))
    } while (this.#takeSign(','))
    if (!this.#takeSign(')')) throw this.#unexpected('"," or ")"')
    return values
  }

  #tag(sign: Token, attribute: string, type: FilterableType | undefined): string {
    if (type !== undefined && type !== 'tags') {
      this.#mismatch(sign, `"${attribute}" is a ${type}, and only tags can be asked by "has"`, `Use = or in.`)
    }
    return String(this.#value(attribute, 'tags'))
  }

  /** A value of the type; of any type where the attribute is unknown. */
  #value(attribute: string, type: FilterableType | undefined): FilterValue {
    const token = this.#peek()
    const found = literal(token)
    if (found === undefined) throw this.#unexpected(type === undefined ? 'a value' : examples[type])
    this.#next++
    const value = type === undefined ? found : valueOfType(found, type)
    if (value !== undefined) return value
    this.#mismatch(token, `"${attribute}" is a ${type}: found ${shown(found)}, expected ${examples[type!]}`)
    return found
  }

  /** Undefined, and noted as a problem, where items have no such attribute. */
  #typeOf(name: Token): FilterableType | undefined {
    if (Object.hasOwn(this.#attributes, name.text)) return this.#attributes[name.text]!.type
    const fix = suggestName(name.text, Object.keys(this.#attributes))
    this.#note('FILTER_UNKNOWN_ATTRIBUTE', name, `items have no attribute called "${name.text}"`, fix)
    return undefined
  }

  #mismatch(token: Token, message: string, fix?: string): void {
    this.#note('FILTER_TYPE_MISMATCH', token, message, fix)
  }

  #note(code: ErrorCode, token: Token, message: string, fix?: string): void {
    const where = `filter, character ${token.start + 1}`
    this.#problems.push({ code, where, message: this.#pointAt(token, message), ...(fix === undefined ? {} : { fix }) })
  }

  #unexpected(expected: string): MillraceError {
    const token = this.#peek()
    const found = token.kind === 'end' ? 'the end' : shown(token.text)
    const fix =
      token.kind === 'word' && isKeyword(token) && expected.startsWith('the name')
        ? `Put a name that is also a word of the language into back quotes: \`${token.text}\`.`
        : undefined
    const message = this.#pointAt(token, `found ${found}, expected ${expected}`)
    return new MillraceError('FILTER_SYNTAX', message, fix === undefined ? {} : { fix })
  }

  #pointAt(token: Token, message: string): string {
    return pointAt(this.#text, token.start, message)
  }

  #peek(): Token {
    return this.#tokens[this.#next]!
  }

  #takeSign(sign: string): boolean {
    const token = this.#peek()
    if (token.kind !== 'sign' || token.text !== sign) return false
    this.#next++
    return true
  }

  #takeKeyword(keyword: string): boolean {
    const token = this.#peek()
    if (token.kind !== 'word' || token.isQuoted || token.text.toLowerCase() !== keyword) return false
    this.#next++
    return true
  }
}

const keywords: ReadonlySet<string> = new Set(['and', 'or', 'not', 'in', 'has', 'true', 'false'])

const isKeyword = (token: Token): boolean => !token.isQuoted && keywords.has(token.text.toLowerCase())

const isOrdered = (type: FilterableType): boolean => type === 'number' || type === 'integer' || type === 'timestamp'

const shown = (value: FilterValue): string =>
  typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : `${value}`

function literal(token: Token): FilterValue | undefined {
  if (token.kind === 'text') return token.text
  if (token.kind === 'number') return Number(token.text)
  if (token.kind !== 'word' || token.isQuoted) return undefined
  const word = token.text.toLowerCase()
  return word === 'true' ? true : word === 'false' ? false : undefined
}

function valueOfType(found: FilterValue, type: FilterableType): FilterValue | undefined {
  switch (type) {
    case 'category':
    case 'text':
    case 'tags':
      return typeof found === 'string' ? found : undefined
    case 'number':
    case 'integer':
      return typeof found === 'number' && Number.isFinite(found) ? found : undefined
    case 'boolean':
      return typeof found === 'boolean' ? found : undefined
    case 'timestamp':
      return typeof found === 'number' ? (Number.isFinite(found) ? found : undefined) : isoTimeMs(found)
  }
}

function tooLarge(message: string): MillraceError {
  return new MillraceError('FILTER_TOO_LARGE', message, { fix: 'Ask for less in one filter, or split the request.' })
}
