import type { App } from '../app.ts'
import { type FeatureEngine, openFeatureEngine } from '../data/feature-engine.ts'
import { MillraceError } from '../lib/errors.ts'

/**
 * The stream engine over an app's stores; undefined where another process runs one over them.
 * @throws MillraceError DATA_FOLDER_NEWER, FEATURE_LOG_GAP, ONLINE_STORE_UNUSABLE
 */
export async function engineUnlessTaken(app: App): Promise<FeatureEngine | undefined> {
  const { log, clock, plan } = app
  try {
    return await openFeatureEngine({ log, clock, store: await app.onlineStore(), definitions: plan.data.features })
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'ONLINE_STORE_TAKEN') return undefined
    throw error
  }
}
