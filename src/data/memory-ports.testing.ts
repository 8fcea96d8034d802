// The ports of this component in memory, for its tests. They keep the contracts' letter for one process and a few events.
import type { LogEvent } from '../domain/event.ts'
import type { EventLog, StoredEvent } from '../ports/event-log.ts'
import type { Quarantine, QuarantinedRow } from '../ports/quarantine.ts'

/** `events` shows what is stored; `failWith` makes the next append fail. */
export function memoryLog(): EventLog & { readonly events: LogEvent[]; failWith: Error | undefined } {
  const stored: StoredEvent[] = []
  const ids = new Set<string>()
  return {
    failWith: undefined,
    get events() {
      return stored.map(({ event }) => event)
    },
    async append(events) {
      if (this.failWith) throw this.failWith
      const duplicatePositions: number[] = []
      events.forEach((event, position) => {
        if (ids.has(event.id)) duplicatePositions.push(position)
        else stored.push({ offset: stored.length, availableTimeMs: 0, event })
        ids.add(event.id)
      })
      return { acceptedCount: events.length - duplicatePositions.length, duplicatePositions, nextOffset: stored.length }
    },
    read: async (fromOffset, limit) => stored.slice(fromOffset, fromOffset + limit),
    bounds: async () => ({ firstOffset: 0, nextOffset: stored.length, bytes: 0 }),
    waitFor: async (offset) => stored.length > offset,
    committedOffset: async () => 0,
    commitOffset: async () => {},
    trim: async () => ({ removedCount: 0 }),
    close: async () => {},
  }
}

export function memoryQuarantine(): Quarantine & { readonly rows: QuarantinedRow[] } {
  const rows: QuarantinedRow[] = []
  const identities = new Set<string>()
  let nextId = 1
  const identity = (row: { source: string; where: string; reason: string; payload: string }) =>
    JSON.stringify([row.source, row.where, row.reason, row.payload])
  return {
    rows,
    async add(rejected) {
      for (const row of rejected) {
        if (identities.has(identity(row))) continue
        identities.add(identity(row))
        rows.push({ ...row, id: nextId++, rejectedAtMs: 0 })
      }
    },
    list: async ({ afterId = 0, limit, reason, source }) =>
      rows
        .filter(
          (row) => row.id > afterId && (reason ?? row.reason) === row.reason && (source ?? row.source) === row.source,
        )
        .slice(0, limit),
    counts: async () => [],
    async remove(ids) {
      for (const id of ids) {
        const index = rows.findIndex((row) => row.id === id)
        if (index >= 0) identities.delete(identity(rows.splice(index, 1)[0]!))
      }
    },
    close: async () => {},
  }
}
