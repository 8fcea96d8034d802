import { expect, test } from 'vitest'
import type { ImpressionEvent, LogEvent } from '../domain/event.ts'
import { decodedServedRows } from '../domain/served-rows.ts'
import { silentLogger } from '../lib/logger.ts'
import { type ImpressionRecorderOptions, impressionRecorder, type ShownAnswer } from './impression-recorder.ts'
import { memoryLog } from './memory-ports.testing.ts'

const answer = (n: number, given: Partial<ShownAnswer> = {}): ShownAnswer => ({
  id: `r${n}`,
  userId: `u${n % 7}`,
  placement: 'home',
  itemIds: ['b', 'a'],
  eventTimeMs: 1000 + n,
  modelVersion: 'v1',
  served: Float32Array.of(n, Number.NaN, 2, 3),
  ...given,
})

function recorderOf(append: ImpressionRecorderOptions['log']['append'], options: object = {}) {
  return impressionRecorder({ log: { append }, logger: silentLogger, ...options })
}

const appended = { acceptedCount: 0, duplicatePositions: [], nextOffset: 0 }

test('what was shown is in the log once it has settled, with the rows as they were when it was recorded', async () => {
  const log = memoryLog()
  const recorder = recorderOf((events) => log.append(events))
  const view = Float32Array.of(1, Number.NaN, 2, 3)
  recorder.record(answer(1, { served: view }))
  view.fill(9)
  recorder.record(answer(2, { itemIds: [] }))
  await recorder.settled()
  expect(log.events).toHaveLength(1)
  const { served, ...list } = log.events[0] as ImpressionEvent
  expect(list).toEqual({
    kind: 'impression',
    id: 'r1',
    userId: 'u1',
    placement: 'home',
    itemIds: ['b', 'a'],
    eventTimeMs: 1001,
    modelVersion: 'v1',
  })
  expect(decodedServedRows(served!, 2)).toEqual(Float32Array.of(1, Number.NaN, 2, 3))
  expect(recorder.counts()).toEqual({ recordedCount: 1, lostCount: 0 })
})

test('answers of one moment go together, and while one batch is written the next one gathers', async () => {
  const batches: (readonly LogEvent[])[] = []
  const recorder = recorderOf(async (events) => {
    batches.push(events)
    await new Promise((resolve) => setTimeout(resolve, 5))
    return appended
  })
  for (let n = 0; n < 1500; n++) recorder.record(answer(n))
  expect(batches).toEqual([])
  await recorder.settled()
  expect(batches.map(({ length }) => length)).toEqual([1000, 500])
  expect(batches.flat().map(({ id }) => id)).toEqual(Array.from({ length: 1500 }, (_, n) => `r${n}`))
})

test('a log that is slow costs no more memory than it may: what finds no room is lost, counted, and no trouble to the answer', async () => {
  let finish = () => {}
  let calls = 0
  const append = (): Promise<typeof appended> => {
    calls++
    return new Promise((resolve) => {
      finish = () => resolve(appended)
    })
  }
  // An answer takes 500 bytes, 60 for each item, and 16 for its rows.
  const recorder = recorderOf(append, { waitingBytesMax: 10 * 636 })
  for (let n = 0; n < 25; n++) recorder.record(answer(n))
  expect(recorder.counts()).toEqual({ recordedCount: 0, lostCount: 15 })
  await expect.poll(() => calls).toBe(1)
  recorder.record(answer(100))
  expect(recorder.counts().lostCount).toBe(16)
  finish()
  await recorder.settled()
  recorder.record(answer(101))
  await expect.poll(() => calls).toBe(2)
  finish()
  await recorder.settled()
  expect(recorder.counts()).toEqual({ recordedCount: 11, lostCount: 16 })
})

test('a log that fails loses what was to be written, says so once, and is used again when it has recovered', async () => {
  const log = memoryLog()
  const told: string[] = []
  const logger = { ...silentLogger, error: (message: string) => void told.push(message) }
  const recorder = recorderOf((events) => log.append(events), { logger })
  log.failWith = new Error('disk full')
  recorder.record(answer(1))
  await recorder.settled()
  recorder.record(answer(2))
  await recorder.settled()
  log.failWith = undefined
  recorder.record(answer(3))
  await recorder.settled()
  expect(log.events.map(({ id }) => id)).toEqual(['r3'])
  expect(recorder.counts()).toEqual({ recordedCount: 1, lostCount: 2 })
  expect(told).toHaveLength(1)
})

test('of the share of answers whose rows are kept all others keep their lists', async () => {
  const log = memoryLog()
  const recorder = recorderOf((events) => log.append(events), { servedShare: 0.25 })
  for (let n = 0; n < 2000; n++) recorder.record(answer(n))
  await recorder.settled()
  const kept = (log.events as ImpressionEvent[]).filter(({ served }) => served !== undefined)
  expect(log.events).toHaveLength(2000)
  // The ids decide, so this is no chance: 25 % of 2000 by an even hash.
  expect(kept.length).toBeGreaterThan(440)
  expect(kept.length).toBeLessThan(560)
})
