// Growing one tree of a boosted ensemble, leaf by leaf, from binned features.
// Friedman, "Greedy function approximation: a gradient boosting machine", 2001; histograms, leaf-wise growth and the subtraction of siblings as in
// Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", NIPS 2017; integer gradients as in Shi et al., "Quantized training of
// gradient boosting decision trees", NeurIPS 2022.
//
//   gain of a split = GL^2 / (HL + l2) + GR^2 / (HR + l2) - G^2 / (H + l2)
//
// Legend: G the sum of gradients, H of hessians, L and R the two sides.
//
// We differ in the width of the integers: 16 bits each for a row's gradient and hessian, packed into one 64-bit number, so that one addition adds both.
// Sums of integers do not depend on their order: every number of threads grows the same tree.
//
// Memory: bins lie in groups of 8 features, [group][row][8] bytes, so that a group's histogram (8 x 256 sums of 8 bytes) stays in the nearest cache
// while all rows of a leaf pass. Bin 0 is a missing value.

import { touchRows } from './lib/touch'

const GROUP_FEATURES: i32 = 8
const GROUP_SUMS: i32 = 2048
/** 2^15 rows of 16 bits fit the 32 bits of a packed sum. */
const BLOCK_ROWS: i32 = 32768
/** How far ahead a row's bins are read: the rows of a small leaf lie scattered, and waiting for each in turn takes longer than its additions. */
const AHEAD_ROWS: i32 = 64
/** How often a waiting thread looks before it sleeps: a group takes some microseconds to some milliseconds. */
const SPIN_COUNT: i32 = 4000

const COMMAND_GROW: i32 = 1
const COMMAND_STOP: i32 = 2

/** What a tree is grown from, the same for all threads. The host writes it field by field: see src/kernels/boosted-trees.ts. */
@unmanaged
class Growth {
  /** Rows of this tree; `rows` and `gradients` have so many. */
  rowCount: i32
  /** Rows of the bins. */
  totalRowCount: i32
  featureCount: i32
  groupCount: i32
  /** [group][row][8] uint8. */
  bins: usize
  /** By position, int32 and packed int64: grouped by leaf in the end. */
  rows: usize
  gradients: usize
  rowBuffer: usize
  gradientBuffer: usize
  /** groupCount x GROUP_SUMS int64, 0 before the call. */
  packed: usize
  /** maxLeafCount x groupCount x GROUP_SUMS pairs of int64: gradients, hessians. */
  histograms: usize
  /** By feature: its bins, the missing one included; 0 leaves the feature out. int32. */
  binCounts: usize
  /** By feature, int32: 1 its effect may only rise, -1 only fall, 0 either. */
  monotone: usize
  maxLeafCount: i32
  maxDepth: i32
  minRowCount: i32
  /** Of a gradient's and a hessian's unit. */
  gradientScale: f64
  hessianScale: f64
  l2: f64
  minHessian: f64
  minGain: f64
  /** maxLeafCount `Leaf`s. */
  leaves: usize
  /** maxLeafCount - 1 `Node`s. */
  nodes: usize
  /** 2 x groupCount x 8 `Split`s. */
  splits: usize
  /** 0 before the call: the next group; then two words of the barrier. */
  counter: usize
  // Between threads, while the tree grows.
  command: i32
  leafCount: i32
  /** The leaf whose histogram is built, and its sibling's, which is what is left of the parent's; -1 for none. */
  builtLeaf: i32
  restLeaf: i32
}

@unmanaged
class Leaf {
  start: i32
  rowCount: i32
  depth: i32
  /** Node above it and side, as 2 * node + (1 for right); -1 for the root. */
  parent: i32
  gradient: i64
  hessian: i64
  /** Bounds of its value, from monotone constraints. */
  low: f64
  high: f64
  best: i32
  bestBin: i32
  bestMissingLeft: i32
  /** Where its histogram lies: siblings exchange theirs, so that the larger takes over the parent's. */
  slot: i32
  bestGain: f64
  bestLeftGradient: i64
  bestLeftHessian: i64
}

