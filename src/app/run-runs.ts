// The runs of a running system: its queue is executed, and what is due by schedule or signal is queued.
import type { App } from '../app.ts'
import { changedInputs, type Run, type RunInputs } from '../domain/run.ts'
import type { Logger } from '../lib/logger.ts'
import { dueLists } from '../serving/due-lists.ts'
import { type DueTraining, dueTraining } from '../training/due-training.ts'
import type { RunQueue } from '../training/run-queue.ts'
import { batchPlacements, batchRequest, placementsIn } from './batch-run.ts'
import { newRunOf, queueRun } from './record-run.ts'
import { runInputsNow } from './run-inputs.ts'
import { runQueueOf } from './run-queue.ts'
import { lastChecks } from './system-status.ts'
import { requestOptions } from './training-run.ts'

export interface RunningRuns {
  /** Looks once. It never fails: what went wrong is logged, and the next look goes on. */
  tend(): Promise<void>
  /** Ends what runs; it waits in the queue for whoever comes next. */
  stop(): Promise<void>
}

/** The last trainings that signals are compared with. */
const KNOWN_RUNS = 50
/** The queue is looked at with every call, what is due with every so manyeth. */
const DUE_EVERY_TICKS = 10

/** @returns undefined where the system was given as a value: no other process could read it; or where the store is away: the server serves without */
export async function runRuns(app: App, logger: Logger): Promise<RunningRuns | undefined> {
  if (app.systemFile === undefined) return undefined
  let queue: RunQueue
  try {
    queue = await runQueueOf(app, logger)
  } catch (error) {
    logger.error('runs cannot be executed', { error })
    return undefined
  }
  const sinceMs = app.clock.now()
  let tickCount = 0
  return {
    async tend() {
      try {
        if (tickCount++ % DUE_EVERY_TICKS === 0) {
          await queueWhatIsDue(app, { sinceMs, logger })
          await queueDueLists(app, { sinceMs, logger })
        }
        await queue.tick()
      } catch (error) {
        logger.error('the queue of runs could not be looked at', { error })
      }
    },
    stop: () => queue.stop(),
  }
}

/** One training at most, where it is due. One by schedule that would find nothing new is noted and not done; a signal waits until there is something. */
export async function queueWhatIsDue(
  app: App,
  { sinceMs, logger }: { readonly sinceMs: number; readonly logger: Logger },
): Promise<Run | undefined> {
  const { training } = app.plan
  if (training.schedule === undefined && training.retrainOn === undefined) return undefined
  const { runs: store } = await app.metadata()
  const runs = await store.list({ kind: 'train', limit: KNOWN_RUNS })
  const inputs = await runInputsNow(app)
  const checks = training.retrainOn?.drift ? await lastChecks(app) : []
  const nowMs = app.clock.now()
  const due = dueTraining({ training, runs, tables: inputs.tables, checks, sinceMs, nowMs })
  if (due === undefined) return undefined
  const same = runs.find((run) => run.state === 'succeeded' && isUnchanged(run.inputs, inputs))
  const wish = wishOf(due)
  if (same === undefined) {
    const run = await queueRun(app, wish)
    logger.info('training is due', { run: run.id, ...due })
    return run
  }
  if (due.trigger === 'signal') return undefined
  const outcome = `Not run: nothing has changed since run ${same.id}: the same plan, seed, log and table versions.`
  const skipped: Run = { ...newRunOf(app, wish), state: 'cancelled', endedAtMs: nowMs, inputs, outcome }
  await store.add(skipped)
  logger.info('training is due, and nothing has changed', { run: skipped.id, ...due })
  return skipped
}

/** One batch for all placements whose lists are due. None before there is a model in charge. */
export async function queueDueLists(
  app: App,
  { sinceMs, logger }: { readonly sinceMs: number; readonly logger: Logger },
): Promise<Run | undefined> {
  const { placements } = app.plan.serving
  if (Object.values(placements).every(({ batches }) => batches === undefined)) return undefined
  const { champion } = await (await app.models()).aliases()
  if (champion === undefined) return undefined
  const { runs: store } = await app.metadata()
  const known = await store.list({ kind: 'batch', limit: KNOWN_RUNS })
  const batches = known.map((run) => {
    const named = placementsIn(run.request.options)
    return { run, placements: named.length > 0 ? named : batchPlacements(app) }
  })
  const due = dueLists({ placements, batches, sinceMs, nowMs: app.clock.now() })
  if (due === undefined) return undefined
  const options = batchRequest({ placements: due.placements })
  const by = 'schedule'
  const request = { trigger: by, by, command: 'millrace dev', why: due.why, isDetached: true, options } as const
  const run = await queueRun(app, { kind: 'batch', request })
  logger.info('lists are due', { run: run.id, ...due })
  return run
}

const isUnchanged = (before: RunInputs | undefined, now: RunInputs): boolean =>
  before !== undefined && changedInputs(before, now).length === 0

const wishOf = ({ trigger, why }: DueTraining) =>
  ({
    kind: 'train',
    request: {
      trigger,
      by: trigger,
      command: 'millrace dev',
      why,
      isDetached: true,
      options: requestOptions({ evaluate: true, promote: true }),
    },
  }) as const
