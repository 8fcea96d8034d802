// Answers computed again from their records: by the model that gave them, over the log as it was known at that moment. Everything is done by the parts that answer; only time, the
// features and the moment at which an answer may go on come from the record.
import { memoryOnlineStore } from '../adapters/embedded/memory-online-store.ts'
import type { App } from '../app.ts'
import { openFeatureEngine } from '../data/feature-engine.ts'
import { featureReader } from '../data/feature-reader.ts'
import type { AnswerRecord } from '../domain/answer-record.ts'
import type { FeatureMoment } from '../domain/feature.ts'
import { MillraceError } from '../lib/errors.ts'
import { othersTurn } from '../lib/others-turn.ts'
import { openServingModel } from '../models/open-serving-model.ts'
import type { ServingModel, ServingRanker } from '../models/serving-model.ts'
import type { EventLog } from '../ports/event-log.ts'
import type { LiveFeatures, WantedColumns } from '../serving/candidate-ranking.ts'
import { LiveState } from '../serving/live-state.ts'
import { type AnswerObservation, NO_MODEL, RecommendationService } from '../serving/recommendation-service.ts'
import { systemOfModel } from './system-of-model.ts'

export interface RepeatedAnswer {
  readonly record: AnswerRecord
  /** As it came out this time; undefined where it could not be computed. */
  readonly observation?: AnswerObservation
  /** Why it could not. */
  readonly failure?: unknown
  /** What may make a difference though every part does as it did. */
  readonly caveats: readonly string[]
}

/** The state in which an answer is made, good until the call returns. */
export interface RepeatedState {
  readonly live: LiveState
  readonly model: ServingModel | undefined
}

export interface RepeatHooks {
  /** Before the answer is asked for. */
  readonly onGathered?: (record: AnswerRecord, state: RepeatedState) => void
  /** When it was made. */
  readonly onAnswered?: (record: AnswerRecord, state: RepeatedState) => void
}

/** The budget of an answer is not that of its repetition. */
const PATIENT_MS = 2 ** 31 - 1
const READ_LENGTH = 5000

/**
 * In the order of the records. One pass over the log for all of them, and one more where features have to be computed again; memory as a server takes it, with each of the models.
 * @throws MillraceError of the log and its reading; what concerns one answer is told with it
 */
export async function repeatAnswers(
  app: App,
  records: readonly AnswerRecord[],
  hooks: RepeatHooks = {},
): Promise<readonly RepeatedAnswer[]> {
  const live = new LiveState(app.plan)
  const { firstOffset } = await app.log.bounds()
  const features = new PastFeatures(app)
  const models = new RepeatingModels(app, live, features)
  const jobs = records.map((record) => jobOf(record))
  const steps = jobs
    .flatMap((job) => stepsOf(job, models, live, hooks))
    .sort((a, b) => a.offset - b.offset || a.order - b.order)
  try {
    let nextOffset = firstOffset
    for (const step of steps) {
      nextOffset = await playTo(app.log, live, nextOffset, step.offset)
      await step.act()
    }
    return jobs.map(({ record, observation, failure }) => ({
      record,
      ...(observation && { observation }),
      ...(failure !== undefined && { failure }),
      caveats: caveatsOf(record, app, firstOffset),
    }))
  } finally {
    await features.close()
    models.close()
  }
}

/** One answer on its way. */
interface Job {
  readonly record: AnswerRecord
  /** Resolves when the ranker has given its scores. */
  readonly scored: PromiseWithResolvers<void>
  /** Lets it go on with them. */
  readonly release: PromiseWithResolvers<void>
  underway?: Promise<unknown>
  observation?: AnswerObservation
  failure?: unknown
}

const jobOf = (record: AnswerRecord): Job => ({
  record,
  scored: Promise.withResolvers(),
  release: Promise.withResolvers(),
})

interface Step {
  readonly offset: number
  /** Of those at one offset, the smaller ones come first: models, then questions, then answers. */
  readonly order: number
  act(): Promise<void>
}

function stepsOf(job: Job, models: RepeatingModels, live: LiveState, hooks: RepeatHooks): readonly Step[] {
  const { record } = job
  const { offsets, rankingFailure, bestRung } = record
  const attempt = async (act: () => Promise<void>): Promise<void> => {
    if (job.failure !== undefined) return
    try {
      await act()
    } catch (error) {
      job.failure = error
    }
  }
  return [
    { offset: offsets.model, order: 0, act: () => attempt(() => models.load(record.response.modelVersion)) },
    {
      // Where the ranker had no say the whole list was made at the end, and where one made ahead of time was looked for.
      offset: rankingFailure === undefined && bestRung !== 'stored' ? offsets.gathered : offsets.answered,
      order: 1,
      act: () =>
        attempt(async () => {
          const used = models.of(record)
          hooks.onGathered?.(record, { live, model: used.model })
          await used.ask(job)
        }),
    },
    {
      offset: offsets.answered,
      order: 2,
      act: () =>
        attempt(async () => {
          job.release.resolve()
          await job.underway
          hooks.onAnswered?.(record, { live, model: models.of(record).model })
        }),
    },
  ]
}

