// Training of gradient-boosted trees. Friedman, "Greedy function approximation: a gradient boosting machine", 2001, with second derivatives as
// in Chen & Guestrin, "XGBoost: a scalable tree boosting system", KDD 2016, on values sorted into at most 255 bins.
//
// We differ from XGBoost and LightGBM in the arithmetic: gradients and hessians are rounded to whole numbers before they are summed, at random up
// or down so that sums stay right on average. Whole numbers can be added in any order: the same model comes out, bit for bit, of any number of
// threads, and a bin takes 8 bytes.
import { meet } from './lib/barrier'
import { drawFeatures, forgetCandidates, grow, leastHessianOf, outputOf } from './lib/grow'
import { computeGradients } from './lib/objective'
import { hashOf } from './lib/random'
import { CATEGORIES, Leaf, MISSING_LEFT } from './lib/split'
import { CHUNK_ROWS, Numbers, take, TreeNode, TreeState, TreeTask } from './lib/tree-task'

export { binColumns, transposeBins } from './lib/binning'
export { sortColumns } from './lib/sort'

/** 15 bits, less a little for rounding up. */
const MOST: f64 = 32766

/** Counters before those of the splits. */
const ROUND_COUNTERS: i32 = 8

/** One thread's part of totals over all rows. */
@unmanaged
class Totals {
  largestGradient: f64
  largestHessian: f64
  gradient: i64
  hessian: i64
}

/**
 * One round of boosting, called once on every thread: gradients, one tree, and its outputs added to the scores of training and validation rows.
 * @param totals `threadCount` Totals
 */
export function boost(task: TreeTask, thread: i32, totals: usize): void {
  // The host leaves all counters at 0.
  const counters = task.counters
  const splitCounters = counters + (usize(ROUND_COUNTERS) << 2)
  const own = changetype<Totals>(totals + usize(thread) * offsetof<Totals>())
  computeGradients(task, thread, counters)
  meet(task.barrier, task.threadCount)
  measure(task, own, counters + 4)
  meet(task.barrier, task.threadCount)
  if (thread == 0) startTree(task, totals)
  meet(task.barrier, task.threadCount)
  roundGradients(task, own, counters + 8)
  meet(task.barrier, task.threadCount)
  if (thread == 0) {
    plantRoot(task, totals)
    task.counters = splitCounters
  }
  meet(task.barrier, task.threadCount)
  grow(task, thread)
  meet(task.barrier, task.threadCount)
  if (thread == 0) {
    task.counters = counters
    writeOutputs(task)
  }
  meet(task.barrier, task.threadCount)
  if (task.sample == 0) addOutputs(task, counters + 12)
  else addTree(task, task.rowBins, task.rowCount, task.scores, counters + 12)
  addTree(task, task.validationBins, task.validationCount, task.validationScores, counters + 16)
}

/** The largest gradient and hessian of the thread's rows. */
function measure(task: TreeTask, own: Totals, counter: usize): void {
  own.largestGradient = 0
  own.largestHessian = 0
  let gradients = f32x4.splat(0)
  let hessians = gradients
  for (;;) {
    const from = take(counter) * CHUNK_ROWS
    if (from >= task.rowCount) break
    // Rows are padded to a multiple of 4 with zeros.
    const end = usize(min(from + CHUNK_ROWS, task.rowCount)) << 2
    for (let at = usize(from) << 2; at < end; at += 16) {
      gradients = f32x4.max(gradients, f32x4.abs(v128.load(task.gradients + at)))
      hessians = f32x4.max(hessians, v128.load(task.hessians + at))
    }
  }
  own.largestGradient = largestLane(gradients)
  own.largestHessian = largestLane(hessians)
}

function largestLane(v: v128): f64 {
  return f64(
    max(
      max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
      max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
    ),
  )
}

function startTree(task: TreeTask, totals: usize): void {
  const state = changetype<TreeState>(task.state)
  let gradient: f64 = 0
  let hessian: f64 = 0
  for (let thread = 0; thread < task.threadCount; thread++) {
    const part = changetype<Totals>(totals + usize(thread) * offsetof<Totals>())
    gradient = max(gradient, part.largestGradient)
    hessian = max(hessian, part.largestHessian)
  }
  state.gradientScale = gradient > 0 ? MOST / gradient : 1
  state.hessianScale = hessian > 0 ? MOST / hessian : 1
}

/**
 * The rows that the tree learns from, and their gradients and hessians as whole numbers: x * scale + u, rounded down, with u uniform in [0, 1) by
 * a hash of row and seed, 16 bits for each of the two.
 */
