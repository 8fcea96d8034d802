// What answers from a model cost on this machine: the recommendation service with the whole live state, as a server has it, asked by users that the log knows.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { App } from '../app.ts'
import { logBatches } from '../data/log-batches.ts'
import { openServingModel } from '../models/open-serving-model.ts'
import { LiveState } from '../serving/live-state.ts'
import { RecommendationService } from '../serving/recommendation-service.ts'
import type { AnswerTimes, ServingCost } from '../training/gates/serving-cost.ts'
import { liveFeatures } from './live-features.ts'
import { systemOfModel } from './system-of-model.ts'

/** Answers that are not timed: the first ones compile and fill caches. */
const WARM_UP_COUNT = 100
const ROUND_COUNT = 3
/** The p99 of 300 is the fourth slowest. */
const USER_COUNT = 300
/** A slow model is found out sooner: a round ends here. */
const ROUND_MS_MAX = 2_000

/**
 * Measures in a process of its own where the app has a system file, so that memory is that of serving alone; else in this one, and leaves memory out.
 * @throws MillraceError MODEL_NOT_FOUND, BUNDLE_*, MODEL_MISMATCH
 */
export async function servingCostOf(app: App, version: string): Promise<ServingCost> {
  const apart = app.system.folder === undefined ? undefined : await measuredApart(app, version)
  return apart ?? { answers: await measureAnswers(app, version), residentBytes: undefined }
}

/** Of every placement whose answers are made from the model; a hybrid one without its stored lists, which costs most. Empty where the log has no user. */
export async function measureAnswers(app: App, version: string): Promise<readonly AnswerTimes[]> {
  const { plan, modelsDir, clock, log } = app
  const { ruleFunctions } = app.system
  const live = new LiveState(plan)
  const userIds = new Set<string>()
  for await (const batch of logBatches(log, await log.bounds())) {
    live.apply(batch)
    for (const { event } of batch) if (event.kind === 'interaction') userIds.add(event.userId)
  }
  const features =
    plan.data.features.length === 0
      ? undefined
      : liveFeatures({ store: await app.onlineStore(), clock }, plan.data.features)
  const service = new RecommendationService({
    plan,
    live,
    clock,
    newRequestId: () => 'measured',
    features,
    ruleFunctions,
  })
  service.useModel((await openServingModel(modelsDir, version, systemOfModel(app))).model)
  const placements = Object.entries(plan.serving.placements).filter(
    ([, { pattern }]) => pattern === 'realtime' || pattern === 'hybrid',
  )
  if (userIds.size === 0) return []
  const times: AnswerTimes[] = []
  for (const [placement] of placements) {
    times.push(await answerTimes(service, placement, spread([...userIds], USER_COUNT)))
  }
  return times
}

/**
 * Every user's answer counts with the fastest of several rounds: what it costs when nothing interferes. A machine that trains beside it interferes much: there the p99 of one round
 * was forty times as long.
 */
async function answerTimes(
  service: RecommendationService,
  placement: string,
  userIds: readonly string[],
): Promise<AnswerTimes> {
  for (const userId of userIds.slice(0, WARM_UP_COUNT)) await service.recommend({ placement, userId })
  const fastestMs = new Float64Array(userIds.length).fill(Number.POSITIVE_INFINITY)
  for (let round = 0; round < ROUND_COUNT; round++) {
    const startMs = performance.now()
    for (let n = 0; n < userIds.length && performance.now() - startMs < ROUND_MS_MAX; n++) {
      const askedMs = performance.now()
      await service.recommend({ placement, userId: userIds[n]! })
      fastestMs[n] = Math.min(fastestMs[n]!, performance.now() - askedMs)
    }
  }
  const ascending = fastestMs.filter(Number.isFinite).sort()
  const at = (share: number): number => ascending[Math.ceil(share * ascending.length) - 1]!
  return { placement, requestCount: ascending.length, p50Ms: at(0.5), p99Ms: at(0.99) }
}

/** So many, evenly from the first to the last; all where there are fewer. */
const spread = (ids: readonly string[], count: number): readonly string[] =>
  ids.length <= count ? ids : Array.from({ length: count }, (_, n) => ids[Math.floor((n * ids.length) / count)]!)

/** Undefined where the process could not measure, as with a system file that needs what only this process has. */
async function measuredApart(app: App, version: string): Promise<ServingCost | undefined> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const script = fileURLToPath(new URL(`./serving-trial.${extension}`, import.meta.url))
  const args = [...process.execArgv, script, app.system.folder!, app.dataDir, version]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null))
    child.once('close', resolve)
  })
  if (code !== 0) return undefined
  const answer = printed.trimEnd().split('\n').at(-1)!
  return JSON.parse(answer) as ServingCost
}
