// A model's ranker as its bundle has it, and its trees, for whoever looks into them.
import type { App } from '../app.ts'
import type { Trees } from '../kernels/trees.ts'
import { MillraceError } from '../lib/errors.ts'
import { type BundledRanker, type LoadedBundle, readBundle } from '../models/bundle.ts'
import type { RankerKind } from '../ports/ranker.ts'
import { meantVersion } from './meant-version.ts'

export interface RankerOfModel {
  readonly version: string
  readonly bundle: LoadedBundle
  readonly ranker: BundledRanker
  /** The system file's, which is of the same kind. */
  readonly kind: RankerKind
}

/**
 * @param version the champion where it is left out
 * @throws MillraceError MODEL_NOT_FOUND, MODEL_WITHOUT_TREES where it has no ranker, MODEL_MISMATCH, BUNDLE_*
 */
export async function rankerOfModel(app: App, wanted?: string): Promise<RankerOfModel> {
  const version = await meantVersion(app, wanted)
  const bundle = await readBundle(app.modelsDir, version)
  const { ranker } = bundle
  if (ranker === undefined) {
    throw new MillraceError('MODEL_WITHOUT_TREES', `Model ${version} has no ranker.`, {
      fix: 'Give the system file a ranker, such as training.ranker: lambdaMart(), and train again with "millrace train".',
    })
  }
  const { ranker: kind } = app.system
  if (kind?.kind === ranker.kind) return { version, bundle, ranker, kind }
  const found = kind === undefined ? 'no ranker' : kind.kind
  throw new MillraceError(
    'MODEL_MISMATCH',
    `The ranker of model ${version} is ${ranker.kind}, and the system file has ${found}.`,
    { fix: 'Train again with "millrace train", or name a version that fits.' },
  )
}

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
 * @throws MillraceError MODEL_WITHOUT_TREES where the ranker is not made of trees; what `rankerOfModel` throws
 */
export async function rankerTrees(app: App, version?: string): Promise<RankerTrees> {
  return treesOf(await rankerOfModel(app, version))
}

/** @throws MillraceError MODEL_WITHOUT_TREES, BUNDLE_CORRUPT */
export function treesOf({ version, bundle, ranker, kind }: RankerOfModel): RankerTrees {
  if (!kind.trees) {
    throw new MillraceError(
      'MODEL_WITHOUT_TREES',
      `The ranker of model ${version}, ${ranker.kind}, is not made of trees: it has no contributions, and no gains.`,
      {
        fix: '"millrace evaluate" measures what it makes of the list; ask the program that trained it what moves its scores.',
      },
    )
  }
  const ofTexts = Object.entries(ranker.dictionaries).filter(([, texts]) => texts.length > 0)
  const { featureNames, artifacts } = ranker
  return { version, bundle, trees: kind.trees(artifacts), featureNames, categories: Object.fromEntries(ofTexts) }
}
