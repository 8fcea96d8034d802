import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  availableTimeMsOf,
  type EntityEvent,
  type ImpressionEvent,
  type InteractionEvent,
  type LogEvent,
} from '../domain/event.ts'
import type { Clock } from '../lib/clock.ts'
import { appendedTimeMsOf, type EventLog, type StoredEvent } from './event-log.ts'

/** A log that can be opened again, also while it is open: by a second process, as it were. */
export interface LogUnderTest {
  open(): Promise<EventLog>
  /** Takes away what `open` made; every log is closed by then. */
  remove(): Promise<void>
}

const view = (id: string, itemId = 'i1'): InteractionEvent => ({
  kind: 'interaction',
  id,
  interaction: 'view',
  userId: 'u1',
  itemId,
  eventTimeMs: 1_700_000_000_000,
})

const views = (...ids: string[]): LogEvent[] => ids.map((id) => view(id))
const idsOf = (stored: readonly StoredEvent[]): string[] => stored.map(({ event }) => event.id)
const offsetsOf = (stored: readonly StoredEvent[]): number[] => stored.map(({ offset }) => offset)

const text = fc.string({ unit: 'grapheme', maxLength: 20 })
/** Before and after the 1000 at which these logs take events. */
const knownTime = fc.integer({ min: 0, max: 2000 })
const eventOf = (id: string): fc.Arbitrary<LogEvent> =>
  fc.oneof<[fc.Arbitrary<LogEvent>, fc.Arbitrary<LogEvent>, fc.Arbitrary<LogEvent>]>(
    fc.record<InteractionEvent>(
      {
        kind: fc.constant('interaction'),
        id: fc.constant(id),
        interaction: text,
        userId: text,
        itemId: text,
        eventTimeMs: fc.integer({ min: 31_536_000_000, max: 4_000_000_000_000 }),
        // 1 says nothing, and is left out before an event comes here.
        weight: fc.double({ min: 1e-3, max: 1e6, noNaN: true }).filter((weight) => weight !== 1),
        values: fc.dictionary(
          fc.stringMatching(/^[a-z]{1,8}$/),
          fc.double({ min: -1e9, max: 1e9, noNaN: true }).map((value) => value + 0),
          {
            minKeys: 1,
            maxKeys: 3,
            noNullPrototype: true,
          },
        ),
        knownTimeMs: knownTime,
      },
      { requiredKeys: ['kind', 'id', 'interaction', 'userId', 'itemId', 'eventTimeMs'] },
    ),
    fc.record<EntityEvent>(
      {
        kind: fc.constant('entity'),
        id: fc.constant(id),
        entity: fc.constantFrom('user', 'item'),
        entityId: text,
        change: fc.constantFrom('put', 'patch', 'delete'),
        attributes: fc.dictionary(
          text.filter((name) => name !== '__proto__'),
          fc.oneof(text, fc.boolean(), fc.constant(null), fc.integer(), fc.array(text, { maxLength: 3 })),
          { maxKeys: 4, noNullPrototype: true },
        ),
        eventTimeMs: fc.integer({ min: 31_536_000_000, max: 4_000_000_000_000 }),
        knownTimeMs: knownTime,
      },
      { requiredKeys: ['kind', 'id', 'entity', 'entityId', 'change', 'attributes', 'eventTimeMs'] },
    ),
    fc.record<ImpressionEvent>(
      {
        kind: fc.constant('impression'),
        id: fc.constant(id),
        userId: text,
        placement: text,
        itemIds: fc.array(text, { minLength: 1, maxLength: 5 }),
        eventTimeMs: fc.integer({ min: 31_536_000_000, max: 4_000_000_000_000 }),
        modelVersion: text,
        rung: text,
        scores: fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }).map((score) => score + 0)),
        propensities: fc.array(fc.double({ min: 1e-6, max: 1, noNaN: true })),
        served: fc.base64String(),
        knownTimeMs: knownTime,
      },
      { requiredKeys: ['kind', 'id', 'userId', 'itemIds', 'eventTimeMs'] },
    ),
  )
/** Few different ids, so that duplicates are common. */
const batches = fc.array(
  fc.array(
    fc.integer({ min: 0, max: 30 }).chain((n) => eventOf(`é-"${n}"`)),
    { maxLength: 12 },
  ),
  { maxLength: 6 },
)

