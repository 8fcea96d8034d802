// A row of an offline table as people and other programs read it: moments in ISO 8601, names as everywhere else.
import type { StoredEvent } from '../../ports/event-log.ts'

export type TableRow = Readonly<Record<string, unknown>> & {
  readonly offset: number
  readonly availableTime: string
  readonly eventTime: string
  readonly id: string
}

export function tableRowOf({ offset, availableTimeMs, event }: StoredEvent): TableRow {
  const { kind: _, id, eventTimeMs, ...rest } = event
  return {
    offset,
    availableTime: new Date(availableTimeMs).toISOString(),
    eventTime: new Date(eventTimeMs).toISOString(),
    id,
    ...rest,
  }
}
