// Growing one tree, best leaf first: the leaf whose split gains most is split next, until there are `leafCount` leaves or nothing gains.
// Shi, "Best-first decision tree learning", 2007; Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", NIPS 2017, also for
// histograms of the smaller child only, its sibling's by subtraction. All threads run the same steps and meet after each; the first decides alone.
import { meet } from './barrier'
import { hashOf } from './random'
import { addTile, makeRoom, mergeFeature, ThreadSums, TILE_ROWS } from './histogram'
import {
  boundedOutput,
  CATEGORIES,
  findSplit,
  HAS_MISSING,
  Leaf,
  leafScore,
  MISSING_LEFT,
  MISSING_RIGHT,
  NO_SPLIT,
  Penalties,
  Split,
} from './split'
import { CHUNK_ROWS, Numbers, take, TreeNode, TreeState, TreeTask } from './tree-task'

/** The tree to `task.nodes` and `task.outputs`; the rows of each leaf side by side in `task.rows`. */
export function grow(task: TreeTask, thread: i32): void {
  const state = changetype<TreeState>(task.state)
  const scratch = task.scratches + usize(thread) * task.scratchBytes
  const penalties = changetype<Penalties>(scratch)
  writePenalties(task, state, penalties)
  const findScratch = scratch + offsetof<Penalties>()
  const isFirst = thread == 0

  sumRows(task, leafOf(task, 0), counterOf(task, 0, 2), thread)
  meet(task.barrier, task.threadCount)
  findSplits(task, 0, -1, counterOf(task, 0, 0), penalties, findScratch)
  meet(task.barrier, task.threadCount)
  for (let step = 1; ; step++) {
    if (isFirst) {
      resetSums(task)
      if (step == 1) chooseSplit(task, 0)
      else {
        chooseSplit(task, state.leaf)
        chooseSplit(task, state.leafCount - 1)
      }
      startSplit(task, state, penalties)
      if (state.leaf >= 0) splitAlone(task, state, penalties, step)
    }
    meet(task.barrier, task.threadCount)
    if (state.leaf < 0) break
    if (state.isParted == 0) splitTogether(task, state, penalties, step, thread)
    const left = state.leaf
    const right = state.leafCount - 1
    if (!needsHistograms(task, state)) {
      if (isFirst) forgetCandidates(task)
    } else {
      const smaller = smallerPart(task, state)
      if (state.isSummed == 0) {
        sumRows(task, leafOf(task, smaller), counterOf(task, step, 2), thread)
        meet(task.barrier, task.threadCount)
      }
      findSplits(task, smaller, smaller == left ? right : left, counterOf(task, step, 1), penalties, findScratch)
    }
    meet(task.barrier, task.threadCount)
  }
}

/** The first thread's work of a split where it is so little that waiting for the others would take longer. */
function splitAlone(task: TreeTask, state: TreeState, penalties: Penalties, step: i32): void {
  const leaf = leafOf(task, state.leaf)
  const start = leaf.start
  const count = leaf.count
  state.isSummed = 0
  state.isParted = count <= CHUNK_ROWS ? 1 : 0
  if (state.isParted == 0) return
  partition(task, start, count, counterOf(task, step, 0))
  finishSplit(task, state, penalties, gatherParts(task, start, count, 0, 1))
  if (!needsHistograms(task, state)) return
  const smaller = leafOf(task, smallerPart(task, state))
  if (smaller.count > TILE_ROWS) return
  sumRows(task, smaller, counterOf(task, step, 2), 0)
  state.isSummed = 1
}

function splitTogether(task: TreeTask, state: TreeState, penalties: Penalties, step: i32, thread: i32): void {
  const leaf = leafOf(task, state.leaf)
  const start = leaf.start
  const count = leaf.count
  partition(task, start, count, counterOf(task, step, 0))
  meet(task.barrier, task.threadCount)
  const leftCount = gatherParts(task, start, count, thread, task.threadCount)
  // All know the same; the first writes it down.
  if (thread == 0) finishSplit(task, state, penalties, leftCount)
  meet(task.barrier, task.threadCount)
}

