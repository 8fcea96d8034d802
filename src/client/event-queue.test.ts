// Goal: whatever the server does, every event is sent at least once and in order, or its owner is told; a queue never grows beyond its bound.
// Method: a sender that works, fails and rejects by chance, on a time that the test moves; then the same by hand for each promise.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MillraceApiError } from './api-error.ts'
import { type DroppedEvents, eventQueue, type RejectedEvent, type TrackingOptions } from './event-queue.ts'
import { manualTime } from './time.testing.ts'

const gone = new MillraceApiError('UNREACHABLE', 'gone')
const refused = new MillraceApiError('KEY_INVALID', 'revoked', { status: 401 })

type Outcome = 'taken' | 'gone' | 'refused' | 'rejects-first'

/** A queue of numbers before a sender that does as told, 10 ms later. */
function queueOf(options: TrackingOptions<number> = {}, outcomes: Outcome[] = []) {
  const time = manualTime()
  const batches: (readonly number[])[] = []
  const taken: number[] = []
  const rejected: RejectedEvent<number>[] = []
  const dropped: DroppedEvents<number>[] = []
  const queue = eventQueue<number>(
    async (batch) => {
      batches.push(batch)
      const outcome = outcomes.shift() ?? 'taken'
      await new Promise<void>((resolve) => time.after(10, resolve))
      if (outcome === 'gone') throw gone
      if (outcome === 'refused') throw refused
      taken.push(...(outcome === 'taken' ? batch : batch.slice(1)))
      if (outcome === 'taken') return { rejected: [] }
      return { rejected: [{ position: 0, reason: 'ITEM_ID', message: 'It is bad.' }] }
    },
    {
      onRejected: (list) => rejected.push(...list),
      onDropped: (drop) => dropped.push(drop),
      ...options,
      time,
    },
  )
  return { queue, time, batches, taken, rejected, dropped }
}

test('every event is taken, rejected or dropped, exactly once as its owner hears it, and what is taken is in order', async () => {
  const outcome = fc.constantFrom<Outcome>('taken', 'taken', 'gone', 'gone', 'refused', 'rejects-first')
  const step = fc.record({ eventCount: fc.nat(7), waitMs: fc.constantFrom(0, 5, 50, 1000, 5000), flush: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(
      fc.array(outcome, { maxLength: 12 }),
      fc.array(step, { maxLength: 10 }),
      fc.integer({ min: 1, max: 4 }),
      async (outcomes, steps, batchCount) => {
        const { queue, time, batches, taken, rejected, dropped } = queueOf(
          { batchCount, queueCount: 9, delayMs: 100 },
          outcomes,
        )
        let count = 0
        for (const { eventCount, waitMs, flush } of steps) {
          for (let i = 0; i < eventCount; i++) queue.add(count++)
          if (flush) queue.flush().catch(() => {})
          await time.advance(waitMs)
        }
        const closed = queue.close()
        await time.advance(1000)
        await closed
        const heard = [...taken, ...rejected.map(({ event }) => event), ...dropped.flatMap(({ events }) => events)]
        expect(heard.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i))
        expect(taken).toEqual(taken.toSorted((a, b) => a - b))
        expect(Math.max(0, ...batches.map((batch) => batch.length))).toBeLessThanOrEqual(batchCount)
      },
    ),
    { numRuns: 60 },
  )
})

test('a full batch goes at once, a smaller one after the delay, and never two at a time', async () => {
  const { queue, time, batches } = queueOf({ batchCount: 2, delayMs: 100 })
  for (let i = 0; i < 5; i++) queue.add(i)
  await time.advance(0)
  expect(batches).toEqual([[0, 1]])
  await time.advance(20)
  expect(batches).toEqual([
    [0, 1],
    [2, 3],
  ])
  await time.advance(200)
  expect(batches.at(-1)).toEqual([4])
})

test('while the server is away, attempts become rarer and the oldest events make room', async () => {
  const { queue, time, batches, taken, dropped } = queueOf(
    { batchCount: 2, queueCount: 3, delayMs: 100 },
    Array.from({ length: 3 }, () => 'gone' as const),
  )
  for (let i = 0; i < 3; i++) queue.add(i)
  await time.advance(50)
  for (let i = 3; i < 5; i++) queue.add(i)
  expect(dropped).toEqual([
    { events: [0], reason: 'QUEUE_FULL' },
    { events: [1], reason: 'QUEUE_FULL' },
  ])
  await time.advance(1000 + 2000)
  expect(batches).toHaveLength(3)
  await time.advance(5000)
  expect(taken).toEqual([2, 3, 4])
})

test('what the server rejects is told with its reason and not sent again; a refused batch is dropped with the error', async () => {
  const { queue, time, batches, taken, rejected, dropped } = queueOf({ batchCount: 2 }, ['rejects-first', 'refused'])
  for (let i = 0; i < 6; i++) queue.add(i)
  await time.advance(5000)
  expect(rejected).toEqual([{ event: 0, reason: 'ITEM_ID', message: 'It is bad.' }])
  expect(dropped).toEqual([{ events: [2, 3], reason: 'REFUSED', error: refused }])
  expect([batches.length, taken]).toEqual([3, [1, 4, 5]])
})

test('flush tells of a failure and keeps the events; close tries once and drops the rest', async () => {
  const { queue, time, taken, dropped } = queueOf({}, ['gone', 'taken', 'gone'])
  queue.add(1)
  const failure = queue.flush().catch((error: unknown) => error)
  await time.advance(10)
  expect(await failure).toBe(gone)
  const flushed = queue.flush()
  await time.advance(10)
  await flushed
  expect(taken).toEqual([1])
  queue.add(2)
  const closed = queue.close()
  queue.add(3)
  await time.advance(10)
  await closed
  expect(dropped).toEqual([
    { events: [3], reason: 'CLOSED' },
    { events: [2], reason: 'CLOSED' },
  ])
  await queue.close()
})
