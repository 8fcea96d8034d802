// Gradients and hessians of the objectives, by the scores so far. Legend: s score, y label, w weight.
import { exp4 } from './exponential'
import { CHUNK_ROWS, Numbers, take, TreeTask } from './tree-task'
import { horizontalSum } from './vector'

/** Gradients and hessians are already there: for tests. */
// @ts-ignore: decorator
@inline
export const GIVEN: i32 = 0
// @ts-ignore: decorator
@inline
export const SQUARED: i32 = 1
// @ts-ignore: decorator
@inline
export const LOGISTIC: i32 = 2
// @ts-ignore: decorator
@inline
export const PAIRWISE: i32 = 3
// @ts-ignore: decorator
@inline
export const LAMBDA_MART: i32 = 4

/** Queries that a thread takes at once. */
const CHUNK_QUERIES: i32 = 8

export function computeGradients(task: TreeTask, thread: i32, counter: usize): void {
  if (task.objective == GIVEN) return
  if (task.objective >= PAIRWISE) {
    const scratch = task.scratches + usize(thread) * task.scratchBytes
    for (;;) {
      const from = take(counter) * CHUNK_QUERIES
      if (from >= task.queryCount) return
      const end = min(from + CHUNK_QUERIES, task.queryCount)
      for (let query = from; query < end; query++) rankGradients(task, query, scratch)
    }
  }
  for (;;) {
    const from = take(counter) * CHUNK_ROWS
    if (from >= task.rowCount) return
    const end = min(from + CHUNK_ROWS, task.rowCount)
    if (task.objective == SQUARED) squaredGradients(task, from, end)
    else logisticGradients(task, from, end)
  }
}

// @ts-ignore: decorator
@inline
function weightOf(task: TreeTask, row: usize): f32 {
  return task.weights == 0 ? 1 : load<f32>(task.weights + row)
}

/** w (s - y)^2 / 2: gradient w (s - y), hessian w. */
function squaredGradients(task: TreeTask, from: i32, end: i32): void {
  for (let i = from; i < end; i++) {
    const row = usize(i) << 2
    const weight = weightOf(task, row)
    const score = load<f64>(task.scores + (usize(i) << 3))
    store<f32>(task.gradients + row, f32(score - f64(load<f32>(task.labels + row))) * weight)
    store<f32>(task.hessians + row, weight)
  }
}

/**
 * w log(1 + exp(-z s)) with z = 1 where y = 1, else -1. With q = 1 / (1 + exp(z s)), the probability of the other label, the gradient is
 * -z w q and the hessian w q (1 - q): no difference of nearly equal numbers, however sure the score is.
 */
function logisticGradients(task: TreeTask, from: i32, end: i32): void {
  const one = f32x4.splat(1)
  // Rows are padded to a multiple of 4.
  for (let i = from; i < end; i += 4) {
    const row = usize(i) << 2
    const scores = fourScores(task.scores + (usize(i) << 3))
    const sign = v128.bitselect(
      one,
      f32x4.splat(-1),
      f32x4.gt(v128.load(task.labels + row), f32x4.splat(0)),
    )
    const q = f32x4.div(one, f32x4.add(one, exp4(f32x4.mul(sign, scores))))
    const weight = task.weights == 0 ? one : v128.load(task.weights + row)
    const wq = f32x4.mul(weight, q)
    v128.store(task.gradients + row, f32x4.neg(f32x4.mul(sign, wq)))
    v128.store(task.hessians + row, f32x4.mul(wq, f32x4.sub(one, q)))
  }
}

// @ts-ignore: decorator
@inline
function fourScores(scores: usize): v128 {
  const low = f32x4.demote_f64x2_zero(v128.load(scores))
  const high = f32x4.demote_f64x2_zero(v128.load(scores, 16))
  return v128.shuffle<f32>(low, high, 0, 1, 4, 5)
}