/** Whether one of the two newest leaves may be split. */
function needsHistograms(task: TreeTask, state: TreeState): bool {
  if (state.leafCount == task.leafCount) return false
  return canSplit(task, leafOf(task, state.leaf)) || canSplit(task, leafOf(task, state.leafCount - 1))
}

/** That of the two newest leaves whose rows are summed. */
function smallerPart(task: TreeTask, state: TreeState): i32 {
  const right = state.leafCount - 1
  return leafOf(task, state.leaf).count <= leafOf(task, right).count ? state.leaf : right
}

// @ts-ignore: decorator
@inline
function leafOf(task: TreeTask, leaf: i32): Leaf {
  return changetype<Leaf>(task.leaves + usize(leaf) * offsetof<Leaf>())
}

// @ts-ignore: decorator
@inline
function splitOf(task: TreeTask, leaf: i32): Split {
  return changetype<Split>(task.splits + usize(leaf) * offsetof<Split>())
}

/** The best split by one feature of the leaf whose histogram was summed (0) or of its sibling (1). */
// @ts-ignore: decorator
@inline
function candidateOf(task: TreeTask, which: i32, feature: i32): Split {
  return changetype<Split>(task.candidates + usize(which * task.featureCount + feature) * offsetof<Split>())
}

// @ts-ignore: decorator
@inline
function counterOf(task: TreeTask, step: i32, which: i32): usize {
  return task.counters + (usize(step * 3 + which) << 2)
}

// @ts-ignore: decorator
@inline
function entryOf(table: usize, feature: i32): i32 {
  return load<i32>(table + (usize(feature) << 2))
}

/** From the settings' unit to that of the whole numbers. */
function writePenalties(task: TreeTask, state: TreeState, penalties: Penalties): void {
  const numbers = changetype<Numbers>(task.numbers)
  penalties.lambda = numbers.lambda * state.hessianScale
  penalties.categoryLambda = numbers.categoryLambda * state.hessianScale
  penalties.leastGain = (numbers.leastGain * state.gradientScale * state.gradientScale) / state.hessianScale
}

function resetSums(task: TreeTask): void {
  for (let thread = 0; thread < task.threadCount; thread++) {
    const sums = changetype<ThreadSums>(task.sums + usize(thread) * offsetof<ThreadSums>())
    sums.packedRows = 0
    sums.hasWide = 0
  }
}

/** The histogram of a leaf, spread over the threads' sums. */
function sumRows(task: TreeTask, leaf: Leaf, counter: usize, thread: i32): void {
  const sums = changetype<ThreadSums>(task.sums + usize(thread) * offsetof<ThreadSums>())
  for (;;) {
    const from = take(counter) * TILE_ROWS
    if (from >= leaf.count) return
    makeRoom(sums, task.featureCount, task.binCounts, task.binOffsets)
    addTile(
      sums,
      task.rows + (usize(leaf.start + from) << 2),
      min(TILE_ROWS, leaf.count - from),
      task.rowBins,
      usize(task.rowBytes),
      task.featureCount,
      task.packed,
    )
  }
}

/** Merges the histogram of `summed`, takes it from that of its sibling (-1 for none), and finds the best split of both by each feature. */
function findSplits(task: TreeTask, summed: i32, sibling: i32, counter: usize, penalties: Penalties, scratch: usize): void {
  const summedLeaf = leafOf(task, summed)
  for (;;) {
    const feature = take(counter)
    if (feature >= task.featureCount) return
    const binCount = entryOf(task.binCounts, feature)
    const offset = usize(entryOf(task.binOffsets, feature))
    const histogram = summedLeaf.histogram + (offset << 4)
    const siblingHistogram = sibling < 0 ? <usize>0 : leafOf(task, sibling).histogram + (offset << 4)
    mergeFeature(task.sums, task.threadCount, usize(feature), offset, usize(binCount), histogram, siblingHistogram)
    findFor(task, 0, summed, feature, binCount, histogram, penalties, scratch)
    if (sibling >= 0) findFor(task, 1, sibling, feature, binCount, siblingHistogram, penalties, scratch)
  }
}

