// Features as an engine that had run in the past would have answered: the log, played again in the order in which it could be known, stopped at each moment
// that is asked about. The engine and the reader are those that serve, so a ranker learns from what it will be asked with.
import type { FeatureDefinition } from '../domain/feature.ts'
import type { FeatureSource } from '../domain/feature-source.ts'
import { systemClock } from '../lib/clock.ts'
import { MillraceError } from '../lib/errors.ts'
import type { EventLog, StoredEvent } from '../ports/event-log.ts'
import type { OnlineStore } from '../ports/online-store.ts'
import { openFeatureEngine } from './feature-engine.ts'
import { featureReader } from './feature-reader.ts'
import { logBatches } from './log-batches.ts'

export interface FeatureReplay extends FeatureSource {
  close(): Promise<void>
}

export interface FeatureReplayOptions {
  readonly log: EventLog
  /** Empty, and nobody else's. */
  readonly store: OnlineStore
  readonly definitions: readonly FeatureDefinition[]
  /** Events that are in memory at a time; half a million where it is left out. */
  readonly windowLength?: number
}

/**
 * Reads the log once to learn its order (20 bytes an event), and again as the moments go on. Groups of an event go by the changes that could be known before it, as
 * in an engine that runs; the offline join goes by offsets, which for history that was imported late may differ.
 */
export async function openFeatureReplay({
  log,
  store,
  definitions,
  windowLength = WINDOW_LENGTH,
}: FeatureReplayOptions): Promise<FeatureReplay> {
  const played = await playedLog(log, windowLength)
  const engine = await openFeatureEngine({ log: played, store, definitions, clock: systemClock })
  // With nothing in the log yet, so that the features answer before the first event too.
  await engine.catchUp()
  const reader = featureReader({ store, clock: systemClock })
  const features = definitions.map(({ name }) => name)
  let lastMs = Number.NEGATIVE_INFINITY
  return {
    definitions,
    async read(momentMs, userId, itemIds) {
      if (momentMs < lastMs) {
        throw new MillraceError('FEATURE_MOMENT_PAST', `The replay is at ${lastMs}, and cannot go back to ${momentMs}.`)
      }
      lastMs = momentMs
      if (played.playTo(momentMs)) await engine.catchUp()
      const entities = itemIds.map((itemId) => ({ userId, itemId }))
      return (await reader.read({ features, entities, asOfMs: momentMs })).rows
    },
    close: () => engine.stop(),
  }
}

interface PlayedLog extends EventLog {
  /** Everything that could be known before the moment is in the log from now on. Whether that is more than before. */
  playTo(momentMs: number): boolean
}

/** Events that are in memory at a time, some 200 MB. */
const WINDOW_LENGTH = 500_000
/** Events of the log that are read at once. */
const READ_LENGTH = 1000

/** The same events by available time, then offset, under new offsets from 0; only those before the moment are there, and none of what was shown: no feature is made of it. */
async function playedLog(log: EventLog, windowLength: number): Promise<PlayedLog> {
  const bounds = await log.bounds()
  const { offsets, timesMs } = await inOrderOfKnowing(log, bounds)
  let count = 0
  let windowFrom = 0
  let window: readonly (StoredEvent | undefined)[] = []
  const eventAt = async (position: number): Promise<StoredEvent> => {
    if (position < windowFrom || position >= windowFrom + window.length) {
      windowFrom = position
      window = await eventsAt(log, offsets.subarray(position, position + windowLength))
    }
    const event = window[position - windowFrom]
    if (event !== undefined) return event
    throw new MillraceError(
      'FEATURE_LOG_GAP',
      `The log lost its event ${offsets[position]} while it was played again.`,
      { fix: 'Retention has trimmed it. Do it again: it then begins with the events that are left.' },
    )
  }
  const refused = async (): Promise<never> => {
    throw new Error('a played log is only read')
  }
  return {
    playTo(momentMs) {
      const before = count
      while (count < timesMs.length && timesMs[count]! < momentMs) count++
      return count > before
    },
    async read(fromOffset, limit) {
      const events: StoredEvent[] = []
      for (let position = fromOffset; position < Math.min(count, fromOffset + limit); position++) {
        events.push({ ...(await eventAt(position)), offset: position })
      }
      return events
    },
    bounds: async () => ({ firstOffset: 0, nextOffset: count, bytes: 0 }),
    committedOffset: async () => 0,
    commitOffset: async () => {},
    append: refused,
    waitFor: refused,
    trim: refused,
    close: async () => {},
  }
}

/**
 * The events at these offsets, in their order; undefined where retention has taken one. However far apart they lie, the log is read from its beginning to its end: a history
 * that was imported user by user is in no order of time.
 */
async function eventsAt(log: EventLog, offsets: Float64Array): Promise<readonly (StoredEvent | undefined)[]> {
  const events = new Array<StoredEvent | undefined>(offsets.length).fill(undefined)
  const places = Uint32Array.from(offsets, (_, place) => place)
  const isAscending = offsets.every((offset, place) => place === 0 || offset > offsets[place - 1]!)
  if (!isAscending) places.sort((a, b) => offsets[a]! - offsets[b]!)
  let next = 0
  while (next < places.length) {
    const batch = await log.read(offsets[places[next]!]!, READ_LENGTH)
    if (batch.length === 0) break
    for (const stored of batch) {
      while (next < places.length && offsets[places[next]!]! < stored.offset) next++
      if (next === places.length) break
      if (offsets[places[next]!] === stored.offset) events[places[next++]!] = stored
    }
  }
  return events
}

async function inOrderOfKnowing(
  log: EventLog,
  bounds: { readonly firstOffset: number; readonly nextOffset: number },
): Promise<{ readonly offsets: Float64Array; readonly timesMs: Float64Array }> {
  const length = bounds.nextOffset - bounds.firstOffset
  const timeAt = new Float64Array(length)
  const offsetAt = new Float64Array(length)
  let isAscending = true
  let position = 0
  for await (const batch of logBatches(log, bounds)) {
    for (const { offset, availableTimeMs, event } of batch) {
      if (event.kind === 'impression') continue
      if (position > 0 && availableTimeMs < timeAt[position - 1]!) isAscending = false
      offsetAt[position] = offset
      timeAt[position++] = availableTimeMs
    }
  }
  const order = Float64Array.from({ length: position }, (_, i) => i)
  if (!isAscending) order.sort((a, b) => timeAt[a]! - timeAt[b]! || a - b)
  return {
    offsets: order.map((place) => offsetAt[place]!),
    timesMs: order.map((place) => timeAt[place]!),
  }
}
