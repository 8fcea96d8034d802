import { expect, it } from 'vitest'
import type { Run, RunMetric } from '../domain/run.ts'
import { type Fresh, withFresh } from './port-under-test.contract.ts'
import type { RunStore } from './run-store.ts'

/** A run for tests that waits since the given moment. */
export function someRun(id: string, queuedAtMs: number, rest: Partial<Run> = {}): Run {
  return {
    id,
    kind: 'train',
    state: 'queued',
    priority: 0,
    request: { trigger: 'hand', by: 'ada', command: 'millrace train', isDetached: true, options: { threads: 2 } },
    attempt: 0,
    queuedAtMs,
    notBeforeMs: queuedAtMs,
    ...rest,
  }
}

const process = { pid: 7, startedAt: '1234' }
const claimAt = (atMs: number, runningCountMax = 1) => ({ process, atMs, runningCountMax })

/** What every run store must do. */
export function testRunStore(fresh: Fresh<RunStore>): void {
  it('knows nothing at first', () =>
    withFresh(fresh, async (runs) => {
      expect(await runs.list({ limit: 10 })).toEqual([])
      expect(await runs.metrics('a')).toEqual([])
      expect(await runs.claim(claimAt(1))).toBeUndefined()
      await expect(runs.find('a')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
      await expect(runs.change('a', ['queued'], {})).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    }))

  it('keeps everything of a run, and lists the last one first', () =>
    withFresh(fresh, async (runs, again) => {
      const inputs = {
        planHash: 'f'.repeat(64),
        commit: 'c0ffee',
        isDirty: true,
        millraceVersion: '0.1.0',
        seed: 1,
        nextOffset: 2 ** 40,
        asOfMs: 2 ** 41,
        tables: [{ table: 'interactions', version: 3, checkedThrough: '2026-03-01' }],
        parameters: { candidates: { cf: { kind: 'ials', options: { factors: 64 } } } },
      }
      const whole = someRun('b', 2 ** 41, {
        kind: 'tune',
        state: 'failed',
        inputs,
        failure: { code: 'RUN_OVER_MEMORY', message: 'too much', fix: 'less' },
        resources: { cpuSeconds: 1.5, wallSeconds: 2, peakMemoryMb: 300 },
        artifacts: [{ path: 'models/m', bytes: 2 ** 33, sha256: 'a'.repeat(64) }],
      })
      await runs.add(someRun('a', 5))
      await runs.add(whole)
      await runs.add({ ...whole, priority: 9 })
      const other = await again()
      expect(await other.find('b')).toEqual(whole)
      expect(await other.list({ limit: 10 })).toEqual([whole, someRun('a', 5)])
      expect(await other.list({ limit: 1 })).toEqual([whole])
      expect(await other.list({ kind: 'train', limit: 10 })).toEqual([someRun('a', 5)])
      expect(await other.list({ states: ['failed', 'lost'], limit: 10 })).toEqual([whole])
      expect(await other.list({ states: [], limit: 10 })).toEqual([])
    }))

  it('gives the next one by priority, then by waiting time, each once, and none before its time', () =>
    withFresh(fresh, async (runs) => {
      await runs.add(someRun('late', 3))
      await runs.add(someRun('early', 1))
      await runs.add(someRun('urgent', 2, { priority: 5 }))
      await runs.add(someRun('later', 0, { priority: 9, notBeforeMs: 100 }))
      const started = { state: 'running', attempt: 1, startedAtMs: 50, process }
      expect(await runs.claim(claimAt(50, 9))).toEqual({ ...someRun('urgent', 2, { priority: 5 }), ...started })
      expect(await runs.find('urgent')).toMatchObject(started)
      const ids = []
      for (let i = 0; i < 4; i++) ids.push((await runs.claim(claimAt(50, 9)))?.id)
      expect(ids).toEqual(['early', 'late', undefined, undefined])
      expect((await runs.claim(claimAt(100, 9)))?.id).toBe('later')
    }))

  it('lets no more run at once than asked, whoever claims', () =>
    withFresh(fresh, async (runs, again) => {
      for (const id of ['a', 'b', 'c']) await runs.add(someRun(id, 1))
      const other = await again()
      const claimed = await Promise.all([runs, other, runs, other].map((store) => store.claim(claimAt(1, 2))))
      expect(
        claimed
          .filter((run) => run !== undefined)
          .map(({ id }) => id)
          .sort(),
      ).toEqual(['a', 'b'])
      await runs.change('a', ['running'], { state: 'succeeded' })
      expect((await runs.claim(claimAt(1, 2)))?.id).toBe('c')
    }))

  it('forgets of an earlier attempt how it ended, and keeps its inputs', () =>
    withFresh(fresh, async (runs) => {
      const inputs = {
        planHash: '',
        millraceVersion: '',
        seed: 1,
        nextOffset: 4,
        asOfMs: 9,
        tables: [],
        parameters: {},
      }
      const failure = { code: 'RUN_KILLED', message: 'killed' }
      await runs.add(someRun('a', 1, { attempt: 1, startedAtMs: 2, endedAtMs: 3, inputs, failure, outcome: 'x' }))
      const claimed = await runs.claim(claimAt(9))
      expect(claimed).toEqual({ ...someRun('a', 1, { state: 'running', attempt: 2, startedAtMs: 9, process, inputs }) })
    }))

  it('changes a run from the states that are named, and tells which one it is in', () =>
    withFresh(fresh, async (runs, again) => {
      await runs.add(someRun('a', 1, { outcome: 'none yet' }))
      const cancelled = await runs.change('a', ['queued'], { state: 'cancelled', endedAtMs: 5, outcome: undefined })
      expect(cancelled).toEqual(someRun('a', 1, { state: 'cancelled', endedAtMs: 5 }))
      expect(await (await again()).find('a')).toEqual(cancelled)
      const refused = { code: 'RUN_STATE_CHANGED', message: expect.stringContaining('cancelled') }
      await expect(runs.change('a', ['queued', 'running'], { state: 'lost' })).rejects.toMatchObject(refused)
      expect(await runs.find('a')).toEqual(cancelled)
    }))

  it('lets one of a kind run beside those of the queue, and says which one is in the way', () =>
    withFresh(fresh, async (runs, again) => {
      const running = (id: string) => someRun(id, 1, { state: 'running', process, startedAtMs: 1 })
      const other = await again()
      const outcomes = await Promise.allSettled([runs.add(running('a')), other.add(running('b'))])
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      const [first] = await runs.list({ limit: 10 })
      const refused = { code: 'RUN_UNDERWAY', message: expect.stringContaining(first!.id) }
      await expect(runs.add(running('c'))).rejects.toMatchObject(refused)
      await runs.add(someRun('waits', 2))
      await expect(runs.change('waits', ['queued'], { state: 'running' })).rejects.toMatchObject(refused)
      await runs.add({ ...running('e'), kind: 'evaluate' })
      await runs.change(first!.id, ['running'], { state: 'succeeded' })
      await runs.add(running('c'))
    }))

  it('keeps the figures of a run by name and step, and the last one of each', () =>
    withFresh(fresh, async (runs) => {
      await runs.add(someRun('a', 1))
      await runs.add(someRun('b', 1))
      const metric = (name: string, step: number, value: number): RunMetric => ({ name, step, value, atMs: 2 ** 41 })
      await runs.addMetrics('a', [metric('loss', 1, 0.5), metric('loss', 0, 0.7), metric('NDCG@20', 0, 0.25)])
      await runs.addMetrics('a', [{ ...metric('loss', 1, 0.4), interval: [0.3, 0.5] }])
      await runs.addMetrics('b', [])
      expect(await runs.metrics('a')).toEqual([
        metric('NDCG@20', 0, 0.25),
        metric('loss', 0, 0.7),
        { ...metric('loss', 1, 0.4), interval: [0.3, 0.5] },
      ])
      expect(await runs.metrics('b')).toEqual([])
      await expect(runs.addMetrics('x', [metric('loss', 0, 1)])).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    }))

  it('forgets what has ended, with its figures, and nothing else', () =>
    withFresh(fresh, async (runs) => {
      await runs.add(someRun('waits', 1))
      await runs.add(someRun('done', 1, { state: 'succeeded' }))
      await runs.addMetrics('done', [{ name: 'loss', step: 0, value: 1, atMs: 1 }])
      expect(await runs.remove(['waits', 'done', 'unknown'])).toEqual(['done'])
      expect((await runs.list({ limit: 10 })).map(({ id }) => id)).toEqual(['waits'])
      expect(await runs.metrics('done')).toEqual([])
      expect(await runs.remove([])).toEqual([])
    }))
}
