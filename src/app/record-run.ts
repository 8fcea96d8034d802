// Runs something as a recorded run: what it works on, what it says, what it measures, what it takes, what it makes, and how it ends.
import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { openCheckpoints } from '../adapters/embedded/checkpoints.ts'
import { isAlive, thisProcess } from '../adapters/embedded/process-name.ts'
import type { App } from '../app.ts'
import {
  newRunId,
  type Run,
  type RunArtifact,
  type RunFailure,
  type RunKind,
  type RunMetric,
  type RunRequest,
  type RunResources,
} from '../domain/run.ts'
import { MillraceError } from '../lib/errors.ts'
import { peakMemoryMb } from '../lib/peak-memory.ts'
import type { Checkpoints } from '../ports/checkpoints.ts'
import type { RunStore } from '../ports/run-store.ts'
import { markLostRuns, unlessChanged } from '../training/lost-runs.ts'
import { appAsOf, runInputsNow } from './run-inputs.ts'

/** What is wanted of a new run. */
export interface RunWish {
  readonly kind: RunKind
  readonly request: RunRequest
  readonly priority?: number | undefined
}

/** What the work of a run is given. */
export interface RunRecorder {
  readonly run: Run
  /** The app as it was when the run began, also where this is a later attempt. */
  readonly app: App
  /** Where files of the run can be left. */
  readonly folder: string
  readonly checkpoints: Checkpoints
  /** A line for the run's log. */
  log(line: string): void
  addMetrics(metrics: readonly Omit<RunMetric, 'atMs'>[]): Promise<void>
  /** Notes what it made, in place of what it noted before. */
  made(outcome: { readonly modelVersion?: string; readonly artifacts: readonly RunArtifact[] }): Promise<void>
}

export type RunWork<T> = (recorder: RunRecorder) => Promise<T>

/** The files of a run. */
export const runFolder = (app: Pick<App, 'runsDir'>, id: string): string => join(app.runsDir, id)
export const runLogFile = (app: Pick<App, 'runsDir'>, id: string): string => join(runFolder(app, id), 'log.txt')

/** Notes a run that waits for a process of its own. */
export async function queueRun(app: App, wish: RunWish): Promise<Run> {
  const run = newRunOf(app, wish)
  await (await app.metadata()).runs.add(run)
  return run
}

/**
 * Does the work here and now, as a new run.
 * @throws MillraceError RUN_UNDERWAY where another run of the kind is under way; whatever the work throws
 */
export async function recordRun<T>(app: App, wish: RunWish, work: RunWork<T>): Promise<T> {
  const { runs } = await app.metadata()
  await markLostRuns({ runs, isRunning: isAlive, clock: app.clock })
  const nowMs = app.clock.now()
  const run: Run = { ...newRunOf(app, wish), state: 'running', attempt: 1, startedAtMs: nowMs, process: thisProcess() }
  await runs.add(run)
  return doRun(app, run, work)
}

/**
 * Does the work of a run again that stopped, from its checkpoints and on the inputs that it had.
 * @throws MillraceError RUN_NOT_FOUND; RUN_STATE_CHANGED where it waits, runs or succeeded; RUN_UNDERWAY; whatever the work throws
 */
export async function resumeRun<T>(app: App, id: string, work: RunWork<T>): Promise<T> {
  const { runs } = await app.metadata()
  await markLostRuns({ runs, isRunning: isAlive, clock: app.clock })
  const { attempt } = await runs.find(id)
  const run = await runs.change(id, ['lost', 'failed', 'cancelled'], {
    state: 'running',
    attempt: attempt + 1,
    startedAtMs: app.clock.now(),
    process: thisProcess(),
    endedAtMs: undefined,
    failure: undefined,
    outcome: undefined,
    resources: undefined,
  })
  return doRun(app, run, work)
}

/** Does the work of a run that a queue has claimed, in the process that the queue has started for it. */
export async function executeClaimed<T>(app: App, id: string, work: RunWork<T>): Promise<T> {
  const run = await (await app.metadata()).runs.change(id, ['running'], { process: thisProcess() })
  return doRun(app, run, work)
}

const RANDOM_BYTES = 4

