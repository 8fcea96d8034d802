// Goal: the queue does with every end of a job what it should, across restarts. Method: the real store, and jobs that end when the test says so.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openMetadataStore } from '../adapters/embedded/metadata-store.ts'
import { MillraceError } from '../lib/errors.ts'
import { silentLogger } from '../lib/logger.ts'
import { seededRng } from '../lib/rng.ts'
import type { Compute, Job, JobEnd, JobUsage } from '../ports/compute.ts'
import type { MetadataStore } from '../ports/metadata-store.ts'
import { someRun } from '../ports/run-store.contract.ts'
import { RunQueue } from './run-queue.ts'

type End = JobEnd extends infer E ? (E extends unknown ? Omit<E, 'usage'> : never) : never

const usage: JobUsage = { cpuSeconds: 2, peakMemoryMb: 300 }
/** Of processes that run. */
let alive: Set<number>
let nowMs: number
let folder: string
let store: MetadataStore
/** The jobs that were started, in order, and how to end each. */
let started: { id: string; end: (end: End) => Promise<void>; tell: (usage: JobUsage) => void }[]
let isFull: boolean
let queues: RunQueue[]

const compute: Compute = {
  async start({ args }, onUsage = () => {}) {
    if (isFull) throw new MillraceError('COMPUTE_UNAVAILABLE', 'no process can be started')
    const { promise, resolve } = Promise.withResolvers<JobEnd>()
    const end = (how: End): Promise<void> => {
      resolve({ ...how, usage } as JobEnd)
      return settled()
    }
    started.push({ id: args[0]!, end, tell: onUsage })
    const job: Job = { place: 'test', ended: promise, cancel: () => end({ how: 'interrupted' }) }
    return job
  },
  close: async () => {},
}

const queueOf = (pid: number, runningCountMax = 1): RunQueue => {
  alive.add(pid)
  const queue = new RunQueue({
    runs: store.runs,
    compute,
    clock: { now: () => nowMs },
    isRunning: (process) => alive.has(process.pid),
    process: { pid, startedAt: '' },
    jobOf: (run) => ({ args: [run.id], workingDir: '', logFile: '', limits: {} }),
    rng: seededRng(1),
    logger: silentLogger,
    runningCountMax,
  })
  queues.push(queue)
  return queue
}
/** What follows the end of a job is in the store. */
const settled = async (): Promise<void> => {
  for (const queue of queues) await queue.idle()
}
const stateOf = async (id: string) => (await store.runs.find(id)).state