/** Never back; where the state knows more already, as where answers overlapped, nothing is done. */
async function playTo(log: EventLog, live: LiveState, fromOffset: number, toOffset: number): Promise<number> {
  let nextOffset = fromOffset
  while (nextOffset < toOffset) {
    const events = await log.read(nextOffset, Math.min(READ_LENGTH, toOffset - nextOffset))
    const known = events.filter(({ offset }) => offset < toOffset)
    if (known.length === 0) return nextOffset
    live.apply(known)
    // A server that explains goes on answering.
    await othersTurn()
    nextOffset = known.at(-1)!.offset + 1
  }
  return nextOffset
}

/** A service of one model, which answers as of the job that it is given. */
interface RepeatingService {
  readonly model: ServingModel | undefined
  /** Resolves when the ranker has scored, or had none to score. */
  ask(job: Job): Promise<void>
  close(): void
}

class RepeatingModels {
  readonly #app: App
  readonly #live: LiveState
  readonly #features: PastFeatures
  /** By version; an error where it cannot be loaded. */
  readonly #opened = new Map<
    string,
    { readonly ranked: RepeatingService; readonly unranked: RepeatingService } | MillraceError
  >()

  constructor(app: App, live: LiveState, features: PastFeatures) {
    this.#app = app
    this.#live = live
    this.#features = features
  }

  /** At the first call, which is at the smallest offset at which it was taken into use. */
  async load(version: string): Promise<void> {
    if (this.#opened.has(version)) return
    try {
      const opened =
        version === NO_MODEL
          ? undefined
          : await openServingModel(this.#app.modelsDir, version, systemOfModel(this.#app))
      const model = opened?.model
      const { ranker, ...withoutRanker } = model ?? {}
      const bare = model && (withoutRanker as ServingModel)
      this.#opened.set(version, { ranked: this.#serviceOf(model), unranked: this.#serviceOf(bare) })
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      this.#opened.set(
        version,
        new MillraceError('ANSWER_NOT_REPEATABLE', `Its model ${version} cannot be loaded: ${error.message}`, {
          cause: error,
        }),
      )
    }
  }

  /** The one without a ranker where that had no say, whatever the reason: it is asked once, and does not go on strike. */
  of({ response, rankingFailure }: AnswerRecord): RepeatingService {
    const { stored } = response
    if (stored !== undefined) {
      throw new MillraceError(
        'ANSWER_NOT_REPEATABLE',
        `It was made from a list of the batch ${stored.batchId}, and such lists are kept until the next batch only.`,
      )
    }
    const found = this.#opened.get(response.modelVersion)!
    if (found instanceof MillraceError) throw found
    return rankingFailure === undefined ? found.ranked : found.unranked
  }

  close(): void {
    for (const opened of this.#opened.values()) {
      if (opened instanceof MillraceError) continue
      opened.ranked.close()
      opened.unranked.close()
    }
  }

  #serviceOf(model: ServingModel | undefined): RepeatingService {
    const { plan } = this.#app
    let current: Job | undefined
    const byId = new Map<string, Job>()
    let answering: string | undefined
    const patient = { ...plan, serving: { ...plan.serving, budgetMs: PATIENT_MS } }
    const service = new RecommendationService({
      plan: patient,
      live: this.#live,
      clock: { now: () => current!.record.atMs },
      newRequestId: () => answering!,
      bestRung: () => current!.record.bestRung ?? 'full',
      ruleFunctions: this.#app.system.ruleFunctions,
      features: this.#features.of(model?.ranker, () => current!.record),
      onAnswer: (observation) => {
        byId.get(observation.response.requestId)!.observation = observation
      },
    })
    service.useModel(model && waiting(model, () => current!))
    return {
      model,
      async ask(job) {
        const { requestId } = job.record.response
        byId.set(requestId, job)
        current = job
        answering = requestId
        const answer = service.recommend(job.record.request)
        if (!(answer instanceof Promise)) return
        job.underway = answer
        // Named again when it goes on: others are asked meanwhile.
        void job.release.promise.then(() => {
          answering = requestId
        })
        await Promise.race([job.scored.promise, answer])
      },
      close: () => service.useModel(undefined),
    }
  }
}

/** Its ranker scores as ever, and gives its scores away only when the job may go on. */
function waiting(model: ServingModel, jobOf: () => Job): ServingModel {
  const { ranker: ordering } = model
  if (ordering === undefined) return model
  const { ranker } = ordering
  return {
    ...model,
    ranker: {
      ...ordering,
      ranker: {
        featureNames: ranker.featureNames,
        async score(rows, rowCount, out) {
          const job = jobOf()
          await ranker.score(rows, rowCount, out)
          job.scored.resolve()
          await job.release.promise
        },
        close: async () => ranker.close?.(),
      },
    },
  }
}

/** Features as they were: from the rows of the record, or by an engine that knows as much of the log as the online store did. */
class PastFeatures {
  readonly #app: App
  #engine: Awaited<ReturnType<typeof engineOfPast>> | undefined