/** A child is a node's number, or ~leaf. */
@unmanaged
class Node {
  feature: i32
  /** Up to this bin a row goes left. */
  bin: i32
  missingLeft: i32
  left: i32
  right: i32
  rowCount: i32
  gain: f64
}

@unmanaged
class Split {
  gain: f64
  leftGradient: i64
  leftHessian: i64
  bin: i32
  missingLeft: i32
}

export function growthBytes(): i32 {
  return offsetof<Growth>()
}
export function leafBytes(): i32 {
  return offsetof<Leaf>()
}
export function nodeBytes(): i32 {
  return offsetof<Node>()
}
export function splitBytes(): i32 {
  return offsetof<Split>()
}

/** Waits until all threads are here. `sync` holds the number of those waiting and the phase, int32 each. */
function barrier(sync: usize, threadCount: i32): void {
  if (threadCount == 1) return
  const phase = atomic.load<i32>(sync, 4)
  if (atomic.add<i32>(sync, 1) == threadCount - 1) {
    atomic.store<i32>(sync, 0)
    atomic.add<i32>(sync, 1, 4)
    atomic.notify(sync + 4, -1)
    return
  }
  for (let spin = 0; spin < SPIN_COUNT; spin++) if (atomic.load<i32>(sync, 4) != phase) return
  while (atomic.load<i32>(sync, 4) == phase) atomic.wait<i32>(sync + 4, phase, -1)
}

/** Grows the tree; every thread calls it with the same growth. Afterwards the leaves, the nodes and the rows by leaf are in their places. */
export function growTree(at: usize, thread: i32, threadCount: i32): void {
  const growth = changetype<Growth>(at)
  const sync = growth.counter + 4
  if (thread == 0) plantRoot(growth)
  for (;;) {
    barrier(sync, threadCount)
    if (growth.command == COMMAND_STOP) return
    for (;;) {
      const group = atomic.add<i32>(growth.counter, 1)
      if (group >= growth.groupCount) break
      growGroup(growth, group)
    }
    barrier(sync, threadCount)
    if (thread == 0) {
      takeBest(growth, growth.builtLeaf, 0)
      if (growth.restLeaf >= 0) takeBest(growth, growth.restLeaf, 1)
      splitBestLeaf(growth)
    }
  }
}

function leafAt(growth: Growth, leaf: i32): Leaf {
  return changetype<Leaf>(growth.leaves + usize(leaf) * offsetof<Leaf>())
}

function plantRoot(growth: Growth): void {
  const root = leafAt(growth, 0)
  let gradient: i64 = 0
  let hessian: i64 = 0
  for (let i = 0; i < growth.rowCount; i++) {
    const packed = load<i64>(growth.gradients + (usize(i) << 3))
    gradient += packed >> 32
    hessian += packed & 0xffffffff
  }
  root.start = 0
  root.rowCount = growth.rowCount
  root.depth = 0
  root.parent = -1
  root.slot = 0
  root.gradient = gradient
  root.hessian = hessian
  root.low = -Infinity
  root.high = Infinity
  growth.leafCount = 1
  growth.builtLeaf = 0
  growth.restLeaf = -1
  growth.command = growth.maxLeafCount > 1 ? COMMAND_GROW : COMMAND_STOP
  atomic.store<i32>(growth.counter, 0)
}

/** The histograms of one group for the leaf that is built and for its sibling, and the best split of each of its features in both. */
function growGroup(growth: Growth, group: i32): void {
  const bytes = usize(GROUP_SUMS) << 4
  const built = leafAt(growth, growth.builtLeaf)
  const builtSums = growth.histograms + (usize(built.slot) * usize(growth.groupCount) + usize(group)) * bytes
  buildGroup(growth, group, built.start, built.rowCount, builtSums)
  const first = group * GROUP_FEATURES
  const last = min(first + GROUP_FEATURES, growth.featureCount)
  for (let feature = first; feature < last; feature++) {
    findSplit(growth, built, feature, builtSums + (usize(feature - first) << 12), splitAt(growth, 0, feature))
  }
  if (growth.restLeaf < 0) return
  const rest = leafAt(growth, growth.restLeaf)
  // There lies the parent's histogram still.
  const restSums = growth.histograms + (usize(rest.slot) * usize(growth.groupCount) + usize(group)) * bytes
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(restSums + i, i64x2.sub(v128.load(restSums + i), v128.load(builtSums + i)))
  }
  for (let feature = first; feature < last; feature++) {
    findSplit(growth, rest, feature, restSums + (usize(feature - first) << 12), splitAt(growth, 1, feature))
  }
}