function findFor(task: TreeTask, which: i32, leafIndex: i32, feature: i32, binCount: i32, histogram: usize, penalties: Penalties, scratch: usize): void {
  const split = candidateOf(task, which, feature)
  split.kind = NO_SPLIT
  split.leaf = leafIndex
  const leaf = leafOf(task, leafIndex)
  if (!canSplit(task, leaf) || !mayUse(task, leafIndex, feature)) return
  const direction = task.isBounded ? entryOf(task.directions, feature) : 0
  findSplit(histogram, binCount, entryOf(task.flags, feature), direction, task.isBounded != 0, leaf, penalties, split, scratch)
  split.feature = feature
}

/** The newest right leaf is the last one; the root and the newest left leaf have the other set. */
// @ts-ignore: decorator
@inline
function mayUse(task: TreeTask, leafIndex: i32, feature: i32): bool {
  if (task.splitFeatures == 0) return entryOf(task.isActive, feature) != 0
  const isRight = leafIndex > 0 && leafIndex == changetype<TreeState>(task.state).leafCount - 1
  return entryOf(task.splitFeatures, isRight ? task.featureCount + feature : feature) != 0
}

/**
 * Draws the features by which a new leaf may be split, from those that the tree may use; two at least, where there are
 * two. Which ones depends on nothing but the leaf's place in the tree and the seed.
 * Breiman, "Random forests", 2001.
 * @param which  0 for the root and a left leaf, 1 for a right one
 */
export function drawFeatures(task: TreeTask, leaf: Leaf, which: i32): void {
  if (task.splitFeatures == 0) return
  let usable = 0
  for (let feature = 0; feature < task.featureCount; feature++) usable += entryOf(task.isActive, feature)
  const fraction = changetype<Numbers>(task.numbers).splitFeatureFraction
  let open = max(min(2, usable), i32(nearest(fraction * f64(usable))))
  const seed = hashOf(u32(2 * leaf.node + leaf.isRight + 2), ~task.seed)
  for (let feature = 0; feature < task.featureCount; feature++) {
    let isDrawn = 0
    if (entryOf(task.isActive, feature) != 0) {
      // A random number of 32 bits as a part of 1, times what is left to choose from.
      if ((u64(hashOf(u32(feature), seed)) * u64(usable)) >> 32 < u64(open)) isDrawn = 1
      usable--
      open -= isDrawn
    }
    store<i32>(task.splitFeatures + (usize(which * task.featureCount + feature) << 2), isDrawn)
  }
}

// @ts-ignore: decorator
@inline
function canSplit(task: TreeTask, leaf: Leaf): bool {
  return leaf.count >= 2 * task.leastRows && leaf.depth < task.depthLimit
}

/** Until they are found again, no leaf has any. */
export function forgetCandidates(task: TreeTask): void {
  for (let i = 0; i < 2 * task.featureCount; i++) candidateOf(task, 0, i).kind = NO_SPLIT
}

/** The best of a new leaf's candidates; the first feature among equals. */
function chooseSplit(task: TreeTask, leafIndex: i32): void {
  const best = splitOf(task, leafIndex)
  best.kind = NO_SPLIT
  best.score = 0
  for (let i = 0; i < 2 * task.featureCount; i++) {
    const candidate = candidateOf(task, 0, i)
    if (candidate.kind == NO_SPLIT || candidate.leaf != leafIndex) continue
    if (best.kind != NO_SPLIT && candidate.score <= best.score) continue
    memory.copy(changetype<usize>(best), changetype<usize>(candidate), offsetof<Split>())
  }
}

