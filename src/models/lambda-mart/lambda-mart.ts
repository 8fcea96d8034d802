// Boosted trees that order candidates: LambdaMART over the generators' scores and the system's features.
import { treeCountOf } from '../../kernels/trees.ts'
import type { RankerContext, RankerKind, RankingRows, TrainedRankerArtifacts } from '../../ports/ranker.ts'
import { type BoostedTreesSettings, boostedTreesSettings } from '../boosted-trees/settings.ts'
import { trainBoostedTrees } from '../boosted-trees/train.ts'
import { treeArtifacts, treesOfArtifacts } from '../boosted-trees/tree-artifacts.ts'
import { TreesRanker } from '../boosted-trees/trees-ranker.ts'

/**
 * Small trees, many rows a leaf and leaves drawn towards what lies above them, because clicks and purchases are noisy: most right answers among hundreds of
 * candidates are there by chance. Few features a split, so that what a ranker learns depends less on which questions its seed drew: see docs/decisions/0025.
 */
const defaults = {
  trees: 300,
  leaves: 8,
  learningRate: 0.05,
  minRowsPerLeaf: 200,
  l2: 1,
  splitFeatureFraction: 0.3,
  truncation: 30,
  isNormalized: true,
  earlyStoppingTrees: 100,
}

/** What is 300 rows beside the 200 of a leaf should be less where leaves may be smaller. */
const SMOOTHING_PER_LEAST_ROW = 1.5

/** Trees 300, leaves 8, learning rate 0.05, least rows a leaf 200, L2 1, three in ten features a split, smoothing 1.5 x the least rows, truncation 30, normalised, patience 100 trees. */
export type LambdaMartSettings = Pick<BoostedTreesSettings, keyof typeof defaults | 'smoothing'>

/**
 * A kind of ranker. `trees` is the most there may be: training stops where the newest window of examples says that more make it worse.
 * Burges, "From RankNet to LambdaRank to LambdaMART: an overview", 2010.
 */
export function lambdaMart(settings: Partial<LambdaMartSettings> = {}): RankerKind<never> {
  const { minRowsPerLeaf } = { ...defaults, ...settings }
  const options = { ...defaults, smoothing: SMOOTHING_PER_LEAST_ROW * minRowsPerLeaf, ...settings }
  return {
    kind: 'lambdaMart',
    orders: 'candidates',
    options,
    tunable: {
      leaves: { low: 4, high: 31, scale: 'integer' },
      learningRate: { low: 0.02, high: 0.2, scale: 'log' },
      minRowsPerLeaf: { low: 20, high: 1000, scale: 'logInteger' },
      l2: { low: 0.01, high: 100, scale: 'log' },
    },
    with: (replaced) => lambdaMart({ ...settings, ...replaced }),
    train: (rows, validation, context) => trainLambdaMart(options, rows, validation, context),
    open: (artifacts, featureNames) => new TreesRanker(treesOfArtifacts(artifacts), featureNames),
    trees: treesOfArtifacts,
  }
}

async function trainLambdaMart(
  options: LambdaMartSettings,
  rows: RankingRows,
  validation: RankingRows | undefined,
  { seed, threadCount, log }: RankerContext,
): Promise<TrainedRankerArtifacts> {
  const settings = (replaced: Partial<BoostedTreesSettings>): BoostedTreesSettings =>
    boostedTreesSettings({ objective: 'lambdaMart', ...options, ...replaced })
  if (validation === undefined) {
    const { trees, notes } = await trainBoostedTrees({
      settings: settings({ earlyStoppingTrees: 0 }),
      rows,
      seed,
      threadCount,
    })
    return { artifacts: treeArtifacts(trees), notes }
  }
  const probe = await trainBoostedTrees({ settings: settings({}), rows, validation, seed, threadCount })
  const treeCount = Math.max(1, treeCountOf(probe.trees))
  const { validation: measured } = probe
  // Without one, nothing in the older examples could be told apart.
  if (measured) log(`${treeCount} trees, by the newest examples: ${measured.metric} ${measured.value.toFixed(4)}`)
  const { trees, notes } = await trainBoostedTrees({
    settings: settings({ trees: treeCount, earlyStoppingTrees: 0 }),
    rows: joined(rows, validation),
    seed,
    threadCount,
  })
  return { artifacts: treeArtifacts(trees), notes }
}

function joined(first: RankingRows, second: RankingRows): RankingRows {
  return {
    columns: first.columns.map((column, c) => ({
      ...column,
      values: concatenated(column.values, second.columns[c]!.values),
    })),
    labels: concatenated(first.labels, second.labels),
    querySizes: Int32Array.from([...first.querySizes, ...second.querySizes]),
    // Positions are left behind: these trees do not look at them.
  }
}

function concatenated(first: Float32Array, second: Float32Array): Float32Array {
  const both = new Float32Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}