function splitAt(growth: Growth, side: i32, feature: i32): Split {
  return changetype<Split>(growth.splits + usize(side * growth.groupCount * GROUP_FEATURES + feature) * offsetof<Split>())
}

/** Sums of the rows at `start ..` by feature of the group and bin, into `sums`. */
function buildGroup(growth: Growth, group: i32, start: i32, rowCount: i32, sums: usize): void {
  const bins = growth.bins + ((usize(group) * usize(growth.totalRowCount)) << 3)
  const packed = growth.packed + (usize(group) * usize(GROUP_SUMS) << 3)
  let isFirst = true
  let position = start
  const end = start + rowCount
  do {
    const blockEnd = min(position + BLOCK_ROWS, end)
    for (; position < blockEnd; position++) {
      if ((position & (AHEAD_ROWS - 1)) == 0) {
        touchRows(growth.rows + (usize(position) << 2), usize(min(AHEAD_ROWS, end - position)), bins, 8)
      }
      const row = usize(load<u32>(growth.rows + (usize(position) << 2)))
      const gradient = load<i64>(growth.gradients + (usize(position) << 3))
      const eight = load<u64>(bins + (row << 3))
      const a0 = packed + usize((eight << 3) & 0x7f8)
      store<i64>(a0, load<i64>(a0) + gradient)
      const a1 = packed + usize((eight >> 5) & 0x7f8)
      store<i64>(a1, load<i64>(a1, 2048) + gradient, 2048)
      const a2 = packed + usize((eight >> 13) & 0x7f8)
      store<i64>(a2, load<i64>(a2, 4096) + gradient, 4096)
      const a3 = packed + usize((eight >> 21) & 0x7f8)
      store<i64>(a3, load<i64>(a3, 6144) + gradient, 6144)
      const a4 = packed + usize((eight >> 29) & 0x7f8)
      store<i64>(a4, load<i64>(a4, 8192) + gradient, 8192)
      const a5 = packed + usize((eight >> 37) & 0x7f8)
      store<i64>(a5, load<i64>(a5, 10240) + gradient, 10240)
      const a6 = packed + usize((eight >> 45) & 0x7f8)
      store<i64>(a6, load<i64>(a6, 12288) + gradient, 12288)
      const a7 = packed + usize((eight >> 53) & 0x7f8)
      store<i64>(a7, load<i64>(a7, 14336) + gradient, 14336)
    }
    unpack(packed, sums, isFirst)
    isFirst = false
  } while (position < end)
}

/** Packed sums to pairs, added or stored; the packed ones are 0 afterwards. */
function unpack(packed: usize, sums: usize, isFirst: boolean): void {
  const zero = i64x2.splat(0)
  for (let i: usize = 0; i < usize(GROUP_SUMS); i++) {
    const both = load<i64>(packed + (i << 3))
    store<i64>(packed + (i << 3), 0)
    const pair = i64x2.replace_lane(i64x2.replace_lane(zero, 0, both >> 32), 1, both & 0xffffffff)
    const at = sums + (i << 4)
    v128.store(at, isFirst ? pair : i64x2.add(v128.load(at), pair))
  }
}

/**
 * The best split of one feature of a leaf. Missing values go where the gain is larger, to the right where nobody is missing.
 * @param sums 256 pairs of int64, by bin
 */
