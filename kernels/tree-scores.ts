// Scores of rows by trees, 64 rows at a time.
//
// Values become bytes first: how many of the thresholds that the trees compare a feature with lie below the value. Then a tree is walked from its
// leaves up: a node's result is, row by row, the right child's where the row's byte is above the threshold's number, else the left child's, and
// the root's result is the leaf's number. No branch, no gather, sixteen rows an instruction; all nodes are looked at, which pays up to a
// few hundred leaves. The idea of comparing all nodes with many rows instead of walking down with one is that of Lucchese et al., "QuickScorer: a
// fast algorithm to rank documents with additive ensembles of regression trees", SIGIR 2015; we differ in selecting instead of masking.

/** Rows whose bytes are kept at once: with fifty features they fill a first-level cache. */
const CHUNK_ROWS: usize = 512
/** From one column's bytes to the next one's: an odd number of cache lines, so that the same rows of many columns do not fall into the same few sets. */
const COLUMN_BYTES: usize = CHUNK_ROWS + 64
/** Rows that a node is applied to before the next one is read. */
const GROUP_ROWS: usize = 64
/** Fewer thresholds are counted one by one, for sixteen rows at once; more are searched. */
const COUNTED_THRESHOLDS: i32 = 96

@unmanaged
class ScoreTask {
  columnCount: i32
  /** columnCount Column. */
  columns: usize
  blockCount: i32
  /** blockCount Block. */
  blocks: usize
  /** COLUMN_BYTES a column, then as many for each byte of each category feature's answers. */
  bins: usize
  /** 64 bytes a node of a block. */
  results: usize
  /** float64 a row, a multiple of 64 of them. */
  scores: usize
  /** categoryFeatureCount CategoryFeature. */
  categoryFeatures: usize
  baseScore: f64
  categoryFeatureCount: i32
  /** Scratch, uint32 a row of the chunk. */
  categoryRows: usize
}

/** A feature of categories. All nodes that ask about it have their answers side by side, a bit each, in one row of a table: a row of the chunk is looked up once. */
@unmanaged
class CategoryFeature {
  /** float32 a row. */
  values: usize
  /** uint16 a category from 0: its number; 0 for one that no node names. */
  dictionary: usize
  dictionaryLength: i32
  /** answerBytes a number. */
  table: usize
  /** A multiple of 8. */
  answerBytes: usize
  /** answerBytes columns, where the answers of the chunk's rows go. */
  bins: usize
}

/** A feature in one of the forms that nodes compare. */
@unmanaged
class Column {
  /** float32 a row. */
  values: usize
  /** 0: `thresholds` are float32. 1: they are categories, int32; both ascend. */
  form: i32
  thresholds: usize
  /** At most 254 thresholds, padded with infinity to a power of two. */
  thresholdCount: i32
  /** Whether the missing are above all thresholds; else they are below. */
  isMissingAbove: i32
  /** Bytes of the same thresholds with the missing below, which only have to be copied; 0 for none. */
  source: usize
}

/** Neighbouring trees that share the numbers of a byte for their leaves. */
@unmanaged
class Block {
  /** Nodes in an order in which children come before their parents. */
  nodes: usize
  nodeCount: i32
  /** float64 a leaf. */
  outputs: usize
  treeCount: i32
  /** Where each tree's root has its result. */
  roots: usize
}

@unmanaged
class Node {
  /** Of the first row of the chunk. */
  bins: usize
  /** The bits of the byte that count: all, or the node's own of a category feature's answers. */
  mask: i32
  /** A row goes right where these are above this, signed. */
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
      const feature = changetype<CategoryFeature>(task.categoryFeatures + usize(i) * offsetof<CategoryFeature>())
      findRows(feature, feature.values + (from << 2), count, task.categoryRows)
      fillAnswers(feature, task.categoryRows, count)
    }
    for (let i = 0; i < task.columnCount; i++) {
      const column = changetype<Column>(task.columns + usize(i) * offsetof<Column>())
      fillBins(column, column.values + (from << 2), count, task.bins + usize(i) * COLUMN_BYTES)
    }
    const scores = task.scores + (from << 3)
    for (let row: usize = 0; row < count; row++) store<f64>(scores + (row << 3), task.baseScore)
    for (let i = 0; i < task.blockCount; i++) {
      const block = changetype<Block>(task.blocks + usize(i) * offsetof<Block>())
      for (let group: usize = 0; group < count; group += GROUP_ROWS) {
        applyNodes(block, group, task.results)
        addLeaves(block, scores + (group << 3))
      }
    }
  }
}

/** Where in the feature's table each row's answers are. */
function findRows(feature: CategoryFeature, values: usize, count: usize, rows: usize): void {
  const end = f32(feature.dictionaryLength)
  const dictionary = feature.dictionary
  const table = feature.table
  const answerBytes = feature.answerBytes
  for (let row: usize = 0; row < count << 2; row += 4) {
    const value = load<f32>(values + row)
    let number: usize = 0
    // Not so for what is missing; and what is no whole number is no category.
    if (value >= 0 && value < end) {
      const category = i32(value)
      if (f32(category) == value) number = usize(load<u16>(dictionary + (usize(category) << 1)))
    }
    store<u32>(rows + row, u32(table + number * answerBytes))
  }
}