/**
 * Burges, "From RankNet to LambdaRank to LambdaMART: an overview", 2010. Over the pairs of rows of one query with different labels, of which at
 * least one is among the `truncation` best by score:
 *
 *   sum of |change of NDCG if the two changed places| * log(1 + exp(-sigmoid (s_better - s_worse)))
 *
 * with, where `isNormalized`, the change divided by 0.01 + |s_better - s_worse|, and all of a query's gradients scaled by
 * log2(1 + sum of |gradients|) / sum: LightGBM's way to keep queries with many pairs from ruling. PAIRWISE weighs every pair alike (RankNet).
 */
function rankGradients(task: TreeTask, query: i32, scratch: usize): void {
  const from = load<i32>(task.queryOffsets + (usize(query) << 2))
  const count = load<i32>(task.queryOffsets + (usize(query) << 2), 4) - from
  const bytes = (usize(count) << 2) + 15 & ~15
  const scores = scratch
  const labels = scores + bytes
  const gains = labels + bytes
  const gradients = gains + bytes
  const hessians = gradients + bytes
  const order = task.order + (usize(from) << 2)
  sortByScore(order, count, task.scores, hessians)
  for (let rank: usize = 0; rank < usize(count); rank++) {
    const row = usize(load<i32>(order + (rank << 2)))
    store<f32>(scores + (rank << 2), f32(load<f64>(task.scores + (row << 3))))
    store<f32>(labels + (rank << 2), load<f32>(task.labels + (row << 2)))
    store<f32>(gains + (rank << 2), task.objective == LAMBDA_MART ? load<f32>(task.gains + (row << 2)) : 0)
  }
  // A label that is neither more nor less than any other makes no pair.
  for (let rank: usize = usize(count); rank << 2 < bytes; rank++) {
    store<f32>(scores + (rank << 2), 0)
    store<f32>(labels + (rank << 2), NaN)
    store<f32>(gains + (rank << 2), 0)
  }
  memory.fill(gradients, 0, bytes * 2)
  const sum = addPairs(task, query, count, scores, labels, gains, gradients, hessians)
  const factor = task.isNormalized && sum > 0 ? <f32>(Math.log2(1 + f64(sum)) / f64(sum)) : 1
  for (let rank: usize = 0; rank < usize(count); rank++) {
    const row = usize(load<i32>(order + (rank << 2))) << 2
    const weight = weightOf(task, row) * factor
    store<f32>(task.gradients + row, load<f32>(gradients + (rank << 2)) * weight)
    store<f32>(task.hessians + row, load<f32>(hessians + (rank << 2)) * weight)
  }
}

