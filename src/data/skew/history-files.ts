// The part of the log that some keys' features are made of, as files for the offline store.
import { join } from 'node:path'
import type { LogEvent } from '../../domain/event.ts'
import type { FeatureDefinition } from '../../domain/feature.ts'
import type { ServedKey } from '../../domain/served-features.ts'
import type { EventLog, StoredEvent } from '../../ports/event-log.ts'
import type { JoinRequest, OfflineStore } from '../../ports/offline-store.ts'
import { logBatches } from '../log-batches.ts'

/**
 * Every change of an entity, and the interactions that these keys have a part in. All interactions where a feature compares with a group: anybody
 * may be in it.
 */
export class WantedEvents {
  readonly #userIds = new Set<string>()
  readonly #itemIds = new Set<string>()
  readonly #hasGroups: boolean

  constructor(definitions: readonly FeatureDefinition[]) {
    this.#hasGroups = definitions.some(({ formula }) => formula.family === 'ratioToGroup')
  }

  add({ userId, itemId }: ServedKey): void {
    if (userId !== undefined) this.#userIds.add(userId)
    if (itemId !== undefined) this.#itemIds.add(itemId)
  }

  hasKey({ userId, itemId }: ServedKey): boolean {
    return (userId === undefined || this.#userIds.has(userId)) && (itemId === undefined || this.#itemIds.has(itemId))
  }

  hasEvent(event: LogEvent): boolean {
    if (event.kind === 'impression') return false
    if (event.kind === 'entity' || this.#hasGroups) return true
    return this.#userIds.has(event.userId) || this.#itemIds.has(event.itemId)
  }
}

/**
 * Of nobody, and before everything: a moment before all other data is a question like any other here, and the offline store refuses to answer where
 * there are no data.
 */
const beginning: StoredEvent = {
  offset: -1,
  availableTimeMs: 0,
  event: { kind: 'entity', id: '', entity: 'item', entityId: '', change: 'delete', attributes: {}, eventTimeMs: 0 },
}

export interface HistoryRequest {
  readonly log: EventLog
  readonly offline: OfflineStore
  readonly wanted: WantedEvents
  /** An empty folder, or none yet. */
  readonly folder: string
  /** Ascending: where one part of the files ends and the next one begins. */
  readonly ends: readonly number[]
  /** Told of everything that is read, in order. */
  readonly seen?: (events: readonly StoredEvent[]) => void
}

/** What was known before each of the ends: the files of the part that ends there and of all parts before it. */
export async function writeHistory(request: HistoryRequest): Promise<JoinRequest['files'][]> {
  const { log, offline, folder, ends } = request
  const { firstOffset } = await log.bounds()
  const files: JoinRequest['files'][number][] = []
  const known: JoinRequest['files'][] = []
  let begin = firstOffset
  for (const [part, end] of ends.entries()) {
    const events = eventsBetween(request, { firstOffset: begin, nextOffset: end, isFirst: part === 0 })
    const written = await offline.writeEvents(events, folder)
    files.push(...written.map(({ path, table }) => ({ path: join(folder, path), table })))
    known.push([...files])
    begin = Math.max(begin, end)
  }
  return known
}

async function* eventsBetween(
  { log, wanted, seen }: HistoryRequest,
  { isFirst, ...bounds }: { readonly firstOffset: number; readonly nextOffset: number; readonly isFirst: boolean },
): AsyncGenerator<readonly StoredEvent[]> {
  if (isFirst) yield [beginning]
  for await (const batch of logBatches(log, bounds)) {
    seen?.(batch)
    yield batch.filter(({ event }) => wanted.hasEvent(event))
  }
}