  constructor(app: App) {
    this.#app = app
  }

  of(ranker: ServingRanker | undefined, recordOf: () => AnswerRecord): LiveFeatures | undefined {
    if (ranker === undefined || this.#app.plan.data.features.length === 0) return undefined
    return {
      columnsOf: (wanted) => ({
        fill: async (userId, items, out) => {
          const record = recordOf()
          if (record.candidates === undefined) await this.#compute(record, wanted, userId, items, out)
          else fillAsServed(record.candidates, ranker.ranker.featureNames, wanted.names, items, out)
          return record.features
        },
        warm: async () => {},
        close: () => {},
      }),
    }
  }

  async close(): Promise<void> {
    await this.#engine?.close()
  }

  async #compute(
    record: AnswerRecord,
    { names, itemIds, numberOf }: WantedColumns,
    userId: string | undefined,
    items: Int32Array,
    out: readonly Float32Array[],
  ): Promise<void> {
    const moment = momentOf(record)
    // Answers of several processes, or that overlapped, may have known less than one before them.
    if (this.#engine?.hasPassed(moment)) {
      await this.#engine.close()
      this.#engine = undefined
    }
    this.#engine ??= await engineOfPast(this.#app)
    const ofUser = userId === undefined ? {} : { userId }
    const entities = Array.from(items, (item) => ({ ...ofUser, itemId: itemIds[item]! }))
    const rows = await this.#engine.read(names, entities, moment)
    for (let row = 0; row < rows.length; row++) {
      for (let f = 0; f < names.length; f++) out[f]![row] = numberOf(f, rows[row]![f]!.value)
    }
  }
}

/** Where nobody wrote down what the features knew, they knew what the live state did. */
const momentOf = ({
  features,
  offsets,
  atMs,
}: AnswerRecord): { readonly asOfMs: number; readonly nextOffset: number } => ({
  asOfMs: features?.asOfMs ?? atMs,
  nextOffset: features?.nextOffset ?? offsets.gathered,
})

function fillAsServed(
  { itemIndexes, rows }: NonNullable<AnswerRecord['candidates']>,
  columnNames: readonly string[],
  names: readonly string[],
  items: Int32Array,
  out: readonly Float32Array[],
): void {
  const rowOf = new Map(Array.from(itemIndexes, (item, row) => [item, row]))
  const columns = names.map((name) => columnNames.indexOf(name))
  items.forEach((item, n) => {
    const row = rowOf.get(item)
    columns.forEach((column, f) => {
      const isKnown = row !== undefined && column >= 0
      out[f]![n] = isKnown ? rows[row * columnNames.length + column]! : Number.NaN
    })
  })
}

/** An engine in memory, over the log up to an offset that only grows. */
async function engineOfPast(app: App) {
  let nextOffset = 0
  let nowMs = 0
  const store = memoryOnlineStore()
  const clock = { now: () => nowMs }
  const refused = async (): Promise<never> => {
    throw new Error('a log of the past is only read')
  }
  const log: EventLog = {
    read: async (fromOffset, limit) =>
      fromOffset >= nextOffset
        ? []
        : (await app.log.read(fromOffset, Math.min(limit, nextOffset - fromOffset))).filter(
            ({ offset }) => offset < nextOffset,
          ),
    bounds: async () => ({ ...(await app.log.bounds()), nextOffset }),
    committedOffset: async () => 0,
    commitOffset: async () => {},
    append: refused,
    waitFor: refused,
    trim: refused,
    close: async () => {},
  }
  const engine = await openFeatureEngine({ log, store, definitions: app.plan.data.features, clock })
  await engine.catchUp()
  const reader = featureReader({ store, clock })
  return {
    hasPassed: (moment: FeatureMoment & { readonly nextOffset: number }) => moment.nextOffset < nextOffset,
    async read(
      features: readonly string[],
      entities: readonly { readonly userId?: string; readonly itemId: string }[],
      moment: FeatureMoment & { readonly nextOffset: number },
    ) {
      nowMs = Math.max(nowMs, moment.asOfMs)
      nextOffset = moment.nextOffset
      await engine.catchUp()
      return (await reader.read({ features, entities, asOfMs: moment.asOfMs })).rows
    },
    async close() {
      await engine.stop()
      await store.close()
    },
  }
}

function caveatsOf(record: AnswerRecord, { plan }: App, firstOffset: number): readonly string[] {
  const { offsets, planHash, failedGenerators, served, candidates, features } = record
  const isRecomputed = served !== undefined && candidates === undefined && plan.data.features.length > 0
  return [
    planHash === plan.hash ? [] : 'The system file has changed since.',
    offsets.firstOffset < firstOffset ? 'Retention has shortened the log since: what it removed is unknown now.' : [],
    failedGenerators.length > 0 ? `Generators failed then: ${failedGenerators.join(', ')}.` : [],
    isRecomputed && features?.nextOffset === undefined
      ? 'The features are computed again, and how much of the log they knew is not recorded.'
      : [],
  ].flat()
}
