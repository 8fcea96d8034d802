import type { TreeObjective } from '../../kernels/tree-training.ts'
import { MillraceError } from '../../lib/errors.ts'
import { checkSettings } from '../settings-check.ts'

/** What training minimises. `pairwise` and `lambdaMart` compare the rows of one query, the others look at each row alone. */
export type BoostedTreesObjective = Exclude<TreeObjective, 'given'>

/**
 * How boosted trees are trained. The defaults are LightGBM's, so that its experience and its figures carry over, but for `isNormalized` and, where queries are
 * ranked, `splitFeatureFraction` and `smoothing`: see docs/decisions/0019.
 */
export interface BoostedTreesSettings {
  readonly objective: BoostedTreesObjective
  /** At most; fewer where early stopping or a loss that cannot fall ends it. Default 100. */
  readonly trees: number
  /** Per tree at most, from 2. Default 31. */
  readonly leaves: number
  /** Splits on the longest way from the root to a leaf. Default 64, which is no limit in practice. */
  readonly depth: number
  /** Of a feature, from 2 to 255; missing values have one more. Default 255. */
  readonly bins: number
  /** In (0, 1]. Default 0.1. */
  readonly learningRate: number
  /** Default 20. Rows are counted by their part of the hessian: exact for `squared` without weights, about right otherwise. */
  readonly minRowsPerLeaf: number
  /** Default 0.001. */
  readonly minHessianPerLeaf: number
  /** A split must lessen the loss, without `smoothing`, by more than half of this. Default 0. */
  readonly minGain: number
  /** Penalty on the squares of the leaves' outputs. Default 0. */
  readonly l2: number
  /** More of it where categories are split. Default 10. */
  readonly categoryL2: number
  /** Each tree learns from this part of the rows, of the queries where queries are ranked, drawn anew. In (0, 1], default 1. */
  readonly rowFraction: number
  /** Each tree may use this part of the features, drawn anew. In (0, 1], default 1. */
  readonly featureFraction: number
  /** Each leaf may be split by this part of its tree's features, drawn anew; two at least. In (0, 1], default 1, and 0.3 where queries are ranked. */
  readonly splitFeatureFraction: number
  /**
   * A leaf's output is drawn towards that of the node above it: the mean of both, in which the leaf counts by its rows, whatever their weights, and the node above by
   * this many. Splits are chosen as if there were none. Default 0, and 50 where queries are ranked.
   */
  readonly smoothing: number
  /** Stop when the validation metric has not become better for as many trees; 0, the default, never stops early. */
  readonly earlyStoppingTrees: number
  /** `lambdaMart`: only pairs with a row among the best so many by score count. Default 30. */
  readonly truncation: number
  /**
   * `lambdaMart`: whether a pair counts less the further its scores are apart, and a query with many pairs less for each of them. LightGBM's default
   * is true, ours false: see docs/decisions/0019.
   */
  readonly isNormalized: boolean
  /** Pairwise objectives: steepness of the loss. Default 1. */
  readonly sigmoid: number
}

const boostedTreesDefaults: Omit<BoostedTreesSettings, 'objective'> = {
  trees: 100,
  leaves: 31,
  depth: 64,
  bins: 255,
  learningRate: 0.1,
  minRowsPerLeaf: 20,
  minHessianPerLeaf: 1e-3,
  minGain: 0,
  l2: 0,
  categoryL2: 10,
  rowFraction: 1,
  featureFraction: 1,
  splitFeatureFraction: 1,
  smoothing: 0,
  earlyStoppingTrees: 0,
  truncation: 30,
  isNormalized: false,
  sigmoid: 1,
}

/** Queries are short and what is relevant in them is noisy: a leaf of few rows says little alone. */
const rankingDefaults: Partial<BoostedTreesSettings> = { splitFeatureFraction: 0.3, smoothing: 50 }

const ranges = {
  trees: { low: 1, high: 100_000, isInteger: true },
  leaves: { low: 2, high: 4096, isInteger: true },
  depth: { low: 1, high: 4096, isInteger: true },
  bins: { low: 2, high: 255, isInteger: true },
  learningRate: { low: 1e-6, high: 1 },
  minRowsPerLeaf: { low: 1, isInteger: true },
  minHessianPerLeaf: { low: 0 },
  minGain: { low: 0 },
  l2: { low: 0 },
  categoryL2: { low: 0 },
  rowFraction: { low: 1e-3, high: 1 },
  featureFraction: { low: 1e-3, high: 1 },
  splitFeatureFraction: { low: 1e-3, high: 1 },
  smoothing: { low: 0 },
  earlyStoppingTrees: { low: 0, isInteger: true },
  truncation: { low: 1, isInteger: true },
  sigmoid: { low: 1e-3, high: 1e3 },
} as const satisfies Record<Exclude<keyof typeof boostedTreesDefaults, 'isNormalized'>, unknown>

const objectives: readonly BoostedTreesObjective[] = ['squared', 'logistic', 'pairwise', 'lambdaMart']

export const ranksQueries = (objective: BoostedTreesObjective): boolean =>
  objective === 'pairwise' || objective === 'lambdaMart'

/**
 * The settings with defaults for what is not given.
 * @throws TRAINING_INPUT_INVALID
 */
export function boostedTreesSettings(
  given: Pick<BoostedTreesSettings, 'objective'> & Partial<BoostedTreesSettings>,
): BoostedTreesSettings {
  const settings = {
    ...boostedTreesDefaults,
    ...(ranksQueries(given.objective) && rankingDefaults),
    ...given,
  }
  if (!objectives.includes(settings.objective)) {
    throw new MillraceError(
      'TRAINING_INPUT_INVALID',
      `boostedTrees.objective: found ${JSON.stringify(settings.objective)}, expected one of ${objectives.join(', ')}.`,
    )
  }
  if (typeof settings.isNormalized !== 'boolean') {
    throw new MillraceError(
      'TRAINING_INPUT_INVALID',
      `boostedTrees.isNormalized: found ${JSON.stringify(settings.isNormalized)}, expected true or false.`,
    )
  }
  checkSettings('boostedTrees', { ...settings }, ranges)
  return settings
}
