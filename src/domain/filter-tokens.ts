// The words and signs of a filter, with their places, so that an error can point at one.
import { MillraceError } from '../lib/errors.ts'

export interface Token {
  /** `word`: a bare or back-quoted name or keyword; `end`: the end of the text. */
  readonly kind: 'word' | 'text' | 'number' | 'sign' | 'end'
  /** A word without its back quotes, a text without its quotes, a sign as it is. */
  readonly text: string
  /** 0-based place of its first character. */
  readonly start: number
  /** Back-quoted words are names even where they read like a keyword. */
  readonly isQuoted: boolean
}

const SPACE = /\s+/y
const WORD = /[\p{L}_][\p{L}\p{N}_.-]*/uy
const QUOTED_WORD = /`([^`]+)`/y
const TEXT = /'((?:[^']|'')*)'|"((?:[^"]|"")*)"/y
const NUMBER = /[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\p{L}\p{N}_])/uy
const SIGN = /!=|<>|<=|>=|[=<>(),]/y

/** @throws MillraceError FILTER_SYNTAX at a character that begins nothing */
export function tokens(filter: string): readonly Token[] {
  const found: Token[] = []
  let start = skip(SPACE, filter, 0)
  while (start < filter.length) {
    const { token, end } = tokenAt(filter, start)
    found.push(token)
    start = skip(SPACE, filter, end)
  }
  found.push({ kind: 'end', text: '', start: filter.length, isQuoted: false })
  return found
}

function tokenAt(filter: string, start: number): { token: Token; end: number } {
  const taken = (kind: Token['kind'], text: string, length: number, isQuoted = false) => ({
    token: { kind, text, start, isQuoted },
    end: start + length,
  })
  let match = matchAt(NUMBER, filter, start)
  if (match) return taken('number', match[0], match[0].length)
  match = matchAt(WORD, filter, start)
  if (match) return taken('word', match[0], match[0].length)
  match = matchAt(QUOTED_WORD, filter, start)
  if (match) return taken('word', match[1]!, match[0].length, true)
  match = matchAt(TEXT, filter, start)
  if (match) {
    const text = match[1] !== undefined ? match[1].replaceAll("''", "'") : match[2]!.replaceAll('""', '"')
    return taken('text', text, match[0].length, true)
  }
  match = matchAt(SIGN, filter, start)
  if (match) return taken('sign', match[0] === '<>' ? '!=' : match[0], match[0].length)
  const character = String.fromCodePoint(filter.codePointAt(start)!)
  const isOpenQuote = character === "'" || character === '"' || character === '`'
  throw new MillraceError(
    'FILTER_SYNTAX',
    isOpenQuote
      ? pointAt(filter, start, `the quote ${character} is never closed`)
      : pointAt(filter, start, `found ${printable(character)}, which begins nothing`),
    { fix: isOpenQuote ? 'Close the text with the same quote.' : "Write texts in quotes, such as 'red shoes'." },
  )
}

function matchAt(pattern: RegExp, text: string, start: number): RegExpExecArray | null {
  pattern.lastIndex = start
  return pattern.exec(text)
}

function skip(pattern: RegExp, text: string, start: number): number {
  return start + (matchAt(pattern, text, start)?.[0].length ?? 0)
}

const printable = (character: string): string =>
  /[\p{C}\p{Z}]/u.test(character) ? JSON.stringify(character) : `"${character}"`

/** Characters shown on either side of the place. */
const SHOWN_CHARACTERS = 40

/** A message with the part of the filter that it is about, and a caret under the place. */
export function pointAt(filter: string, start: number, message: string): string {
  const from = Math.max(0, start - SHOWN_CHARACTERS)
  const to = Math.min(filter.length, start + SHOWN_CHARACTERS)
  const lead = from > 0 ? '...' : ''
  // One line, one column per character, whatever the filter holds: otherwise the caret would point elsewhere.
  const shown = filter.slice(from, to).replace(/[\p{C}\p{Z}]/gu, ' ')
  const line = `${lead}${shown}${to < filter.length ? '...' : ''}`
  return `filter, character ${start + 1}: ${message}.\n  ${line}\n  ${' '.repeat(lead.length + start - from)}^`
}
