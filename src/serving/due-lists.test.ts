import { expect, test } from 'vitest'
import type { PlacementPlan, SchedulePlan } from '../config/plan.ts'
import type { Run, RunState } from '../domain/run.ts'
import { dueLists } from './due-lists.ts'
import { planWith } from './serving-fixture.testing.ts'

const HOUR_MS = 3_600_000
const NOW_MS = Date.UTC(2026, 0, 2, 4, 30)
const placementsOf = (
  schedules: Readonly<Record<string, SchedulePlan | undefined>>,
): Readonly<Record<string, PlacementPlan>> =>
  planWith(
    Object.fromEntries(
      Object.entries(schedules).map(([name, batches]) => [name, batches === undefined ? {} : { batches }]),
    ),
  ).serving.placements
const batch = (queuedAtMs: number, placements: readonly string[], state: RunState = 'succeeded') => ({
  run: { queuedAtMs, state } as Run,
  placements,
})
const due = (
  schedules: Parameters<typeof placementsOf>[0],
  batches: readonly ReturnType<typeof batch>[],
  sinceMs = NOW_MS - 24 * HOUR_MS,
) => dueLists({ placements: placementsOf(schedules), batches, sinceMs, nowMs: NOW_MS })

test('an interval is due where there was no batch of the placement, or none for so long; what is due is made together', () => {
  const hourly = { everyMs: HOUR_MS }
  expect(due({ mail: hourly, home: undefined }, [])).toEqual({ placements: ['mail'], why: 'mail: every 1 hour.' })
  expect(due({ mail: hourly }, [batch(NOW_MS - HOUR_MS + 1, ['mail'])])).toBeUndefined()
  expect(due({ mail: hourly }, [batch(NOW_MS - HOUR_MS, ['mail'])])).toBeDefined()
  expect(due({ mail: hourly, app: hourly }, [batch(NOW_MS - 1, ['mail'])])?.placements).toEqual(['app'])
  expect(due({ mail: hourly, app: hourly }, [])?.placements).toEqual(['mail', 'app'])
})

test('a pattern is due once its moment has come since the last batch, or since somebody looks', () => {
  const nightly = { cron: '0 4 * * *' }
  expect(due({ mail: nightly }, [])).toEqual({ placements: ['mail'], why: 'mail: by the pattern "0 4 * * *".' })
  expect(due({ mail: nightly }, [], NOW_MS - 60_000)).toBeUndefined()
  expect(due({ mail: nightly }, [batch(NOW_MS - 2 * HOUR_MS, ['mail'])])).toBeDefined()
  expect(due({ mail: nightly }, [batch(NOW_MS - HOUR_MS / 3, ['mail'])])).toBeUndefined()
})

test('nothing is due while a batch waits or runs', () => {
  for (const state of ['queued', 'running'] as const) {
    expect(due({ mail: { everyMs: HOUR_MS } }, [batch(0, ['home'], state)])).toBeUndefined()
  }
  for (const state of ['failed', 'cancelled', 'lost'] as const) {
    expect(due({ mail: { everyMs: HOUR_MS } }, [batch(0, ['mail'], state)])).toBeDefined()
  }
})
