// Boosted trees: lays out the memory and drives the kernel's threads, one call a tree. Papers, formulas and where we differ stand at the top of
// kernels/tree-training.ts and of the files it is made of.
import assert from 'node:assert'
import { KernelMemory } from './memory.ts'
import { KernelThreads } from './threads.ts'

/** What is minimised; `given` learns from gradients that the caller writes. */
export type TreeObjective = 'given' | 'squared' | 'logistic' | 'pairwise' | 'lambdaMart'

/** One column of the data, sorted into bins. */
export interface BinnedFeature {
  /** Numbers: ascending bounds, at most 254; a value is in bin 1 + (bounds below it). Categories: the bins are given with the rows. */
  readonly bounds?: Float32Array
  /** From 1 to 256. Bin 0 is for missing values. */
  readonly binCount: number
  /** Whether bin 0 has rows: only then a split chooses a side for them. */
  readonly hasMissing: boolean
  /** 1: the output may not fall where the value rises; -1: it may not rise; 0: as it likes. */
  readonly direction: -1 | 0 | 1
}

export interface TreeTrainingOptions {
  readonly objective: TreeObjective
  /** From 2. */
  readonly leafCount: number
  /** From 1. */
  readonly depthLimit: number
  /** Of a leaf; counted by parts of the hessian, which is exact where all rows have the same. */
  readonly leastRows: number
  readonly leastHessian: number
  readonly leastGain: number
  readonly learningRate: number
  /** L2 penalty of a leaf's output. */
  readonly lambda: number
  /** More of it where categories are split, and the weight of the mean where they are ordered. */
  readonly categoryLambda: number
  /** Steepness of the pairwise objectives. */
  readonly sigmoid: number
  /** A leaf's output is the mean of its own and of that of the node above it, in which it counts by its rows and the node above by this many. 0 for none. */
  readonly smoothing: number
  /** Each leaf may be split by this part of the tree's features, drawn anew, but by two at least; in (0, 1]. */
  readonly splitFeatureFraction: number
  /** LambdaMART: pairs have one row among as many best ones. */
  readonly truncation: number
  readonly isNormalized: boolean
  /** The result is the same, bit for bit, for every number of threads. */
  readonly threadCount: number
}

/** What the trees are to predict. */
export interface TreeTargets {
  readonly labels: ArrayLike<number>
  readonly weights?: ArrayLike<number>
  /** Query q has the rows from offsets[q] to before offsets[q + 1]. For the pairwise objectives. */
  readonly queryOffsets?: Int32Array
}

/** How one tree is grown. */
export interface RoundOptions {
  readonly seed: number
  /** Which features it may use; all when absent. */
  readonly features?: readonly number[]
  /** The rows it learns from, ascending; all when absent. */
  readonly rows?: Int32Array
}

/** A tree in terms of bins. Nodes come in the order in which leaves were split, the root first. Children below 0 are leaves: -1 - leaf. */
export interface BinnedTree {
  readonly nodes: readonly BinnedNode[]
  /** Times the learning rate; one more than there are nodes. */
  readonly outputs: Float64Array
  readonly outputRowCounts: Int32Array
}

export interface BinnedNode {
  readonly feature: number
  readonly kind: 'missingRight' | 'missingLeft' | 'categories'
  /** The last bin that goes left, unless `kind` is categories. */
  readonly bin: number
  /** The bins that go left, where `kind` is categories. */
  readonly bins: readonly number[]
  readonly left: number
  readonly right: number
  /** The fall of the loss, up to a factor of 2, before the learning rate and without smoothing. */
  readonly gain: number
  readonly rowCount: number
}

const objectiveNumbers: Readonly<Record<TreeObjective, number>> = {
  given: 0,
  squared: 1,
  logistic: 2,
  pairwise: 3,
  lambdaMart: 4,
}
const nodeKinds = [undefined, 'missingRight', 'missingLeft', 'categories'] as const

/** Of the kernel's structures. */
const LEAF_BYTES = 72
const SPLIT_BYTES = 72
const NODE_BYTES = 64
const SUMS_BYTES = 20
const TOTALS_BYTES = 32
const TILE_ROWS = 1024
const ROUND_COUNTERS = 8
const CHUNK_ROWS = 4096
/** Three passes of 11 bits. */
const SORT_COUNTERS = 3 * 2048
const PADDED_BOUNDS = 256
/** Columns that are sorted, or turned to bins, at once: enough work for the threads, little memory. */
const AT_ONCE = 8

