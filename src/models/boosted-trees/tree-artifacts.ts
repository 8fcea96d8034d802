// Trees as the named arrays that a model bundle keeps, and back.
import type { Trees } from '../../kernels/trees.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { Artifacts } from '../../ports/candidate-generator.ts'

const arrayTypes = {
  nodeOffsets: Int32Array,
  nodeFeatures: Int32Array,
  nodeThresholds: Float32Array,
  nodeFlags: Uint8Array,
  nodeCategorySets: Int32Array,
  leftChildren: Int32Array,
  rightChildren: Int32Array,
  nodeGains: Float32Array,
  nodeRowCounts: Int32Array,
  leafOutputs: Float64Array,
  leafRowCounts: Int32Array,
  categoryOffsets: Int32Array,
  categories: Int32Array,
} as const satisfies Record<Exclude<keyof Trees, 'featureCount' | 'baseScore'>, unknown>

/** The same trees give the same bytes. */
export function treeArtifacts({ featureCount, baseScore, ...arrays }: Trees): Artifacts {
  return { ...arrays, whole: Float64Array.of(featureCount, baseScore) }
}

/**
 * What `treeArtifacts` made. The bundle has checked its files' hashes; this checks that they belong together.
 * @throws BUNDLE_CORRUPT
 */
export function treesOfArtifacts(artifacts: Artifacts): Trees {
  for (const [name, ArrayType] of Object.entries(arrayTypes)) {
    if (!(artifacts[name] instanceof ArrayType)) throw corrupt(`${name} is missing, or of another type`)
  }
  const [featureCount, baseScore] = artifacts.whole ?? []
  if (featureCount === undefined || baseScore === undefined) throw corrupt('"whole" is missing, or too short')
  const { whole: _, ...arrays } = artifacts
  const trees = { ...arrays, featureCount, baseScore } as unknown as Trees
  const nodeCount = trees.nodeOffsets.at(-1)
  const treeCount = trees.nodeOffsets.length - 1
  if (nodeCount !== trees.nodeFeatures.length || nodeCount + treeCount !== trees.leafOutputs.length) {
    throw corrupt(
      `${treeCount} trees should have ${nodeCount} nodes; found ${trees.nodeFeatures.length}, and ${trees.leafOutputs.length} leaves`,
    )
  }
  return trees
}

function corrupt(what: string): MillraceError {
  return new MillraceError('BUNDLE_CORRUPT', `The arrays of boosted trees do not belong together: ${what}.`, {
    fix: 'Train again with "millrace train".',
  })
}
