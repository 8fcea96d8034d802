// Scores of rows by trees, 64 rows at a time.
//
// Values become bytes first: how many of the thresholds that the trees compare a feature with lie below the value. Then a tree is walked from its
// leaves up: a node's result is, row by row, the right child's where the row's byte is above the threshold's number, else the left child's, and
// the root's result is the leaf's number. No branch, no gather, sixteen rows an instruction; all nodes are looked at, which pays up to a
// few hundred leaves. The idea of comparing all nodes with many rows instead of walking down with one is that of Lucchese et al., "QuickScorer: a
// fast algorithm to rank documents with additive ensembles of regression trees", SIGIR 2015; we differ in selecting instead of masking.

/** Rows whose bytes are kept at once: with fifty features they fill a first-level cache. */
const CHUNK_ROWS: usize = 512
/** Rows that a node is applied to before the next one is read. */
const GROUP_ROWS: usize = 64
/** Fewer thresholds are counted one by one, for sixteen rows at once; more are searched. */
const COUNTED_THRESHOLDS: i32 = 96

@unmanaged
class ScoreTask {
  columnCount: i32
  /** columnCount Column. */
  columns: usize
  treeCount: i32
  /** treeCount Tree. */
  trees: usize
  /** CHUNK_ROWS bytes a column. */
  bins: usize
  /** 64 bytes a node. */
  results: usize
  /** float64 a row, a multiple of 64 of them. */
  scores: usize
  /** categoryFeatureCount CategoryFeature. */
  categoryFeatures: usize
  baseScore: f64
  categoryFeatureCount: i32
}

/** A feature of categories: those that some node names get small numbers, so that each node finds its answer in a table. */
@unmanaged
class CategoryFeature {
  /** float32 a row. */
  values: usize
  /** uint16 a category from 0; 0 for one that no node names. */
  dictionary: usize
  dictionaryLength: i32
  /** uint16 a row of the chunk. */
  numbers: usize
}

/** A feature in one of the forms that nodes compare. */
@unmanaged
class Column {
  /** float32 a row. */
  values: usize
  /**
   * 0: `thresholds` are float32. 1: they are categories, int32; both ascend. 2: they are a byte for each number of the feature's categories, and `source` has these
   * numbers row by row.
   */
  form: i32
  thresholds: usize
  /** At most 254 thresholds, padded with infinity to a power of two. */
  thresholdCount: i32
  /** Whether the missing are above all thresholds; else they are below. */
  isMissingAbove: i32
  /** Bytes of the same thresholds with the missing below, which only have to be copied; 0 for none. */
  source: usize
}

@unmanaged
class Tree {
  /** Nodes in an order in which children come before their parents. */
  nodes: usize
  nodeCount: i32
  /** float64 a leaf. */
  outputs: usize
  /** Where the root's result is. */
  root: usize
}

@unmanaged
class Node {
  /** Of the first row of the chunk. */
  bins: usize
  /** Number of the threshold, less 128. */
  threshold: i32
  /** 64 bytes each: results of other nodes, or a leaf's number 64 times. */
  left: usize
  right: usize
}

/** Writes the scores of the first `rowCount` rows; up to the next multiple of 64 they are of no meaning. */
export function score(task: ScoreTask, rowCount: i32): void {
  for (let from: usize = 0; from < usize(rowCount); from += CHUNK_ROWS) {
    const count = (min(CHUNK_ROWS, usize(rowCount) - from) + GROUP_ROWS - 1) & ~(GROUP_ROWS - 1)
    for (let i = 0; i < task.categoryFeatureCount; i++) {
      fillNumbers(changetype<CategoryFeature>(task.categoryFeatures + usize(i) * offsetof<CategoryFeature>()), from, count)
    }
    for (let i = 0; i < task.columnCount; i++) {
      const column = changetype<Column>(task.columns + usize(i) * offsetof<Column>())
      fillBins(column, column.values + (from << 2), count, task.bins + usize(i) * CHUNK_ROWS)
    }
    const scores = task.scores + (from << 3)
    for (let row: usize = 0; row < count; row++) store<f64>(scores + (row << 3), task.baseScore)
    for (let t = 0; t < task.treeCount; t++) {
      const tree = changetype<Tree>(task.trees + usize(t) * offsetof<Tree>())
      for (let group: usize = 0; group < count; group += GROUP_ROWS) {
        applyTree(tree, group, task.results, scores + (group << 3))
      }
    }
  }
}

function fillNumbers(feature: CategoryFeature, from: usize, count: usize): void {
  const values = feature.values + (from << 2)
  const end = f32(feature.dictionaryLength)
  for (let row: usize = 0; row < count; row++) {
    const value = load<f32>(values + (row << 2))
    let number: u16 = 0
    // Not so for what is missing; and what is no whole number is no category.
    if (value >= 0 && value < end) {
      const category = i32(value)
      if (f32(category) == value) number = load<u16>(feature.dictionary + (usize(category) << 1))
    }
    store<u16>(feature.numbers + (row << 1), number)
  }
}

