// From the log to columns: what was shown to whom.
import { type ImpressionTable, ImpressionTableBuilder, type ServedRows } from '../domain/impression-table.ts'
import { decodedServedRows } from '../domain/served-rows.ts'
import type { EventLog } from '../ports/event-log.ts'
import { logBatches } from './log-batches.ts'

/** Reads the whole log as it is now. Rows as served stay there until they are asked for. */
export async function readImpressions(log: EventLog): Promise<ImpressionTable> {
  const builder = new ImpressionTableBuilder()
  const places: number[] = []
  for await (const batch of logBatches(log, await log.bounds())) {
    for (const { offset, event } of batch) {
      if (event.kind !== 'impression') continue
      const { userId, itemIds, eventTimeMs: timeMs, served, modelVersion } = event
      builder.add({ userId, itemIds, timeMs, servedBy: served === undefined ? undefined : modelVersion })
      places.push(offset)
    }
  }
  return builder.build(servedRowsIn(log, places))
}

/** @param places of the impressions in the log, ascending */
function servedRowsIn(log: EventLog, places: readonly number[]): ServedRows {
  return {
    async read(impressions) {
      const wanted = new Map(impressions.map((number) => [places[number]!, number]))
      const found = new Map<number, Float32Array>()
      if (wanted.size === 0) return found
      const offsets = [...wanted.keys()].sort((a, b) => a - b)
      const bounds = { firstOffset: offsets[0]!, nextOffset: offsets.at(-1)! + 1 }
      // Whole stretches: what was shown at about the same time lies together.
      for await (const batch of logBatches(log, bounds)) {
        for (const { offset, event } of batch) {
          const number = wanted.get(offset)
          if (number === undefined || event.kind !== 'impression' || event.served === undefined) continue
          const rows = decodedServedRows(event.served, event.itemIds.length)
          if (rows !== undefined) found.set(number, rows)
        }
      }
      return found
    },
  }
}
