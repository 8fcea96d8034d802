// One process that does everything `millrace dev` promises: takes events in, follows the log, answers, and swaps models when a new one is in
// charge.
import { randomUUID } from 'node:crypto'
import { thisProcess } from '../adapters/embedded/process-name.ts'
import type { App } from '../app.ts'
import { followLog, type LogFollower } from '../data/follow-log.ts'
import { impressionRecorder } from '../data/impression-recorder.ts'
import type { SourceRunner } from '../data/source-runner.ts'
import type { ServerDependencies } from '../http/dependencies.ts'
import { createServer, type ServerOptions } from '../http/server.ts'
import { type Logger, silentLogger } from '../lib/logger.ts'
import { pause, settlesWithin } from '../lib/within.ts'
import { LiveState } from '../serving/live-state.ts'
import { RecommendationService } from '../serving/recommendation-service.ts'
import { ItemSearch } from '../serving/search/item-search.ts'
import { featuresAsOfInTurn } from './features-as-of.ts'
import { liveFeatures } from './live-features.ts'
import { LiveModel } from './live-model.ts'
import { modelsOf } from './models.ts'
import { operationsOf } from './operations.ts'
import { packageVersion } from './package-version.ts'
import { recordImpression } from './record-impression.ts'
import { type RunningFeatures, runFeatures } from './run-features.ts'
import { runRuns } from './run-runs.ts'
import { startSources } from './run-sources.ts'
import { runTables } from './run-tables.ts'
import { runsOf } from './runs.ts'
import { systemOfModel } from './system-of-model.ts'

/** How often a running server looks which model is in charge. */
const MODEL_POLL_MS = 500
/** How often somebody who waits for the features looks. */
const FEATURE_POLL_MS = 5
/** How often the log is relieved of what the system's retention lets go. */
const TRIM_EVERY_MS = 3_600_000
/** How often the queue of runs is looked at. */
const RUNS_EVERY_MS = 1000
/** How long a server that stops waits for what was shown to reach the log. */
const IMPRESSIONS_END_MS = 5000
/** How often what is new in the log goes to the offline tables. */
const TABLES_EVERY_MS = 60_000

export interface ServeOptions extends ServerOptions {
  readonly logger?: Logger
}

export interface RunningSystem {
  readonly url: string
  readonly port: number
  readonly service: RecommendationService
  /** Resolves when everything in the log at the call shows in answers. */
  caughtUp(): Promise<void>
  /** Resolves when the features know everything that was in the log at some moment after the call; at once where they are kept by another process, or fail. */
  featuresCaughtUp(): Promise<void>
  /** Why the model in charge does not answer; undefined where it does, and before the first training. */
  modelProblem(): string | undefined
  /** Finishes the requests that are running, then lets go of the port. The app stays open. */
  close(): Promise<void>
}

/**
 * Starts serving an app. It listens at once and is ready when the live state has caught up with the log.
 * @throws MillraceError PORT_IN_USE, ADDRESS_UNUSABLE, KEYS_REQUIRED
 */
