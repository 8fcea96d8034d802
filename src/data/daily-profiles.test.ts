import { expect, test } from 'vitest'
import type { LogEvent } from '../domain/event.ts'
import type { EventLog } from '../ports/event-log.ts'
import { dailyProfiles, tableRulesOf } from './daily-profiles.ts'
import { testPlan } from './plan.testing.ts'

const DAY_MS = 86_400_000
const plan = testPlan({ item: { title: { type: 'text', isOptional: false } } })

function logOf(events: readonly (readonly [availableTimeMs: number, event: LogEvent])[]): EventLog {
  const stored = events.map(([availableTimeMs, event], offset) => ({ offset, availableTimeMs, event }))
  return {
    bounds: async () => ({ firstOffset: 0, nextOffset: stored.length, bytes: 0 }),
    read: async (from: number, limit: number) => stored.slice(from, from + Math.min(limit, 2)),
  } as unknown as EventLog
}

const view = (id: string, itemId: string, eventTimeMs: number): LogEvent => ({
  kind: 'interaction',
  id,
  interaction: 'view',
  userId: 'u',
  itemId,
  eventTimeMs,
})

test('rows belong to the day they happened on, however late they came, and no row happened after it came', async () => {
  const log = logOf([
    [5 * DAY_MS, view('a', 'i', 3 * DAY_MS + 1)],
    [5 * DAY_MS, view('b', 'i', 5 * DAY_MS + 1000)],
    [6 * DAY_MS, view('c', 'i', 3 * DAY_MS + 2)],
    [6 * DAY_MS, view('d', 'i', 6 * DAY_MS)],
  ])
  const [interactions] = await dailyProfiles(log, plan, 5)
  expect(interactions!.days.map(({ dayNumber, profile }) => [dayNumber, profile.rowCount])).toEqual([
    [3, 2],
    [5, 1],
  ])
  // The newest row is that of a later day, which is not profiled.
  expect(interactions!.newest).toMatchObject({ newestEventTimeMs: 6 * DAY_MS, newestAvailableTimeMs: 6 * DAY_MS })
})

test('an interaction with an item that the catalogue never had breaks a reference', async () => {
  const put: LogEvent = {
    kind: 'entity',
    id: 'p',
    entity: 'item',
    entityId: 'known',
    change: 'put',
    attributes: { title: 'A lamp' },
    eventTimeMs: DAY_MS,
  }
  const log = logOf([
    [DAY_MS, view('a', 'known', DAY_MS)],
    [DAY_MS, view('b', 'unknown', DAY_MS)],
    [DAY_MS, put],
  ])
  const [interactions, items] = await dailyProfiles(log, plan, 1)
  expect(interactions!.days[0]!.profile.columns.itemId!.violations).toEqual({
    reference: { count: 1, example: '"unknown"' },
  })
  expect(items!.days[0]!.profile.columns.title).toMatchObject({ rowCount: 1, nullCount: 0 })
})

test('a plan gives the tables that it says something of', () => {
  expect(tableRulesOf(plan).map(({ table }) => table)).toEqual(['interactions', 'items'])
})
