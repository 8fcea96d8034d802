// For whom, and as of when, a training set has rows: interactions of one kind, or a list that somebody made.

import type { FileSourcePlan } from '../config/plan.ts'
import { countedTimeMs } from '../domain/feature.ts'
import { isoTime } from '../domain/iso-time.ts'
import { MillraceError } from '../lib/errors.ts'
import type { StoredEvent } from '../ports/event-log.ts'
import type { Label } from '../ports/offline-store.ts'
import { fileRows } from './file-rows.ts'
import { rowTimeMs, timeFormatNames } from './row-time.ts'
import { UnreadableRow } from './unreadable-row.ts'

export interface InteractionLabels {
  /** Their interaction, such as "purchase". */
  readonly of: string
  /** When they happened: from the first moment on, before the second. */
  readonly fromMs: number
  readonly toMs: number
}

/** A row for each interaction, as of when it happened: so neither it nor what happened at once with it has a part in its features. In the order that is given. */
export async function* interactionLabels(
  events: AsyncIterable<readonly StoredEvent[]>,
  { of, fromMs, toMs }: InteractionLabels,
): AsyncGenerator<readonly Label[]> {
  for await (const batch of events) {
    yield batch.flatMap(({ event, availableTimeMs }) => {
      if (event.kind !== 'interaction' || event.interaction !== of) return []
      const momentMs = countedTimeMs(event.eventTimeMs, availableTimeMs)
      const { userId, itemId } = event
      return momentMs >= fromMs && momentMs < toMs ? [{ userId, itemId, momentMs }] : []
    })
  }
}

/**
 * The rows of a file with the columns userId, itemId and moment. A row that lacks one of them fails the whole file, because a training set of a part of what was
 * asked for would look like one of all of it; so does one of a moment that is still to come, of which nobody can say what was known at it.
 * @param knownToMs no row may be of a later moment
 * @throws MillraceError LABELS_INVALID, IMPORT_FILE_UNREADABLE, IMPORT_FILE_DAMAGED, IMPORT_MAPPING_INVALID
 */
export async function* fileLabels(
  path: string,
  format: FileSourcePlan['format'],
  knownToMs = Number.POSITIVE_INFINITY,
): AsyncGenerator<readonly Label[]> {
  const columns = { userId: 'userId', itemId: 'itemId', eventTime: 'moment' }
  const source = {
    kind: 'file',
    path,
    format,
    hasHeader: true,
    holds: 'interactions',
    columns,
    timeFormat: 'iso',
  } as const
  for await (const { rows, where } of fileRows(path, source)) {
    yield rows.map((row, position) => labelOf(row, where(position), knownToMs))
  }
}

function labelOf(row: unknown, where: string, knownToMs: number): Label {
  if (row instanceof UnreadableRow) throw invalid(`${where}: ${row.message}`)
  // Of a line of JSON that is no object, nothing is found.
  const { userId, itemId, eventTime } = (row ?? {}) as Record<string, unknown>
  const momentMs = rowTimeMs(eventTime, 'iso')
  if (momentMs !== undefined && momentMs > knownToMs) {
    const found = `${JSON.stringify(eventTime)}, which is ${isoTime(momentMs)}`
    throw invalid(
      `${where}: found the moment ${found}, expected one up to ${isoTime(knownToMs)}: what comes later is not known.`,
    )
  }
  if (isId(userId) && isId(itemId) && momentMs !== undefined) {
    return { userId: String(userId), itemId: String(itemId), momentMs }
  }
  const found = [userId, itemId, eventTime].map((value) => JSON.stringify(value) ?? 'nothing').join(', ')
  throw invalid(`${where}: found ${found}, expected a user, an item and ${timeFormatNames.iso}.`)
}

const invalid = (message: string): MillraceError =>
  new MillraceError('LABELS_INVALID', message, { fix: 'Mend or remove the row.' })

const isId = (value: unknown): boolean => (typeof value === 'string' && value !== '') || typeof value === 'number'
