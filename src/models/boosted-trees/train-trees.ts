// Boosting: one tree after the other, each grown towards the derivatives of the loss at the scores of those before it.
import { type BinnedFeatures, GROUP_FEATURES, type GrownTree, TreeGrower } from '../../kernels/tree-grower.ts'
import type { Trees } from '../../kernels/trees.ts'
import { type Rng, seededRng } from '../../lib/rng.ts'
import { type BinEnds, binFeatures, findBins } from './feature-bins.ts'
import { type Labelled, lambdaMartObjective, logisticObjective, type Objective, squaredObjective } from './objective.ts'
import { checkTrainingRows } from './training-rows.ts'
import { TreesBuilder } from './trees-builder.ts'
import type { TrainTreesOptions, TreesRows, TreesSettings } from './trees-settings.ts'

/** Rows looked at to find bins. */
const BIN_SAMPLE_ROWS = 200_000
const MIN_ROWS_PER_BIN = 3

/**
 * Gradient-boosted trees on histograms. With validation rows the ensemble ends at its best tree.
 * @throws MillraceError TRAINING_INPUT_INVALID where rows or settings cannot be learned from
 */
export async function trainTrees(rows: TreesRows, settings: TreesSettings, options: TrainTreesOptions): Promise<Trees> {
  checkTrainingRows(rows, settings, options)
  const rng = seededRng(options.seed).fork('boosted-trees')
  const binning = { maxBins: settings.bins, minRowsPerBin: MIN_ROWS_PER_BIN, sampleRows: BIN_SAMPLE_ROWS }
  const ends = findBins(rows.columns, binning, rng.fork('bins'))
  const grower = new TreeGrower(binFeatures(rows.columns, ends), limitsOf(settings), {
    threadCount: options.threadCount,
    ...(options.monotone && { monotone: options.monotone }),
  })
  try {
    return await new Boosting(rows, settings, options, ends, grower, rng).run()
  } finally {
    await grower.close()
  }
}

const limitsOf = (settings: TreesSettings) => ({
  maxLeafCount: settings.leaves,
  maxDepth: settings.maxDepth,
  minRowCount: settings.minRows,
  minHessian: settings.minHessian,
  minGain: settings.minGain,
  l2: settings.l2,
})

function objectiveOf(rows: Labelled, settings: TreesSettings): Objective {
  if (settings.objective === 'squared') return squaredObjective(rows)
  return settings.objective === 'logistic' ? logisticObjective(rows) : lambdaMartObjective(rows, settings)
}

/** Rows whose scores follow the ensemble, tree by tree. */
interface Followed {
  readonly features: BinnedFeatures
  readonly scores: Float64Array
  readonly objective: Objective
}

class Boosting {
  readonly #rows: TreesRows
  readonly #settings: TreesSettings
  readonly #options: TrainTreesOptions
  readonly #grower: TreeGrower
  readonly #objective: Objective
  readonly #scores: Float64Array
  readonly #validation: Followed | undefined
  readonly #builder: TreesBuilder
  readonly #rng: Rng
  readonly #isOutOfBag: Uint8Array

