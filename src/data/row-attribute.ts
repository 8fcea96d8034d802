// The value of an attribute as rows write it, brought to the form the log keeps.
import type { AttributeType } from '../config/plan.ts'
import type { AttributeValue } from '../domain/event.ts'
import { numberText, rowTimeMs, type TimeFormat } from './row-time.ts'

/** How the rows of a source write their values. */
export interface RowReading {
  readonly timeFormat: TimeFormat
  /** Whether every value is text, as in CSV: then numbers and truth values are read out of it, and an empty text is no value. */
  readonly areValuesText: boolean
}

/** Characters of a text, category or tag that are kept; longer ones are most often a mistake in the file. */
const TEXT_LENGTH_MAX = 32_768
const TAG_COUNT_MAX = 1000

/** Undefined where `found` is not of this type. Neither undefined, null nor empty text of a text source comes here. */
export function attributeReader(
  type: AttributeType,
  reading: RowReading,
): (found: unknown) => AttributeValue | undefined {
  const { areValuesText } = reading
  const number = areValuesText ? (found: unknown) => numberText(found as string) : finiteNumber
  switch (type) {
    case 'text':
      return text
    case 'category':
      return (found) => text(typeof found === 'number' || typeof found === 'boolean' ? String(found) : found)
    case 'tags':
      return (found) => tagList(areValuesText ? splitTags(found as string) : found)
    case 'number':
      return number
    case 'integer':
      return (found) => {
        const value = number(found)
        return Number.isSafeInteger(value) ? value : undefined
      }
    case 'boolean':
      return areValuesText
        ? (found) => truthText(found as string)
        : (found) => (typeof found === 'boolean' ? found : undefined)
    case 'timestamp':
      return (found) => rowTimeMs(found, reading.timeFormat)
  }
}

/** What a value of this type looks like, to be told to people. */
export const attributeTypeNames: Readonly<Record<AttributeType, string>> = {
  category: `a text of at most ${TEXT_LENGTH_MAX} characters`,
  text: `a text of at most ${TEXT_LENGTH_MAX} characters`,
  tags: `a list of at most ${TAG_COUNT_MAX} texts (in CSV: separated by "|")`,
  number: 'a finite number',
  integer: 'a whole number between -2^53 and 2^53',
  boolean: 'true or false',
  timestamp: 'a time, written as the times of this source are',
}

const text = (found: unknown): string | undefined =>
  typeof found === 'string' && found.length <= TEXT_LENGTH_MAX && found.isWellFormed() ? found : undefined

const finiteNumber = (found: unknown): number | undefined => {
  const number = typeof found === 'bigint' ? Number(found) : found
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

function tagList(found: unknown): readonly string[] | undefined {
  if (!Array.isArray(found) || found.length > TAG_COUNT_MAX) return undefined
  return found.every((tag) => text(tag) !== undefined) ? [...found] : undefined
}

const splitTags = (found: string): string[] => splitList(found).filter((tag) => tag !== '')

/** A list in a source whose values are text, such as "a|b". */
export const splitList = (found: string): string[] => found.split('|').map((part) => part.trim())

function truthText(found: string): boolean | undefined {
  if (/^(true|yes|1)$/i.test(found)) return true
  return /^(false|no|0)$/i.test(found) ? false : undefined
}
