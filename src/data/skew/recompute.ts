// Served rows as the offline store would have them: the same keys as of the same moments, from a given history.
import { readFile } from 'node:fs/promises'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import type { Plan } from '../../config/plan.ts'
import type { FeatureDefinition, FeatureFormula, FeatureStatus, FeatureValue } from '../../domain/feature.ts'
import type { ServedFeatures, ServedReading } from '../../domain/served-features.ts'
import type { JoinRequest, OfflineStore } from '../../ports/offline-store.ts'
import { attributeKinds } from '../training-set.ts'

/** By the name of the feature. */
export type Recomputed = (name: string) => Pick<ServedReading, 'status' | 'value'>

export interface RecomputeRequest {
  readonly plan: Plan
  readonly offline: OfflineStore
  readonly files: JoinRequest['files']
  /** Names of the features that are wanted; all by default. Each takes some hundredths of a second, however few the rows. */
  readonly features?: ReadonlySet<string>
  /** Replaced where it is there. */
  readonly target: string
}

/** In the order of the rows. All of them are in memory: ask for some thousands at a time. */
export async function recompute(
  rows: readonly ServedFeatures[],
  { plan, offline, files, features, target }: RecomputeRequest,
): Promise<Recomputed[]> {
  const labels = rows.map(({ userId = '', itemId = '', momentMs }) => ({ userId, itemId, momentMs }))
  await offline.joinFeatures({
    files,
    definitions: features === undefined ? plan.data.features : withIngredients(features, plan.data.features),
    attributes: attributeKinds(plan),
    labels: [labels],
    target,
  })
  const bytes = await readFile(target)
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const joined = await parquetReadObjects({ file, compressors })
  return joined.map((record) => (name) => ({
    status: record[`${name}__status`] as FeatureStatus,
    value: valueIn(record[name]),
  }))
}

/** The definitions of these names, and of the shares that they are made of. */
function withIngredients(names: ReadonlySet<string>, all: readonly FeatureDefinition[]): readonly FeatureDefinition[] {
  const needed = new Set(all.flatMap(({ name, formula }) => (names.has(name) ? [name, ...sharesOf(formula)] : [])))
  return all.filter(({ name }) => needed.has(name))
}

function sharesOf(formula: FeatureFormula): readonly string[] {
  if (formula.family === 'cross') return [formula.share]
  return formula.family === 'similarity' ? [formula.user, formula.item] : []
}

/** Maps come as objects. */
function valueIn(found: unknown): FeatureValue | undefined {
  if (found === null || found === undefined) return undefined
  if (Array.isArray(found) || typeof found !== 'object') return found as FeatureValue
  return new Map(Object.entries(found as Record<string, number>))
}
