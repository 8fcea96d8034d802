// The trees of a model's ranker, for whoever looks into them.
import type { App } from '../app.ts'
import type { Trees } from '../kernels/trees.ts'
import { MillraceError } from '../lib/errors.ts'
import { type LoadedBundle, readBundle } from '../models/bundle.ts'
import { meantVersion } from './meant-version.ts'

export interface RankerTrees {
  readonly version: string
  readonly bundle: LoadedBundle
  readonly trees: Trees
  /** One a feature of the trees, in their order. */
  readonly featureNames: readonly string[]
  /** Of the features whose values are texts: the text of category 0, 1, … */
  readonly categories: Readonly<Record<string, readonly string[]>>
}

/**
 * @param version the champion where it is left out
 * @throws MillraceError MODEL_NOT_FOUND, MODEL_WITHOUT_TREES, MODEL_MISMATCH, BUNDLE_*
 */
export async function rankerTrees(app: App, version?: string): Promise<RankerTrees> {
  const meant = await meantVersion(app, version)
  const bundle = await readBundle(app.modelsDir, meant)
  const { ranker } = bundle
  if (ranker === undefined) {
    throw new MillraceError('MODEL_WITHOUT_TREES', `Model ${meant} has no ranker.`, {
      fix: 'Give the system file a ranker, such as training.ranker: lambdaMart(), and train again with "millrace train".',
    })
  }
  const { ranker: kind } = app.system
  if (kind?.kind !== ranker.kind) {
    const found = kind === undefined ? 'no ranker' : kind.kind
    throw new MillraceError(
      'MODEL_MISMATCH',
      `The ranker of model ${meant} is ${ranker.kind}, and the system file has ${found}.`,
      {
        fix: 'Train again with "millrace train", or name a version that fits.',
      },
    )
  }
  if (!kind.trees) {
    throw new MillraceError(
      'MODEL_WITHOUT_TREES',
      `The ranker of model ${meant}, ${ranker.kind}, is not made of trees.`,
    )
  }
  const ofTexts = Object.entries(ranker.dictionaries).filter(([, texts]) => texts.length > 0)
  const { featureNames, artifacts } = ranker
  return { version: meant, bundle, trees: kind.trees(artifacts), featureNames, categories: Object.fromEntries(ofTexts) }
}
