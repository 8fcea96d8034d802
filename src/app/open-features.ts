// Features for one look, from a command: up to date with the log, whether or not a server runs over the same folder.
import type { App } from '../app.ts'
import { type FeatureReader, featureReader } from '../data/feature-reader.ts'
import { featureStatus } from '../data/feature-status.ts'
import { engineUnlessTaken } from './feature-engine.ts'

export interface BackfillProgress {
  readonly readCount: number
  readonly eventCount: number
}

/**
 * Brings the features up to date, unless another process keeps them so, and returns what reads them.
 * @throws MillraceError DATA_FOLDER_NEWER, FEATURE_LOG_GAP, ONLINE_STORE_UNUSABLE, ONLINE_STORE_FULL
 */
export async function openFeatures(
  app: App,
  onProgress: (progress: BackfillProgress) => void = () => {},
): Promise<FeatureReader> {
  const store = await app.onlineStore()
  const reader = featureReader({ store, clock: app.clock })
  const engine = await engineUnlessTaken(app)
  if (engine === undefined) return reader
  try {
    while (await engine.step()) {
      const { lagEventCount, backfill } = await featureStatus(app.plan.data.features, { ...app, store })
      const { nextOffset } = await app.log.bounds()
      onProgress(backfill ?? { readCount: nextOffset - lagEventCount, eventCount: nextOffset })
    }
  } finally {
    await engine.stop()
  }
  return reader
}