/** One that waits, and is not noted yet. */
export function newRunOf(app: App, { kind, request, priority = 0 }: RunWish): Run {
  const nowMs = app.clock.now()
  const id = newRunId(nowMs, randomBytes(RANDOM_BYTES).toString('hex'))
  return { id, kind, state: 'queued', priority, request, attempt: 0, queuedAtMs: nowMs, notBeforeMs: nowMs }
}

async function doRun<T>(app: App, begun: Run, work: RunWork<T>): Promise<T> {
  const { runs } = await app.metadata()
  const { id } = begun
  const measure = measured()
  // Those of the first attempt hold for all.
  const inputs = begun.inputs ?? (await runInputsNow(app))
  const run = await runs.change(id, ['running'], { inputs })
  const folder = runFolder(app, id)
  const log = logTo(app, id)
  const stopListening = run.request.isDetached ? () => {} : cancelledBySignals(app, runs, id)
  try {
    const checkpointsFolder = join(folder, 'checkpoints')
    const value = await work({
      run,
      app: appAsOf(app, inputs),
      folder,
      checkpoints: openCheckpoints({ folder: checkpointsFolder }),
      log,
      addMetrics: (metrics) =>
        runs.addMetrics(
          id,
          metrics.map((metric) => ({ ...metric, atMs: app.clock.now() })),
        ),
      made: async (outcome) => {
        await unlessChanged(() => runs.change(id, ['running'], outcome))
      },
    })
    await runs.change(id, ['running'], { state: 'succeeded', endedAtMs: app.clock.now(), resources: measure() })
    await rm(checkpointsFolder, { recursive: true, force: true })
    return value
  } catch (error) {
    const failure = failureOf(error)
    log(`${failure.code}: ${failure.message} ${failure.fix ?? ''}`)
    if (!(error instanceof MillraceError) && error instanceof Error) log(error.stack ?? '')
    const ending = { state: 'failed', endedAtMs: app.clock.now(), failure, resources: measure() } as const
    // Where the store is away, the error at hand is the one to hear; the run is found lost when it is back.
    await unlessChanged(() => runs.change(id, ['running'], ending)).catch((cause) => log(String(cause)))
    throw error
  } finally {
    stopListening()
  }
}

/** Takes part in what the process takes; other work in it counts, too. */
function measured(): () => RunResources {
  const startMs = performance.now()
  const before = process.resourceUsage()
  return () => {
    const { userCPUTime, systemCPUTime } = process.resourceUsage()
    const cpuMicroseconds = userCPUTime - before.userCPUTime + systemCPUTime - before.systemCPUTime
    return {
      cpuSeconds: cpuMicroseconds / 1e6,
      wallSeconds: (performance.now() - startMs) / 1000,
      peakMemoryMb: peakMemoryMb(),
    }
  }
}

function logTo(app: App, id: string): (line: string) => void {
  const path = runLogFile(app, id)
  return (line) => {
    try {
      mkdirSync(runFolder(app, id), { recursive: true })
      appendFileSync(path, `${new Date(app.clock.now()).toISOString()} ${line}\n`)
    } catch (error) {
      // Where there is no room for a line of the log there is none for a model, and that says so.
      if (!/ENOSPC|EDQUOT/.test(String((error as NodeJS.ErrnoException).code))) throw error
    }
  }
}

/** Ctrl+C, or the end of the session, ends the run and says so. @returns ends the listening */
function cancelledBySignals(app: App, runs: RunStore, id: string): () => void {
  const end = (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void => {
    const outcome = `Its process was asked to end (${signal}).`
    void unlessChanged(() => runs.change(id, ['running'], { state: 'cancelled', endedAtMs: app.clock.now(), outcome }))
      .catch(() => {})
      .finally(() => process.exit(128 + constants.signals[signal]))
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.once(signal, end)
  return () => {
    for (const signal of signals) process.off(signal, end)
  }
}

function failureOf(error: unknown): RunFailure {
  if (!(error instanceof MillraceError)) return { code: 'INTERNAL', message: String(error) }
  const { code, message, fix } = error
  return { code, message, ...(fix !== undefined && { fix }) }
}