/** Sixteen rows of eight bytes at once become eight columns: four times, the bytes of what is half the rows apart are put side by side. */
function fillAnswers(feature: CategoryFeature, rows: usize, count: usize): void {
  let bins = feature.bins
  for (let byte: usize = 0; byte < feature.answerBytes; byte += 8) {
    for (let row: usize = 0; row < count; row += 16) {
      const at = rows + (row << 2)
      const a0 = eightOfTwo(at, byte)
      const a1 = eightOfTwo(at + 4, byte)
      const a2 = eightOfTwo(at + 8, byte)
      const a3 = eightOfTwo(at + 12, byte)
      const a4 = eightOfTwo(at + 16, byte)
      const a5 = eightOfTwo(at + 20, byte)
      const a6 = eightOfTwo(at + 24, byte)
      const a7 = eightOfTwo(at + 28, byte)
      const low04 = lowerHalves(a0, a4)
      const low26 = lowerHalves(a2, a6)
      const low15 = lowerHalves(a1, a5)
      const low37 = lowerHalves(a3, a7)
      const out = bins + row
      storeTwo(out, lowerHalves(low04, low26), lowerHalves(low15, low37))
      storeTwo(out + 2 * COLUMN_BYTES, upperHalves(low04, low26), upperHalves(low15, low37))
      const high04 = upperHalves(a0, a4)
      const high26 = upperHalves(a2, a6)
      const high15 = upperHalves(a1, a5)
      const high37 = upperHalves(a3, a7)
      storeTwo(out + 4 * COLUMN_BYTES, lowerHalves(high04, high26), lowerHalves(high15, high37))
      storeTwo(out + 6 * COLUMN_BYTES, upperHalves(high04, high26), upperHalves(high15, high37))
    }
    bins += 8 * COLUMN_BYTES
  }
}

/** Of a row and the eighth one after it. */
// @ts-ignore: decorator
@inline
function eightOfTwo(rows: usize, byte: usize): v128 {
  return lowerHalves(v128.load64_zero(usize(load<u32>(rows)) + byte), v128.load64_zero(usize(load<u32>(rows, 32)) + byte))
}

// @ts-ignore: decorator
@inline
function storeTwo(bins: usize, even: v128, odd: v128): void {
  v128.store(bins, lowerHalves(even, odd))
  v128.store(bins + COLUMN_BYTES, upperHalves(even, odd))
}

// @ts-ignore: decorator
@inline
function lowerHalves(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
}

// @ts-ignore: decorator
@inline
function upperHalves(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
}

function fillBins(column: Column, values: usize, count: usize, bins: usize): void {
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

function applyNodes(block: Block, group: usize, results: usize): void {
  let out = results
  const end = block.nodes + usize(block.nodeCount) * offsetof<Node>()
  for (let at = block.nodes; at < end; at += offsetof<Node>()) {
    const node = changetype<Node>(at)
    const bins = node.bins + group
    const mask = i8x16.splat(i8(node.mask))
    const threshold = i8x16.splat(i8(node.threshold))
    const left = node.left
    const right = node.right
    v128.store(out, choose(v128.load(bins), mask, threshold, v128.load(left), v128.load(right)))
    v128.store(out, choose(v128.load(bins, 16), mask, threshold, v128.load(left, 16), v128.load(right, 16)), 16)
    v128.store(out, choose(v128.load(bins, 32), mask, threshold, v128.load(left, 32), v128.load(right, 32)), 32)
    v128.store(out, choose(v128.load(bins, 48), mask, threshold, v128.load(left, 48), v128.load(right, 48)), 48)
    out += GROUP_ROWS
  }
}

// @ts-ignore: decorator
@inline
function choose(bins: v128, mask: v128, threshold: v128, left: v128, right: v128): v128 {
  // All bits of a lane are equal, so that the relaxed instruction does the same everywhere.
  return i8x16.relaxed_laneselect(right, left, i8x16.gt_s(v128.and(bins, mask), threshold))
}

/** Adds the outputs of the rows' leaves, tree by tree; eight rows beside each other, because each of their sums waits for itself. */
function addLeaves(block: Block, scores: usize): void {
  const outputs = block.outputs
  const roots = block.roots
  const end = roots + (usize(block.treeCount) << 2)
  for (let row: usize = 0; row < GROUP_ROWS; row += 8) {
    const to = scores + (row << 3)
    let sum0 = load<f64>(to)
    let sum1 = load<f64>(to, 8)
    let sum2 = load<f64>(to, 16)
    let sum3 = load<f64>(to, 24)
    let sum4 = load<f64>(to, 32)
    let sum5 = load<f64>(to, 40)
    let sum6 = load<f64>(to, 48)
    let sum7 = load<f64>(to, 56)
    for (let root = roots; root < end; root += 4) {
      const leaves = usize(load<u32>(root)) + row
      sum0 += outputOf(outputs, leaves)
      sum1 += outputOf(outputs, leaves + 1)
      sum2 += outputOf(outputs, leaves + 2)
      sum3 += outputOf(outputs, leaves + 3)
      sum4 += outputOf(outputs, leaves + 4)
      sum5 += outputOf(outputs, leaves + 5)
      sum6 += outputOf(outputs, leaves + 6)
      sum7 += outputOf(outputs, leaves + 7)
    }
    store<f64>(to, sum0)
    store<f64>(to, sum1, 8)
    store<f64>(to, sum2, 16)
    store<f64>(to, sum3, 24)
    store<f64>(to, sum4, 32)
    store<f64>(to, sum5, 40)
    store<f64>(to, sum6, 48)
    store<f64>(to, sum7, 56)
  }
}

// @ts-ignore: decorator
@inline
function outputOf(outputs: usize, leaf: usize): f64 {
  return load<f64>(outputs + (usize(load<u8>(leaf)) << 3))
}