/** What every event log must do. `fresh` gives a new, empty log per call. */
export function testEventLog(fresh: (clock: Clock) => Promise<LogUnderTest>): void {
  const withLog = async (
    check: (log: EventLog, again: () => Promise<EventLog>) => Promise<void>,
    clock: Clock = { now: () => 1000 },
  ) => {
    const underTest = await fresh(clock)
    const opened: EventLog[] = []
    const again = async () => {
      const log = await underTest.open()
      opened.push(log)
      return log
    }
    try {
      await check(await again(), again)
    } finally {
      for (const log of opened) await log.close()
      await underTest.remove()
    }
  }

  it('begins empty: no events, bounds 0 to 0', () =>
    withLog(async (log) => {
      expect(await log.bounds()).toEqual({ firstOffset: 0, nextOffset: 0, bytes: 0 })
      expect(await log.read(0, 10)).toEqual([])
    }))

  it('gives events back in their order, with offsets from 0 without gaps', () =>
    withLog(async (log) => {
      expect(await log.append(views('a', 'b'))).toEqual({ acceptedCount: 2, duplicatePositions: [], nextOffset: 2 })
      expect(await log.append(views('c'))).toEqual({ acceptedCount: 1, duplicatePositions: [], nextOffset: 3 })
      expect(await log.read(0, 10)).toEqual(
        ['a', 'b', 'c'].map((id, offset) => ({ offset, availableTimeMs: 1000, event: view(id) })),
      )
    }))

  it('stores an id once, whether it comes again in the same batch or later', () =>
    withLog(async (log) => {
      expect(await log.append(views('a', 'b', 'a'))).toEqual({
        acceptedCount: 2,
        duplicatePositions: [2],
        nextOffset: 2,
      })
      expect(await log.append(views('c', 'b'))).toEqual({ acceptedCount: 1, duplicatePositions: [1], nextOffset: 3 })
      expect(idsOf(await log.read(0, 10))).toEqual(['a', 'b', 'c'])
    }))

  it('keeps the first of two events with one id', () =>
    withLog(async (log) => {
      await log.append([view('a', 'first')])
      await log.append([view('a', 'second')])
      expect((await log.read(0, 10)).map(({ event }) => event)).toEqual([view('a', 'first')])
    }))

  it('takes an empty batch', () =>
    withLog(async (log) => {
      await log.append(views('a'))
      expect(await log.append([])).toEqual({ acceptedCount: 0, duplicatePositions: [], nextOffset: 1 })
    }))

  it('reads a part: from any offset, no more than the limit, nothing past the end', () =>
    withLog(async (log) => {
      await log.append(views(...Array.from({ length: 700 }, (_, n) => `e${n}`)))
      expect(offsetsOf(await log.read(255, 3))).toEqual([255, 256, 257])
      expect(offsetsOf(await log.read(698, 10))).toEqual([698, 699])
      expect(await log.read(700, 10)).toEqual([])
      expect(await log.read(5, 0)).toEqual([])
    }))

  it('stamps events with the time at which it took them, which never descends even where the clock does', async () => {
    let nowMs = 5000
    await withLog(
      async (log) => {
        await log.append(views('a'))
        nowMs = 3000
        await log.append(views('b'))
        nowMs = 6000
        await log.append(views('c'))
        expect((await log.read(0, 10)).map(({ availableTimeMs }) => availableTimeMs)).toEqual([5000, 5000, 6000])
      },
      { now: () => nowMs },
    )
  })

  it('knows everything after closing and opening again', () =>
    withLog(async (log, again) => {
      await log.append(views('a', 'b'))
      await log.commitOffset('features', 1)
      await log.close()
      const reopened = await again()
      expect(idsOf(await reopened.read(0, 10))).toEqual(['a', 'b'])
      expect(await reopened.committedOffset('features')).toBe(1)
      expect(await reopened.append(views('b', 'c'))).toEqual({
        acceptedCount: 1,
        duplicatePositions: [0],
        nextOffset: 3,
      })
    }))

  it('is one log to all who have it open', () =>
    withLog(async (log, again) => {
      const other = await again()
      const results = await Promise.all([
        log.append(views('a', 'b')),
        other.append(views('b', 'c')),
        log.append(views('c', 'd')),
        other.append(views('d', 'a')),
      ])
      expect(results.reduce((sum, { acceptedCount }) => sum + acceptedCount, 0)).toBe(4)
      expect(idsOf(await log.read(0, 10)).sort()).toEqual(['a', 'b', 'c', 'd'])
      expect(await other.read(0, 10)).toEqual(await log.read(0, 10))
      expect(offsetsOf(await log.read(0, 10))).toEqual([0, 1, 2, 3])
    }))

  it('wakes who waits as soon as the event is there, whoever appended it', () =>
    withLog(async (log, again) => {
      const other = await again()
      const both = [log.waitFor(0, 20_000), other.waitFor(0, 20_000)]
      await log.append(views('a'))
      expect(await Promise.all(both)).toEqual([true, true])
      expect(await other.waitFor(0, 0)).toBe(true)
    }))

  it('stops waiting after the timeout', () =>
    withLog(async (log) => {
      await log.append(views('a'))
      expect(await log.waitFor(1, 20)).toBe(false)
    }))

  it('keeps the place of each consumer, 0 for a new one, and lets it move back', () =>
    withLog(async (log) => {
      await log.append(views('a', 'b', 'c'))
      await log.commitOffset('features', 3)
      await log.commitOffset('quality', 2)
      await log.commitOffset('features', 1)
      expect(await Promise.all(['features', 'quality', 'other'].map((name) => log.committedOffset(name)))).toEqual([
        1, 2, 0,
      ])
    }))

  it('trims by age, from the old end, and never uses an offset again', async () => {
    let nowMs = 1000
    await withLog(
      async (log) => {
        await log.append(views('old1', 'old2'))
        nowMs = 5000
        await log.append(views('new'))
        expect(await log.trim({ maxAgeMs: 10_000 })).toEqual({ removedCount: 0 })
        expect(await log.trim({ maxAgeMs: 3000 })).toEqual({ removedCount: 2 })
        expect(offsetsOf(await log.read(0, 10))).toEqual([2])
        expect(await log.bounds()).toMatchObject({ firstOffset: 2, nextOffset: 3 })
        await log.trim({ maxAgeMs: -1 })
        expect(await log.bounds()).toEqual({ firstOffset: 3, nextOffset: 3, bytes: 0 })
        expect((await log.append(views('newer'))).nextOffset).toBe(4)
        expect(offsetsOf(await log.read(0, 10))).toEqual([3])
      },
      { now: () => nowMs },
    )
  })

  it('knows an event from when it was declared known, never from later than it was taken, and takes its id once all the same', () =>
    withLog(async (log) => {
      await log.append([{ ...view('a'), knownTimeMs: 400 }, { ...view('b'), knownTimeMs: 5000 }, view('c')])
      await log.append([view('a'), { ...view('c'), knownTimeMs: 1 }])
      const stored = await log.read(0, 10)
      expect(stored.map(({ availableTimeMs }) => availableTimeMs)).toEqual([400, 1000, 1000])
      expect(stored.map(appendedTimeMsOf)).toEqual([1000, 1000, 1000])
    }))

  it('trims by when it took an event, not by when that was known', () =>
    withLog(async (log) => {
      await log.append([{ ...view('a'), knownTimeMs: 1 }])
      expect(await log.trim({ maxAgeMs: 500 })).toEqual({ removedCount: 0 })
    }))

  it('trims by size, until the rest fits', () =>
    withLog(async (log) => {
      for (let n = 0; n < 10; n++) await log.append(views(`e${n}`))
      const { bytes } = await log.bounds()
      await log.trim({ maxBytes: bytes / 2 })
      const after = await log.bounds()
      expect(after.bytes).toBeLessThanOrEqual(bytes / 2)
      expect(after.firstOffset).toBe(5)
    }))

  it('trims nothing that a known consumer has not read', () =>
    withLog(async (log) => {
      for (const id of ['a', 'b', 'c']) await log.append(views(id))
      await log.commitOffset('features', 1)
      expect(await log.trim({ maxBytes: 0 })).toEqual({ removedCount: 1 })
      expect(idsOf(await log.read(0, 10))).toEqual(['b', 'c'])
    }))

  it('knows the id of every event that is still there after trimming', () =>
    withLog(async (log) => {
      for (const id of ['a', 'b']) await log.append(views(id))
      await log.commitOffset('features', 1)
      await log.trim({ maxBytes: 0 })
      expect((await log.append(views('b'))).duplicatePositions).toEqual([0])
    }))

  it('answers EVENT_LOG_CLOSED after closing, and closing twice is no mistake', () =>
    withLog(async (log) => {
      await log.close()
      await log.close()
      await expect(log.append(views('a'))).rejects.toMatchObject({ code: 'EVENT_LOG_CLOSED' })
      await expect(log.read(0, 1)).rejects.toMatchObject({ code: 'EVENT_LOG_CLOSED' })
    }))

  it('finishes appends that were under way when it was closed', () =>
    withLog(async (log, again) => {
      const appended = log.append(views('a'))
      await log.close()
      expect((await appended).acceptedCount).toBe(1)
      expect(idsOf(await (await again()).read(0, 10))).toEqual(['a'])
    }))

  // Goal: the log equals the simplest thing that could be one, a list without repeated ids.
  it('equals a list without repeated ids, for any batches', () =>
    fc.assert(
      fc.asyncProperty(batches, fc.nat(40), fc.nat(40), (given, fromOffset, limit) =>
        withLog(async (log) => {
          const list: LogEvent[] = []
          const known = new Set<string>()
          for (const batch of given) {
            const duplicatePositions: number[] = []
            batch.forEach((event, position) => {
              if (known.has(event.id)) duplicatePositions.push(position)
              else list.push(event)
              known.add(event.id)
            })
            expect(await log.append(batch)).toEqual({
              acceptedCount: batch.length - duplicatePositions.length,
              duplicatePositions,
              nextOffset: list.length,
            })
          }
          const expected = list.map((event, offset) => {
            const availableTimeMs = availableTimeMsOf(event, 1000)
            return { offset, availableTimeMs, ...(availableTimeMs < 1000 && { appendedTimeMs: 1000 }), event }
          })
          expect(await log.read(fromOffset, limit)).toEqual(expected.slice(fromOffset, fromOffset + limit))
        }),
      ),
      { numRuns: 12 },
    ))
}
