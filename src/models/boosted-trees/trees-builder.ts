import type { GrownTree } from '../../kernels/tree-grower.ts'
import type { Trees } from '../../kernels/trees.ts'
import type { BinEnds } from './feature-bins.ts'

interface AddedTree {
  readonly tree: GrownTree
  /** By the grower's leaf. */
  readonly values: Float64Array
  /** The grower's leaves from left to right. */
  readonly leaves: readonly number[]
}

/** Turns grown trees, which speak of bins, into an ensemble that speaks of values. */
export class TreesBuilder {
  readonly #featureNames: readonly string[]
  readonly #baseScore: number
  readonly #ends: BinEnds
  readonly #added: AddedTree[] = []

  constructor(featureNames: readonly string[], baseScore: number, ends: BinEnds) {
    this.#featureNames = featureNames
    this.#baseScore = baseScore
    this.#ends = ends
  }

  add(tree: GrownTree, values: Float64Array): void {
    this.#added.push({ tree, values, leaves: leavesFromLeft(tree) })
  }

  /** @param treeCount the first so many; undefined: all */
  build(treeCount = this.#added.length): Trees {
    const added = this.#added.slice(0, treeCount)
    return {
      featureNames: this.#featureNames,
      baseScore: this.#baseScore,
      nodeOffsets: offsetsOf(added.map(({ tree }) => tree.features.length)),
      leafOffsets: offsetsOf(added.map(({ leaves }) => leaves.length)),
      features: Int32Array.from(added.flatMap(({ tree }) => [...tree.features])),
      thresholds: Float32Array.from(added.flatMap(({ tree }) => this.#thresholdsOf(tree))),
      missingLeft: Uint8Array.from(added.flatMap(({ tree }) => [...tree.missingLeft])),
      left: Int32Array.from(added.flatMap(({ tree, leaves }) => renumbered(tree.left, leaves))),
      right: Int32Array.from(added.flatMap(({ tree, leaves }) => renumbered(tree.right, leaves))),
      gains: Float64Array.from(added.flatMap(({ tree }) => [...tree.gains])),
      nodeRowCounts: Float64Array.from(added.flatMap(({ tree }) => [...tree.rowCounts])),
      leafRowCounts: Float64Array.from(added.flatMap(({ tree, leaves }) => leaves.map((leaf) => tree.counts[leaf]!))),
      leafValues: Float64Array.from(added.flatMap(({ values, leaves }) => leaves.map((leaf) => values[leaf]!))),
    }
  }

  /** Behind the last end lies everything present. */
  #thresholdsOf({ features, bins }: GrownTree): number[] {
    return Array.from(features, (feature, node) => this.#ends[feature]![bins[node]! - 1] ?? Number.POSITIVE_INFINITY)
  }
}

function leavesFromLeft({ features, left, right }: GrownTree): number[] {
  if (features.length === 0) return [0]
  const leaves: number[] = []
  const visit = (child: number): void => {
    if (child < 0) leaves.push(~child)
    else {
      visit(left[child]!)
      visit(right[child]!)
    }
  }
  visit(0)
  return leaves
}

function renumbered(children: Int32Array, leaves: readonly number[]): number[] {
  const places = new Int32Array(leaves.length)
  for (const [place, leaf] of leaves.entries()) places[leaf] = place
  return Array.from(children, (child) => (child < 0 ? ~places[~child]! : child))
}

function offsetsOf(counts: readonly number[]): Int32Array {
  const offsets = new Int32Array(counts.length + 1)
  for (const [i, count] of counts.entries()) offsets[i + 1] = offsets[i]! + count
  return offsets
}
