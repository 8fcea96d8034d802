// One process that takes events in, follows the log, answers, and swaps models when a new one is in charge. It keeps the data up to date as well, as
// `millrace dev` promises, unless another process does.
import { randomUUID } from 'node:crypto'
import { thisProcess } from '../adapters/embedded/process-name.ts'
import type { App } from '../app.ts'
import { answerRecorder } from '../data/answer-recorder.ts'
import { followLog, type LogFollower } from '../data/follow-log.ts'
import { impressionRecorder } from '../data/impression-recorder.ts'
import type { ProcessGroup, ServerDependencies } from '../http/dependencies.ts'
import { createServer, type HttpServer, type ServerOptions } from '../http/server.ts'
import { inTurn } from '../lib/in-turn.ts'
import { type Logger, silentLogger } from '../lib/logger.ts'
import { watchLoopLag } from '../lib/loop-lag.ts'
import { repeat } from '../lib/repeat.ts'
import { timeOrderedId } from '../lib/time-ordered-id.ts'
import { pause, settlesWithin } from '../lib/within.ts'
import { beginYoung } from '../lib/young-objects.ts'
import { LiveState } from '../serving/live-state.ts'
import { bestRungAfter } from '../serving/load-shedding.ts'
import { type AnswerObservation, RecommendationService } from '../serving/recommendation-service.ts'
import { ItemSearch } from '../serving/search/item-search.ts'
import { StoredLists } from '../serving/stored-lists.ts'
import { withPages } from './answer-pages.ts'
import { type ExplainAnswerOptions, explainAnswer } from './explain-answer.ts'
import { featuresAsOfInTurn } from './features-as-of.ts'
import { liveFeatures } from './live-features.ts'
import { LiveModel } from './live-model.ts'
import { modelsOf } from './models.ts'
import { operationsOf } from './operations.ts'
import { packageVersion } from './package-version.ts'
import { recordAnswer } from './record-answer.ts'
import { recordImpression } from './record-impression.ts'
import type { RunningFeatures } from './run-features.ts'
import { openPipeline } from './run-pipeline.ts'
import { runsOf } from './runs.ts'
import { systemOfModel } from './system-of-model.ts'
import { tellOfRules } from './tell-of-rules.ts'
import { warmUp } from './warm-up.ts'

/** How often a running server looks which model is in charge. */
const MODEL_POLL_MS = 500
/** How often somebody who waits for the features looks. */
const FEATURE_POLL_MS = 5
/** How long a server that stops waits for what was shown to reach the log, and for records of answers. */
const RECORDS_END_MS = 5000

export interface ServeOptions extends ServerOptions {
  readonly logger?: Logger
  /** Whether another process keeps the data up to date, as `millrace start` has one for it: this one answers, and only reads what that one writes. */
  readonly isPipelineElsewhere?: boolean
  /** The processes it answers with, where it is one of several. */
  readonly group?: ProcessGroup
  /** Whether it answers questions of its own making before it is handed back, so that the first real one is as fast as later ones. */
  readonly isWarmedUp?: boolean
}

export interface RunningSystem extends Pick<HttpServer, 'take' | 'takenCount' | 'ownMetrics'> {
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
  const { logger = silentLogger, isPipelineElsewhere = false, group, isWarmedUp = false, ...serverOptions } = options
  beginYoung()
  const { plan, clock, modelsDir } = app
  const live = new LiveState(plan)
  /** In the order of time, as the store of answers wants them. */
  const newRequestId = (): string => timeOrderedId(clock.now(), randomUUID())
  const pipeline = await openPipeline(app, { logger, isElsewhere: isPipelineElsewhere })
  const { features, tables } = pipeline
  const impressions =
    plan.serving.impressions && impressionRecorder({ log: app.log, logger, ...plan.serving.impressions })
  const tellRuleFailures = tellOfRules(logger)
  let isWarmingUp = isWarmedUp
  const loopLag = watchLoopLag()
  const { answers: kept } = plan.serving
  const answers = kept && answerRecorder({ store: await app.answers(), logger })
  const { firstOffset } = await app.log.bounds()
  const bestRung = () => (isWarmingUp ? 'full' : bestRungAfter(loopLag.ms(), plan.serving.budgetMs))
  const service = new RecommendationService({
    plan,
    live,
    clock,
    newRequestId,
    storedLists: new StoredLists(await app.storedLists()),
    ...(features && { features: liveFeatures({ store: await app.onlineStore(), clock }, plan.data.features) }),
    bestRung,
    ruleFunctions: app.system.ruleFunctions,
    onListFailure: (error) => logger.warn('a list was put in order without the ranker', { error }),
    onAnswer: (observation) => {
      if (!isWarmingUp) keep(observation)
      // What is kept of it is copied.
      observation.ranked?.release()
    },
  })
  const keep = (observation: AnswerObservation): void => {
    server.countAnswered(observation)
    tellRuleFailures(observation)
    if (impressions) recordImpression(impressions, observation)
    if (answers) {
      recordAnswer(answers, observation, { ...kept, planHash: plan.hash, firstOffset, nowMs: clock.now() })
    }
  }
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
  const server = createServer(
    {
      recommender: withPages(service, answers),
      lists: service,
      search: new ItemSearch({
        plan,
        live,
        newRequestId,
        bestRung,
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
      waitMs: loopLag.ms,
      operations: operationsOf(app, { features, impressions, answers, liveModel, sources: pipeline.sources, logger }),
      ...(answers && {
        answers: { explain: inTurn((asked: ExplainAnswerOptions) => explainAnswer(app, asked, answers)) },
      }),
      models: modelsOf(app, liveModel),
      runs: runsOf(app),
      ...(features && { features: { ...features.reader, readAsOf: featuresAsOfInTurn(app) } }),
      ...(tables && { tables }),
      group,
      build: { version: packageVersion(), planHash: plan.hash },
    },
    serverOptions,
  )
  const { url, port } = await server.listen().catch(async (error: unknown) => {
    loopLag.stop()
    await features?.stop()
    throw error
  })

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
  await pipeline.start()
  if (isWarmedUp) await warmUp(app, service, logger)
  isWarmingUp = false

  return {
    url,
    port,
    service,
    take: server.take,
    takenCount: server.takenCount,
    ownMetrics: server.ownMetrics,
    modelProblem: () => liveModel.problem,
    caughtUp: () => follower.caughtUp(),
    featuresCaughtUp: () => featuresCaughtUp(features),
    close: async () => {
      await server.close()
      loopLag.stop()
      // A log that hangs must not keep the server from stopping: what it has not taken by then is lost with the process.
      if (impressions) await settlesWithin(impressions.settled(), RECORDS_END_MS)
      if (answers) await settlesWithin(answers.settled(), RECORDS_END_MS)
      await pipeline.endRuns()
      await stopPolling()
      await liveModel.stop()
      await pipeline.endWork()
      await follower.stop()
      await pipeline.end()
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
