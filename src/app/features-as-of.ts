import { join } from 'node:path'
import type { App } from '../app.ts'
import { type EarlierFeatures, type EarlierFeaturesRequest, earlierFeatures } from '../data/earlier-features.ts'
import { inTurn } from '../lib/in-turn.ts'

/**
 * Features of one entity as they were at a moment, from the app's log.
 * @throws MillraceError FEATURE_MOMENT_UNKNOWN, OFFLINE_STORE_FAILED, DISK_FULL
 */
export async function featuresAsOf(app: App, request: EarlierFeaturesRequest): Promise<EarlierFeatures> {
  const { plan, log, clock } = app
  const folder = join(app.offlineDir, 'temporary')
  return earlierFeatures({ plan, log, clock, folder, offlineStore: await app.offlineStore() }, request)
}

/** For a server: one question after the other, so that several at once do not take the machine from those who want recommendations. */
export const featuresAsOfInTurn = (app: App): ((request: EarlierFeaturesRequest) => Promise<EarlierFeatures>) =>
  inTurn((request) => featuresAsOf(app, request))