/** Chooses the leaf that gains most and says which bins go left; `state.leaf` is -1 when there is none. */
function startSplit(task: TreeTask, state: TreeState, penalties: Penalties): void {
  state.leaf = -1
  if (state.leafCount == task.leafCount) return
  let bestGain: f64 = 0
  for (let i = 0; i < state.leafCount; i++) {
    const split = splitOf(task, i)
    if (split.kind == NO_SPLIT) continue
    const gain = split.score - leafScore(leafOf(task, i), penalties.lambda)
    if (state.leaf >= 0 && gain <= bestGain) continue
    state.leaf = i
    bestGain = gain
  }
  if (state.leaf < 0) return
  const split = splitOf(task, state.leaf)
  for (let bin = 0; bin < 256; bin++) {
    let goesLeft = bin <= split.bin && (bin > 0 || split.kind == MISSING_LEFT)
    if (split.kind == CATEGORIES) {
      const word = load<u64>(changetype<usize>(split) + offsetof<Split>('set0') + (usize(bin >> 6) << 3))
      goesLeft = ((word >> (bin & 63)) & 1) != 0
    }
    store<u8>(task.goesLeft + usize(bin), u8(goesLeft))
  }
  writeNode(task, state, split, bestGain)
}

function writeNode(task: TreeTask, state: TreeState, split: Split, gain: f64): void {
  const index = state.leafCount - 1
  const node = changetype<TreeNode>(task.nodes + usize(index) * offsetof<TreeNode>())
  const leaf = leafOf(task, state.leaf)
  node.feature = split.feature
  node.kind = split.kind
  node.bin = split.bin
  node.left = -1 - state.leaf
  node.right = -1 - state.leafCount
  node.rowCount = leaf.count
  node.gain = (gain * state.hessianScale) / (state.gradientScale * state.gradientScale)
  node.set0 = split.set0
  node.set1 = split.set1
  node.set2 = split.set2
  node.set3 = split.set3
  if (leaf.node < 0) return
  const above = changetype<TreeNode>(task.nodes + usize(leaf.node) * offsetof<TreeNode>())
  if (leaf.isRight) above.right = index
  else above.left = index
}

// ---- the rows of a leaf part ----

/** Each chunk's rows that go left, ascending, then the others, descending, to the scratch. No branch: half of them would be guessed wrongly. */
function partition(task: TreeTask, start: i32, count: i32, counter: usize): void {
  const state = changetype<TreeState>(task.state)
  const column = task.columnBins + usize(splitOf(task, state.leaf).feature) * usize(task.rowCount)
  const goesLeft = task.goesLeft
  for (;;) {
    const chunk = take(counter)
    const from = chunk * CHUNK_ROWS
    if (from >= count) return
    const bytes = usize(min(CHUNK_ROWS, count - from)) << 2
    let at = task.rows + (usize(start + from) << 2)
    const end = at + bytes
    let left = task.rowsScratch + (usize(start + from) << 2)
    const begin = left
    let right = left + bytes - 4
    for (; at < end; at += 4) {
      const row = load<u32>(at)
      const step = usize(load<u8>(goesLeft + usize(load<u8>(column + usize(row))))) << 2
      store<u32>(left, row)
      store<u32>(right, row)
      left += step
      right -= 4 - step
    }
    store<i32>(task.leftCounts + (usize(chunk) << 2), i32((left - begin) >> 2))
  }
}

/** From the chunks of the scratch back to the rows: first all that go left, then all others, both ascending. Returns how many go left. */
function gatherParts(task: TreeTask, start: i32, count: i32, thread: i32, threadCount: i32): i32 {
  const chunkCount = (count + CHUNK_ROWS - 1) / CHUNK_ROWS
  let leftTotal = 0
  for (let chunk = 0; chunk < chunkCount; chunk++) leftTotal += load<i32>(task.leftCounts + (usize(chunk) << 2))
  let leftBefore = 0
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    const from = chunk * CHUNK_ROWS
    const chunkRows = min(CHUNK_ROWS, count - from)
    const leftRows = load<i32>(task.leftCounts + (usize(chunk) << 2))
    if (chunk % threadCount == thread) {
      const source = task.rowsScratch + (usize(start + from) << 2)
      memory.copy(task.rows + (usize(start + leftBefore) << 2), source, usize(leftRows) << 2)
      let to = task.rows + (usize(start + leftTotal + from - leftBefore) << 2)
      let at = source + (usize(chunkRows - 1) << 2)
      for (let i = leftRows; i < chunkRows; i++) {
        store<u32>(to, load<u32>(at))
        to += 4
        at -= 4
      }
    }
    leftBefore += leftRows
  }
  return leftTotal
}

