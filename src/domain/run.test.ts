import { expect, test } from 'vitest'
import { someRun } from '../ports/run-store.contract.ts'
import { changedInputs, newRunId, type RunInputs } from './run.ts'
import { compareRuns } from './run-comparison.ts'
import { keptRuns } from './run-retention.ts'

const inputs: RunInputs = {
  planHash: 'p',
  commit: 'c0ffee',
  millraceVersion: '1',
  seed: 1,
  nextOffset: 9,
  asOfMs: 5,
  tables: [{ table: 'interactions', version: 3 }],
  parameters: { candidates: { cf: { kind: 'ials', options: { factors: 64 } } }, seed: 1 },
}

test('ids sort by time, and two of one second differ by chance', () => {
  expect(newRunId(Date.UTC(2026, 0, 2, 3, 4, 5, 678), '0f')).toBe('20260102-030405-0f')
})

test('inputs differ where a training would give another model', () => {
  expect(changedInputs(inputs, { ...inputs, asOfMs: 7, commit: 'other', parameters: {} })).toEqual([])
  const other = { planHash: 'q', seed: 2, millraceVersion: '2', nextOffset: 10, tables: [] }
  expect(changedInputs(inputs, { ...inputs, ...other })).toEqual([
    'planHash',
    'seed',
    'millraceVersion',
    'nextOffset',
    'tables',
  ])
  expect(changedInputs(inputs, { ...inputs, rankerFile: 'f' })).toEqual(['rankerFile'])
  const newer = [{ table: 'interactions', version: 4 }]
  expect(changedInputs(inputs, { ...inputs, tables: newer })).toEqual(['tables'])
})

test('a comparison names what differs by its path, and has every last figure', () => {
  const metric = (step: number, value: number) => ({ name: 'loss', step, value, atMs: 1 })
  const wider = { candidates: { cf: { kind: 'ials', options: { factors: 128 } } }, seed: 1 }
  const comparison = compareRuns([
    { run: someRun('a', 1, { inputs }), metrics: [metric(0, 3), metric(1, 2)] },
    {
      run: someRun('b', 2, {
        inputs: { ...inputs, parameters: wider, tables: [] },
        resources: { cpuSeconds: 1, wallSeconds: 2, peakMemoryMb: 3 },
      }),
      metrics: [],
    },
    { run: someRun('c', 3), metrics: [metric(0, 9)] },
  ])
  expect(comparison.ids).toEqual(['a', 'b', 'c'])
  const differing = Object.fromEntries(comparison.differing.map(({ name, values }) => [name, values]))
  expect(differing).toMatchObject({
    'candidates.cf.options.factors': ['64', '128', undefined],
    'tables.interactions': ['3', undefined, undefined],
    nextOffset: ['9', '9', undefined],
  })
  expect(Object.keys(differing)).not.toContain('command.threads')
  expect(comparison.metrics).toEqual([{ name: 'loss', values: [metric(1, 2), undefined, metric(0, 9)] }])
  expect(comparison.resources[0]).toEqual({ name: 'cpuSeconds', values: [undefined, 1, undefined] })
})

test('a collection keeps what waits or runs, what made a model that is there, the newest, and what ended lately', () => {
  const DAY_MS = 86_400_000
  const ended = (id: string, day: number, rest = {}) =>
    someRun(id, day * DAY_MS, { state: 'failed', endedAtMs: day * DAY_MS, ...rest })
  const runs = [
    someRun('waits', 0),
    ended('old', 1),
    ended('made', 2, { state: 'succeeded', modelVersion: 'm' }),
    ended('made gone', 3, { state: 'succeeded', modelVersion: 'gone' }),
    ended('late', 95),
    ended('newest', 96),
  ]
  const kept = keptRuns({ runs, modelVersions: new Set(['m']), nowMs: 100 * DAY_MS }, { newestCount: 1, days: 7 })
  expect(Object.fromEntries(kept)).toEqual({
    waits: 'queued',
    made: 'it made m',
    late: 'ended within the last 7 days',
    newest: 'the newest',
  })
})
