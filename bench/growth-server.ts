// One point of the growth benchmark, in a process of its own: takes the shop in, loads the model, fills the feature columns, answers. Prints what each step took, or why it could not.
import { randomUUID } from 'node:crypto'
import { liveFeatures } from '../src/app/live-features.ts'
import { systemOfModel } from '../src/app/system-of-model.ts'
import { openApp } from '../src/app.ts'
import { logBatches } from '../src/data/log-batches.ts'
import type { RecommendRequest } from '../src/domain/recommendation.ts'
import { systemClock } from '../src/lib/clock.ts'
import { keptMemory } from '../src/lib/kept-memory.ts'
import { othersTurn } from '../src/lib/others-turn.ts'
import { openServingModel } from '../src/models/open-serving-model.ts'
import type { ServingModel } from '../src/models/serving-model.ts'
import { LiveState } from '../src/serving/live-state.ts'
import { RecommendationService } from '../src/serving/recommendation-service.ts'
import { median, percentile, spreadOf } from './figure.ts'
import { funnelSystem } from './funnel-system.ts'
import type { GrowthAnswer, GrowthTask } from './growth-point.ts'
import { ASKED_USER_COUNT, askedUserIds, shopBatches } from './growth-shop.ts'
import { makeQuestions } from './load-shop.ts'

/** What the process may take at most, in MB; a point that wants more says so and ends. */
const MOST_MB = 10_240
/** Of the log, so much is read to say what reading an event takes. */
const READ_EVENT_COUNT = 200_000

/** Of answers without the ranker, which had no time to wait for its features. */
const LESSER_SHARE_MAX = 0.01

const STEPS = ['candidates', 'features', 'ranking'] as const

const task = JSON.parse(process.argv[2]!) as GrowthTask
const { point } = task
console.log(JSON.stringify(await measure()))

async function measure(): Promise<GrowthAnswer> {
  const system = funnelSystem({ candidateCount: point.candidateCount, leaves: 8 })
  const app = await openApp({ system, dataDir: task.dataDir })
  const store = await app.onlineStore()
  const emptyMb = await keptMb()
  const live = new LiveState(app.plan)
  let eventsMs = 0
  let eventCount = 0
  for (const batch of shopBatches(point, { nowMs: Date.now(), seed: task.seed })) {
    const startMs = performance.now()
    live.apply(batch)
    eventsMs += performance.now() - startMs
    eventCount += batch.length
    const { rss } = process.memoryUsage()
    if (rss > MOST_MB * 2 ** 20) {
      return { problem: `needs more than ${MOST_MB} MB: ${eventCount} events took ${Math.round(rss / 2 ** 20)} MB` }
    }
  }
  const liveMb = await keptMb()

  const modelStartMs = performance.now()
  const opened = await openServingModel(app.modelsDir, task.version, systemOfModel(app))
  if (opened.rankerProblem !== undefined) throw opened.rankerProblem
  const features = liveFeatures({ store, clock: systemClock }, app.plan.data.features)
  const steps = { candidates: [] as number[], features: [] as number[], ranking: [] as number[] }
  let warm = async (): Promise<void> => {}
  const service = new RecommendationService({
    plan: app.plan,
    live,
    clock: systemClock,
    newRequestId: randomUUID,
    onAnswer: ({ stepMs }) => {
      for (const step of STEPS) steps[step].push(stepMs![step])
    },
    features: {
      columnsOf(wanted) {
        const columns = features.columnsOf(wanted)
        // Called below, so that time and memory are told apart from those of the model.
        warm = columns.warm
        return { ...columns, warm: async () => {} }
      },
    },
  })
  service.useModel(asked(opened.model))
  const modelMs = performance.now() - modelStartMs
  const modelMb = await keptMb()
  const columnsStartMs = performance.now()
  await warm()
  const columnsMs = performance.now() - columnsStartMs
  const columnsMb = await keptMb()

  const questions = questionsAsked()
  const untilMs = performance.now() + task.warmUpMs
  let n = 0
  let lesserCount = 0
  while (performance.now() < untilMs) await ask(questions[n++ % questions.length]!)
  const p50s: number[] = []
  const p99s: number[] = []
  const rates: number[] = []
  for (let round = 0; round < task.roundCount; round++) {
    const timesMs = new Float64Array(task.perRound)
    const start = process.cpuUsage()
    for (let i = 0; i < task.perRound; i++) {
      const startMs = performance.now()
      await ask(questions[n++ % questions.length]!)
      timesMs[i] = performance.now() - startMs
      if (n % 16 === 0) await othersTurn()
    }
    const { user, system: ofSystem } = process.cpuUsage(start)
    p50s.push(percentile(timesMs, 0.5))
    p99s.push(percentile(timesMs, 0.99))
    rates.push((task.perRound * 1e6) / (user + ofSystem))
  }
  // What was not made by the whole funnel is a figure of something else; a few are late where something else runs on the machine.
  if (lesserCount > n * LESSER_SHARE_MAX) return { problem: `${lesserCount} of ${n} answers were late for the ranker` }
  const servingMb = await keptMb()
  const residentMb = process.memoryUsage().rss / 2 ** 20
  const readUs = await readingUs()
  await app.close()
  return {
    memoryMb: {
      process: emptyMb,
      live: liveMb - emptyMb,
      model: modelMb - liveMb,
      columns: columnsMb - modelMb,
      answering: servingMb - columnsMb,
      whole: servingMb,
      resident: residentMb,
    },
    loadSeconds: {
      reading: (readUs * eventCount) / 1e6,
      events: eventsMs / 1000,
      model: modelMs / 1000,
      columns: columnsMs / 1000,
    },
    eventCount,
    stepMs: {
      candidates: median(steps.candidates),
      features: median(steps.features),
      ranking: median(steps.ranking),
    },
    p50Ms: median(p50s),
    p99Ms: median(p99s),
    p99SpreadMs: spreadOf(p99s),
    requestsPerSecond: median(rates),
    requestsPerSecondSpread: spreadOf(rates),
  }

  async function keptMb(): Promise<number> {
    return (await keptMemory()) / 2 ** 20
  }

  /** What the log on disk takes to give an event. */
  async function readingUs(): Promise<number> {
    const { firstOffset, nextOffset } = await app.log.bounds()
    const bounds = { firstOffset, nextOffset: Math.min(nextOffset, firstOffset + READ_EVENT_COUNT) }
    const startMs = performance.now()
    let count = 0
    for await (const batch of logBatches(app.log, bounds)) count += batch.length
    return ((performance.now() - startMs) * 1000) / count
  }

  async function ask(question: string): Promise<void> {
    const response = await service.recommend(JSON.parse(question) as RecommendRequest)
    if (response.rung !== 'full') lesserCount++
    if (JSON.stringify(response).length === 0) throw new Error('an empty answer')
  }
}

/** The bundle as if it had been trained for that many candidates: nothing else in it depends on them. */
function asked(model: ServingModel): ServingModel {
  return { ...model, ranker: { ...model.ranker!, perGenerator: Math.ceil(point.candidateCount / 2) } }
}

/** As a shop asks them, by users spread over all there are. */
function questionsAsked(): readonly string[] {
  const userIds = askedUserIds(point.userCount)
  const questions = makeQuestions({ ...point, userCount: ASKED_USER_COUNT }, ASKED_USER_COUNT, task.seed)
  return questions.map((question, n) => JSON.stringify({ ...JSON.parse(question), userId: userIds[n] }))
}
