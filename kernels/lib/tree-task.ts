// What all threads that train boosted trees read: laid out by the host, see src/kernels/tree-training.ts, which writes it field by field.
import { Barrier } from './barrier'

@unmanaged
export class TreeTask {
  threadCount: i32
  barrier: Barrier
  rowCount: i32
  featureCount: i32
  /** rows x rowBytes and features x rowCount bytes: the bin of every value. Bin 0 is for the missing. */
  rowBins: usize
  rowBytes: i32
  columnBins: usize
  /** int32 a feature: bins in use, bin 0 included; the first of them among all features' bins; flags of split.ts; direction, if isBounded. */
  binCounts: usize
  binOffsets: usize
  flags: usize
  directions: usize
  isBounded: i32
  /** int32 a feature: whether this tree may use it. */
  isActive: usize
  /** int32 a feature, twice: whether the newest left leaf, or the root, may be split by it, and whether the newest right one. 0: by all that the tree may use. */
  splitFeatures: usize
  /** float32 a row. */
  gradients: usize
  hessians: usize
  /** int64 a row: both, rounded to whole numbers. */
  packed: usize
  /** int32, the rows of each leaf side by side, and as much room again. */
  rows: usize
  rowsScratch: usize
  /** The rows that this tree learns from, ascending; 0 for all. */
  sample: usize
  sampleCount: i32
  leafCount: i32
  depthLimit: i32
  leastRows: i32
  /** leafCount Leaf, and as many Split: the best of each. */
  leaves: usize
  splits: usize
  /** 2 x features Split: the best of each feature, for the two newest leaves. */
  candidates: usize
  /** leafCount histograms of pairs of float64. */
  histograms: usize
  histogramBytes: usize
  /** threadCount ThreadSums. */
  sums: usize
  /** int32: work counters, three a split; rows that go left in each chunk. */
  counters: usize
  leftCounts: usize
  /** 256 bytes: whether a bin of the feature that is split goes left. */
  goesLeft: usize
  /** Written by the first thread for all. */
  state: usize
  /** See `Numbers`. */
  numbers: usize
  /** leafCount - 1 nodes and leafCount float64 outputs and int32 row counts: the tree. */
  nodes: usize
  outputs: usize
  outputRows: usize
  /** float64 a row: the sum of the trees so far. */
  scores: usize
  seed: u32
  /** The objective: see objective.ts. */
  objective: i32
  labels: usize
  /** float32 a row, or 0. */
  weights: usize
  queryCount: i32
  /** int32, queryCount + 1. */
  queryOffsets: usize
  /** float32 a row: 2^label - 1; a query: 1 / best DCG; a rank: 1 / log2(rank + 2). */
  gains: usize
  inverseBestDcgs: usize
  discounts: usize
  /** int32 a row: each query's rows, best first. */
  order: usize
  truncation: i32
  isNormalized: i32
  /** Validation rows, with bins by the same bounds. */
  validationCount: i32
  validationBins: usize
  validationScores: usize
  /** Bytes for each thread's own use. */
  scratches: usize
  scratchBytes: usize
}

@unmanaged
export class Numbers {
  learningRate: f64
  lambda: f64
  leastHessian: f64
  leastGain: f64
  categoryLambda: f64
  sigmoid: f64
  smoothing: f64
  splitFeatureFraction: f64
}

/** A node as the host reads it. Children from 0 are nodes, below 0 leaves: -1 - leaf. */
@unmanaged
export class TreeNode {
  feature: i32
  kind: i32
  bin: i32
  left: i32
  right: i32
  rowCount: i32
  gain: f64
  set0: u64
  set1: u64
  set2: u64
  set3: u64
}

/** What the first thread decides and the others read. */
@unmanaged
export class TreeState {
  leafCount: i32
  /** The leaf that is split, or -1 when the tree is done. */
  leaf: i32
  gradientScale: f64
  hessianScale: f64
  /** Whether the first thread has parted the leaf's rows alone, and has summed the smaller part's. */
  isParted: i32
  isSummed: i32
}

/** Rows per chunk of work; whatever the number of threads, so that nothing depends on it. */
export const CHUNK_ROWS: i32 = 4096

/** The next chunk of work for this thread. */
// @ts-ignore: decorator
@inline
export function take(counter: usize): i32 {
  return atomic.add<i32>(counter, 1)
}
