const ISO_TIME = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?)?$/i

/** Milliseconds since 1970 of an ISO 8601 time, UTC where it names no zone; undefined for anything else, such as the 31st of February. */
export function isoTimeMs(found: unknown): number | undefined {
  const match = typeof found === 'string' ? ISO_TIME.exec(found) : null
  if (!match) return undefined
  const [, date, time = '00:00', zone = 'Z'] = match
  const dayMs = Date.parse(`${date}T00:00Z`)
  if (Number.isNaN(dayMs) || !new Date(dayMs).toISOString().startsWith(date!)) return undefined
  const ms = Date.parse(`${date}T${time}${zone.toUpperCase()}`)
  return Number.isNaN(ms) ? undefined : ms
}

/** A moment in ISO 8601, UTC, to the millisecond. */
export const isoTime = (timeMs: number): string => new Date(timeMs).toISOString()
