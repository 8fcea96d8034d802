// Trees walked node by node: slow and plain, what the kernel is checked against.
import { type Trees, treeCountOf } from '../../kernels/trees.ts'

/** The leaf of one tree that a row comes to, counted from the tree's first. */
function leafOf(trees: Trees, tree: number, featureValue: (feature: number) => number): number {
  const first = trees.nodeOffsets[tree]!
  if (trees.nodeOffsets[tree + 1] === first) return 0
  let node = 0
  while (node >= 0) {
    const at = first + node
    const value = featureValue(trees.features[at]!)
    const goesLeft = Number.isNaN(value) ? trees.missingLeft[at] === 1 : value <= trees.thresholds[at]!
    node = goesLeft ? trees.left[at]! : trees.right[at]!
  }
  return ~node
}

/** The score of one row; sums in the order of the trees. */
export function scoreRow(trees: Trees, row: ArrayLike<number>): number {
  let score = trees.baseScore
  for (let tree = 0; tree < treeCountOf(trees); tree++) {
    score += trees.leafValues[trees.leafOffsets[tree]! + leafOf(trees, tree, (feature) => row[feature]!)]!
  }
  return score
}
