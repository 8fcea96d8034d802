import type { App } from '../app.ts'
import { featureReader } from '../data/feature-reader.ts'
import type { FeatureSource } from '../domain/feature-source.ts'
import { MillraceError } from '../lib/errors.ts'

/** The system's features as the online store has them now, whatever moment is asked for; undefined where the system has none. */
export async function storedFeatures(app: App): Promise<FeatureSource | undefined> {
  const { features: definitions } = app.plan.data
  if (definitions.length === 0) return undefined
  const reader = featureReader({ store: await app.onlineStore(), clock: app.clock })
  const names = definitions.map(({ name }) => name)
  return {
    definitions,
    async read(_, userId, itemIds) {
      const entities = itemIds.map((itemId) => ({ userId, itemId }))
      const { rows, definitions: answering } = await reader.read({ features: names, entities })
      // While a new version is computed the one before answers; a ranker knows only one of them.
      const other = answering.find(({ version }, f) => version !== definitions[f]!.version)
      if (other === undefined) return rows
      throw new MillraceError('FEATURE_UNKNOWN', `${other.name} is not computed yet as the system file defines it.`, {
        fix: 'Wait until "millrace features" says that it is ready.',
      })
    },
  }
}
