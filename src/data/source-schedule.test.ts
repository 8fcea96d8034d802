import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nextScheduledMs } from '../config/next-scheduled.ts'
import { seededRng } from '../lib/rng.ts'
import { freshnessOf, retryMs } from './source-schedule.ts'

const at = (iso: string): number => Date.parse(iso)
const hourMs = 3_600_000

describe('the schedule of a source', () => {
  it('counts an interval from the beginning of the last run', () =>
    expect(nextScheduledMs({ everyMs: hourMs }, 5000)).toBe(5000 + hourMs))

  it.each([
    ['0 4 * * *', '2026-03-29T03:59:59Z', '2026-03-29T04:00:00Z'],
    ['0 4 * * *', '2026-03-29T04:00:00Z', '2026-03-30T04:00:00Z'],
    ['*/15 * * * 1', '2026-11-24T10:00:00Z', '2026-11-30T00:00:00Z'],
  ])('follows a pattern in UTC: %s', (cron, start, next) =>
    expect(new Date(nextScheduledMs({ cron }, at(start))).toISOString()).toBe(new Date(next).toISOString()),
  )

  it('never comes where its pattern never does', () =>
    expect(nextScheduledMs({ cron: '0 0 30 2 *' }, 0)).toBe(Number.POSITIVE_INFINITY))
})

describe('a source that failed', () => {
  it('waits longer each time, up to a quarter of an hour, and never more', () => {
    const waits = fc.record({
      everyMs: fc.integer({ min: 1000, max: 7 * 24 * hourMs }),
      failureCount: fc.integer({ min: 1, max: 100 }),
      seed: fc.integer(),
    })
    fc.assert(
      fc.property(waits, ({ everyMs, failureCount, seed }) => {
        const waitMs = retryMs({ everyMs }, { nowMs: 1e12, failureCount, rng: seededRng(seed) }) - 1e12
        const wholeMs = Math.min(900_000, Math.min(30_000, everyMs) * 2 ** (failureCount - 1))
        expect(waitMs).toBeGreaterThanOrEqual(wholeMs / 2)
        expect(waitMs).toBeLessThanOrEqual(wholeMs)
      }),
    )
  })
})

it.each([
  [undefined, 'never'],
  [{}, 'never'],
  [{ lastSuccessMs: 1000 }, 'fresh'],
  [{ lastSuccessMs: 999 }, 'late'],
])('a source with %j is %s', (state, expected) =>
  expect(freshnessOf(state, { freshnessMs: 500, nowMs: 1500 })).toBe(expected),
)
