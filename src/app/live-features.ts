// What a served model needs of the rest of the system: the features that its ranker looks at, and what of the system file it has to fit.
import type { App } from '../app.ts'
import type { FeatureReader } from '../data/feature-reader.ts'
import type { SystemOfModel } from '../models/open-serving-model.ts'
import type { LiveFeatures } from '../serving/candidate-ranking.ts'

/** Of now, or of the moment after the newest event that the store knows. */
export function liveFeatures(reader: FeatureReader): LiveFeatures {
  return {
    async read(names, userId, itemIds) {
      const ofUser = userId === undefined ? {} : { userId }
      const { rows } = await reader.read({
        features: names,
        entities: itemIds.map((itemId) => ({ ...ofUser, itemId })),
      })
      return rows
    },
  }
}

export const systemOfModel = ({ system, plan }: App): SystemOfModel => ({
  generators: system.generators,
  ranker: system.ranker,
  features: plan.data.features,
})