/** The leaf that was split becomes its left part; the right part is the newest leaf. */
function finishSplit(task: TreeTask, state: TreeState, penalties: Penalties, leftCount: i32): void {
  const split = splitOf(task, state.leaf)
  const left = leafOf(task, state.leaf)
  const right = leafOf(task, state.leafCount)
  const numbers = changetype<Numbers>(task.numbers)
  if (task.isBounded) boundParts(task, split, penalties, left, right)
  else {
    right.lower = left.lower
    right.upper = left.upper
  }
  right.hessian = left.hessian - split.leftHessian
  right.gradient = left.gradient - split.leftGradient
  right.start = left.start + leftCount
  right.count = left.count - leftCount
  right.depth = left.depth + 1
  right.node = state.leafCount - 1
  right.isRight = 1
  left.hessian = split.leftHessian
  left.gradient = split.leftGradient
  left.count = leftCount
  left.depth = right.depth
  left.node = right.node
  left.isRight = 0
  const above = left.output
  left.output = smoothed(outputOf(left, penalties.lambda), above, numbers.smoothing, left)
  right.output = smoothed(outputOf(right, penalties.lambda), above, numbers.smoothing, right)
  drawFeatures(task, left, 0)
  drawFeatures(task, right, 1)
  left.leastHessian = leastHessianOf(task, state, numbers, left)
  right.leastHessian = leastHessianOf(task, state, numbers, right)
  if (split.kind == MISSING_RIGHT && (entryOf(task.flags, split.feature) & HAS_MISSING) == 0 && left.count >= right.count) {
    // No row says where the missing belong: with the greater part.
    changetype<TreeNode>(task.nodes + usize(right.node) * offsetof<TreeNode>()).kind = MISSING_LEFT
  }
  // The parent's histogram goes on as the larger part's.
  const own = task.histograms + usize(state.leafCount) * task.histogramBytes
  right.histogram = left.histogram
  if (left.count <= right.count) left.histogram = own
  else right.histogram = own
  state.leafCount++
}

/** -G / (H + lambda), within the leaf's bounds; 0 where nothing says what it should be. */
export function outputOf(leaf: Leaf, lambda: f64): f64 {
  return leaf.hessian + lambda > 0 ? boundedOutput(leaf.hessian, leaf.gradient, lambda, leaf) : 0
}

/** The mean of a leaf's own output, which counts by its rows, and of that of the node above it, which counts by `rows`; within the leaf's bounds. */
function smoothed(own: f64, above: f64, rows: f64, leaf: Leaf): f64 {
  const part = f64(leaf.count) / (f64(leaf.count) + rows)
  return min(max(part * own + (1 - part) * above, leaf.lower), leaf.upper)
}

/** Where a feature has a direction, its left outputs stay on one side of the middle, its right ones on the other. */
function boundParts(task: TreeTask, split: Split, penalties: Penalties, left: Leaf, right: Leaf): void {
  right.lower = left.lower
  right.upper = left.upper
  const direction = entryOf(task.directions, split.feature)
  if (direction == 0 || split.kind == CATEGORIES) return
  const outputL = boundedOutput(split.leftHessian, split.leftGradient, penalties.lambda, left)
  const outputR = boundedOutput(left.hessian - split.leftHessian, left.gradient - split.leftGradient, penalties.lambda, left)
  const middle = (outputL + outputR) / 2
  if (direction > 0) {
    left.upper = middle
    right.lower = middle
  } else {
    left.lower = middle
    right.upper = middle
  }
}

/**
 * Histograms hold no counts. Like LightGBM, we take a side's rows to be its part of the hessian: exact where all rows have one hessian. At least
 * 1, so that no side is empty.
 */
export function leastHessianOf(task: TreeTask, state: TreeState, numbers: Numbers, leaf: Leaf): f64 {
  const ofRows = ((f64(task.leastRows) - 0.5) * leaf.hessian) / f64(leaf.count)
  return max(1, max(numbers.leastHessian * state.hessianScale, ofRows))
}
