// What the judging of every kind of row has in common: the fields that all rows have, and what is said of one that is not in order.
import type { KnownPlan, Plan } from '../config/plan.ts'
import type { LogEvent } from '../domain/event.ts'
import type { Rejection } from '../domain/rejection.ts'
import { suggestName } from '../lib/nearest-name.ts'
import type { RowReading } from './row-attribute.ts'
import { type RowProblems, shown } from './row-problems.ts'
import { numberText, rowTimeMs, timeFormatNames } from './row-time.ts'

/** What the row itself does not say. */
export interface RowContext {
  readonly nowMs: number
  /** Makes ids of rows without one; the same source and row give the same id. */
  readonly source: string
  /** Where the row stands. Part of a made id where a row gets the time of its arrival: then two equal rows are two events. */
  readonly where: (position: number) => string
  /** What a row without a time gets: the moment of its arrival, a given one in milliseconds since 1970, or a rejection. */
  readonly missingTime: 'arrival' | 'reject' | number
}

/** A row's event, or why there is none. A rejection has a `reason`. */
export type RowCheck = (row: unknown, position: number, context: RowContext) => LogEvent | Rejection

export const isRejection = (verdict: LogEvent | Rejection): verdict is Rejection => 'reason' in verdict

/** Values as JSON and Parquet type them; times as HTTP takes them. */
export const typedReading: RowReading = { timeFormat: 'iso-or-milliseconds', areValuesText: false }

export type Row = Readonly<Record<string, unknown>>

/**
 * For sources whose rows may say `knownTime`, and what holds for rows that do not. Nobody who sends something over HTTP can: then it would be the
 * sender who decides what training rows of the past see.
 */
export interface Declared {
  readonly known: KnownPlan | undefined
}

/** 1971-01-01: anything before it is a zero, or seconds taken for milliseconds. */
const EARLIEST_MS = 31_536_000_000

export const isRow = (row: unknown): row is Row => typeof row === 'object' && row !== null && !Array.isArray(row)

export const malformedRow = (row: unknown): Rejection => ({
  reason: 'MALFORMED_ROW',
  message: `Found ${shown(row)}, expected a JSON object.`,
})

export const isMissing = (found: unknown): found is undefined | null | '' =>
  found === undefined || found === null || found === ''

/** Sets rows apart that say the same and have no time of their own but that of their arrival. */
export const placeOf = (row: Row, position: number, { missingTime, where }: RowContext): readonly string[] =>
  missingTime === 'arrival' && isMissing(row.eventTime) ? [where(position)] : []

export function addUnknownField(problems: RowProblems, field: string, known: readonly string[]): void {
  const name = field.slice(0, 100)
  problems.add('UNKNOWN_FIELD', `Found the unknown field ${JSON.stringify(name)}. ${suggestName(name, known)}`)
}

export function timeReader({ data }: Plan, { timeFormat }: RowReading, problems: RowProblems) {
  return (found: unknown, { nowMs, missingTime }: RowContext): number | undefined => {
    if (isMissing(found)) {
      if (missingTime !== 'reject') return missingTime === 'arrival' ? nowMs : missingTime
      return problems.add('MISSING_EVENT_TIME', `eventTime: found nothing, expected ${timeFormatNames[timeFormat]}.`)
    }
    const timeMs = rowTimeMs(found, timeFormat)
    if (timeMs === undefined) {
      return problems.add(
        'MALFORMED_TIME',
        `eventTime: found ${shown(found)}, expected ${timeFormatNames[timeFormat]}.`,
      )
    }
    if (timeMs < EARLIEST_MS) {
      return problems.add(
        'TIME_BEFORE_1971',
        `eventTime: found ${shown(found)}, which is ${isoOf(timeMs)}; expected a time after 1970.`,
      )
    }
    if (timeMs > nowMs + data.futureToleranceMs) {
      const latest = isoOf(nowMs + data.futureToleranceMs)
      return problems.add(
        'TIME_IN_FUTURE',
        `eventTime: found ${shown(found)}, which is ${isoOf(timeMs)}; expected no later than ${latest}.`,
      )
    }
    return timeMs
  }
}

/** From when on a row could have been known; undefined: from when it is read. Nothing was known before it happened. */
export function knownTimeReader(declared: Declared | undefined, { timeFormat }: RowReading, problems: RowProblems) {
  if (declared === undefined) return () => undefined
  const { known } = declared
  const sinceMs = typeof known === 'object' ? known.sinceMs : known === undefined ? undefined : Number.NEGATIVE_INFINITY
  return (found: unknown, eventTimeMs: number | undefined): number | undefined => {
    const given = isMissing(found) ? sinceMs : rowTimeMs(found, timeFormat)
    if (given === undefined && !isMissing(found)) {
      const expected = timeFormatNames[timeFormat]
      problems.add('MALFORMED_TIME', `knownTime: found ${shown(found)}, expected ${expected}.`)
    }
    return given === undefined || eventTimeMs === undefined ? undefined : Math.max(given, eventTimeMs)
  }
}

const isoOf = (timeMs: number): string => new Date(timeMs).toISOString()

export function numberOf(found: unknown, areValuesText: boolean): unknown {
  if (typeof found === 'string') return areValuesText ? numberText(found) : undefined
  return typeof found === 'bigint' ? Number(found) : found
}
