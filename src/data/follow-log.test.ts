import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openEventLog } from '../adapters/embedded/event-log.ts'
import type { LogEvent } from '../domain/event.ts'
import { systemClock } from '../lib/clock.ts'
import type { EventLog } from '../ports/event-log.ts'
import { followLog } from './follow-log.ts'

let log: EventLog
beforeEach(async () => {
  log = await openEventLog({ folder: mkdtempSync(join(tmpdir(), 'millrace-follow-')) })
})
afterEach(() => log.close())

const views = (from: number, count: number): LogEvent[] =>
  Array.from({ length: count }, (_, i) => ({
    kind: 'interaction',
    id: `e${from + i}`,
    interaction: 'view',
    userId: 'u',
    itemId: 'i',
    eventTimeMs: 1,
  }))

test('every event is handed over once and in order, those that come later too', async () => {
  await log.append(views(0, 12_000))
  const offsets: number[] = []
  const follower = followLog(log, {
    fromOffset: 0,
    clock: systemClock,
    apply: (events) => offsets.push(...events.map((event) => event.offset)),
    onFailure: (error) => expect.unreachable(String(error)),
  })
  await follower.caughtUp()
  await log.append(views(12_000, 500))
  await follower.caughtUp()
  await follower.stop()
  expect(offsets).toEqual(Array.from({ length: 12_500 }, (_, offset) => offset))
  expect(follower.lag()).toEqual({ eventCount: 0, ms: 0 })
})

test('a consumer that fails is reported, and waiting for it ends', async () => {
  await log.append(views(0, 3))
  const failures: unknown[] = []
  const follower = followLog(log, {
    fromOffset: 0,
    clock: systemClock,
    apply: () => {
      throw new Error('broken')
    },
    onFailure: (error) => failures.push(error),
  })
  await follower.caughtUp()
  await follower.stop()
  expect(failures).toEqual([new Error('broken')])
})
