// Training of boosted trees from columns of values to `Trees`.

import { type BinnedFeature, type BinnedNode, type BinnedTree, TreeTraining } from '../../kernels/tree-training.ts'
import { joinTrees, type TreeNode, type TreeParts, type Trees } from '../../kernels/trees.ts'
import { MillraceError } from '../../lib/errors.ts'
import { type Rng, seededRng } from '../../lib/rng.ts'
import { categoryBins, findBounds, findCategories, sampleOf } from './feature-bins.ts'
import { checkRows, type FeatureColumn, type LabelledRows, queryOffsetsOf } from './labelled-rows.ts'
import { type BoostedTreesSettings, ranksQueries } from './settings.ts'
import { type ValidationMetric, validationMetric } from './validation-metric.ts'

/** What training needs beside settings and rows. */
export interface BoostedTreesTraining {
  readonly settings: BoostedTreesSettings
  readonly rows: LabelledRows
  /** The same columns in the same order; for early stopping and for `onTree`. */
  readonly validation?: LabelledRows
  /** The same seed, settings and rows give the same trees, bit for bit, for every number of threads. */
  readonly seed: number
  readonly threadCount: number
  /** Called after every tree; training waits for it. */
  readonly onTree?: (progress: TreeProgress) => void | Promise<void>
}

export interface TreeProgress {
  readonly treeCount: number
  /** Of the validation rows: NDCG@10, log loss or mean squared error by the objective; undefined without validation rows. */
  readonly validation: { readonly metric: ValidationMetric['name']; readonly value: number } | undefined
}

export interface TrainedTrees {
  readonly trees: Trees
  /** What the one who trains should know: features without use, categories too rare for a bin of their own. */
  readonly notes: readonly string[]
  /** Of the trees that were kept. */
  readonly validation: TreeProgress['validation']
}

/**
 * Trains trees for any of the objectives. With early stopping the trees up to the best by the validation metric are kept.
 * @throws TRAINING_INPUT_INVALID, NOTHING_TO_TRAIN_ON, KERNEL_MEMORY_EXHAUSTED
 */
export async function trainBoostedTrees(training: BoostedTreesTraining): Promise<TrainedTrees> {
  const { settings, rows, validation, seed, threadCount } = training
  checkRows('training', rows, settings.objective)
  checkValidation(training)
  const rng = seededRng(`boosted trees ${seed}`)
  const kernel = new TreeTraining(rows.labels.length, {
    objective: settings.objective,
    leafCount: settings.leaves,
    depthLimit: settings.depth,
    leastRows: settings.minRowsPerLeaf,
    leastHessian: settings.minHessianPerLeaf,
    leastGain: settings.minGain,
    learningRate: settings.learningRate,
    lambda: settings.l2,
    categoryLambda: settings.categoryL2,
    sigmoid: settings.sigmoid,
    smoothing: settings.smoothing,
    splitFeatureFraction: settings.splitFeatureFraction,
    truncation: settings.truncation,
    isNormalized: settings.isNormalized,
    threadCount,
  })
  try {
    const features = await sortIntoBins(kernel, rows.columns, settings.bins, rng)
    const notes = features.flatMap(noteOn)
    if (features.every(({ binned }) => !canSplit(binned))) {
      throw new MillraceError('NOTHING_TO_TRAIN_ON', `None of ${features.length} features has two different values.`, {
        fix: notes.join(' '),
      })
    }
    await kernel.placeRows(
      features.map(({ binned }) => binned),
      features.map((feature) => kernelColumn(feature, feature.column)),
    )
    if (validation) {
      const columns = features.map((feature, f) => kernelColumn(feature, validation.columns[f]!))
      await kernel.placeValidationRows(columns, validation.labels.length)
    }
    const queryOffsets = ranksQueries(settings.objective) ? queryOffsetsOf(rows.querySizes!) : undefined
    kernel.setTargets({
      labels: rows.labels,
      ...(rows.weights && { weights: rows.weights }),
      ...(queryOffsets && { queryOffsets }),
    })
    const baseScore = baseScoreOf(rows, settings)
    kernel.scores.fill(baseScore)
    kernel.validationScores.fill(baseScore)
    const { parts, progress } = await growTrees(kernel, features, training, rng)
    return { trees: joinTrees(parts, { featureCount: features.length, baseScore }), notes, validation: progress }
  } finally {
    await kernel.close()
  }
}

