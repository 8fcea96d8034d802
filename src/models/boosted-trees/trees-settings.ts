// What boosted trees are trained with, and on.
import type { Labelled } from './objective.ts'

export interface TreesSettings {
  readonly objective: 'lambdaMart' | 'logistic' | 'squared'
  /** Trees at most; fewer where the validation loss stops falling, or nothing can be split any more. */
  readonly trees: number
  /** Leaves of a tree at most, 2 to 32: more than 32 cannot be scored in one go. */
  readonly leaves: number
  /** 0: as deep as the leaves allow. */
  readonly maxDepth: number
  /** What a tree's values are multiplied by, in (0, 1]. */
  readonly learningRate: number
  /** Bins of a feature, 2 to 255, beside that of missing values. */
  readonly bins: number
  /** Rows of a leaf at least. */
  readonly minRows: number
  /** Sum of the hessian of a leaf at least. */
  readonly minHessian: number
  /** What a split must gain. */
  readonly minGain: number
  /** Added to every leaf's hessian. */
  readonly l2: number
  /** Of the rows (of the queries, where there are any) a tree is grown from, drawn without replacement, in (0, 1]. */
  readonly rowShare: number
  /** Of the features a tree may use, in (0, 1]. */
  readonly featureShare: number
  /** LambdaMART: see there. */
  readonly truncation: number
  /** LambdaMART: the place at which the validation's NDCG is cut. */
  readonly ndcgAt: number
  /** Trees without a better validation loss before training ends; only with validation rows. */
  readonly patience: number
}

export const defaultTreesSettings: TreesSettings = {
  objective: 'lambdaMart',
  trees: 100,
  leaves: 31,
  maxDepth: 0,
  learningRate: 0.1,
  bins: 255,
  minRows: 20,
  minHessian: 1e-3,
  minGain: 0,
  l2: 0,
  rowShare: 1,
  featureShare: 1,
  truncation: 30,
  ndcgAt: 10,
  patience: 50,
}

/** Rows to learn from or to watch. */
export interface TreesRows extends Labelled {
  /** By feature, by row; NaN is missing. */
  readonly columns: readonly Float32Array[]
}

export interface TrainTreesOptions {
  readonly featureNames: readonly string[]
  /** By feature: 1 the score may only rise with it, -1 only fall, 0 either. */
  readonly monotone?: Int32Array
  readonly validation?: TreesRows
  readonly seed: number
  /** The result is the same, bit for bit, for every number of threads. */
  readonly threadCount: number
  /** Called after each tree. */
  readonly onTree?: (state: { readonly treeCount: number; readonly validationLoss: number | undefined }) => void
}
