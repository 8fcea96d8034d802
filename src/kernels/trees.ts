import assert from 'node:assert'

/**
 * A sum of decision trees, as flat arrays: what training and import make, what scoring, export and explanation read.
 *
 * Tree t has the nodes `nodeOffsets[t]` to before `nodeOffsets[t + 1]`, the root first, and one leaf more than nodes, from `nodeOffsets[t] + t`.
 * A child from 0 is a node of the same tree, counted from its root; a child below 0 is a leaf: -1 - leaf, counted from the tree's first leaf.
 */
export interface Trees {
  /** Columns that a row must have. */
  readonly featureCount: number
  /** What every row's score starts from. */
  readonly baseScore: number
  /** trees + 1. */
  readonly nodeOffsets: Int32Array
  readonly nodeFeatures: Int32Array
  /** A value up to and including this goes left; unused where a node parts categories. */
  readonly nodeThresholds: Float32Array
  /** Sum of `MISSING_GOES_LEFT` and `PARTS_CATEGORIES`. */
  readonly nodeFlags: Uint8Array
  /** The set of categories that go left: an index into `categoryOffsets`; -1 where a node has a threshold. */
  readonly nodeCategorySets: Int32Array
  readonly leftChildren: Int32Array
  readonly rightChildren: Int32Array
  /** How much the training loss fell, up to a factor of 2; 0 where an imported model does not say. */
  readonly nodeGains: Float32Array
  /** Training rows that came by; 0 where unknown. */
  readonly nodeRowCounts: Int32Array
  /** What a leaf adds to the score. */
  readonly leafOutputs: Float64Array
  readonly leafRowCounts: Int32Array
  /** sets + 1: set s has the categories from `categoryOffsets[s]` to before `categoryOffsets[s + 1]`, ascending. */
  readonly categoryOffsets: Int32Array
  /** Whole numbers from 0. Any other value of a feature that is parted into categories goes right, as the missing do. */
  readonly categories: Int32Array
}

export const MISSING_GOES_LEFT = 1
export const PARTS_CATEGORIES = 2

export const treeCountOf = (trees: Trees): number => trees.nodeOffsets.length - 1

/** Whether a value, NaN for missing, goes left at a node (counted through all trees). */
export function goesLeft(trees: Trees, node: number, value: number): boolean {
  const flags = trees.nodeFlags[node]!
  if (flags & PARTS_CATEGORIES) {
    const set = trees.nodeCategorySets[node]!
    return (
      trees.categories
        .subarray(trees.categoryOffsets[set], trees.categoryOffsets[set + 1])
        .indexOf(Math.fround(value)) >= 0
    )
  }
  if (Number.isNaN(value)) return (flags & MISSING_GOES_LEFT) !== 0
  return Math.fround(value) <= trees.nodeThresholds[node]!
}

/** The leaf, counted from the tree's first, in which a row ends. */
export function leafOfRow(trees: Trees, tree: number, valueIn: (feature: number) => number): number {
  const firstNode = trees.nodeOffsets[tree]!
  if (trees.nodeOffsets[tree + 1] === firstNode) return 0
  let at = 0
  while (at >= 0) {
    const node = firstNode + at
    const value = valueIn(trees.nodeFeatures[node]!)
    at = goesLeft(trees, node, value) ? trees.leftChildren[node]! : trees.rightChildren[node]!
  }
  return -1 - at
}

/** One tree at a time, for whoever makes `Trees`. */
export interface TreeParts {
  readonly nodes: readonly TreeNode[]
  readonly leafOutputs: ArrayLike<number>
  readonly leafRowCounts: ArrayLike<number>
}

/** The fields are those of `Trees`. */
export interface TreeNode {
  readonly feature: number
  readonly threshold: number
  /** The categories that go left, ascending; undefined where the node has a threshold. */
  readonly categories?: readonly number[]
  readonly missingGoesLeft: boolean
  readonly left: number
  readonly right: number
  readonly gain: number
  readonly rowCount: number
}

/** Puts trees together, in their order. */
export function joinTrees(parts: readonly TreeParts[], whole: { featureCount: number; baseScore: number }): Trees {
  const nodes = parts.flatMap((part) => part.nodes)
  const nodeOffsets = new Int32Array(parts.length + 1)
  for (const [t, part] of parts.entries()) {
    assert(part.leafOutputs.length === part.nodes.length + 1, 'a tree has one leaf more than nodes')
    nodeOffsets[t + 1] = nodeOffsets[t]! + part.nodes.length
  }
  const sets = nodes.flatMap(({ categories }) => (categories ? [categories] : []))
  const categoryOffsets = new Int32Array(sets.length + 1)
  for (const [s, set] of sets.entries()) categoryOffsets[s + 1] = categoryOffsets[s]! + set.length
  let setCount = 0
  return {
    ...whole,
    nodeOffsets,
    nodeFeatures: Int32Array.from(nodes, ({ feature }) => feature),
    nodeThresholds: Float32Array.from(nodes, ({ threshold }) => threshold),
    nodeFlags: Uint8Array.from(
      nodes,
      ({ missingGoesLeft, categories }) =>
        (missingGoesLeft ? MISSING_GOES_LEFT : 0) + (categories ? PARTS_CATEGORIES : 0),
    ),
    nodeCategorySets: Int32Array.from(nodes, ({ categories }) => (categories ? setCount++ : -1)),
    leftChildren: Int32Array.from(nodes, ({ left }) => left),
    rightChildren: Int32Array.from(nodes, ({ right }) => right),
    nodeGains: Float32Array.from(nodes, ({ gain }) => gain),
    nodeRowCounts: Int32Array.from(nodes, ({ rowCount }) => rowCount),
    leafOutputs: Float64Array.from(parts.flatMap(({ leafOutputs }) => Array.from(leafOutputs))),
    leafRowCounts: Int32Array.from(parts.flatMap(({ leafRowCounts }) => Array.from(leafRowCounts))),
    categoryOffsets,
    categories: Int32Array.from(sets.flat()),
  }
}