beforeEach(async () => {
  alive = new Set()
  nowMs = 1_000_000
  started = []
  isFull = false
  queues = []
  folder = mkdtempSync(join(tmpdir(), 'millrace-queue-'))
  store = await openMetadataStore({ folder })
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

test('runs go one after the other by priority, and as many at once as are allowed', async () => {
  const queue = queueOf(1)
  for (const [id, priority] of [
    ['a', 0],
    ['b', 5],
    ['c', 0],
  ] as const)
    await store.runs.add(someRun(id, 1, { priority }))
  await queue.tick()
  await queue.tick()
  expect(started.map(({ id }) => id)).toEqual(['b'])
  await store.runs.change('b', ['running'], { state: 'succeeded' })
  await started[0]!.end({ how: 'exited', exitCode: 0 })
  await queueOf(2, 2).tick()
  expect(started.map(({ id }) => id)).toEqual(['b', 'a', 'c'])
})

test('a run whose process is killed is tried three times, each later, and is lost then', async () => {
  const queue = queueOf(1)
  await store.runs.add(someRun('a', 1))
  for (const attempt of [1, 2, 3]) {
    await queue.tick()
    expect(started).toHaveLength(attempt)
    await started.at(-1)!.end({ how: 'killed', signal: 'SIGKILL' })
    const { state, failure, notBeforeMs, resources } = await store.runs.find('a')
    expect({ state, code: failure?.code }).toEqual({ state: attempt < 3 ? 'queued' : 'lost', code: 'RUN_KILLED' })
    expect(resources).toMatchObject(usage)
    await queue.tick()
    expect(started).toHaveLength(attempt)
    nowMs = Math.max(nowMs, notBeforeMs)
  }
  nowMs += 1e9
  await queue.tick()
  expect(started).toHaveLength(3)
})

test('what does not pass by itself is not tried again, and is told', async () => {
  const queue = queueOf(1)
  const ends: readonly (readonly [End, string])[] = [
    [{ how: 'overMemory', limitMb: 200 }, 'RUN_OVER_MEMORY'],
    [{ how: 'overTime', limitSeconds: 9 }, 'RUN_OVER_TIME'],
    [{ how: 'exited', exitCode: 3 }, 'INTERNAL'],
  ]
  for (const [i, [end, code]] of ends.entries()) {
    await store.runs.add(someRun(`r${i}`, i))
    await queue.tick()
    await started.at(-1)!.end(end)
    expect(await store.runs.find(`r${i}`)).toMatchObject({ state: 'failed', failure: { code } })
  }
})

test('what the run itself said of its failure holds: some are tried again, some are not', async () => {
  const queue = queueOf(1)
  for (const [id, code, state] of [
    ['a', 'DISK_FULL', 'failed'],
    ['b', 'METADATA_UNAVAILABLE', 'queued'],
  ] as const) {
    await store.runs.add(someRun(id, 1))
    await queue.tick()
    await store.runs.change(id, ['running'], { state: 'failed', failure: { code, message: 'told' } })
    await started.at(-1)!.end({ how: 'exited', exitCode: 74 })
    expect(await store.runs.find(id)).toMatchObject({ state, failure: { code, message: 'told' } })
  }
})

test('a run that cannot be started waits for another try', async () => {
  isFull = true
  await store.runs.add(someRun('a', 1))
  await queueOf(1).tick()
  expect(await store.runs.find('a')).toMatchObject({ state: 'queued', failure: { code: 'COMPUTE_UNAVAILABLE' } })
})

test('a run that somebody cancels is ended, and stays cancelled', async () => {
  const queue = queueOf(1)
  await store.runs.add(someRun('a', 1))
  await queue.tick()
  await store.runs.change('a', ['running'], { state: 'cancelled' })
  await queue.tick()
  await queue.idle()
  expect(await stateOf('a')).toBe('cancelled')
})

test('a queue that stops leaves its runs to the next one, as if they had not begun', async () => {
  const queue = queueOf(1)
  await store.runs.add(someRun('a', 1))
  await queue.tick()
  await queue.stop()
  expect(await store.runs.find('a')).toMatchObject({ state: 'queued', attempt: 0 })
  await queue.tick()
  expect(started).toHaveLength(1)
  await queueOf(2).tick()
  expect(started).toHaveLength(2)
})

test('what a queue was killed with goes on in the next one; what a person ran waits for that person', async () => {
  await store.runs.add(someRun('queued', 1))
  await queueOf(1).tick()
  const asked = { ...someRun('by hand', 1).request, isDetached: false }
  await store.runs.add(
    someRun('by hand', 1, { kind: 'tune', state: 'running', request: asked, process: { pid: 9, startedAt: '' } }),
  )
  alive.clear()
  const next = queueOf(2)
  await next.tick()
  expect([await stateOf('queued'), await stateOf('by hand')]).toEqual(['queued', 'lost'])
  nowMs += 60_000
  await next.tick()
  expect(await store.runs.find('queued')).toMatchObject({ state: 'running', attempt: 2 })
  expect(await stateOf('by hand')).toBe('lost')
})

test('what a job takes is noted with its run, every ten seconds', async () => {
  await store.runs.add(someRun('a', 1))
  await queueOf(1).tick()
  for (const second of [0, 1, 2, 10, 11]) {
    nowMs = 1_000_000 + second * 1000
    started[0]!.tell({ cpuSeconds: second, peakMemoryMb: 100 + second })
  }
  await expect.poll(() => store.runs.metrics('a')).toHaveLength(4)
  expect((await store.runs.metrics('a')).map(({ name, step, value }) => [name, step, value])).toEqual([
    ['cpuSeconds', 0, 0],
    ['cpuSeconds', 10, 10],
    ['peakMemoryMb', 0, 100],
    ['peakMemoryMb', 10, 110],
  ])
})
