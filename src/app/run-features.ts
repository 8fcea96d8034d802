// The stream engine inside a running system: it keeps the features of the plan up to date with the log, and says how it fares.
import type { App } from '../app.ts'
import { type FeatureEngine, type FeatureEngineStatus, openFeatureEngine } from '../data/feature-engine.ts'
import { type FeatureReader, featureReader } from '../data/feature-reader.ts'
import { MillraceError } from '../lib/errors.ts'
import type { Logger } from '../lib/logger.ts'

export interface RunningFeatures {
  readonly reader: FeatureReader
  /** Undefined where another process keeps the features. */
  status(): Promise<FeatureEngineStatus | undefined>
  /** Why features do not follow the log any more; undefined where they do. */
  problem(): string | undefined
  stop(): Promise<void>
}

/**
 * Starts the engine, unless another process runs it over the same data folder: then its features are read.
 * @throws MillraceError DATA_FOLDER_NEWER, FEATURE_LOG_GAP, ONLINE_STORE_UNUSABLE
 */
export async function runFeatures(app: App, logger: Logger): Promise<RunningFeatures> {
  const store = await app.onlineStore()
  const reader = featureReader({ store, clock: app.clock })
  let engine: FeatureEngine | undefined
  let failure: unknown
  try {
    engine = await openFeatureEngine({ log: app.log, store, definitions: app.plan.data.features, clock: app.clock })
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'ONLINE_STORE_TAKEN') throw error
    logger.info('another process keeps the features', { reason: error.message })
  }
  engine?.run((error) => {
    failure = error
    logger.error('the features stopped following the log', { error })
  })
  return {
    reader,
    status: async () => engine?.status(),
    problem: () => (failure === undefined ? undefined : `The features stopped following the log: ${String(failure)}`),
    stop: async () => engine?.stop(),
  }
}
