// The stream engine inside a running system: it keeps the features of the plan up to date with the log, and says how it fares.
import type { App } from '../app.ts'
import type { FeatureEngine, FeatureEngineStatus } from '../data/feature-engine.ts'
import { type FeatureReader, featureReader } from '../data/feature-reader.ts'
import type { Logger } from '../lib/logger.ts'
import { pause } from '../lib/within.ts'
import { engineUnlessTaken } from './feature-engine.ts'

export interface RunningFeatures {
  readonly reader: FeatureReader
  /** Undefined where another process keeps the features. */
  status(): Promise<FeatureEngineStatus | undefined>
  /** Why features do not follow the log any more; undefined where they do. */
  problem(): string | undefined
  stop(): Promise<void>
}

/** How often a server that found the features in another process's hands looks again: a command lets go of them soon. */
const CLAIM_RETRY_MS = 500

/**
 * Starts the engine. While another process runs one over the same data folder, its features are read; when it ends, this one goes on.
 * @throws MillraceError DATA_FOLDER_NEWER, FEATURE_LOG_GAP, ONLINE_STORE_UNUSABLE
 */
export async function runFeatures(app: App, logger: Logger): Promise<RunningFeatures> {
  const reader = featureReader({ store: await app.onlineStore(), clock: app.clock })
  let engine: FeatureEngine | undefined
  let failure: unknown
  let isStopping = false
  const fail = (error: unknown): void => {
    failure = error
    logger.error('the features stopped following the log', { error })
  }
  const begin = async (): Promise<void> => {
    engine = await engineUnlessTaken(app)
    engine?.run(fail)
  }
  await begin()
  if (engine === undefined) logger.info('another process keeps the features')
  const taking = (async () => {
    while (engine === undefined && !isStopping) {
      await pause(CLAIM_RETRY_MS)
      if (!isStopping) await begin()
    }
  })().catch(fail)
  return {
    reader,
    status: async () => engine?.status(),
    problem: () => (failure === undefined ? undefined : `The features stopped following the log: ${String(failure)}`),
    stop: async () => {
      isStopping = true
      await taking
      await engine?.stop()
    },
  }
}
