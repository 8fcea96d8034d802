// Random trees of every shape, and rows for them, for tests.
import type { Rng } from '../lib/rng.ts'
import { joinTrees, leafOfRow, type TreeNode, type TreeParts, type Trees, treeCountOf } from './trees.ts'

/** As an import may have: too great for a table by category. */
const HUGE_CATEGORY = 2_000_000

/** Leaves are split at random, until there are enough. */
function madeTree(rng: Rng, leafCount: number, featureCount: number): TreeParts {
  const nodes: { -readonly [K in keyof TreeNode]: TreeNode[K] }[] = []
  const hangers: { node: number; side: 'left' | 'right' }[] = []
  for (let leaf = 1; leaf < leafCount; leaf++) {
    const split = rng.integer(leaf)
    const node = nodes.length
    const hanger = hangers[split]
    if (hanger) nodes[hanger.node]![hanger.side] = node
    const isCategorical = rng.next() < 0.1
    nodes.push({
      feature: rng.integer(featureCount),
      threshold: isCategorical ? 0 : madeValue(rng),
      ...(isCategorical && {
        categories: [0, 1, 2, 3, 9, ...(rng.next() < 0.1 ? [HUGE_CATEGORY] : [])].filter(() => rng.next() < 0.5),
      }),
      missingGoesLeft: !isCategorical && rng.next() < 0.5,
      left: -1 - split,
      right: -1 - leaf,
      gain: 1,
      rowCount: 0,
    })
    hangers[split] = { node, side: 'left' }
    hangers[leaf] = { node, side: 'right' }
  }
  const leafOutputs = Float64Array.from({ length: leafCount }, () => rng.normal())
  const leafRowCounts = Int32Array.from({ length: leafCount }, () => 1 + rng.integer(50))
  const rowCountOf = (child: number): number => (child >= 0 ? nodes[child]!.rowCount : leafRowCounts[-1 - child]!)
  // Children come after their node.
  for (const node of nodes.toReversed()) node.rowCount = rowCountOf(node.left) + rowCountOf(node.right)
  return { nodes, leafOutputs, leafRowCounts }
}

/** Few different ones, so that values and thresholds are often equal. */
function madeValue(rng: Rng): number {
  const kind = rng.next()
  if (kind < 0.03) return Number.POSITIVE_INFINITY
  if (kind < 0.06) return Number.NEGATIVE_INFINITY
  if (kind < 0.08) return HUGE_CATEGORY
  return kind < 0.6 ? rng.integer(10) : Math.fround(rng.normal())
}

export function madeTrees(rng: Rng, size: { leafCounts: readonly number[]; featureCount: number }): Trees {
  const parts = size.leafCounts.map((leafCount) => madeTree(rng, leafCount, size.featureCount))
  return joinTrees(parts, { featureCount: size.featureCount, baseScore: rng.normal() })
}

export function madeColumns(rng: Rng, rowCount: number, featureCount: number): Float32Array[] {
  return Array.from({ length: featureCount }, () =>
    Float32Array.from({ length: rowCount }, () => (rng.next() < 0.15 ? Number.NaN : madeValue(rng))),
  )
}

/** By walking down every tree, row by row. */
export function plainScores(trees: Trees, columns: readonly Float32Array[]): number[] {
  return Array.from(columns[0]!, (_, row) => {
    let score = trees.baseScore
    for (let tree = 0; tree < treeCountOf(trees); tree++) {
      const firstLeaf = trees.nodeOffsets[tree]! + tree
      score += trees.leafOutputs[firstLeaf + leafOfRow(trees, tree, (feature) => columns[feature]![row]!)]!
    }
    return score
  })
}
