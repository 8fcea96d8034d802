// The features that a ranker looks at, as the online store has them now: in columns for answers, reading by reading for what explains and measures them.
import type { App } from '../app.ts'
import { notComputedYet } from '../data/answering-features.ts'
import { featureColumns } from '../data/feature-columns.ts'
import { type FeatureReader, featureReader } from '../data/feature-reader.ts'
import type { FeatureDefinition, FeatureReading } from '../domain/feature.ts'
import type { FeatureSource } from '../domain/feature-source.ts'
import type { Clock } from '../lib/clock.ts'
import type { OnlineStore } from '../ports/online-store.ts'
import type { LiveFeatures } from '../serving/candidate-ranking.ts'

/** @param definitions those of the system file */
export function liveFeatures(
  { store, clock }: { readonly store: OnlineStore; readonly clock: Clock },
  definitions: readonly FeatureDefinition[],
): LiveFeatures {
  const byName = new Map(definitions.map((definition) => [definition.name, definition]))
  return {
    columnsOf: ({ names, itemIds, numberOf }) =>
      featureColumns({ store, clock, definitions: names.map((name) => byName.get(name)!), itemIds, numberOf }),
  }
}

/** All features of the system, whatever moment is asked for; undefined where it has none. */
export async function storedFeatures(app: App): Promise<FeatureSource | undefined> {
  const { features: definitions } = app.plan.data
  if (definitions.length === 0) return undefined
  const reader = featureReader({ store: await app.onlineStore(), clock: app.clock })
  return { definitions, read: (_, userId, itemIds) => readingsOf(reader, definitions, userId, itemIds) }
}

/**
 * Of now, or of the moment after the newest event that the store knows. While a new version is computed the one before answers; a ranker knows only one
 * of them, so that reading fails until then.
 * @returns by item, then by definition
 * @throws MillraceError FEATURE_UNKNOWN
 */
export async function readingsOf(
  reader: FeatureReader,
  definitions: readonly FeatureDefinition[],
  userId: string | undefined,
  itemIds: readonly string[],
): Promise<readonly (readonly FeatureReading[])[]> {
  const ofUser = userId === undefined ? {} : { userId }
  const features = definitions.map(({ name }) => name)
  const entities = itemIds.map((itemId) => ({ ...ofUser, itemId }))
  const { rows, definitions: answering } = await reader.read({ features, entities })
  const other = answering.find(({ version }, n) => version !== definitions[n]!.version)
  if (other !== undefined) throw notComputedYet(other.name)
  return rows
}