/** Training in progress: rows, scores and the threads. Close it, or the process stays alive. */
export class TreeTraining {
  readonly #memory = new KernelMemory()
  readonly #threads: KernelThreads
  readonly #options: TreeTrainingOptions
  readonly #rowCount: number
  #features: readonly BinnedFeature[] = []
  readonly #counter: Int32Array
  /** The sum of the trees so far, for each training row, and for each validation row. The first score is the caller's to write. */
  readonly scores: Float64Array
  #validationScores: Float64Array = new Float64Array(0)
  /** Written by the caller where the objective is `given`. */
  readonly gradients: Float32Array
  readonly hessians: Float32Array
  #rowBins: Uint8Array = new Uint8Array(0)
  #columnBins: Uint8Array = new Uint8Array(0)
  #validationBins: Uint8Array = new Uint8Array(0)
  #layout: Layout | undefined

  /** The threads start here, which takes a while that the caller can use. */
  constructor(rowCount: number, options: TreeTrainingOptions) {
    this.#rowCount = rowCount
    this.#options = options
    this.#threads = new KernelThreads(this.#memory, options.threadCount)
    const memory = this.#memory
    this.#counter = memory.int32(1)
    this.scores = memory.float64(paddedRows(rowCount))
    this.gradients = memory.float32(paddedRows(rowCount))
    this.hessians = memory.float32(paddedRows(rowCount))
  }

  get validationScores(): Float64Array {
    return this.#validationScores
  }

