import type { App } from '../app.ts'
import { type DefinitionsInUse, type FeatureEngine, openFeatureEngine } from '../data/feature-engine.ts'
import { noteFeatureVersions } from '../data/note-feature-versions.ts'
import { MillraceError } from '../lib/errors.ts'
import { type Logger, silentLogger } from '../lib/logger.ts'

/**
 * The stream engine over an app's stores; undefined where another process runs one over them. Which versions of the features were in charge, and when, is noted
 * in the metadata; a note that cannot be made keeps no feature waiting.
 * @throws MillraceError DATA_FOLDER_NEWER, FEATURE_LOG_GAP, ONLINE_STORE_UNUSABLE
 */
export async function engineUnlessTaken(app: App, logger: Logger = silentLogger): Promise<FeatureEngine | undefined> {
  const { log, clock, plan } = app
  let noted: Promise<void> = Promise.resolve()
  const onVersions = (inUse: DefinitionsInUse): void => {
    const atMs = clock.now()
    noted = noted
      .then(async () => noteFeatureVersions((await app.metadata()).featureVersions, inUse, atMs))
      .catch((error: unknown) => logger.warn('versions of features could not be noted', { error }))
  }
  try {
    const options = { log, clock, definitions: plan.data.features, onVersions }
    const engine = await openFeatureEngine({ ...options, store: await app.onlineStore() })
    return {
      step: () => engine.step(),
      catchUp: () => engine.catchUp(),
      run: (onFailure, onStep) => engine.run(onFailure, onStep),
      stop: async () => {
        await engine.stop()
        await noted
      },
    }
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'ONLINE_STORE_TAKEN') return undefined
    throw error
  }
}
