// From a bundle to everything that answers need: its generators, and its ranker where that fits the system file.
import type { FeatureDefinition } from '../domain/feature.ts'
import { MillraceError } from '../lib/errors.ts'
import type { GeneratorKind } from '../ports/candidate-generator.ts'
import type { RankerKind } from '../ports/ranker.ts'
import { type BundledRanker, readBundle } from './bundle.ts'
import { modelOf, type OpenedModel } from './open-bundle.ts'
import { openRanker } from './open-ranker.ts'
import { poolColumnNames } from './ranking/candidate-pool.ts'
import type { ServingModel, ServingRanker } from './serving-model.ts'

/** What of the system file a model has to fit. */
export interface SystemOfModel {
  readonly generators: Readonly<Record<string, GeneratorKind>>
  readonly ranker?: RankerKind | undefined
  readonly features: readonly FeatureDefinition[]
}

export interface OpenedServingModel extends OpenedModel {
  /** Why the bundle's ranker cannot be used: the model answers without it, its candidates in the order of their generators. */
  readonly rankerProblem?: unknown
}

/** @throws MillraceError MODEL_NOT_FOUND, BUNDLE_CORRUPT, BUNDLE_NEWER, MODEL_MISMATCH for a generator of another kind */
export async function openServingModel(
  modelsDir: string,
  version: string,
  system: SystemOfModel,
): Promise<OpenedServingModel> {
  const bundle = await readBundle(modelsDir, version)
  const { manifest } = bundle
  const model = modelOf(bundle, system.generators)
  if (bundle.ranker === undefined) return { model, manifest }
  try {
    return { model: await withRanker(model, bundle.ranker, system), manifest }
  } catch (error) {
    return { model, manifest, rankerProblem: error }
  }
}

async function withRanker(model: ServingModel, bundled: BundledRanker, system: SystemOfModel): Promise<ServingModel> {
  const columnNames = new Set([...poolColumnNames(bundled.generatorNames), ...bundled.features.map(({ name }) => name)])
  const unknown = bundled.featureNames.filter((name) => !columnNames.has(name))
  if (unknown.length > 0) {
    throw new MillraceError(
      'MODEL_MISMATCH',
      `The ranker of model ${model.version} wants ${unknown.join(', ')}, which nothing here gives.`,
      {
        fix: 'Train again with "millrace train".',
      },
    )
  }
  const ranker: ServingRanker = {
    ranker: await openRanker(model.version, bundled, system),
    generatorNames: bundled.generatorNames,
    perGenerator: bundled.perGenerator,
    systemFeatures: bundled.features.map(({ name }) => name),
    dictionaries: bundled.dictionaries,
  }
  return { ...model, ranker }
}
