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

export interface FeatureReplay extends FeatureSource {
  close(): Promise<void>
}

export interface FeatureReplayOptions {
  readonly log: EventLog
  /** Empty, and nobody else's. */
  readonly store: OnlineStore
  readonly definitions: readonly FeatureDefinition[]
}

/**
 * Reads the log once to learn its order (16 bytes an event), and what is behind its first half a million events again as the moments go on. Groups of an event go by the changes that could be known before it, as
 * in an engine that runs; the offline join goes by offsets, which for history that was imported late may differ.
 */
export async function openFeatureReplay({ log, store, definitions }: FeatureReplayOptions): Promise<FeatureReplay> {
  const played = await playedLog(log)
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

/** Events of the log that lie next to each other, read at once. */
const BLOCK_LENGTH = 1000
const BLOCK_COUNT = 512

/** The same events by available time, then offset, under new offsets from 0; only those before the moment are there. */
async function playedLog(log: EventLog): Promise<PlayedLog> {
  const bounds = await log.bounds()
  /** What is read for the order is kept as long as there is room: it is played first. */
  const blocks = new Map<number, readonly StoredEvent[]>()
  const readBlock = (block: number) => log.read(block * BLOCK_LENGTH, BLOCK_LENGTH)
  const { offsets, timesMs } = await inOrderOfKnowing(async (block) => {
    const events = await readBlock(block)
    if (blocks.size < BLOCK_COUNT) blocks.set(block, events)
    return events
  }, bounds)
  let count = 0
  const eventAt = async (offset: number): Promise<StoredEvent> => {
    const block = Math.floor(offset / BLOCK_LENGTH)
    let events = blocks.get(block)
    if (events === undefined) {
      events = await readBlock(block)
      if (blocks.size >= BLOCK_COUNT) blocks.delete(blocks.keys().next().value!)
      blocks.set(block, events)
    }
    // Retention may have begun in the middle of the block, or since the replay began.
    const event = events[offset - (events[0]?.offset ?? 0)]
    if (event?.offset === offset) return event
    throw new MillraceError('FEATURE_LOG_GAP', `The log lost its event ${offset} while it was played again.`, {
      fix: 'Retention has trimmed it. Do it again: it then begins with the events that are left.',
    })
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
        events.push({ ...(await eventAt(offsets[position]!)), offset: position })
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

async function inOrderOfKnowing(
  blockAt: (block: number) => Promise<readonly StoredEvent[]>,
  { firstOffset, nextOffset }: { readonly firstOffset: number; readonly nextOffset: number },
): Promise<{ readonly offsets: Float64Array; readonly timesMs: Float64Array }> {
  const offsetAt = new Float64Array(nextOffset - firstOffset)
  const timeAt = new Float64Array(nextOffset - firstOffset)
  let isAscending = true
  let length = 0
  for (let block = Math.floor(firstOffset / BLOCK_LENGTH); block * BLOCK_LENGTH < nextOffset; block++) {
    for (const { offset, availableTimeMs } of await blockAt(block)) {
      if (offset < firstOffset || offset >= nextOffset) continue
      if (length > 0 && availableTimeMs < timeAt[length - 1]!) isAscending = false
      offsetAt[length] = offset
      timeAt[length++] = availableTimeMs
    }
  }
  const order = Float64Array.from({ length }, (_, place) => place)
  if (!isAscending) order.sort((a, b) => timeAt[a]! - timeAt[b]! || a - b)
  return { offsets: order.map((place) => offsetAt[place]!), timesMs: order.map((place) => timeAt[place]!) }
}
