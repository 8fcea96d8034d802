// Served rows as the offline store would have them: the same keys as of the same moments, from a given history.
import type { Plan } from '../../config/plan.ts'
import type { FeatureDefinition, FeatureFormula } from '../../domain/feature.ts'
import type { ServedFeatures } from '../../domain/served-features.ts'
import type { JoinRequest, OfflineStore } from '../../ports/offline-store.ts'
import { type JoinedRow, joinedRows } from '../joined-rows.ts'
import { attributeKinds } from '../training-set.ts'

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
): Promise<JoinedRow[]> {
  const labels = rows.map(({ userId = '', itemId = '', momentMs }) => ({ userId, itemId, momentMs }))
  await offline.joinFeatures({
    files,
    definitions: features === undefined ? plan.data.features : withIngredients(features, plan.data.features),
    attributes: attributeKinds(plan),
    labels: [labels],
    target,
  })
  return joinedRows(target)
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