  constructor(
    rows: TreesRows,
    settings: TreesSettings,
    options: TrainTreesOptions,
    ends: BinEnds,
    grower: TreeGrower,
    rng: Rng,
  ) {
    this.#rows = rows
    this.#settings = settings
    this.#options = options
    this.#grower = grower
    this.#rng = rng
    this.#objective = objectiveOf(rows, settings)
    const baseScore = this.#objective.baseScore()
    this.#builder = new TreesBuilder(options.featureNames, baseScore, ends)
    this.#scores = new Float64Array(rows.labels.length).fill(baseScore)
    this.#isOutOfBag = new Uint8Array(rows.labels.length)
    const { validation } = options
    this.#validation = validation && {
      features: binFeatures(validation.columns, ends),
      scores: new Float64Array(validation.labels.length).fill(baseScore),
      objective: objectiveOf(validation, settings),
    }
  }

  async run(): Promise<Trees> {
    const { trees, patience } = this.#settings
    const derivatives = {
      gradients: new Float64Array(this.#scores.length),
      hessians: new Float64Array(this.#scores.length),
    }
    let bestLoss = Number.POSITIVE_INFINITY
    let bestCount = 0
    for (let count = 1; count <= trees; count++) {
      this.#objective.derive(this.#scores, derivatives)
      const rowsInBag = this.#drawRows()
      const isUsed = this.#drawFeatures()
      const tree = await this.#grower.grow(derivatives.gradients, derivatives.hessians, {
        ...(rowsInBag && { rowsInBag }),
        ...(isUsed && { isUsed }),
        seed: this.#rng.integer(2 ** 31),
      })
      // Without a split there is nothing left to learn, unless another draw finds some.
      if (tree.features.length === 0 && !rowsInBag && !isUsed) break
      const values = this.#valuesOf(tree, derivatives)
      this.#builder.add(tree, values)
      this.#addTree(tree, values, rowsInBag !== undefined)
      const validationLoss = this.#validation && this.#follow(this.#validation, tree, values)
      this.#options.onTree?.({ treeCount: count, validationLoss })
      if (validationLoss === undefined) continue
      if (validationLoss < bestLoss) {
        bestLoss = validationLoss
        bestCount = count
      } else if (count - bestCount >= patience) break
    }
    return this.#builder.build(this.#validation ? bestCount : undefined)
  }

  /** From the derivatives themselves, not from their rounded integers; summed in the order of the rows. */
  #valuesOf(
    tree: GrownTree,
    { gradients, hessians }: { gradients: Float64Array; hessians: Float64Array },
  ): Float64Array {
    const { learningRate, l2 } = this.#settings
    return Float64Array.from(tree.starts, (start, leaf) => {
      let gradient = 0
      let hessian = 0
      for (let i = start; i < start + tree.counts[leaf]!; i++) {
        const row = tree.rows[i]!
        gradient += gradients[row]!
        hessian += hessians[row]!
      }
      const value = hessian + l2 > 0 ? -gradient / (hessian + l2) : 0
      return learningRate * Math.min(tree.high[leaf]!, Math.max(tree.low[leaf]!, value))
    })
  }

  #addTree(tree: GrownTree, values: Float64Array, isBagged: boolean): void {
    for (const [leaf, start] of tree.starts.entries()) {
      const value = values[leaf]!
      for (let i = start; i < start + tree.counts[leaf]!; i++) this.#scores[tree.rows[i]!]! += value
    }
    if (!isBagged) return
    const features = this.#grower.features
    for (let row = 0; row < this.#scores.length; row++) {
      if (this.#isOutOfBag[row]) this.#scores[row]! += values[leafOfBins(tree, features, row)]!
    }
  }

  #follow({ features, scores, objective }: Followed, tree: GrownTree, values: Float64Array): number {
    for (let row = 0; row < scores.length; row++) scores[row]! += values[leafOfBins(tree, features, row)]!
    return objective.loss(scores)
  }

  /** Undefined for all rows. Whole queries are in or out: a pair needs both its rows. */
  #drawRows(): Int32Array | undefined {
    const { rowShare } = this.#settings
    if (rowShare === 1) return undefined
    const { queryOffsets } = this.#rows
    const rowCount = this.#scores.length
    const unitCount = queryOffsets ? queryOffsets.length - 1 : rowCount
    const unitOffset = (unit: number): number => (queryOffsets ? queryOffsets[unit]! : unit)
    const drawn = drawWithout(unitCount, Math.max(1, Math.round(rowShare * unitCount)), this.#rng)
    const rows = new Int32Array(rowCount)
    let count = 0
    for (let unit = 0; unit < unitCount; unit++) {
      this.#isOutOfBag.fill(drawn[unit] ? 0 : 1, unitOffset(unit), unitOffset(unit + 1))
      if (drawn[unit]) for (let row = unitOffset(unit); row < unitOffset(unit + 1); row++) rows[count++] = row
    }
    return rows.subarray(0, count)
  }

  #drawFeatures(): Uint8Array | undefined {
    const { featureShare } = this.#settings
    const featureCount = this.#rows.columns.length
    if (featureShare === 1) return undefined
    return drawWithout(featureCount, Math.max(1, Math.round(featureShare * featureCount)), this.#rng)
  }
}

/** 1 for each of `count` out of `total`, every choice alike (selection sampling). */
function drawWithout(total: number, count: number, rng: Rng): Uint8Array {
  const drawn = new Uint8Array(total)
  let needed = count
  for (let i = 0; i < total && needed > 0; i++) {
    if (rng.next() * (total - i) >= needed) continue
    drawn[i] = 1
    needed--
  }
  return drawn
}

function leafOfBins(tree: GrownTree, { bins, rowCount }: BinnedFeatures, row: number): number {
  if (tree.features.length === 0) return 0
  let node = 0
  while (node >= 0) {
    const feature = tree.features[node]!
    const group = Math.floor(feature / GROUP_FEATURES)
    const bin = bins[(group * rowCount + row) * GROUP_FEATURES + (feature % GROUP_FEATURES)]!
    const goesLeft = bin === 0 ? tree.missingLeft[node] === 1 : bin <= tree.bins[node]!
    node = goesLeft ? tree.left[node]! : tree.right[node]!
  }
  return ~node
}