export async function serve(app: App, options: ServeOptions = {}): Promise<RunningSystem> {
  const { logger = silentLogger, ...serverOptions } = options
  const { plan, clock, modelsDir } = app
  const live = new LiveState(plan)
  // A shop without features has no online store either. One that cannot keep its features does not start: answers would silently lack them.
  const features = plan.data.features.length === 0 ? undefined : await runFeatures(app, logger)
  const impressions =
    plan.serving.impressions && impressionRecorder({ log: app.log, logger, ...plan.serving.impressions })
  const service = new RecommendationService({
    plan,
    live,
    clock,
    newRequestId: randomUUID,
    ...(features && { features: liveFeatures({ store: await app.onlineStore(), clock }, plan.data.features) }),
    onListFailure: (error) => logger.warn('a list was put in order without the ranker', { error }),
    onAnswer: (observation) => {
      server.countAnswered(observation)
      if (impressions) recordImpression(impressions, observation)
    },
  })
  const liveModel = new LiveModel({
    modelsDir,
    models: app.models,
    user: { id: randomUUID(), ...thisProcess() },
    system: systemOfModel(app),
    log: logger,
    onSwap: (model) => service.useModel(model),
  })
  let failure: unknown
  let follower: LogFollower | undefined
  let sources: SourceRunner | undefined
  const tables = await runTables(app, logger)
  const server = createServer(
    {
      recommender: service,
      lists: service,
      search: new ItemSearch({
        plan,
        live,
        newRequestId: randomUUID,
        onFailure: (error) => logger.error('searches do without what is alike', { error }),
      }),
      intake: app.ingest,
      keys: app.keys,
      clock,
      log: logger,
      placements: plan.serving.placements,
      status: () => ({
        ...statusOf(follower, failure),
        shortcomings: [features?.problem() ?? [], liveModel.problem ?? [], liveModel.rankerProblem ?? []].flat(),
      }),
      operations: operationsOf(app, { features, impressions, liveModel, sources: () => sources, logger }),
      models: modelsOf(app, liveModel),
      runs: runsOf(app),
      ...(features && { features: { ...features.reader, readAsOf: featuresAsOfInTurn(app) } }),
      ...(tables && { tables: tables.tables }),
      build: { version: packageVersion(), planHash: plan.hash },
    },
    serverOptions,
  )
  const { url, port } = await server.listen().catch(async (error: unknown) => {
    await features?.stop()
    throw error
  })

  const { firstOffset } = await app.log.bounds()
  follower = followLog(app.log, {
    fromOffset: firstOffset,
    clock,
    apply: (events) => live.apply(events),
    onFailure: (error) => {
      failure = error
      logger.error('following the log stopped', { error })
    },
  })
  // The catalogue comes first: a model is aligned with it once, not with every new item.
  await follower.caughtUp()
  await liveModel.refresh()
  const stopPolling = repeat(MODEL_POLL_MS, () => liveModel.refresh())
  const stopTrimming = repeat(TRIM_EVERY_MS, () => trimLog(app, logger))
  void trimLog(app, logger)
  const stopTables = repeat(TABLES_EVERY_MS, async () => tables?.tend())
  sources = await startSources(app, logger)
  const runs = await runRuns(app, logger)
  const stopRuns = repeat(RUNS_EVERY_MS, async () => runs?.tend())

  return {
    url,
    port,
    service,
    modelProblem: () => liveModel.problem,
    caughtUp: () => follower.caughtUp(),
    featuresCaughtUp: () => featuresCaughtUp(features),
    close: async () => {
      await server.close()
      // A log that hangs must not keep the server from stopping: what it has not taken by then is lost with the process.
      if (impressions) await settlesWithin(impressions.settled(), IMPRESSIONS_END_MS)
      await stopRuns()
      await runs?.stop()
      await stopPolling()
      await liveModel.stop()
      await stopTrimming()
      await stopTables()
      await sources?.stop()
      await follower.stop()
      await features?.stop()
      await tables?.last()
    },
  }
}

async function featuresCaughtUp(features: RunningFeatures | undefined): Promise<void> {
  while (features?.isKeeper() && features.problem() === undefined) {
    const { lagEventCount, backfill } = await features.status()
    if (lagEventCount === 0 && backfill === undefined) return
    await pause(FEATURE_POLL_MS)
  }
}

function statusOf(follower: LogFollower | undefined, failure: unknown): ReturnType<ServerDependencies['status']> {
  if (!follower) return { lagEventCount: 0, lagMs: 0, obstacles: ['The event log is being opened.'] }
  const lag = follower.lag()
  const obstacles = failure === undefined ? [] : [`Following the event log stopped: ${String(failure)}`]
  return { lagEventCount: lag.eventCount, lagMs: lag.ms, obstacles }
}

/** Retention applies to the log only: a serving process keeps what it has read until it is started again. */
async function trimLog(app: App, logger: Logger): Promise<void> {
  const { retention } = app.plan.data
  if (retention.maxAgeMs === undefined && retention.maxBytes === undefined) return
  try {
    const { removedCount } = await app.log.trim(retention)
    if (removedCount > 0) logger.info('events beyond the retention removed', { removedCount })
  } catch (error) {
    logger.error('the log could not be trimmed', { error })
  }
}

/** Does something again and again, never twice at once. @returns a function that ends it and waits for what is under way */
function repeat(everyMs: number, act: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  const timer = setInterval(() => {
    running ??= act().finally(() => {
      running = undefined
    })
  }, everyMs)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await running
  }
}