/** Adds the gradients and hessians of all pairs, by rank; returns the sum of the gradients' sizes. */
function addPairs(task: TreeTask, query: i32, count: i32, scores: usize, labels: usize, gains: usize, gradients: usize, hessians: usize): f32 {
  const isWeighted = task.objective == LAMBDA_MART
  const inverseBest = f32x4.splat(isWeighted ? load<f32>(task.inverseBestDcgs + (usize(query) << 2)) : 0)
  const sigmoid = f32x4.splat(<f32>changetype<Numbers>(task.numbers).sigmoid)
  const one = f32x4.splat(1)
  const isSpread = load<f32>(scores) != load<f32>(scores + (usize(count - 1) << 2))
  const isNormalized = task.isNormalized != 0 && isSpread
  const first = min(count - 1, task.truncation)
  let total: f32 = 0
  for (let i = 0; i < first; i++) {
    const at = usize(i) << 2
    const score = v128.load32_splat(scores + at)
    const label = v128.load32_splat(labels + at)
    const gain = v128.load32_splat(gains + at)
    const discount = v128.load32_splat(task.discounts + at)
    let ownGradient = f32x4.splat(0)
    let ownHessian = f32x4.splat(0)
    let sizes = f32x4.splat(0)
    // From the group of four that i itself is in: those before it have had their pair with it, and are left out.
    for (let j = (i + 1) & ~3; j < count; j += 4) {
      const other = usize(j) << 2
      const otherLabel = v128.load(labels + other)
      const isBetter = f32x4.gt(label, otherLabel)
      let isPair = v128.or(isBetter, f32x4.lt(label, otherLabel))
      if (j <= i) {
        const positions = i32x4.add(i32x4.splat(j), i32x4(0, 1, 2, 3))
        isPair = v128.and(isPair, i32x4.gt_s(positions, i32x4.splat(i)))
      }
      if (!v128.any_true(isPair)) continue
      const sign = v128.bitselect(one, f32x4.splat(-1), isBetter)
      const difference = f32x4.mul(sign, f32x4.sub(score, v128.load(scores + other)))
      let change = one
      if (isWeighted) {
        change = f32x4.mul(
          f32x4.abs(f32x4.sub(gain, v128.load(gains + other))),
          f32x4.abs(f32x4.sub(discount, v128.load(task.discounts + other))),
        )
        change = f32x4.mul(change, inverseBest)
        if (isNormalized) change = f32x4.div(change, f32x4.add(f32x4.splat(<f32>0.01), f32x4.abs(difference)))
      }
      const p = f32x4.div(one, f32x4.add(one, exp4(f32x4.mul(sigmoid, difference))))
      const weighted = f32x4.mul(f32x4.mul(sigmoid, change), p)
      const size = v128.and(weighted, isPair)
      const hessian = f32x4.mul(f32x4.mul(sigmoid, size), f32x4.sub(one, p))
      const signed = f32x4.mul(sign, size)
      ownGradient = f32x4.sub(ownGradient, signed)
      ownHessian = f32x4.add(ownHessian, hessian)
      sizes = f32x4.add(sizes, size)
      v128.store(gradients + other, f32x4.add(v128.load(gradients + other), signed))
      v128.store(hessians + other, f32x4.add(v128.load(hessians + other), hessian))
    }
    store<f32>(gradients + at, load<f32>(gradients + at) + horizontalSum(ownGradient))
    store<f32>(hessians + at, load<f32>(hessians + at) + horizontalSum(ownHessian))
    total += horizontalSum(sizes)
  }
  // Each pair counts for both of its rows.
  return 2 * total
}

/** Runs this long are sorted by insertion. */
const RUN: i32 = 16

/** Rows by falling score, equal ones by number. From the last tree's order, of which most is still right. */
function sortByScore(order: usize, count: i32, scores: usize, scratch: usize): void {
  for (let start = 0; start < count; start += RUN) {
    const end = min(start + RUN, count)
    for (let i = start + 1; i < end; i++) {
      const row = load<i32>(order + (usize(i) << 2))
      let hole = i
      for (; hole > start; hole--) {
        const before = load<i32>(order + (usize(hole - 1) << 2))
        if (!comesBefore(row, before, scores)) break
        store<i32>(order + (usize(hole) << 2), before)
      }
      store<i32>(order + (usize(hole) << 2), row)
    }
  }
  for (let width = RUN; width < count; width *= 2) {
    for (let start = 0; start + width < count; start += 2 * width) {
      mergeRuns(order, start, start + width, min(start + 2 * width, count), scores, scratch)
    }
  }
}

// @ts-ignore: decorator
@inline
function comesBefore(a: i32, b: i32, scores: usize): bool {
  const scoreA = load<f64>(scores + (usize(a) << 3))
  const scoreB = load<f64>(scores + (usize(b) << 3))
  return scoreA > scoreB || (scoreA == scoreB && a < b)
}

function mergeRuns(order: usize, start: i32, middle: i32, end: i32, scores: usize, scratch: usize): void {
  memory.copy(scratch, order + (usize(start) << 2), usize(middle - start) << 2)
  let a = scratch
  const endA = scratch + (usize(middle - start) << 2)
  let b = order + (usize(middle) << 2)
  const endB = order + (usize(end) << 2)
  let to = order + (usize(start) << 2)
  while (a < endA) {
    if (b < endB && comesBefore(load<i32>(b), load<i32>(a), scores)) {
      store<i32>(to, load<i32>(b))
      b += 4
    } else {
      store<i32>(to, load<i32>(a))
      a += 4
    }
    to += 4
  }
}
