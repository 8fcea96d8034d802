// Goal: what the replay answers at a moment is what the naive oracle computes of the events that could be known before it, whatever came later.
import { expect, test } from 'vitest'
import { corpusDefinitions, randomCorpus } from '../domain/feature-corpus.contract.ts'
import { readFeature } from '../domain/feature-oracle.contract.ts'
import { type Rng, seededRng } from '../lib/rng.ts'
import type { EventLog, StoredEvent } from '../ports/event-log.ts'
import { growingLog, someDefinitions, someEntity } from './feature-engine.testing.ts'
import { openFeatureReplay } from './feature-replay.ts'
import { memoryOnlineStore } from './online-store.testing.ts'

const SEED = 20261125
const HISTORY_COUNT = 40

/** As an engine that ran then had them: in the order in which they could be known, whenever they reached the log. */
const asKnown = (events: readonly StoredEvent[]): StoredEvent[] =>
  events
    .toSorted((a, b) => a.availableTimeMs - b.availableTimeMs || a.offset - b.offset)
    .map((stored, offset) => ({ ...stored, offset }))

function replayOf(events: readonly StoredEvent[], definitions: Parameters<typeof someDefinitions>[1]) {
  const log = growingLog(events)
  log.length = events.length
  // Of several windows, too.
  return openFeatureReplay({ log, store: memoryOnlineStore(), definitions, windowLength: 50 })
}

/** Ascending, between the first and the last event that could be known, and a little behind. */
function someMoments(rng: Rng, events: readonly StoredEvent[], count: number): number[] {
  const times = events.map(({ availableTimeMs }) => availableTimeMs).sort((a, b) => a - b)
  const moments = Array.from({ length: count }, () => times[rng.integer(times.length)]! + rng.integer(3))
  return [...new Set(moments)].sort((a, b) => a - b)
}

test(`equals the oracle at moments of ${HISTORY_COUNT} histories with disorder, late and declared events`, async () => {
  let compared = 0
  for (let history = 0; history < HISTORY_COUNT; history++) {
    const rng = seededRng(`replay ${SEED}/${history}`)
    const corpus = randomCorpus(rng, { eventCount: 120 })
    const definitions = someDefinitions(rng, corpusDefinitions, 6)
    const known = asKnown(corpus.events)
    const replay = await replayOf(corpus.events, definitions)
    for (const momentMs of someMoments(rng, known, 5)) {
      const { userId, itemId } = someEntity(rng, corpus)
      const [row] = await replay.read(momentMs, userId, [itemId])
      const before = known.filter(({ availableTimeMs }) => availableTimeMs < momentMs)
      definitions.forEach(({ name }, f) => {
        const expected = readFeature(definitions, before, { name, entity: { userId, itemId }, asOfMs: momentMs })
        expect(row![f], `seed ${SEED}, history ${history}, ${name} at ${momentMs}`).toEqual(expected)
        compared++
      })
    }
    await replay.close()
  }
  expect(compared).toBeGreaterThan(HISTORY_COUNT * 10)
})

test('does not know what came at the moment or later', async () => {
  const rng = seededRng(SEED)
  const corpus = randomCorpus(rng, { eventCount: 200 })
  const definitions = someDefinitions(rng, corpusDefinitions, 12)
  const [momentMs] = someMoments(rng, corpus.events, 1)
  const { userIds, itemIds } = corpus
  const readAt = async (events: readonly StoredEvent[]) => {
    const replay = await replayOf(events, definitions)
    const rows = await replay.read(momentMs!, userIds[0]!, itemIds)
    await replay.close()
    return rows
  }
  // Offsets without gaps, as in a log that ended then.
  const past = corpus.events
    .filter(({ availableTimeMs }) => availableTimeMs < momentMs!)
    .map((stored, offset) => ({ ...stored, offset }))
  expect(past.length).toBeGreaterThan(10)
  expect(past.length).toBeLessThan(corpus.events.length - 10)
  expect(await readAt(corpus.events)).toEqual(await readAt(past))
})

test('cannot go back', async () => {
  const { events } = randomCorpus(seededRng(1), { eventCount: 20 })
  const replay = await replayOf(events, someDefinitions(seededRng(1), corpusDefinitions, 2))
  const { availableTimeMs: lastMs } = asKnown(events).at(-1)!
  await replay.read(lastMs, 'u', ['i'])
  await expect(replay.read(lastMs - 1, 'u', ['i'])).rejects.toMatchObject({ code: 'FEATURE_MOMENT_PAST' })
  await replay.close()
})

test('of a log that is trimmed under its hands says so', async () => {
  const { events } = randomCorpus(seededRng(2), { eventCount: 60 })
  const log = growingLog(events)
  log.length = events.length
  let isTrimmed = false
  const trimmed: EventLog = {
    ...log,
    bounds: () => log.bounds(),
    read: async (fromOffset, limit) => (isTrimmed ? [] : log.read(fromOffset, limit)),
  }
  const definitions = someDefinitions(seededRng(1), corpusDefinitions, 2)
  const replay = await openFeatureReplay({
    log: trimmed,
    store: memoryOnlineStore(),
    definitions,
  })
  isTrimmed = true
  await expect(replay.read(asKnown(events).at(-1)!.availableTimeMs, 'u', ['i'])).rejects.toMatchObject({
    code: 'FEATURE_LOG_GAP',
  })
  await replay.close()
})
