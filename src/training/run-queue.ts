// Executes the runs that wait, one at a time unless told otherwise, each as a job of its own. The queue itself is in the store: this process may end at any moment, and
// whichever comes next goes on.

import type { Run, RunFailure, RunProcess } from '../domain/run.ts'
import { canPass, retryAtMs } from '../domain/run-retry.ts'
import type { Logger } from '../lib/logger.ts'
import type { Rng } from '../lib/rng.ts'
import type { Compute, Job, JobEnd, JobSpec } from '../ports/compute.ts'
import type { RunChange } from '../ports/run-store.ts'
import { markLostRuns, type RunWatch, unlessChanged } from './lost-runs.ts'

export interface RunQueueParts extends RunWatch {
  readonly compute: Compute
  /** Who claims: this process. */
  readonly process: RunProcess
  readonly jobOf: (run: Run) => JobSpec
  readonly rng: Rng
  readonly logger: Logger
  readonly runningCountMax?: number
}

/** Runs that are lost and may be tried again are few: each is queued, or gives up, at the next look. */
const LOST_MAX = 1000
/** How often memory and processor time are noted with a run. */
const USAGE_EVERY_MS = 10_000

export class RunQueue {
  readonly #parts: RunQueueParts
  readonly #jobs = new Map<string, { readonly job: Job; readonly settled: Promise<void> }>()
  #isStopping = false

  constructor(parts: RunQueueParts) {
    this.#parts = parts
  }

  /** How many run by this queue. */
  get jobCount(): number {
    return this.#jobs.size
  }

