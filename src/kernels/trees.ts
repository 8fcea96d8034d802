// A boosted ensemble as data: what training makes, bundles keep, and scoring, explanations and exports read.

/**
 * Trees one behind the other. Inside a tree a node is numbered from 0, which is the root; a child is such a number, or ~leaf of the tree's leaves,
 * which are numbered from left to right. A tree without nodes is its leaf 0. The score of a row is `baseScore` plus one leaf value of every tree.
 */
export interface Trees {
  readonly featureNames: readonly string[]
  readonly baseScore: number
  /** treeCount + 1: where each tree's nodes begin. */
  readonly nodeOffsets: Int32Array
  /** treeCount + 1: where each tree's leaves begin. */
  readonly leafOffsets: Int32Array
  readonly features: Int32Array
  /** Up to this value, itself included, a row goes left. */
  readonly thresholds: Float32Array
  /** 1 where a missing value (NaN) goes left. */
  readonly missingLeft: Uint8Array
  readonly left: Int32Array
  readonly right: Int32Array
  /** By how much the split lowered the loss's second-order approximation, twice. */
  readonly gains: Float64Array
  /** Training rows that came to the node, and to the leaf. */
  readonly nodeRowCounts: Float64Array
  readonly leafRowCounts: Float64Array
  readonly leafValues: Float64Array
}

export const treeCountOf = (trees: Trees): number => trees.nodeOffsets.length - 1
