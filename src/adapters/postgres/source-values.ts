// Values of Postgres as rows take them. The driver's own choices are not ours: it reads times without a zone in the time zone of this machine, and
// numbers of more than 53 bits as text.
import type { FieldDef } from 'pg'

/** Object ids of Postgres' built-in types, `src/include/catalog/pg_type.dat`. */
const typeOids = {
  boolean: 16,
  bigint: 20,
  smallint: 21,
  integer: 23,
  oid: 26,
  json: 114,
  real: 700,
  double: 701,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
  jsonb: 3802,
} as const

/** From the text that Postgres sends to a value. */
export type ValueReader = (text: string) => unknown

/** @param isArray whether the type is a list of something; `parseList` splits its text */
export function valueReader(
  { dataTypeID }: Pick<FieldDef, 'dataTypeID'>,
  { isArray, parseList }: { readonly isArray: boolean; readonly parseList: (text: string) => unknown },
): ValueReader {
  // Elements stay texts, as tags are.
  if (isArray) return parseList
  switch (dataTypeID) {
    case typeOids.boolean:
      return (text) => text === 't'
    case typeOids.smallint:
    case typeOids.integer:
    case typeOids.oid:
    case typeOids.real:
    case typeOids.double:
      return Number
    case typeOids.bigint:
    case typeOids.numeric:
      return exactNumber
    case typeOids.date:
    case typeOids.timestamp:
    case typeOids.timestamptz:
      return time
    case typeOids.json:
    case typeOids.jsonb:
      return JSON.parse
    default:
      return (text) => text
  }
}

/** Whole numbers beyond 2^53 stay exact as bigint; fractions are rounded to the nearest float64. */
function exactNumber(text: string): number | bigint {
  const number = Number(text)
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(number) ? BigInt(text) : number
}

/**
 * A moment, from the ISO style that the session asks for; without a zone it is UTC. Rounded down to milliseconds. `infinity` and times beyond the
 * range of Date stay text, to be rejected as what they are.
 */
function time(text: string): Date | string {
  const found = /^(\d{4,6})-(\d\d)-(\d\d)(?: (\d\d:\d\d:\d\d)(\.\d{1,6})?([+-]\d\d)?(?::(\d\d))?(?::\d\d)?)?$/.exec(
    text,
  )
  if (!found) return text
  const [, year, month, day, clock = '00:00:00', fraction = '', zoneHours = '+00', zoneMinutes = '00'] = found
  const longYear = year!.length > 4 ? `+${year!.padStart(6, '0')}` : year
  const ms = fraction.slice(0, 4).padEnd(4, '0').replace(/^0/, '.')
  const date = new Date(`${longYear}-${month}-${day}T${clock}${ms}${zoneHours}:${zoneMinutes}`)
  return Number.isNaN(date.getTime()) ? text : date
}

/** How a column orders rows, for the types that can. */
export interface OrderKind {
  /** SQL of what is subtracted; undefined where nothing can be. */
  readonly overlap: 'time' | 'number' | undefined
  /** SQL of the greatest value that can be meant; above it a value is a mistake, such as the year 9999, and must not become the mark. */
  readonly ceiling: string | undefined
}

/** Undefined for a type whose order says nothing about what is newer. */
export function orderKindOf(dataTypeID: number, category: string): OrderKind | undefined {
  if (dataTypeID === typeOids.timestamptz) return { overlap: 'time', ceiling: 'now()' }
  if (dataTypeID === typeOids.timestamp || dataTypeID === typeOids.date) {
    // Written in some zone or other, of which the easternmost is 14 hours ahead.
    return { overlap: 'time', ceiling: "(now() at time zone 'UTC' + interval '14 hours')" }
  }
  if (category === 'N') return { overlap: 'number', ceiling: undefined }
  // Texts, and ids that begin with their time.
  return category === 'S' || category === 'U' ? { overlap: undefined, ceiling: undefined } : undefined
}