/** A feature on its way into the kernel. */
interface SortedFeature {
  readonly column: FeatureColumn
  readonly binned: BinnedFeature
  /** By bin, the first in bin 1; undefined for numbers. */
  readonly categories: Int32Array | undefined
  /** Categories that share the bin of the missing. */
  readonly rareCategoryCount: number
}

async function sortIntoBins(
  kernel: TreeTraining,
  columns: readonly FeatureColumn[],
  mostBins: number,
  rng: Rng,
): Promise<SortedFeature[]> {
  const numeric = columns.filter(({ kind }) => kind !== 'category')
  const samples = numeric.map(({ name, values }) => sampleOf(values, rng.fork(name)))
  const boundsByColumn = new Map<FeatureColumn, Float32Array>()
  await kernel.sortColumns(samples, (sorted, i) => boundsByColumn.set(numeric[i]!, findBounds(sorted, mostBins)))
  return columns.map((column) => {
    const bounds = boundsByColumn.get(column)
    return bounds ? sortedNumbers(column, bounds) : sortedCategories(column, mostBins)
  })
}

function sortedNumbers(column: FeatureColumn, bounds: Float32Array): SortedFeature {
  const direction = column.direction === 'rising' ? 1 : column.direction === 'falling' ? -1 : 0
  const missingCount = countMissing(column.values)
  const binCount = missingCount < column.values.length ? bounds.length + 2 : 1
  const binned = { bounds, binCount, hasMissing: missingCount > 0, direction } as const
  return { column, categories: undefined, binned, rareCategoryCount: 0 }
}

function sortedCategories(column: FeatureColumn, mostBins: number): SortedFeature {
  const all = findCategories(column.values, Number.POSITIVE_INFINITY)
  const categories = all.slice(0, mostBins)
  const binned = { binCount: categories.length + 1, hasMissing: true, direction: 0 } as const
  return { column, categories, binned, rareCategoryCount: all.length - categories.length }
}

function countMissing(values: Float32Array): number {
  let count = 0
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i]!)) count++
  return count
}

/** Whether there are two bins with rows. */
function canSplit({ binCount, hasMissing }: BinnedFeature): boolean {
  return binCount > 2 || (binCount === 2 && hasMissing)
}

function noteOn({ column, binned, categories, rareCategoryCount }: SortedFeature): string[] {
  if (binned.binCount === 1) return [`${column.name} is missing in every row and has no part in the model.`]
  if (!canSplit(binned)) return [`${column.name} has one value in every row and has no part in the model.`]
  if (rareCategoryCount === 0) return []
  return [
    `${column.name} has ${categories!.length + rareCategoryCount} categories: the ${categories!.length} most frequent are told apart, the others count as missing.`,
  ]
}

function kernelColumn({ categories }: SortedFeature, { values }: FeatureColumn): Float32Array | Uint8Array {
  return categories ? categoryBins(values, categories) : values
}

/** The best constant, from which the trees start; rankings know no constant. */
function baseScoreOf({ labels, weights }: LabelledRows, { objective }: BoostedTreesSettings): number {
  if (ranksQueries(objective)) return 0
  let sum = 0
  let weightSum = 0
  for (let row = 0; row < labels.length; row++) {
    const weight = weights?.[row] ?? 1
    sum += weight * labels[row]!
    weightSum += weight
  }
  const mean = sum / weightSum
  return objective === 'logistic' ? Math.log(mean / (1 - mean)) : mean
}