function findSplit(growth: Growth, leaf: Leaf, feature: i32, sums: usize, split: Split): void {
  split.gain = 0
  const binCount = load<i32>(growth.binCounts + (usize(feature) << 2))
  if (binCount < 2) return
  const l2 = growth.l2
  const rowsOfHessian = f64(leaf.rowCount) / f64(leaf.hessian)
  const missingHessian = load<i64>(sums, 8)
  const missingGradient = load<i64>(sums)
  const monotone = load<i32>(growth.monotone + (usize(feature) << 2))
  const whole = f64(leaf.gradient) * growth.gradientScale
  const wholeHessian = f64(leaf.hessian) * growth.hessianScale
  const parentGain = (whole * whole) / (wholeHessian + l2)
  let best = parentGain + growth.minGain
  let found = false
  const ways = missingHessian > 0 ? 2 : 1
  for (let way = 0; way < ways; way++) {
    let leftGradient: i64 = way == 1 ? missingGradient : 0
    let leftHessian: i64 = way == 1 ? missingHessian : 0
    // With nobody missing the last bin leaves nothing on the right.
    const lastBin = way == 0 && missingHessian > 0 ? binCount : binCount - 1
    for (let bin = 1; bin < lastBin; bin++) {
      const hessian = load<i64>(sums + (usize(bin) << 4), 8)
      if (hessian == 0) continue
      leftGradient += load<i64>(sums + (usize(bin) << 4))
      leftHessian += hessian
      const leftRows = f64(leftHessian) * rowsOfHessian
      if (leftRows + 0.5 < f64(growth.minRowCount)) continue
      const rightRows = f64(leaf.rowCount) - leftRows
      if (rightRows + 0.5 < f64(growth.minRowCount)) break
      const hl = f64(leftHessian) * growth.hessianScale
      const hr = wholeHessian - hl
      if (hl < growth.minHessian) continue
      if (hr < growth.minHessian) break
      const gl = f64(leftGradient) * growth.gradientScale
      const gr = whole - gl
      const gain = (gl * gl * (hr + l2) + gr * gr * (hl + l2)) / ((hl + l2) * (hr + l2))
      if (gain <= best) continue
      if (monotone != 0 && f64(monotone) * (gl / (hl + l2) - gr / (hr + l2)) < 0) continue
      best = gain
      found = true
      split.leftGradient = leftGradient
      split.leftHessian = leftHessian
      split.bin = bin
      split.missingLeft = way
    }
  }
  if (found) split.gain = best - parentGain
}

/** Reduces a leaf's splits by feature to its best; ties go to the feature of the smaller index. */
function takeBest(growth: Growth, index: i32, side: i32): void {
  const leaf = leafAt(growth, index)
  leaf.best = -1
  leaf.bestGain = 0
  if (growth.maxDepth > 0 && leaf.depth >= growth.maxDepth) return
  for (let feature = 0; feature < growth.featureCount; feature++) {
    const split = splitAt(growth, side, feature)
    if (split.gain <= leaf.bestGain) continue
    leaf.best = feature
    leaf.bestGain = split.gain
    leaf.bestBin = split.bin
    leaf.bestMissingLeft = split.missingLeft
    leaf.bestLeftGradient = split.leftGradient
    leaf.bestLeftHessian = split.leftHessian
  }
}