  /** Looks once: ends what was cancelled, queues again what was lost, starts what is due. */
  async tick(): Promise<void> {
    const { runs, clock, process, runningCountMax = 1 } = this.#parts
    await this.#endCancelled()
    await markLostRuns(this.#parts)
    await this.#queueLost()
    while (!this.#isStopping) {
      const run = await runs.claim({ process: { ...process, isQueue: true }, atMs: clock.now(), runningCountMax })
      if (run === undefined) return
      await this.#start(run)
    }
  }

  /** Resolves when the runs that run now have ended. */
  async idle(): Promise<void> {
    await Promise.all([...this.#jobs.values()].map(({ settled }) => settled))
  }

  /** Ends what runs. It is queued again, and goes on from its checkpoints when somebody takes it up. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all([...this.#jobs.values()].map(({ job }) => job.cancel()))
    await this.idle()
  }

  async #start(run: Run): Promise<void> {
    const { compute, jobOf, logger } = this.#parts
    let job: Job
    try {
      job = await compute.start(jobOf(run), this.#usageNotes(run))
    } catch (error) {
      logger.error('a run could not be started', { run: run.id, error })
      await this.#settle(run, failureOfError(error))
      return
    }
    logger.info('run started', { run: run.id, attempt: run.attempt, place: job.place })
    const settled = job.ended
      .then((end) => this.#ended(run, end))
      // The store is away: the run is found lost when it is back.
      .catch((error: unknown) => logger.error('how a run ended could not be noted', { run: run.id, error }))
      .finally(() => this.#jobs.delete(run.id))
    this.#jobs.set(run.id, { job, settled })
  }

  async #ended(run: Run, end: JobEnd): Promise<void> {
    const { runs, clock, logger } = this.#parts
    logger.info('run ended', { run: run.id, ...end })
    const { state, failure } = await runs.find(run.id)
    if (this.#isStopping && end.how === 'interrupted') {
      const waiting = { state: 'queued', attempt: run.attempt - 1, notBeforeMs: clock.now() } as const
      await unlessChanged(() => runs.change(run.id, ['running', 'lost'], { ...waiting, failure: undefined }))
    } else if (state === 'failed') await this.#settle(run, failure!)
    else if (state === 'running' || state === 'lost') await this.#settle(run, failureOfEnd(end), end)
  }

  /** Queues a failed attempt again, or leaves it at that. */
  async #settle(run: Run, failure: RunFailure, end?: JobEnd): Promise<void> {
    const { runs, clock, rng, logger } = this.#parts
    const nowMs = clock.now()
    const notBeforeMs = retryAtMs(failure.code, { attempt: run.attempt, nowMs, rng })
    const resources = end && {
      ...end.usage,
      wallSeconds: (nowMs - (run.startedAtMs ?? nowMs)) / 1000,
    }
    const change: RunChange = {
      state: notBeforeMs !== undefined ? 'queued' : end?.how === 'killed' ? 'lost' : 'failed',
      ...(notBeforeMs !== undefined && { notBeforeMs }),
      endedAtMs: nowMs,
      failure,
      ...(resources && { resources }),
    }
    logger.warn('run failed', { run: run.id, ...failure, isTriedAgain: notBeforeMs !== undefined })
    await unlessChanged(() => runs.change(run.id, ['running', 'lost', 'failed'], change))
  }

  /** Whoever cancels a run says so in the store. */
  async #endCancelled(): Promise<void> {
    for (const [id, { job }] of this.#jobs) {
      if ((await this.#parts.runs.find(id)).state === 'cancelled') void job.cancel()
    }
  }

  /** Those of a queue that was killed with its jobs. One that a person ran waits for a person. */
  async #queueLost(): Promise<void> {
    const { runs, clock, rng } = this.#parts
    for (const run of await runs.list({ states: ['lost'], limit: LOST_MAX })) {
      if (!run.request.isDetached || this.#jobs.has(run.id) || !canPass(run.failure?.code ?? '')) continue
      const notBeforeMs = retryAtMs(run.failure!.code, { attempt: run.attempt, nowMs: clock.now(), rng })
      if (notBeforeMs === undefined) continue
      await unlessChanged(() => runs.change(run.id, ['lost'], { state: 'queued', notBeforeMs }))
    }
  }

  #usageNotes(run: Run): (usage: JobEnd['usage']) => void {
    const { runs, clock, logger } = this.#parts
    let notedMs = Number.NEGATIVE_INFINITY
    return (usage) => {
      const atMs = clock.now()
      if (atMs - notedMs < USAGE_EVERY_MS) return
      notedMs = atMs
      const step = Math.round((atMs - (run.startedAtMs ?? atMs)) / 1000)
      const metrics = Object.entries(usage).map(([name, value]) => ({ name, step, value, atMs }))
      runs.addMetrics(run.id, metrics).catch((error: unknown) => {
        logger.warn('what a run takes could not be noted', { run: run.id, error })
      })
    }
  }
}

const failureOfError = (error: unknown): RunFailure => ({
  code: (error as { readonly code?: string }).code ?? 'INTERNAL',
  message: error instanceof Error ? error.message : String(error),
})

function failureOfEnd(end: JobEnd): RunFailure {
  switch (end.how) {
    case 'overMemory':
      return {
        code: 'RUN_OVER_MEMORY',
        message: `It took ${Math.round(end.usage.peakMemoryMb)} MB, expected at most ${end.limitMb} MB.`,
        fix: 'Allow more in training.limits.memoryMb, or train smaller models.',
      }
    case 'overTime':
      return {
        code: 'RUN_OVER_TIME',
        message: `It took longer than ${end.limitSeconds} s.`,
        fix: 'Allow more in training.limits.time, or train smaller models.',
      }
    case 'exited':
      return {
        code: 'INTERNAL',
        message: `Its process ended with code ${end.exitCode} without having said why.`,
        fix: 'Look at its log: "millrace runs log ID".',
      }
    default:
      return {
        code: 'RUN_KILLED',
        message: `Its process was killed from outside (${end.how === 'killed' ? end.signal : 'asked to end'}).`,
        fix: 'Where nobody did it, the system ran out of memory: look at its log, and set training.limits.memoryMb.',
      }
  }
}
