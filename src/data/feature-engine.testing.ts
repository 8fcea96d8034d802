// Drives the engine through a random history, and holds what can be read against the oracle.
import { expect } from 'vitest'
import { countedTimeMs, type FeatureDefinition, type FeatureReading, hopMsOf } from '../domain/feature.ts'
import type { Corpus } from '../domain/feature-corpus.contract.ts'
import { readFeature } from '../domain/feature-oracle.contract.ts'
import type { Rng } from '../lib/rng.ts'
import type { EventLog, StoredEvent } from '../ports/event-log.ts'
import type { FeatureKey, FeatureReader } from './feature-reader.ts'

/** A log that holds the first `length` of these events. */
export interface GrowingLog extends EventLog {
  length: number
  /** What its consumers were said to have read. */
  readonly committed: Map<string, number>
}

export function growingLog(events: readonly StoredEvent[], firstOffset = 0): GrowingLog {
  const committed = new Map<string, number>()
  const refuse = async (): Promise<never> => {
    throw new Error('this log only reads')
  }
  return {
    length: 0,
    committed,
    append: refuse,
    trim: refuse,
    async read(fromOffset, limit) {
      const from = Math.max(fromOffset, firstOffset)
      return events.slice(from, Math.min(this.length, from + limit))
    },
    async bounds() {
      return { firstOffset, nextOffset: Math.max(firstOffset, this.length), bytes: 0 }
    },
    async waitFor(offset) {
      return this.length > offset
    },
    committedOffset: async (consumer) => committed.get(consumer) ?? 0,
    commitOffset: async (consumer, offset) => void committed.set(consumer, offset),
    close: async () => {},
  }
}

/** Some definitions, and what their pair features are made of. */
export function someDefinitions(rng: Rng, all: readonly FeatureDefinition[], count: number): FeatureDefinition[] {
  const chosen = new Set<string>()
  const choose = (name: string): void => {
    chosen.add(name)
    const { formula } = all.find((definition) => definition.name === name)!
    if (formula.family === 'cross') choose(formula.share)
    if (formula.family === 'similarity') [formula.user, formula.item].forEach(choose)
  }
  while (chosen.size < Math.min(count, all.length)) choose(all[rng.integer(all.length)]!.name)
  return all.filter(({ name }) => chosen.has(name))
}

export interface Comparison {
  readonly reader: FeatureReader
  readonly definitions: readonly FeatureDefinition[]
  /** Those that the engine has. */
  readonly events: readonly StoredEvent[]
  readonly entities: readonly FeatureKey[]
  readonly asOfMs: number
  /** Said where they differ. */
  readonly label: string
}

/** Every feature of every entity equals the oracle's, to the last bit. Returns how many readings were compared. */
export async function expectOracle(comparison: Comparison): Promise<number> {
  const { reader, definitions, events, entities, asOfMs, label } = comparison
  const features = definitions.map(({ name }) => name)
  const { rows } = await reader.read({ features, entities, asOfMs })
  entities.forEach((entity, e) => {
    features.forEach((name, f) => {
      const expected = readFeature(definitions, events, { name, entity, asOfMs })
      if (!isSameReading(rows[e]![f]!, expected)) {
        expect(
          rows[e]![f],
          `${label}: ${name} of ${JSON.stringify(entity)} at ${asOfMs} after ${events.length} events`,
        ).toEqual(expected)
      }
    })
  })
  return entities.length * features.length
}

/** Stricter than `toEqual`, and much quicker: maps have their keys in one order, numbers are the same float64 (0 is not -0). */
function isSameReading(some: FeatureReading, other: FeatureReading): boolean {
  return (
    some.status === other.status && some.newestEventTimeMs === other.newestEventTimeMs && textOf(some) === textOf(other)
  )
}

const textOf = ({ value }: FeatureReading): string =>
  value instanceof Map
    ? `map ${JSON.stringify([...value])}`
    : Object.is(value, -0)
      ? '-0'
      : (JSON.stringify(value) ?? 'undefined')

/**
 * A moment that the engine may be asked about: soon after the newest event most often, far later now and then, and every third time where an event
 * is just leaving a window.
 */
export function momentAfter(
  rng: Rng,
  { events, definitions }: { events: readonly StoredEvent[]; definitions: readonly FeatureDefinition[] },
): number {
  const newestMs = events.reduce((newest, { availableTimeMs }) => Math.max(newest, availableTimeMs), 0)
  if (events.length > 0 && rng.integer(3) === 0) {
    const { event, availableTimeMs } = events[rng.integer(events.length)]!
    const { formula } = definitions[rng.integer(definitions.length)]!
    if ('windowMs' in formula) {
      const { windowMs } = formula
      const hopMs = hopMsOf(windowMs)
      const hop = Math.floor(countedTimeMs(event.eventTimeMs, availableTimeMs) / hopMs)
      return Math.max(newestMs + 1, (hop + 1) * hopMs + windowMs - rng.integer(2))
    }
  }
  const reachMs = [1, 1000, 5 * 60_000, 3_600_000, 86_400_000, 40 * 86_400_000][rng.integer(6)]!
  return newestMs + 1 + Math.floor(rng.next() * reachMs)
}

/** One nobody has heard of now and then. */
export function someEntity(rng: Rng, { userIds, itemIds }: Corpus): Required<FeatureKey> {
  const idOf = (ids: readonly string[]): string => ids[rng.integer(ids.length + 1)] ?? ids[0]!
  return rng.integer(20) === 0
    ? { userId: 'nobody', itemId: 'nothing' }
    : { userId: idOf(userIds), itemId: idOf(itemIds) }
}
