// The trees of a model's ranker, for whoever looks into them.
import type { App } from '../app.ts'
import type { Trees } from '../kernels/trees.ts'
import { MillraceError } from '../lib/errors.ts'
import { readBundle } from '../models/bundle.ts'

export interface RankerTrees {
  readonly version: string
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
  const models = await app.models()
  const meant = version ?? (await models.aliases()).champion
  if (meant === undefined) {
    throw new MillraceError('MODEL_NOT_FOUND', 'No model is in charge.', {
      fix: 'Train one with "millrace train", or name a version of "millrace models".',
    })
  }
  const { ranker } = await readBundle(models.parts.modelsDir, meant)
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
  return { version: meant, trees: kind.trees(artifacts), featureNames, categories: Object.fromEntries(ofTexts) }
}