function fillBins(column: Column, values: usize, count: usize, bins: usize): void {
  if (column.form == 2) {
    const table = column.thresholds
    for (let row: usize = 0; row < count; row += 4) {
      const four = load<u64>(column.source + (row << 1))
      store<u8>(bins + row, load<u8>(table + usize(four & 0xffff)))
      store<u8>(bins + row, load<u8>(table + usize((four >> 16) & 0xffff)), 1)
      store<u8>(bins + row, load<u8>(table + usize((four >> 32) & 0xffff)), 2)
      store<u8>(bins + row, load<u8>(table + usize(four >> 48)), 3)
    }
    return
  }
  if (column.form == 1) {
    for (let row: usize = 0; row < count; row++) {
      const isLeft = contains(column.thresholds, column.thresholdCount, load<f32>(values + (row << 2)))
      store<i8>(bins + row, isLeft ? -128 : -127)
    }
    return
  }
  if (column.source != 0) memory.copy(bins, column.source, count)
  else if (column.thresholdCount <= COUNTED_THRESHOLDS) countThresholds(column, values, count, bins)
  else searchThresholds(column, values, count, bins)
  if (!column.isMissingAbove) return
  // The missing are equal to nothing, and so far below all thresholds.
  for (let row: usize = 0; row < count; row += 16) {
    const at = values + (row << 2)
    const isMissing = narrow(unequal(at), unequal(at + 16), unequal(at + 32), unequal(at + 48))
    v128.store(bins + row, v128.bitselect(i8x16.splat(127), v128.load(bins + row), isMissing))
  }
}

// @ts-ignore: decorator
@inline
function unequal(at: usize): v128 {
  return f32x4.ne(v128.load(at), v128.load(at))
}

/** Sixteen times 32 bits, each from -32,768 to 32,767 and here from -128 to 127, to bytes. */
// @ts-ignore: decorator
@inline
function narrow(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d))
}

function countThresholds(column: Column, values: usize, count: usize, bins: usize): void {
  const end = column.thresholds + (usize(column.thresholdCount) << 2)
  for (let row: usize = 0; row < count; row += 16) {
    const at = values + (row << 2)
    const a = v128.load(at)
    const b = v128.load(at, 16)
    const c = v128.load(at, 32)
    const d = v128.load(at, 48)
    let countA = i32x4.splat(-128)
    let countB = countA
    let countC = countA
    let countD = countA
    for (let threshold = column.thresholds; threshold < end; threshold += 4) {
      const t = v128.load32_splat(threshold)
      // A comparison that holds is -1.
      countA = i32x4.sub(countA, f32x4.gt(a, t))
      countB = i32x4.sub(countB, f32x4.gt(b, t))
      countC = i32x4.sub(countC, f32x4.gt(c, t))
      countD = i32x4.sub(countD, f32x4.gt(d, t))
    }
    v128.store(bins + row, narrow(countA, countB, countC, countD))
  }
}

/** Binary search without a branch, four rows side by side. */
function searchThresholds(column: Column, values: usize, count: usize, bins: usize): void {
  const thresholds = column.thresholds
  let half: usize = 4
  while (half << 1 <= usize(column.thresholdCount) << 2) half <<= 1
  for (let row: usize = 0; row < count; row += 4) {
    const at = values + (row << 2)
    const a = load<f32>(at)
    const b = load<f32>(at, 4)
    const c = load<f32>(at, 8)
    const d = load<f32>(at, 12)
    let atA = thresholds
    let atB = thresholds
    let atC = thresholds
    let atD = thresholds
    for (let step = half; step >= 4; step >>= 1) {
      atA += -usize(load<f32>(atA + step - 4) < a) & step
      atB += -usize(load<f32>(atB + step - 4) < b) & step
      atC += -usize(load<f32>(atC + step - 4) < c) & step
      atD += -usize(load<f32>(atD + step - 4) < d) & step
    }
    store<i8>(bins + row, i8(((atA - thresholds) >> 2) - 128))
    store<i8>(bins + row, i8(((atB - thresholds) >> 2) - 128), 1)
    store<i8>(bins + row, i8(((atC - thresholds) >> 2) - 128), 2)
    store<i8>(bins + row, i8(((atD - thresholds) >> 2) - 128), 3)
  }
}

/** Whether a value is among ascending int32 categories. */
function contains(categories: usize, count: i32, value: f32): bool {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >> 1
    if (f32(load<i32>(categories + (usize(middle) << 2))) < value) low = middle + 1
    else high = middle
  }
  return low < count && f32(load<i32>(categories + (usize(low) << 2))) == value
}

function applyTree(tree: Tree, group: usize, results: usize, scores: usize): void {
  let out = results
  const end = tree.nodes + usize(tree.nodeCount) * offsetof<Node>()
  for (let at = tree.nodes; at < end; at += offsetof<Node>()) {
    const node = changetype<Node>(at)
    const bins = node.bins + group
    const threshold = i8x16.splat(i8(node.threshold))
    const left = node.left
    const right = node.right
    v128.store(out, select(bins, threshold, left, right))
    v128.store(out, select(bins + 16, threshold, left + 16, right + 16), 16)
    v128.store(out, select(bins + 32, threshold, left + 32, right + 32), 32)
    v128.store(out, select(bins + 48, threshold, left + 48, right + 48), 48)
    out += GROUP_ROWS
  }
  const leaves = tree.root
  const outputs = tree.outputs
  for (let row: usize = 0; row < GROUP_ROWS; row += 4) {
    const four = load<u32>(leaves + row)
    const to = scores + (row << 3)
    store<f64>(to, load<f64>(to) + load<f64>(outputs + ((four & 255) << 3)))
    store<f64>(to, load<f64>(to, 8) + load<f64>(outputs + ((four >> 5) & 2040)), 8)
    store<f64>(to, load<f64>(to, 16) + load<f64>(outputs + ((four >> 13) & 2040)), 16)
    store<f64>(to, load<f64>(to, 24) + load<f64>(outputs + ((four >> 24) << 3)), 24)
  }
}

// @ts-ignore: decorator
@inline
function select(bins: usize, threshold: v128, left: usize, right: usize): v128 {
  // All bits of a lane are equal, so that the relaxed instruction does the same everywhere.
  return i8x16.relaxed_laneselect(v128.load(right), v128.load(left), i8x16.gt_s(v128.load(bins), threshold))
}
