// The features that a ranker looks at, as the online store has them now: for answers, for what explains them, and for what measures them.
import type { App } from '../app.ts'
import { type FeatureReader, featureReader } from '../data/feature-reader.ts'
import type { FeatureDefinition } from '../domain/feature.ts'
import type { FeatureSource } from '../domain/feature-source.ts'
import { MillraceError } from '../lib/errors.ts'
import type { LiveFeatures } from '../serving/candidate-ranking.ts'

/**
 * Of now, or of the moment after the newest event that the store knows. While a new version is computed the one before answers; a ranker knows only one
 * of them, so that reading fails until then.
 * @param definitions those of the system file
 * @throws in `read`: MillraceError FEATURE_UNKNOWN
 */
export function liveFeatures(reader: FeatureReader, definitions: readonly FeatureDefinition[]): LiveFeatures {
  const versions = new Map(definitions.map(({ name, version }) => [name, version]))
  return {
    async read(names, userId, itemIds) {
      const ofUser = userId === undefined ? {} : { userId }
      const entities = itemIds.map((itemId) => ({ ...ofUser, itemId }))
      const { rows, definitions: answering } = await reader.read({ features: names, entities })
      const other = answering.find(({ name, version }) => version !== versions.get(name))
      if (other === undefined) return rows
      throw new MillraceError('FEATURE_UNKNOWN', `${other.name} is not computed yet as the system file defines it.`, {
        fix: 'Wait until "millrace features" says that it is ready.',
      })
    },
  }
}

/** All features of the system, whatever moment is asked for; undefined where it has none. */
export async function storedFeatures(app: App): Promise<FeatureSource | undefined> {
  const { features: definitions } = app.plan.data
  if (definitions.length === 0) return undefined
  const live = liveFeatures(featureReader({ store: await app.onlineStore(), clock: app.clock }), definitions)
  const names = definitions.map(({ name }) => name)
  return { definitions, read: (_, userId, itemIds) => live.read(names, userId, itemIds) }
}
