import { KernelMemory } from '../../kernels/memory.ts'
import { TreeScorer } from '../../kernels/tree-scores.ts'
import type { Trees } from '../../kernels/trees.ts'
import type { Ranker } from '../../ports/ranker.ts'

/** Rows that are scored in one call of the kernel. */
const CAPACITY = 1024

/** Scores rows as the sum of trees. */
export class TreesRanker implements Ranker {
  readonly featureNames: readonly string[]
  readonly #scorer: TreeScorer

  /** @param featureNames one a feature of the trees */
  constructor(trees: Trees, featureNames: readonly string[]) {
    this.featureNames = featureNames
    this.#scorer = new TreeScorer(new KernelMemory(), trees, CAPACITY)
  }

  scoreColumns(columns: readonly Float32Array[], rowCount: number, out: Float64Array): void {
    const { inputs, usedFeatures } = this.#scorer
    for (let from = 0; from < rowCount; from += CAPACITY) {
      const count = Math.min(CAPACITY, rowCount - from)
      for (const feature of usedFeatures) {
        inputs[feature]!.set(columns[feature]!.subarray(from, from + count))
      }
      out.set(this.#scorer.score(count), from)
    }
  }

  score(rows: Float32Array, rowCount: number, out: Float64Array): void {
    const { inputs, usedFeatures } = this.#scorer
    const featureCount = this.featureNames.length
    for (let from = 0; from < rowCount; from += CAPACITY) {
      const count = Math.min(CAPACITY, rowCount - from)
      for (const feature of usedFeatures) {
        const input = inputs[feature]!
        for (let row = 0, at = from * featureCount + feature; row < count; row++, at += featureCount)
          input[row] = rows[at]!
      }
      out.set(this.#scorer.score(count), from)
    }
  }
}
