// A training set and what it was made of: the same manifest promises the same bytes.
import { rename, writeFile } from 'node:fs/promises'
import { kindOfType } from '../config/attribute-kind.ts'
import type { Plan } from '../config/plan.ts'
import type { AttributeKind, FeatureDefinition } from '../domain/feature.ts'
import { pathsOf } from '../domain/feature-state/layout.ts'
import { canonicalJson, contentHash } from '../lib/canonical-json.ts'
import type { JsonValue } from '../lib/json.ts'
import type { JoinRequest, OfflineStore } from '../ports/offline-store.ts'

/** What decides what is in a set. */
export interface TrainingSetRecipe {
  readonly format: 1
  readonly planHash: string
  /** SHA-256 over name, formula, time to live and default of every feature: what values depend on. */
  readonly definitionsHash: string
  /** Name and version, by name. */
  readonly features: readonly { readonly name: string; readonly version: string }[]
  /** How the attributes that features name are kept, such as `{ "item.price": "number" }`: what they say is read as that. Undefined in sets of before this was noted. */
  readonly attributes?: Readonly<Record<string, AttributeKind>>
  /** The versions of the tables that the files are of, as whoever keeps the tables calls them. */
  readonly tableVersions: Readonly<Record<string, string>>
  /** Where the rows come from; left out where whoever asks for the set knows. */
  readonly labels?: JsonValue
}

export interface TrainingSetManifest extends TrainingSetRecipe {
  readonly rowCount: number
  readonly bytes: number
  /** Of the Parquet file, as 64 hexadecimal digits. */
  readonly sha256: string
}

export interface TrainingSetIngredients {
  readonly plan: Plan
  /** Default: all of the plan. */
  readonly features?: readonly FeatureDefinition[]
  readonly tableVersions: TrainingSetManifest['tableVersions']
  /** For the manifest. */
  readonly labelsFrom?: JsonValue
}

export interface TrainingSetRequest extends TrainingSetIngredients, Pick<JoinRequest, 'files' | 'labels' | 'target'> {}

export function trainingSetRecipe({
  plan,
  tableVersions,
  labelsFrom,
  features = plan.data.features,
}: TrainingSetIngredients): TrainingSetRecipe {
  return {
    format: 1,
    planHash: plan.hash,
    definitionsHash: definitionsHash(features),
    features: features.map(({ name, version }) => ({ name, version })),
    attributes: namedKinds(plan, features),
    tableVersions,
    ...(labelsFrom !== undefined && { labels: labelsFrom }),
  }
}

/**
 * Joins the plan's features to the labels, and writes the manifest beside the Parquet file, as `<target>.manifest.json`.
 * @throws MillraceError as `OfflineStore.joinFeatures` does
 */
export async function writeTrainingSet(store: OfflineStore, request: TrainingSetRequest): Promise<TrainingSetManifest> {
  const { plan, files, labels, target, features = plan.data.features } = request
  const joined = await store.joinFeatures({
    files,
    definitions: features,
    attributes: attributeKinds(plan),
    labels,
    target,
  })
  const manifest: TrainingSetManifest = { ...trainingSetRecipe(request), ...joined }
  const path = `${target}.manifest.json`
  await writeFile(`${path}.unfinished`, `${canonicalJson(manifest)}\n`)
  await rename(`${path}.unfinished`, path)
  return manifest
}

function definitionsHash(features: readonly FeatureDefinition[]): string {
  return contentHash(
    features.map(({ name, formula, ttlMs, default: standIn }) => ({ name, formula, ttlMs, default: standIn })),
  )
}

function namedKinds(plan: Plan, features: readonly FeatureDefinition[]): Readonly<Record<string, AttributeKind>> {
  const kinds = attributeKinds(plan)
  const paths = features.flatMap(({ formula }) => pathsOf(formula))
  return Object.fromEntries(
    paths.flatMap(({ entity, attribute }) => {
      const kind = kinds[entity][attribute]
      return kind === undefined ? [] : [[`${entity}.${attribute}`, kind]]
    }),
  )
}

/** How the plan's attributes are kept offline. */
export function attributeKinds({ data }: Plan): JoinRequest['attributes'] {
  const kindsOf = (attributes: Plan['data']['entities']['item']): Record<string, AttributeKind> =>
    Object.fromEntries(Object.entries(attributes).map(([name, { type }]) => [name, kindOfType[type]]))
  return { user: kindsOf(data.entities.user), item: kindsOf(data.entities.item) }
}