function roundGradients(task: TreeTask, own: Totals, counter: usize): void {
  const state = changetype<TreeState>(task.state)
  const scales = f64x2.replace_lane(f64x2.splat(state.hessianScale), 1, state.gradientScale)
  const unit = f64x2.splat(1.0 / 65536)
  const count = task.sample == 0 ? task.rowCount : task.sampleCount
  let gradientSum: i64 = 0
  let hessianSum: i64 = 0
  for (;;) {
    const from = take(counter) * CHUNK_ROWS
    if (from >= count) break
    const end = min(from + CHUNK_ROWS, count)
    for (let i = from; i < end; i++) {
      const row = task.sample == 0 ? i : load<i32>(task.sample + (usize(i) << 2))
      store<i32>(task.rows + (usize(i) << 2), row)
      const hash = hashOf(u32(row), task.seed)
      const random = f64x2.mul(
        f64x2.convert_low_i32x4_u(i32x4.replace_lane(i32x4.splat(i32(hash & 0xffff)), 1, i32(hash >> 16))),
        unit,
      )
      const at = usize(row) << 2
      const values = f64x2.replace_lane(
        f64x2.splat(f64(load<f32>(task.hessians + at))),
        1,
        f64(load<f32>(task.gradients + at)),
      )
      const rounded = i32x4.trunc_sat_f64x2_s_zero(f64x2.floor(f64x2.add(f64x2.mul(values, scales), random)))
      v128.store64_lane(task.packed + (usize(row) << 3), rounded, 0)
      hessianSum += i64(i32x4.extract_lane(rounded, 0))
      gradientSum += i64(i32x4.extract_lane(rounded, 1))
    }
  }
  own.gradient = gradientSum
  own.hessian = hessianSum
}

function plantRoot(task: TreeTask, totals: usize): void {
  const state = changetype<TreeState>(task.state)
  let gradient: i64 = 0
  let hessian: i64 = 0
  for (let thread = 0; thread < task.threadCount; thread++) {
    const part = changetype<Totals>(totals + usize(thread) * offsetof<Totals>())
    gradient += part.gradient
    hessian += part.hessian
  }
  const numbers = changetype<Numbers>(task.numbers)
  const root = changetype<Leaf>(task.leaves)
  root.gradient = f64(gradient)
  root.hessian = f64(hessian)
  root.lower = -Infinity
  root.upper = Infinity
  root.start = 0
  root.count = task.sample == 0 ? task.rowCount : task.sampleCount
  root.depth = 0
  root.node = -1
  root.isRight = 0
  root.histogram = task.histograms
  root.output = outputOf(root, numbers.lambda * state.hessianScale)
  root.leastHessian = leastHessianOf(task, state, numbers, root)
  state.leafCount = 1
  drawFeatures(task, root, 0)
  forgetCandidates(task)
}

/** The outputs of the leaves times the learning rate, from the whole numbers' unit to the scores'. */
function writeOutputs(task: TreeTask): void {
  const state = changetype<TreeState>(task.state)
  const numbers = changetype<Numbers>(task.numbers)
  const unit = state.hessianScale / state.gradientScale
  for (let i = 0; i < state.leafCount; i++) {
    const leaf = changetype<Leaf>(task.leaves + usize(i) * offsetof<Leaf>())
    store<f64>(task.outputs + (usize(i) << 3), leaf.output * unit * numbers.learningRate)
    store<i32>(task.outputRows + (usize(i) << 2), leaf.count)
  }
}

/** To the scores of the rows that the tree has learned from: which leaf they are in is known. */
function addOutputs(task: TreeTask, counter: usize): void {
  const state = changetype<TreeState>(task.state)
  let leafIndex = 0
  let next = take(counter)
  // Chunks are numbered through all leaves; a thread passes over those of the others.
  let chunk = 0
  for (; leafIndex < state.leafCount; leafIndex++) {
    const leaf = changetype<Leaf>(task.leaves + usize(leafIndex) * offsetof<Leaf>())
    const output = load<f64>(task.outputs + (usize(leafIndex) << 3))
    for (let from = 0; from < leaf.count; from += CHUNK_ROWS) {
      if (chunk++ != next) continue
      next = take(counter)
      let at = task.rows + (usize(leaf.start + from) << 2)
      const end = at + (usize(min(CHUNK_ROWS, leaf.count - from)) << 2)
      for (; at < end; at += 4) {
        const score = task.scores + (usize(load<u32>(at)) << 3)
        store<f64>(score, load<f64>(score) + output)
      }
    }
  }
}

/** To the scores of any rows, by walking down the tree. */
function addTree(task: TreeTask, bins: usize, rowCount: i32, scores: usize, counter: usize): void {
  const hasNodes = changetype<TreeState>(task.state).leafCount > 1
  for (;;) {
    const from = take(counter) * CHUNK_ROWS
    if (from >= rowCount) return
    const end = min(from + CHUNK_ROWS, rowCount)
    for (let row = from; row < end; row++) {
      const values = bins + usize(row) * usize(task.rowBytes)
      let at = hasNodes ? 0 : -1
      while (at >= 0) {
        const node = changetype<TreeNode>(task.nodes + usize(at) * offsetof<TreeNode>())
        at = goesLeft(node, i32(load<u8>(values + usize(node.feature)))) ? node.left : node.right
      }
      const score = scores + (usize(row) << 3)
      store<f64>(score, load<f64>(score) + load<f64>(task.outputs + (usize(-1 - at) << 3)))
    }
  }
}

// @ts-ignore: decorator
@inline
function goesLeft(node: TreeNode, bin: i32): bool {
  if (node.kind == CATEGORIES) {
    const word = load<u64>(changetype<usize>(node) + offsetof<TreeNode>('set0') + (usize(bin >> 6) << 3))
    return ((word >> (bin & 63)) & 1) != 0
  }
  return bin <= node.bin && (bin > 0 || node.kind == MISSING_LEFT)
}
