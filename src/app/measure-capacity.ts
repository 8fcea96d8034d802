// What serving really takes on this machine: the live state, the model and the feature columns as a server has them, one after another, then answers.
import type { App } from '../app.ts'
import { kernelMemoryBytes } from '../kernels/memory.ts'
import { heldBytes, keptMemory } from '../lib/kept-memory.ts'
import { othersTurn } from '../lib/others-turn.ts'
import { openServingModel } from '../models/open-serving-model.ts'
import type { LiveState } from '../serving/live-state.ts'
import { RecommendationService } from '../serving/recommendation-service.ts'
import { liveStateOf } from './capacity-counts.ts'
import { liveFeatures } from './live-features.ts'
import { systemOfModel } from './system-of-model.ts'

export interface MeasuredCapacity {
  /** What each step holds beyond the one before it; `whole` is all private memory at the end, `process` what of it none of the steps holds. */
  readonly bytes: Readonly<Record<'process' | 'live' | 'model' | 'columns' | 'whole', number>>
  /** Undefined where nobody can be asked about: no user in the log, or no placement whose answers are made from the model. */
  readonly answers: MeasuredAnswers | undefined
}

export interface MeasuredAnswers {
  readonly placement: string
  /** By the processor time of all threads. */
  readonly requestsPerSecondPerCore: number
  /** Share of answers that the whole funnel gave, in [0, 1]. */
  readonly fullShare: number
}

const WARM_UP_COUNT = 200
const MEASURE_MS = 1_000
const USER_COUNT = 1_000
/**
 * @returns what was measured, and the live state that it was measured with
 * @throws MillraceError MODEL_NOT_FOUND, BUNDLE_*, MODEL_MISMATCH
 */
export async function measureCapacity(
  app: App,
  version: string,
): Promise<{ readonly measured: MeasuredCapacity; readonly live: LiveState }> {
  const { plan, clock } = app
  const store = plan.data.features.length === 0 ? undefined : await app.onlineStore()
  const atFirst = await held()
  const live = await liveStateOf(app)
  const afterLive = await held()
  const { model, rankerProblem } = await openServingModel(app.modelsDir, version, systemOfModel(app))
  if (rankerProblem !== undefined) throw rankerProblem
  const features = store && liveFeatures({ store, clock }, plan.data.features)
  let warm = async (): Promise<void> => {}
  const service = new RecommendationService({
    plan,
    live,
    clock,
    newRequestId: () => 'measured',
    ruleFunctions: app.system.ruleFunctions,
    features: features && {
      columnsOf(wanted) {
        const columns = features.columnsOf(wanted)
        // Called below, to tell its memory from the model's.
        warm = columns.warm
        return { ...columns, warm: async () => {} }
      },
    },
  })
  service.useModel(model)
  const afterModel = await held()
  // Where the features are not computed yet, answers go without the ranker, and their share says so.
  await warm().catch(() => {})
  const afterColumns = await held()
  const answers = await measuredAnswers(app, service, live)
  const whole = await keptMemory()
  const bytes = {
    process: whole - (afterColumns - atFirst),
    live: afterLive - atFirst,
    model: afterModel - afterLive,
    columns: afterColumns - afterModel,
    whole,
  }
  return { measured: { bytes, answers }, live }
}

async function measuredAnswers(
  { plan }: App,
  service: RecommendationService,
  { histories }: LiveState,
): Promise<MeasuredAnswers | undefined> {
  const placements = Object.entries(plan.serving.placements)
    .filter(([, { pattern }]) => pattern === 'realtime' || pattern === 'hybrid')
    .sort(([, a], [, b]) => b.candidateCount - a.candidateCount)
  const placement = placements[0]?.[0]
  const userIds = [...histories.userIds()]
  if (placement === undefined || userIds.length === 0) return undefined
  const askedCount = Math.min(USER_COUNT, userIds.length)
  const userIdOf = (n: number): string => userIds[Math.floor(((n % askedCount) * userIds.length) / askedCount)]!
  let n = 0
  while (n < WARM_UP_COUNT) await service.recommend({ placement, userId: userIdOf(n++) })
  const begin = process.cpuUsage()
  const untilMs = performance.now() + MEASURE_MS
  const firstNumber = n
  let fullCount = 0
  while (performance.now() < untilMs) {
    const response = await service.recommend({ placement, userId: userIdOf(n++) })
    if (response.rung === 'full') fullCount++
    if (n % 16 === 0) await othersTurn()
  }
  const { user, system } = process.cpuUsage(begin)
  const count = n - firstNumber
  return { placement, requestsPerSecondPerCore: (count * 1e6) / (user + system), fullShare: fullCount / count }
}

const held = async (): Promise<number> => (await heldBytes()) + kernelMemoryBytes()
