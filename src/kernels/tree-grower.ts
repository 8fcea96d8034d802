// Grows trees on binned features: lays out the memory and drives the kernel's threads. The papers and formulas stand in kernels/boosted-trees.ts.
import { instantiateKernel, KernelMemory } from './memory.ts'
import { KernelThreads } from './threads.ts'

export const GROUP_FEATURES = 8
/** Bins of a feature, the one of missing values included. */
export const MAX_BIN_COUNT = 256
const GROUP_SUMS = GROUP_FEATURES * MAX_BIN_COUNT
/** Gradients and hessians become integers of 16 bits, the gradients' with a sign. */
const MAX_GRADIENT = 32_766
const MAX_HESSIAN = 65_534

/** Features as bytes. */
export interface BinnedFeatures {
  readonly rowCount: number
  /** By feature: how many bins it has, the one of missing values, bin 0, included. */
  readonly binCounts: Int32Array
  /** By group of 8 features, by row, 8 bytes: `bins[(group * rowCount + row) * 8 + feature % 8]`. */
  readonly bins: Uint8Array
}

export interface GrowthLimits {
  /** At least 2. */
  readonly maxLeafCount: number
  /** 0: as deep as the leaves allow. */
  readonly maxDepth: number
  /** Of a leaf, estimated from its share of the hessian. */
  readonly minRowCount: number
  readonly minHessian: number
  readonly minGain: number
  readonly l2: number
}

/** A grown tree on bins. A child is a node's number, or ~leaf; node 0 is the root. */
export interface GrownTree {
  readonly features: Int32Array
  /** Up to this bin a row goes left. */
  readonly bins: Int32Array
  /** 1 where missing values go left. */
  readonly missingLeft: Uint8Array
  readonly left: Int32Array
  readonly right: Int32Array
  readonly gains: Float64Array
  readonly rowCounts: Int32Array
  /** By leaf: bounds that monotone constraints set for its value. */
  readonly low: Float64Array
  readonly high: Float64Array
  /** By leaf: its rows are `rows[starts[leaf] .. starts[leaf] + counts[leaf]]`; a view, good until the next tree. */
  readonly starts: Int32Array
  readonly counts: Int32Array
  readonly rows: Int32Array
}

interface BoostedTreesExports {
  growthBytes(): number
  leafBytes(): number
  nodeBytes(): number
  splitBytes(): number
  growTree(growth: number, thread: number, threadCount: number): void
}

/** Grows one tree after the other over the same features. Close it, or the process stays alive. */
export class TreeGrower {
  readonly #threads: KernelThreads | undefined
  readonly #threadCount: number
  readonly #kernel: BoostedTreesExports
  readonly #view: DataView
  readonly #growth: number
  readonly #leaves: number
  readonly #nodes: number
  readonly #rowCount: number
  readonly #features: BinnedFeatures
  readonly #usedBins: Int32Array
  readonly #rows: Int32Array
  /** Two words a row: hessian, gradient. */
  readonly #packed: Int32Array