  /** Sorts columns of equal length, ascending, NaN last, a few at a time, and hands each to `use`: a view, valid until it returns. */
  async sortColumns(
    columns: readonly Float32Array[],
    use: (sorted: Float32Array, column: number) => void,
  ): Promise<void> {
    const mark = this.#memory.mark()
    const length = columns[0]?.length ?? 0
    const values = this.#memory.float32(AT_ONCE * length)
    const scratches = Array.from({ length: this.#options.threadCount }, () =>
      this.#memory.uint32(length + SORT_COUNTERS),
    )
    for (let first = 0; first < columns.length; first += AT_ONCE) {
      const some = columns.slice(first, first + AT_ONCE)
      for (const [i, column] of some.entries()) values.set(column, i * length)
      this.#counter[0] = 0
      await this.#threads.run('tree-training', 'sortColumns', (thread) => [
        values.byteOffset,
        some.length,
        length,
        this.#counter.byteOffset,
        scratches[thread]!.byteOffset,
      ])
      for (const i of some.keys()) use(values.subarray(i * length, (i + 1) * length), first + i)
    }
    this.#memory.rewind(mark)
  }

  /**
   * Turns the training rows' values to bins.
   * @param columns one a feature: float32 values with NaN for missing, or the bins themselves where a feature has no bounds
   */
  async placeRows(features: readonly BinnedFeature[], columns: readonly (Float32Array | Uint8Array)[]): Promise<void> {
    this.#features = features
    this.#columnBins = this.#memory.uint8(features.length * this.#rowCount)
    this.#rowBins = this.#memory.uint8(this.#rowCount * rowBytesOf(features.length))
    await this.#binRows(columns, this.#rowCount, this.#columnBins, this.#rowBins)
  }

  /** After `placeRows`, for rows that are scored after every tree. */
  async placeValidationRows(columns: readonly (Float32Array | Uint8Array)[], rowCount: number): Promise<void> {
    this.#validationBins = this.#memory.uint8(rowCount * rowBytesOf(columns.length))
    this.#validationScores = this.#memory.float64(rowCount)
    const mark = this.#memory.mark()
    await this.#binRows(columns, rowCount, this.#memory.uint8(columns.length * rowCount), this.#validationBins)
    this.#memory.rewind(mark)
  }

  async #binRows(
    columns: readonly (Float32Array | Uint8Array)[],
    rowCount: number,
    columnBins: Uint8Array,
    rowBins: Uint8Array,
  ): Promise<void> {
    const mark = this.#memory.mark()
    const values = this.#memory.float32(AT_ONCE * rowCount)
    const bounds = this.#memory.float32(AT_ONCE * PADDED_BOUNDS)
    for (let first = 0; first < columns.length; ) {
      const column = columns[first]!
      if (column instanceof Uint8Array) {
        columnBins.set(column, first * rowCount)
        first++
        continue
      }
      let count = 0
      for (; count < AT_ONCE && columns[first + count] instanceof Float32Array; count++) {
        values.set(columns[first + count]!, count * rowCount)
        const own = bounds.subarray(count * PADDED_BOUNDS, (count + 1) * PADDED_BOUNDS)
        own.fill(Number.POSITIVE_INFINITY).set(this.#features[first + count]!.bounds!)
      }
      await this.#run('binColumns', [
        values.byteOffset,
        count,
        rowCount,
        bounds.byteOffset,
        columnBins.byteOffset + first * rowCount,
        this.#counter.byteOffset,
      ])
      first += count
    }
    await this.#run('transposeBins', [
      columnBins.byteOffset,
      columns.length,
      rowCount,
      rowBytesOf(columns.length),
      rowBins.byteOffset,
      this.#counter.byteOffset,
    ])
    this.#memory.rewind(mark)
  }

  async #run(functionName: string, args: readonly number[]): Promise<void> {
    this.#counter[0] = 0
    await this.#threads.run('tree-training', functionName, () => args)
  }

  /** After the rows are placed, before the first round. */
  setTargets(targets: TreeTargets): void {
    this.#layout = layOut(this.#memory, this.#features, this.#rowCount, this.#options, targets)
    const task = this.#layout.task
    task.set('rowBins', this.#rowBins.byteOffset)
    task.set('columnBins', this.#columnBins.byteOffset)
    task.set('gradients', this.gradients.byteOffset)
    task.set('hessians', this.hessians.byteOffset)
    task.set('scores', this.scores.byteOffset)
    task.set('validationCount', this.#validationScores.length)
    task.set('validationBins', this.#validationBins.byteOffset)
    task.set('validationScores', this.#validationScores.byteOffset)
  }

  /** Grows one tree and adds its outputs to all scores. */
  async round({ seed, features, rows }: RoundOptions): Promise<BinnedTree> {
    assert(this.#layout, 'setTargets comes before the first round')
    const { task, counters, isActive, sample, totals } = this.#layout
    counters.fill(0)
    task.set('seed', seed >>> 0)
    if (features) {
      isActive.fill(0)
      for (const feature of features) isActive[feature] = 1
    } else {
      isActive.fill(1)
    }
    if (rows) sample.set(rows)
    task.set('sample', rows ? sample.byteOffset : 0)
    task.set('sampleCount', rows ? rows.length : 0)
    await this.#threads.run('tree-training', 'boost', (thread) => [task.address, thread, totals.byteOffset])
    return readTree(this.#layout)
  }

  async close(): Promise<void> {
    await this.#threads.close()
  }
}

/** The kernel's `TreeTask`, all of whose fields are 32 bits wide. */
class TaskFields {
  static readonly names = [
    'threadCount',
    'barrier',
    'rowCount',
    'featureCount',
    'rowBins',
    'rowBytes',
    'columnBins',
    'binCounts',
    'binOffsets',
    'flags',
    'directions',
    'isBounded',
    'isActive',
    'splitFeatures',
    'gradients',
    'hessians',
    'packed',
    'rows',
    'rowsScratch',
    'sample',
    'sampleCount',
    'leafCount',
    'depthLimit',
    'leastRows',
    'leaves',
    'splits',
    'candidates',
    'histograms',
    'histogramBytes',
    'sums',
    'counters',
    'leftCounts',
    'goesLeft',
    'state',
    'numbers',
    'nodes',
    'outputs',
    'outputRows',
    'scores',
    'seed',
    'objective',
    'labels',
    'weights',
    'queryCount',
    'queryOffsets',
    'gains',
    'inverseBestDcgs',
    'discounts',
    'order',
    'truncation',
    'isNormalized',
    'validationCount',
    'validationBins',
    'validationScores',
    'scratches',
    'scratchBytes',
  ] as const
  readonly #words: Uint32Array

  constructor(memory: KernelMemory) {
    this.#words = memory.uint32(TaskFields.names.length).fill(0)
  }

  get address(): number {
    return this.#words.byteOffset
  }

  set(name: (typeof TaskFields.names)[number], value: number): void {
    this.#words[TaskFields.names.indexOf(name)] = value
  }
}

interface Layout {
  readonly task: TaskFields
  readonly counters: Int32Array
  readonly isActive: Int32Array
  readonly sample: Int32Array
  readonly totals: Uint8Array
  readonly state: Int32Array
  readonly nodes: Uint8Array
  readonly outputs: Float64Array
  readonly outputRows: Int32Array
}

function layOut(
  memory: KernelMemory,
  features: readonly BinnedFeature[],
  rowCount: number,
  options: TreeTrainingOptions,
  targets: TreeTargets,
): Layout {
  const { leafCount, threadCount } = options
  const featureCount = features.length
  const task = new TaskFields(memory)
  const place = (name: (typeof TaskFields.names)[number], values: ArrayLike<number>): Int32Array => {
    const view = memory.placeInt32(values)
    task.set(name, view.byteOffset)
    return view
  }
  const zeros = (bytes: number): Uint8Array => memory.uint8(bytes).fill(0)
  const reserve = (name: (typeof TaskFields.names)[number], bytes: number): void => {
    task.set(name, zeros(bytes).byteOffset)
  }
  task.set('threadCount', threadCount)
  task.set('rowCount', rowCount)
  task.set('featureCount', featureCount)
  task.set('rowBytes', rowBytesOf(featureCount))
  task.set('leafCount', leafCount)
  task.set('depthLimit', Math.min(options.depthLimit, 0x7fffffff))
  task.set('leastRows', Math.max(1, options.leastRows))
  task.set('objective', objectiveNumbers[options.objective])
  reserve('barrier', 8)

  const binOffsets = new Int32Array(featureCount)
  let totalBins = 0
  for (let feature = 0; feature < featureCount; feature++) {
    binOffsets[feature] = totalBins
    totalBins += features[feature]!.binCount
  }
  place(
    'binCounts',
    features.map(({ binCount }) => binCount),
  )
  place('binOffsets', binOffsets)
  place(
    'flags',
    features.map(({ hasMissing, bounds }) => (hasMissing ? 1 : 0) + (bounds ? 0 : 2)),
  )
  place(
    'directions',
    features.map(({ direction }) => direction),
  )
  task.set('isBounded', features.some(({ direction }) => direction !== 0) ? 1 : 0)
  const isActive = place('isActive', new Int32Array(featureCount).fill(1))

  if (options.splitFeatureFraction < 1) reserve('splitFeatures', 2 * featureCount * 4)
  reserve('packed', rowCount * 8)
  reserve('rows', rowCount * 4)
  reserve('rowsScratch', rowCount * 4)
  const sample = memory.int32(rowCount)
  reserve('leaves', leafCount * LEAF_BYTES)
  reserve('splits', leafCount * SPLIT_BYTES)
  reserve('candidates', 2 * featureCount * SPLIT_BYTES)
  task.set('histogramBytes', totalBins * 16)
  reserve('histograms', leafCount * totalBins * 16)
  const sums = memory.uint32((threadCount * SUMS_BYTES) / 4).fill(0)
  for (let thread = 0; thread < threadCount; thread++) {
    sums[thread * 5] = zeros(featureCount * 2048).byteOffset
    sums[thread * 5 + 1] = zeros(totalBins * 16).byteOffset
    sums[thread * 5 + 4] = zeros(TILE_ROWS * 12).byteOffset
  }
  task.set('sums', sums.byteOffset)
  const counters = place('counters', new Int32Array(ROUND_COUNTERS + 3 * (leafCount + 1)))
  reserve('leftCounts', Math.ceil(rowCount / CHUNK_ROWS) * 4)
  reserve('goesLeft', 256)
  const state = place('state', new Int32Array(8))
  const numbers = memory.float64(8)
  numbers.set([
    options.learningRate,
    options.lambda,
    options.leastHessian,
    options.leastGain,
    options.categoryLambda,
    options.sigmoid,
    options.smoothing,
    options.splitFeatureFraction,
  ])
  task.set('numbers', numbers.byteOffset)
  const nodes = zeros(leafCount * NODE_BYTES)
  task.set('nodes', nodes.byteOffset)
  const outputs = memory.float64(leafCount)
  task.set('outputs', outputs.byteOffset)
  const outputRows = place('outputRows', new Int32Array(leafCount))
  const totals = zeros(threadCount * TOTALS_BYTES)

  const labels = memory.float32(paddedRows(rowCount)).fill(0)
  labels.set(targets.labels)
  task.set('labels', labels.byteOffset)
  if (targets.weights) {
    const weights = memory.float32(paddedRows(rowCount)).fill(0)
    weights.set(targets.weights)
    task.set('weights', weights.byteOffset)
  }
  const longestQuery = layOutQueries(memory, task, rowCount, options, targets)
  const scratchBytes = 4096 + 64 + 20 * (longestQuery + 4)
  const paddedScratch = Math.ceil(scratchBytes / 64) * 64
  task.set('scratchBytes', paddedScratch)
  reserve('scratches', threadCount * paddedScratch)
  return { task, counters, isActive, sample, totals, state, nodes, outputs, outputRows }
}

/** Returns the rows of the longest query. */
function layOutQueries(
  memory: KernelMemory,
  task: TaskFields,
  rowCount: number,
  options: TreeTrainingOptions,
  { labels, queryOffsets }: TreeTargets,
): number {
  if (!queryOffsets) return 0
  const queryCount = queryOffsets.length - 1
  let longest = 0
  for (let q = 0; q < queryCount; q++) longest = Math.max(longest, queryOffsets[q + 1]! - queryOffsets[q]!)
  const truncation = options.objective === 'lambdaMart' ? options.truncation : 0x7fffffff
  const gains = memory.float32(rowCount)
  for (let row = 0; row < rowCount; row++) gains[row] = 2 ** labels[row]! - 1
  const discounts = memory.float32(longest + 4)
  for (let rank = 0; rank < discounts.length; rank++) discounts[rank] = 1 / Math.log2(rank + 2)
  const inverseBestDcgs = memory.float32(queryCount)
  for (let q = 0; q < queryCount; q++) {
    const ideal = gains
      .slice(queryOffsets[q], queryOffsets[q + 1])
      .sort()
      .reverse()
    let dcg = 0
    for (let rank = 0; rank < Math.min(ideal.length, truncation); rank++) dcg += ideal[rank]! / Math.log2(rank + 2)
    inverseBestDcgs[q] = dcg > 0 ? 1 / dcg : 0
  }
  task.set('queryCount', queryCount)
  task.set('queryOffsets', memory.placeInt32(queryOffsets).byteOffset)
  task.set('gains', gains.byteOffset)
  task.set('discounts', discounts.byteOffset)
  task.set('inverseBestDcgs', inverseBestDcgs.byteOffset)
  task.set('order', memory.placeInt32(Int32Array.from({ length: rowCount }, (_, row) => row)).byteOffset)
  task.set('truncation', truncation)
  task.set('isNormalized', options.objective === 'lambdaMart' && options.isNormalized ? 1 : 0)
  return longest
}

function readTree({ state, nodes, outputs, outputRows }: Layout): BinnedTree {
  const leafCount = state[0]!
  const words = new Int32Array(nodes.buffer, nodes.byteOffset, (leafCount - 1) * (NODE_BYTES / 4))
  const numbers = new Float64Array(nodes.buffer, nodes.byteOffset, (leafCount - 1) * (NODE_BYTES / 8))
  return {
    nodes: Array.from({ length: leafCount - 1 }, (_, node) => {
      const at = node * (NODE_BYTES / 4)
      const kind = nodeKinds[words[at + 1]!]
      assert(kind, 'a node has a kind')
      const bins: number[] = []
      if (kind === 'categories') {
        for (let bin = 0; bin < 256; bin++) if (words[at + 8 + (bin >> 5)]! & (1 << (bin & 31))) bins.push(bin)
      }
      return {
        feature: words[at]!,
        kind,
        bin: words[at + 2]!,
        bins,
        left: words[at + 3]!,
        right: words[at + 4]!,
        rowCount: words[at + 5]!,
        gain: numbers[node * (NODE_BYTES / 8) + 3]!,
      }
    }),
    outputs: outputs.slice(0, leafCount),
    outputRowCounts: outputRows.slice(0, leafCount),
  }
}

/** Room for reads of four at a time. */
const paddedRows = (rowCount: number): number => Math.ceil(rowCount / 4) * 4

/** A row's bins start at a multiple of 8 bytes, so that eight are read at once, and lie in as few cache lines as they can. */
function rowBytesOf(featureCount: number): number {
  const bytes = Math.ceil(featureCount / 8) * 8
  if (bytes <= 16) return bytes
  return bytes <= 32 ? 32 : Math.ceil(bytes / 64) * 64
}