async function growTrees(
  kernel: TreeTraining,
  features: readonly SortedFeature[],
  { settings, rows, validation, onTree }: BoostedTreesTraining,
  rng: Rng,
): Promise<{ parts: TreeParts[]; progress: TreeProgress['validation'] }> {
  const metric = validation && validationMetric(validation, settings.objective)
  const usable = features.flatMap(({ binned }, f) => (canSplit(binned) ? [f] : []))
  const { rowFraction, featureFraction, splitFeatureFraction } = settings
  const isSampled = rowFraction < 1 || featureFraction < 1 || splitFeatureFraction < 1
  const parts: TreeParts[] = []
  let best: { treeCount: number; value: number } | undefined
  let last: TreeProgress['validation']
  for (let treeCount = 1; treeCount <= settings.trees; treeCount++) {
    const tree = await kernel.round({
      seed: rng.integer(2 ** 32),
      features: drawn(usable, settings.featureFraction, rng),
      ...(settings.rowFraction < 1 && { rows: drawnRows(rows, settings, rng) }),
    })
    // The next tree would not split either, unless it is drawn other rows or features.
    if (tree.nodes.length === 0 && !isSampled) break
    parts.push(treeParts(tree, features))
    last = metric && { metric: metric.name, value: metric.of(kernel.validationScores) }
    await onTree?.({ treeCount, validation: last })
    if (!metric || settings.earlyStoppingTrees === 0) continue
    if (!best || metric.isBetter(last!.value, best.value)) best = { treeCount, value: last!.value }
    else if (treeCount - best.treeCount >= settings.earlyStoppingTrees) break
  }
  if (!best) return { parts, progress: last }
  return { parts: parts.slice(0, best.treeCount), progress: { metric: metric!.name, value: best.value } }
}

/** A random part, in order; at least one. */
function drawn(all: readonly number[], fraction: number, rng: Rng): readonly number[] {
  if (fraction === 1) return all
  const count = Math.max(1, Math.round(fraction * all.length))
  let open = count
  return all.filter((_, i) => {
    const isDrawn = rng.next() * (all.length - i) < open
    if (isDrawn) open--
    return isDrawn
  })
}

/** Rows, or whole queries where pairs within them are compared: a query with half of its rows would teach another order. In order. */
function drawnRows({ labels, querySizes }: LabelledRows, settings: BoostedTreesSettings, rng: Rng): Int32Array {
  const { objective, rowFraction } = settings
  if (!ranksQueries(objective)) return drawnNumbers(labels.length, rowFraction, rng)
  const offsets = queryOffsetsOf(querySizes!)
  const queries = drawnNumbers(offsets.length - 1, rowFraction, rng)
  const rows = new Int32Array(queries.reduce((sum, query) => sum + querySizes![query]!, 0))
  let count = 0
  for (const query of queries) for (let row = offsets[query]!; row < offsets[query + 1]!; row++) rows[count++] = row
  return rows
}

/** As `drawn`, of the numbers from 0 to before `total`. */
function drawnNumbers(total: number, fraction: number, rng: Rng): Int32Array {
  const numbers = new Int32Array(Math.max(1, Math.round(fraction * total)))
  let count = 0
  for (let number = 0; number < total; number++) {
    if (rng.next() * (total - number) < numbers.length - count) numbers[count++] = number
  }
  return numbers
}

/** From bins back to values. */
function treeParts({ nodes, outputs, outputRowCounts }: BinnedTree, features: readonly SortedFeature[]): TreeParts {
  return {
    nodes: nodes.map((node) => treeNode(node, features[node.feature]!)),
    leafOutputs: outputs,
    leafRowCounts: outputRowCounts,
  }
}

function treeNode(node: BinnedNode, { binned, categories }: SortedFeature): TreeNode {
  const { feature, left, right, gain, rowCount, kind, bin, bins } = node
  const common = { feature, left, right, gain, rowCount }
  if (kind === 'categories') {
    const set = bins.map((categoryBin) => categories![categoryBin - 1]!).sort((a, b) => a - b)
    return { ...common, threshold: 0, categories: set, missingGoesLeft: false }
  }
  // After the last bin there is no bound: all values go left, the missing right.
  const threshold = binned.bounds![bin - 1] ?? Number.POSITIVE_INFINITY
  return { ...common, threshold, missingGoesLeft: kind === 'missingLeft' }
}

function checkValidation({ settings, rows, validation }: BoostedTreesTraining): void {
  if (!validation) {
    if (settings.earlyStoppingTrees === 0) return
    throw new MillraceError(
      'TRAINING_INPUT_INVALID',
      `boostedTrees.earlyStoppingTrees is ${settings.earlyStoppingTrees}, and there are no validation rows to stop by.`,
      { fix: 'Give validation rows, or set it to 0.' },
    )
  }
  checkRows('validation', validation, settings.objective)
  const names = (of: LabelledRows): string => of.columns.map(({ name }) => name).join(', ')
  if (names(rows) === names(validation)) return
  throw new MillraceError(
    'TRAINING_INPUT_INVALID',
    `The validation rows have the columns ${names(validation)}, expected those of the training rows: ${names(rows)}.`,
  )
}