  constructor(features: BinnedFeatures, limits: GrowthLimits, options: { threadCount: number; monotone?: Int32Array }) {
    const { rowCount, binCounts } = features
    const featureCount = binCounts.length
    const groupCount = Math.ceil(featureCount / GROUP_FEATURES)
    const { maxLeafCount } = limits
    this.#rowCount = rowCount
    this.#features = features
    const memory = new KernelMemory()
    this.#kernel = instantiateKernel<BoostedTreesExports>('boosted-trees', memory.memory)
    const bins = memory.int32(features.bins.length / 4)
    new Uint8Array(bins.buffer, bins.byteOffset, features.bins.length).set(features.bins)
    this.#rows = memory.int32(rowCount)
    this.#packed = memory.int32(2 * rowCount)
    const rowBuffer = memory.int32(rowCount + 1)
    const gradientBuffer = memory.int32(2 * (rowCount + 1))
    const packedSums = memory.int32(2 * groupCount * GROUP_SUMS)
    const histograms = memory.float64(2 * maxLeafCount * groupCount * GROUP_SUMS)
    this.#usedBins = memory.int32(groupCount * GROUP_FEATURES)
    const monotone = memory.int32(groupCount * GROUP_FEATURES)
    if (options.monotone) monotone.set(options.monotone)
    const leaves = memory.float64((maxLeafCount * this.#kernel.leafBytes()) / 8)
    const nodes = memory.float64((maxLeafCount * this.#kernel.nodeBytes()) / 8)
    const splits = memory.float64((2 * groupCount * GROUP_FEATURES * this.#kernel.splitBytes()) / 8)
    const counter = memory.int32(16)
    const growth = memory.float64(this.#kernel.growthBytes() / 8)
    const view = new DataView(growth.buffer)
    this.#view = view
    this.#growth = growth.byteOffset
    this.#leaves = leaves.byteOffset
    this.#nodes = nodes.byteOffset
    // The fields of the kernel's `Growth`, in its order.
    const words = [
      0,
      rowCount,
      featureCount,
      groupCount,
      bins.byteOffset,
      this.#rows.byteOffset,
      this.#packed.byteOffset,
      rowBuffer.byteOffset,
      gradientBuffer.byteOffset,
      packedSums.byteOffset,
      histograms.byteOffset,
      this.#usedBins.byteOffset,
      monotone.byteOffset,
      maxLeafCount,
      limits.maxDepth,
      limits.minRowCount,
    ]
    for (const [i, word] of words.entries()) view.setUint32(this.#growth + 4 * i, word, true)
    for (const [i, value] of [limits.l2, limits.minHessian, limits.minGain].entries()) {
      view.setFloat64(this.#growth + 80 + 8 * i, value, true)
    }
    for (const [i, array] of [leaves, nodes, splits, counter].entries()) {
      view.setUint32(this.#growth + 104 + 4 * i, array.byteOffset, true)
    }
    this.#threadCount = options.threadCount
    this.#threads = options.threadCount > 1 ? new KernelThreads(memory, options.threadCount) : undefined
  }

  /**
   * @param gradients by row of the loss, finite
   * @param hessians by row, 0 or above
   * @param rowsInBag the rows to grow from, ascending; undefined: all
   * @param isUsed by feature: 0 leaves it out; undefined: all are used
   * @param seed of the rounding of gradients to integers
   */
  async grow(
    gradients: Float64Array,
    hessians: Float64Array,
    { rowsInBag, isUsed, seed }: { rowsInBag?: Int32Array; isUsed?: Uint8Array; seed: number },
  ): Promise<GrownTree> {
    this.#usedBins.set(
      isUsed ? this.#features.binCounts.map((count, f) => (isUsed[f] ? count : 0)) : this.#features.binCounts,
    )
    const count = rowsInBag?.length ?? this.#rowCount
    for (let i = 0; i < count; i++) this.#rows[i] = rowsInBag ? rowsInBag[i]! : i
    this.#quantise(gradients, hessians, count, seed)
    this.#view.setInt32(this.#growth, count, true)
    if (this.#threads) {
      await this.#threads.run('boosted-trees', 'growTree', (thread) => [this.#growth, thread, this.#threadCount])
    } else this.#kernel.growTree(this.#growth, 0, 1)
    return this.#read()
  }

  /** Rounds to integers at random, so that on the average nothing is lost, however small; the same rows and seed give the same integers. */
  #quantise(gradients: Float64Array, hessians: Float64Array, count: number, seed: number): void {
    const rows = this.#rows
    const packed = this.#packed
    let maxGradient = 0
    let maxHessian = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]!
      const size = Math.abs(gradients[row]!)
      if (size > maxGradient) maxGradient = size
      if (hessians[row]! > maxHessian) maxHessian = hessians[row]!
    }
    const gradientScale = maxGradient > 0 ? maxGradient / MAX_GRADIENT : 1
    const hessianScale = maxHessian > 0 ? maxHessian / MAX_HESSIAN : 1
    for (let i = 0; i < count; i++) {
      const row = rows[i]!
      let hash = Math.imul(row, 0x9e3779b9) ^ seed
      hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
      hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
      hash ^= hash >>> 16
      packed[2 * i] = Math.floor(hessians[row]! / hessianScale + (hash & 0xffff) / 0x10000)
      packed[2 * i + 1] = Math.floor(gradients[row]! / gradientScale + (hash >>> 16) / 0x10000)
    }
    this.#view.setFloat64(this.#growth + 64, gradientScale, true)
    this.#view.setFloat64(this.#growth + 72, hessianScale, true)
  }

  #read(): GrownTree {
    const view = this.#view
    const leafCount = view.getInt32(this.#growth + 124, true)
    const nodes = Array.from({ length: leafCount - 1 }, (_, n) => this.#nodes + n * this.#kernel.nodeBytes())
    const leaves = Array.from({ length: leafCount }, (_, leaf) => this.#leaves + leaf * this.#kernel.leafBytes())
    return {
      features: Int32Array.from(nodes, (at) => view.getInt32(at, true)),
      bins: Int32Array.from(nodes, (at) => view.getInt32(at + 4, true)),
      missingLeft: Uint8Array.from(nodes, (at) => view.getInt32(at + 8, true)),
      left: Int32Array.from(nodes, (at) => view.getInt32(at + 12, true)),
      right: Int32Array.from(nodes, (at) => view.getInt32(at + 16, true)),
      rowCounts: Int32Array.from(nodes, (at) => view.getInt32(at + 20, true)),
      gains: Float64Array.from(nodes, (at) => view.getFloat64(at + 24, true)),
      low: Float64Array.from(leaves, (at) => view.getFloat64(at + 32, true)),
      high: Float64Array.from(leaves, (at) => view.getFloat64(at + 40, true)),
      starts: Int32Array.from(leaves, (at) => view.getInt32(at, true)),
      counts: Int32Array.from(leaves, (at) => view.getInt32(at + 4, true)),
      rows: this.#rows,
    }
  }

  /** What the trees are grown on. */
  get features(): BinnedFeatures {
    return this.#features
  }

  async close(): Promise<void> {
    await this.#threads?.close()
  }
}
