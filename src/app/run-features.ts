// The stream engine inside a running system: it keeps the features of the plan up to date with the log, says how it fares, and recovers by itself from
// what may pass.
import type { App } from '../app.ts'
import type { FeatureEngine } from '../data/feature-engine.ts'
import { type FeatureReader, featureReader } from '../data/feature-reader.ts'
import { FeatureSampler, type SampleCounts, sampledReader } from '../data/feature-sampler.ts'
import { type FeatureStatus, featureStatus } from '../data/feature-status.ts'
import { MillraceError } from '../lib/errors.ts'
import type { Logger } from '../lib/logger.ts'
import { repeat } from '../lib/repeat.ts'
import { pause } from '../lib/within.ts'
import { engineUnlessTaken } from './feature-engine.ts'

export interface RunningFeatures {
  /** What some keys are answered is kept, to be compared with the offline store. */
  readonly reader: FeatureReader
  /** Whoever keeps them. */
  status(): Promise<FeatureStatus>
  /** Whether it is this process that keeps them. */
  isKeeper(): boolean
  /** Why features do not follow the log at present; undefined where they do. */
  problem(): string | undefined
  /** How often the engine has failed since the start. */
  failureCount(): number
  sampleCounts(): SampleCounts
  stop(): Promise<void>
}

/** How often a server that found the features in another process's hands looks again: a command lets go of them soon. */
const CLAIM_RETRY_MS = 500
/** After a failure the engine is opened again: after a second, then after twice as long each time, up to a minute. */
const FIRST_RETRY_MS = 1000
const LAST_RETRY_MS = 60_000

/** What lasts as long as its cause does: a server that meets it at its start serves without new features until it has passed. */
const passing: readonly string[] = ['ONLINE_STORE_FULL', 'EVENT_LOG_FULL']

/**
 * Starts the engine. While another process runs one over the same data folder, its features are read; when it ends, this one goes on. An engine that
 * fails is opened again from its last commit, whatever the failure was: what does not pass by itself may be mended by somebody.
 * @throws MillraceError DATA_FOLDER_NEWER, FEATURE_LOG_GAP, ONLINE_STORE_UNUSABLE at the start
 */
export async function runFeatures(app: App, logger: Logger): Promise<RunningFeatures> {
  const store = await app.onlineStore()
  const sampler = new FeatureSampler({ store: await app.servedFeatures(), ...app.plan.data.skew, logger })
  const keeping = new Keeping(app, logger)
  await keeping.start()
  return {
    reader: sampledReader(featureReader({ store, clock: app.clock }), sampler),
    status: () => featureStatus(app.plan.data.features, { ...app, store }),
    isKeeper: () => keeping.engine !== undefined,
    problem: () => keeping.problem,
    failureCount: () => keeping.failureCount,
    sampleCounts: () => sampler.counts(),
    stop: async () => {
      await keeping.stop()
      await sampler.settled()
    },
  }
}

/** A keeper that is late by more than this is told of: answers lack what has happened meanwhile. */
const LATE_MS = 10_000
const LOOK_EVERY_MS = 1000

/**
 * Reads the features that another process keeps, and never keeps them: learning would slow the answers. What is amiss is looked for in the store.
 * @throws MillraceError DATA_FOLDER_NEWER, ONLINE_STORE_UNUSABLE
 */
export async function readFeatures(app: App, logger: Logger): Promise<RunningFeatures> {
  const store = await app.onlineStore()
  const sampler = new FeatureSampler({ store: await app.servedFeatures(), ...app.plan.data.skew, logger })
  const status = () => featureStatus(app.plan.data.features, { ...app, store })
  let problem: string | undefined
  const stopLooking = repeat(LOOK_EVERY_MS, async () => {
    try {
      problem = latenessOf(await status())
    } catch (error) {
      problem = `How far the features are cannot be read: ${String(error)}`
    }
  })
  return {
    reader: sampledReader(featureReader({ store, clock: app.clock }), sampler),
    status,
    isKeeper: () => false,
    problem: () => problem,
    failureCount: () => 0,
    sampleCounts: () => sampler.counts(),
    stop: async () => {
      await stopLooking()
      await sampler.settled()
    },
  }
}

function latenessOf({ lagEventCount, lagMs, isKept }: FeatureStatus): string | undefined {
  if (lagMs <= LATE_MS) return undefined
  const why = isKept ? 'The process that keeps them is late.' : 'No process keeps them.'
  return `The features are ${lagEventCount} events and ${Math.round(lagMs / 1000)} s behind the event log. ${why}`
}

class Keeping {
  readonly #app: App
  readonly #logger: Logger
  engine: FeatureEngine | undefined
  problem: string | undefined
  failureCount = 0
  /** Since the engine last made a step. */
  #failuresInARow = 0
  #isStopping = false
  #running: Promise<void> | undefined
  /** Ends the wait that is under way. */
  #wake = (): void => {}

  constructor(app: App, logger: Logger) {
    this.#app = app
    this.#logger = logger
  }

  async start(): Promise<void> {
    try {
      this.engine = await engineUnlessTaken(this.#app, this.#logger)
      if (this.engine === undefined) this.#logger.info('another process keeps the features')
    } catch (error) {
      if (!(error instanceof MillraceError && passing.includes(error.code))) throw error
      this.#fail(error)
    }
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#wake()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      try {
        if (this.engine !== undefined) await this.#follow(this.engine)
        else await this.#openSoon()
      } catch (error) {
        this.#fail(error)
        await this.#letGo()
      }
    }
    await this.#letGo()
  }

  /** Until somebody stops it. @throws what makes the engine fail */
  #follow(engine: FeatureEngine): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wake = resolve
      engine.run(reject, () => this.#recover())
    })
  }

  async #openSoon(): Promise<void> {
    const delayMs = this.#failuresInARow === 0 ? CLAIM_RETRY_MS : retryMs(this.#failuresInARow)
    await Promise.race([
      pause(delayMs),
      new Promise<void>((resolve) => {
        this.#wake = resolve
      }),
    ])
    if (this.#isStopping) return
    this.engine = await engineUnlessTaken(this.#app, this.#logger)
    // Whoever has them keeps them.
    if (this.engine === undefined) this.#recover()
  }

  #fail(error: unknown): void {
    this.failureCount++
    this.#failuresInARow++
    this.problem = `The features do not follow the log: ${error instanceof MillraceError ? `${error.code}: ${error.message}` : String(error)}`
    this.#logger.error('the features do not follow the log', { error, retryMs: retryMs(this.#failuresInARow) })
  }

  #recover(): void {
    if (this.#failuresInARow === 0) return
    this.#failuresInARow = 0
    this.problem = undefined
    this.#logger.info('the features follow the log again')
  }

  async #letGo(): Promise<void> {
    const { engine } = this
    this.engine = undefined
    try {
      await engine?.stop()
    } catch (error) {
      // A full disk has no room for the note either; the store knows that the right was given back.
      this.#logger.warn('the right to write features could not be given back', { error })
    }
  }
}

const retryMs = (failuresInARow: number): number => Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failuresInARow - 1))
