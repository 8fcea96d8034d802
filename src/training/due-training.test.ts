import { expect, test } from 'vitest'
import type { StoredCheckResult } from '../domain/check-result.ts'
import type { Run, RunInputs } from '../domain/run.ts'
import { someCheckResult } from '../ports/check-results.contract.ts'
import { someRun } from '../ports/run-store.contract.ts'
import { type DueInput, dueTraining } from './due-training.ts'

const HOUR_MS = 3_600_000
const nowMs = Date.UTC(2026, 2, 10, 12)
const inputs = (asOfMs: number, checkedThrough?: string): RunInputs => ({
  planHash: '',
  millraceVersion: '',
  seed: 1,
  nextOffset: 1,
  asOfMs,
  tables: [{ table: 'interactions', version: 1, ...(checkedThrough && { checkedThrough }) }],
  parameters: {},
})
const trained = (hoursAgo: number, rest: Partial<Run> = {}): Run =>
  someRun(`r${hoursAgo}`, nowMs - hoursAgo * HOUR_MS, {
    state: 'succeeded',
    inputs: inputs(nowMs - hoursAgo * HOUR_MS),
    ...rest,
  })
const due = (training: DueInput['training'], rest: Partial<DueInput> = {}) =>
  dueTraining({ training, runs: [], tables: [], checks: [], sinceMs: nowMs - HOUR_MS, nowMs, ...rest })

test('nothing is due where nothing was asked for, and while a training waits or runs', () => {
  expect(due({})).toBeUndefined()
  const daily = { schedule: { everyMs: 24 * HOUR_MS } }
  expect(due(daily)).toMatchObject({ trigger: 'schedule' })
  for (const state of ['queued', 'running'] as const)
    expect(due(daily, { runs: [trained(99, { state })] })).toBeUndefined()
})

test('an interval counts from the last training, however it was asked for and however it ended', () => {
  const daily = { schedule: { everyMs: 24 * HOUR_MS } }
  expect(due(daily, { runs: [trained(23.9)] })).toBeUndefined()
  expect(due(daily, { runs: [trained(1, { state: 'failed' }), trained(30)] })).toBeUndefined()
  expect(due(daily, { runs: [trained(24)] })).toEqual({ trigger: 'schedule', why: 'Every 1 day.' })
})

test('the moment of a pattern is due once, and not made up for by a system that starts later', () => {
  const atNoon = { schedule: { cron: '0 12 * * *' } }
  expect(due(atNoon, { sinceMs: nowMs - 1 })).toEqual({ trigger: 'schedule', why: 'By the pattern "0 12 * * *".' })
  expect(due(atNoon, { sinceMs: nowMs - 1, nowMs: nowMs - 1 })).toBeUndefined()
  expect(due(atNoon, { sinceMs: nowMs + 1, nowMs: nowMs + 9 })).toBeUndefined()
  expect(due(atNoon, { runs: [trained(0)] })).toBeUndefined()
  expect(due({ schedule: { cron: '0 0 30 2 *' } }, { runs: [trained(999)] })).toBeUndefined()
})

test('a further day that was found good begins a training, one that a training has seen does not, though it failed', () => {
  const newDay = { retrainOn: { newDay: true, drift: false } }
  const tables = inputs(0, '2026-03-09').tables
  expect(due(newDay, { tables })).toEqual({
    trigger: 'signal',
    why: 'interactions: the data of 2026-03-09 was found good.',
  })
  expect(due(newDay, { tables, runs: [trained(1, { inputs: inputs(0, '2026-03-08') })] })).toMatchObject({
    trigger: 'signal',
  })
  const seen = { state: 'failed', inputs: inputs(0, '2026-03-09') } as const
  expect(due(newDay, { tables, runs: [trained(1, seen), trained(30)] })).toBeUndefined()
  expect(due(newDay, { tables: inputs(0).tables })).toBeUndefined()
  expect(due({ retrainOn: { newDay: false, drift: true } }, { tables })).toBeUndefined()
})

test('drift that a check has found since the last training begins one', () => {
  const onDrift = { retrainOn: { newDay: false, drift: true } }
  const found: StoredCheckResult = { ...someCheckResult, check: 'drift', verdict: 'warn', checkedAtMs: nowMs - HOUR_MS }
  expect(due(onDrift, { checks: [found] })).toMatchObject({
    trigger: 'signal',
    why: expect.stringContaining(found.message),
  })
  expect(due(onDrift, { checks: [found], runs: [trained(2)] })).toMatchObject({ trigger: 'signal' })
  expect(due(onDrift, { checks: [found], runs: [trained(0.5, { state: 'failed' })] })).toBeUndefined()
  expect(due(onDrift, { checks: [{ ...found, verdict: 'pass' }] })).toBeUndefined()
  expect(due(onDrift, { checks: [{ ...found, check: 'mean' }] })).toBeUndefined()
})

test('a model that has become old begins a training, and one that failed is not repeated at once', () => {
  const stale = { retrainOn: { newDay: false, drift: false, staleMs: 48 * HOUR_MS } }
  expect(due(stale)).toMatchObject({ trigger: 'signal', why: 'There is no model yet.' })
  expect(due(stale, { runs: [trained(47)] })).toBeUndefined()
  expect(due(stale, { runs: [trained(48)] })).toMatchObject({ why: 'The last model is older than 2 days.' })
  expect(due(stale, { runs: [trained(1, { state: 'failed' }), trained(72)] })).toBeUndefined()
})
