// Times as rows write them.
import type { FileSourcePlan } from '../config/plan.ts'
import { isoTimeMs } from '../domain/iso-time.ts'

/** How times are written; over HTTP as ISO 8601, or as a number of milliseconds. */
export type TimeFormat = FileSourcePlan['timeFormat'] | 'iso-or-milliseconds'

/** Milliseconds since 1970, a whole number; undefined where `found` is not written in this format. */
export function rowTimeMs(found: unknown, format: TimeFormat): number | undefined {
  // Parquet knows times by itself.
  if (found instanceof Date) return Number.isNaN(found.getTime()) ? undefined : found.getTime()
  if (format === 'iso') return isoText(found)
  if (format === 'iso-or-milliseconds') return typeof found === 'number' ? wholeMs(found) : isoText(found)
  const number = typeof found === 'string' ? numberText(found) : typeof found === 'number' ? found : undefined
  return number === undefined ? undefined : wholeMs(format === 'seconds' ? number * 1000 : number)
}

/** What a time in this format looks like, to be told to people. */
export const timeFormatNames: Readonly<Record<TimeFormat, string>> = {
  iso: 'an ISO 8601 time such as 2026-03-31T12:00:00Z',
  seconds: 'seconds since 1970',
  milliseconds: 'milliseconds since 1970',
  'iso-or-milliseconds': 'an ISO 8601 time such as 2026-03-31T12:00:00Z, or milliseconds since 1970',
}

/** A number in decimal or exponential notation; undefined for anything else, such as "", "NaN", "0x10" or "1,5". */
export function numberText(text: string): number | undefined {
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?$/i.test(text)) return undefined
  const number = Number(text)
  return Number.isFinite(number) ? number : undefined
}

function wholeMs(ms: number): number | undefined {
  const whole = Math.round(ms)
  // The range of Date.
  return Math.abs(whole) <= 8.64e15 ? whole : undefined
}

function isoText(found: unknown): number | undefined {
  if (typeof found !== 'string') return undefined
  return commonIsoMs(found) ?? isoTimeMs(found)
}

/**
 * The common shapes `YYYY-MM-DDTHH:MM:SS`, with `Z` or `.mmmZ` or nothing behind it, ten times faster than through `Date`; undefined for any other.
 * A date becomes a number of days as in Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013, `days_from_civil`.
 */
function commonIsoMs(text: string): number | undefined {
  const length = text.length
  if (length !== 19 && length !== 20 && length !== 24) return undefined
  if (length > 19 && text.charCodeAt(length - 1) !== LETTER_Z) return undefined
  const separator = text.charCodeAt(10)
  if (separator !== LETTER_T && separator !== SPACE) return undefined
  if (text.charCodeAt(4) !== DASH || text.charCodeAt(7) !== DASH) return undefined
  if (text.charCodeAt(13) !== COLON || text.charCodeAt(16) !== COLON) return undefined
  if (length === 24 && text.charCodeAt(19) !== DOT) return undefined
  const year = digits(text, 0, 4)
  const month = digits(text, 5, 2)
  const day = digits(text, 8, 2)
  const hour = digits(text, 11, 2)
  const minute = digits(text, 14, 2)
  const second = digits(text, 17, 2)
  const ms = length === 24 ? digits(text, 20, 3) : 0
  // Where something is out of its range, the slow path gives the verdict. NaN is in no range.
  const isPlain =
    year >= 1 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= 28 &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59 &&
    ms >= 0
  if (!isPlain) return undefined

  const marchYear = month <= 2 ? year - 1 : year
  const era = Math.floor(marchYear / 400)
  const yearOfEra = marchYear - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  const days = era * 146_097 + dayOfEra - 719_468
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms
}

const DASH = 0x2d
const DOT = 0x2e
const COLON = 0x3a
const SPACE = 0x20
const LETTER_T = 0x54
const LETTER_Z = 0x5a

/** The number that `count` digits write; NaN where one of them is no digit. */
function digits(text: string, begin: number, count: number): number {
  let number = 0
  for (let i = begin; i < begin + count; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return Number.NaN
    number = number * 10 + digit
  }
  return number
}
