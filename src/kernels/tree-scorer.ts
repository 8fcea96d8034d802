// Scores many rows at once by trees of at most 32 leaves. The idea and its papers stand in kernels/tree-scoring.ts.
import assert from 'node:assert'
import { instantiateKernel, KernelMemory } from './memory.ts'
import { type Trees, treeCountOf } from './trees.ts'

export const MAX_SCORED_LEAVES = 32
const BLOCK_ROWS = 16
const NODE_WORDS = 3

interface TreeScoringExports {
  scoreRows(
    treeCount: number,
    nodeOffsets: number,
    missingRights: number,
    nodes: number,
    values: number,
    columns: number,
    stride: number,
    rowCount: number,
    scores: number,
  ): void
}

/** Fill `columns`, call `score`, read `scores`: nothing is allocated or copied. */
export class TreeScorer {
  /** By feature, `capacity` values; NaN is missing. Values behind the scored rows do not matter. */
  readonly columns: readonly Float32Array[]
  readonly scores: Float64Array
  readonly #kernel: TreeScoringExports
  readonly #baseScore: number
  readonly #addresses: readonly [number, number, number, number]
  readonly #treeCount: number
  readonly #stride: number

  /** @param capacity the most rows that are scored at once */
  constructor(trees: Trees, capacity: number) {
    const treeCount = treeCountOf(trees)
    const memory = new KernelMemory()
    const stride = Math.ceil(Math.max(1, capacity) / BLOCK_ROWS) * BLOCK_ROWS
    const nodeOffsets = memory.placeInt32(trees.nodeOffsets)
    const missingRights = memory.int32(treeCount)
    const nodes = memory.int32(NODE_WORDS * trees.features.length)
    const thresholds = new Float32Array(nodes.buffer, nodes.byteOffset, nodes.length)
    const values = memory.float64(treeCount * MAX_SCORED_LEAVES)
    for (let tree = 0; tree < treeCount; tree++) {
      const first = trees.nodeOffsets[tree]!
      const leafStart = trees.leafOffsets[tree]!
      const leafEnd = trees.leafOffsets[tree + 1]!
      assert(leafEnd - leafStart <= MAX_SCORED_LEAVES, 'a tree has more leaves than the kernel has bits')
      values.set(trees.leafValues.subarray(leafStart, leafEnd), tree * MAX_SCORED_LEAVES)
      const leftLeaves = leftLeavesOf(trees, tree)
      const order = Array.from(leftLeaves, (_, node) => node)
      const goesRight = order.filter((node) => trees.missingLeft[first + node] === 0)
      const goesLeft = order.filter((node) => trees.missingLeft[first + node] === 1)
      missingRights[tree] = goesRight.length
      for (const [i, node] of [...goesRight, ...goesLeft].entries()) {
        const word = NODE_WORDS * (first + i)
        nodes[word] = trees.features[first + node]!
        thresholds[word + 1] = trees.thresholds[first + node]!
        nodes[word + 2] = leftLeaves[node]!
      }
    }
    const all = memory.float32(trees.featureNames.length * stride)
    this.columns = trees.featureNames.map((_, feature) => all.subarray(feature * stride, (feature + 1) * stride))
    this.scores = memory.float64(stride)
    this.#kernel = instantiateKernel<TreeScoringExports>('tree-scoring', memory.memory)
    this.#addresses = [nodeOffsets.byteOffset, missingRights.byteOffset, nodes.byteOffset, values.byteOffset]
    this.#treeCount = treeCount
    this.#stride = stride
    this.#baseScore = trees.baseScore
  }

  /** Scores the first rows of the columns; the scores are sums in the order of the trees, the same to the last bit every time. */
  score(rowCount: number): Float64Array {
    assert(rowCount <= this.#stride, 'more rows than there is room for')
    const [nodeOffsets, missingRights, nodes, values] = this.#addresses
    this.scores.fill(this.#baseScore, 0, Math.ceil(rowCount / BLOCK_ROWS) * BLOCK_ROWS)
    this.#kernel.scoreRows(
      this.#treeCount,
      nodeOffsets,
      missingRights,
      nodes,
      values,
      this.columns[0]?.byteOffset ?? 0,
      this.#stride,
      rowCount,
      this.scores.byteOffset,
    )
    return this.scores
  }
}

/** By node the leaves of its left side, a bit each. */
function leftLeavesOf(trees: Trees, tree: number): Int32Array {
  const first = trees.nodeOffsets[tree]!
  const leftLeaves = new Int32Array(trees.nodeOffsets[tree + 1]! - first)
  const leavesUnder = (child: number): number => {
    if (child < 0) return 1 << ~child
    const left = leavesUnder(trees.left[first + child]!)
    leftLeaves[child] = left
    return left | leavesUnder(trees.right[first + child]!)
  }
  if (leftLeaves.length > 0) leavesUnder(0)
  return leftLeaves
}