/** Splits the leaf with the largest gain and says which histogram is to be built next, or that the tree is done. */
function splitBestLeaf(growth: Growth): void {
  let index = -1
  let bestGain: f64 = 0
  for (let i = 0; i < growth.leafCount; i++) {
    const leaf = leafAt(growth, i)
    if (leaf.best < 0 || leaf.bestGain <= bestGain) continue
    index = i
    bestGain = leaf.bestGain
  }
  if (index < 0) {
    growth.command = COMMAND_STOP
    return
  }
  const nodeIndex = growth.leafCount - 1
  const node = changetype<Node>(growth.nodes + usize(nodeIndex) * offsetof<Node>())
  const left = leafAt(growth, index)
  const right = leafAt(growth, growth.leafCount)
  node.feature = left.best
  node.bin = left.bestBin
  node.missingLeft = left.bestMissingLeft
  node.left = ~index
  node.right = ~growth.leafCount
  node.rowCount = left.rowCount
  node.gain = left.bestGain
  if (left.parent >= 0) {
    const parent = changetype<Node>(growth.nodes + usize(left.parent >> 1) * offsetof<Node>())
    if (left.parent & 1) parent.right = nodeIndex
    else parent.left = nodeIndex
  }
  const leftCount = partition(growth, left, node)
  right.start = left.start + leftCount
  right.rowCount = left.rowCount - leftCount
  right.gradient = left.gradient - left.bestLeftGradient
  right.hessian = left.hessian - left.bestLeftHessian
  right.depth = left.depth + 1
  right.parent = 2 * nodeIndex + 1
  right.low = left.low
  right.high = left.high
  left.rowCount = leftCount
  left.gradient = left.bestLeftGradient
  left.hessian = left.bestLeftHessian
  left.depth = right.depth
  left.parent = 2 * nodeIndex
  const monotone = load<i32>(growth.monotone + (usize(node.feature) << 2))
  if (monotone != 0) {
    // The two sides may never meet beyond the middle between them.
    const middle = (valueOf(growth, left) + valueOf(growth, right)) / 2
    if (monotone > 0) {
      left.high = min(left.high, middle)
      right.low = max(right.low, middle)
    } else {
      left.low = max(left.low, middle)
      right.high = min(right.high, middle)
    }
  }
  growth.leafCount++
  if (growth.leafCount == growth.maxLeafCount) {
    growth.command = COMMAND_STOP
    return
  }
  const isLeftSmaller = left.rowCount <= right.rowCount
  right.slot = growth.leafCount - 1
  if (isLeftSmaller) {
    right.slot = left.slot
    left.slot = growth.leafCount - 1
  }
  growth.builtLeaf = isLeftSmaller ? index : growth.leafCount - 1
  growth.restLeaf = isLeftSmaller ? growth.leafCount - 1 : index
  atomic.store<i32>(growth.counter, 0)
}

/** The value of a leaf within its bounds, in units of the score. */
function valueOf(growth: Growth, leaf: Leaf): f64 {
  const value = (-f64(leaf.gradient) * growth.gradientScale) / (f64(leaf.hessian) * growth.hessianScale + growth.l2)
  return min(leaf.high, max(leaf.low, value))
}

/** Brings the rows that go left to the front, both sides in their old order; returns how many go left. */
function partition(growth: Growth, leaf: Leaf, node: Node): i32 {
  const group = node.feature / GROUP_FEATURES
  const bins = growth.bins + ((usize(group) * usize(growth.totalRowCount)) << 3) + usize(node.feature % GROUP_FEATURES)
  const rows = growth.rows + (usize(leaf.start) << 2)
  const gradients = growth.gradients + (usize(leaf.start) << 3)
  // As unsigned numbers, a missing value that goes right is beyond every bin.
  const shift: u32 = node.missingLeft ? 0 : 1
  const last = u32(node.bin) - shift
  let left: usize = 0
  let right: usize = 0
  const count = usize(leaf.rowCount)
  for (let i: usize = 0; i < count; i++) {
    const row = load<u32>(rows + (i << 2))
    const gradient = load<i64>(gradients + (i << 3))
    const goesLeft = usize(u32(load<u8>(bins + (usize(row) << 3))) - shift <= last)
    // Both are written, and only one place moves on: no branch to foretell.
    store<u32>(rows + (left << 2), row)
    store<i64>(gradients + (left << 3), gradient)
    store<u32>(growth.rowBuffer + (right << 2), row)
    store<i64>(growth.gradientBuffer + (right << 3), gradient)
    left += goesLeft
    right += 1 - goesLeft
  }
  memory.copy(rows + (left << 2), growth.rowBuffer, right << 2)
  memory.copy(gradients + (left << 3), growth.gradientBuffer, right << 3)
  return i32(left)
}
