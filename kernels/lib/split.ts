// Finding the best split of a leaf from the histogram of one feature.
//
// Legend: H, G the sums of hessians and gradients of a leaf, in the whole numbers that they are rounded to; L and R its parts left and right of a
// split; lambda the L2 penalty in the same unit. What a split gains is, up to constants (Chen & Guestrin, "XGBoost: a scalable tree boosting
// system", KDD 2016, equation 7),
//
//   GL^2 / (HL + lambda) + GR^2 / (HR + lambda) - G^2 / (H + lambda)
//
// Bin 0 holds the missing values, bins 1 to n - 1 the others in ascending order, or the categories.

/** The value kinds of `Split.kind` and of nodes. */
// @ts-ignore: decorator
@inline
export const NO_SPLIT: i32 = 0
/** Bins 1 to `bin` go left, the missing right. */
// @ts-ignore: decorator
@inline
export const MISSING_RIGHT: i32 = 1
/** Bins 0 to `bin` go left. */
// @ts-ignore: decorator
@inline
export const MISSING_LEFT: i32 = 2
/** The bins in `set` go left. */
// @ts-ignore: decorator
@inline
export const CATEGORIES: i32 = 3

/** Flags of a feature. */
// @ts-ignore: decorator
@inline
export const HAS_MISSING: i32 = 1
// @ts-ignore: decorator
@inline
export const IS_CATEGORICAL: i32 = 2

@unmanaged
export class Split {
  /** GL^2 / (HL + lambda) + GR^2 / (HR + lambda). */
  score: f64
  leftHessian: f64
  leftGradient: f64
  feature: i32
  kind: i32
  bin: i32
  /** Which leaf it splits, where it is one of a leaf's candidates. */
  leaf: i32
  /** 256 bits. */
  set0: u64
  set1: u64
  set2: u64
  set3: u64
}

/** A part of the rows, and what its split must keep to. */
@unmanaged
export class Leaf {
  hessian: f64
  gradient: f64
  /** The least hessian of each side: from the settings' least hessian and least rows. */
  leastHessian: f64
  /** Bounds of the output, for monotone features. */
  lower: f64
  upper: f64
  /** Between the bounds, before the learning rate: see `outputOf` in grow.ts. */
  output: f64
  /** The rows are at positions start .. start + count. */
  start: i32
  count: i32
  depth: i32
  /** The node above and whether it is that node's right child; -1 above the root. */
  node: i32
  isRight: i32
  histogram: usize
}

/** Settings of the search, in the unit of the whole numbers. */
@unmanaged
export class Penalties {
  lambda: f64
  leastGain: f64
  /** Added to the hessian of a category where categories are ordered, and to lambda where they are split. */
  categoryLambda: f64
}

/** Categories that may go left together. */
const MOST_CATEGORIES: i32 = 32
/** With as many categories or fewer, one of them alone goes left. */
const ONE_AGAINST_REST: i32 = 4

/** The score of a leaf that is not split. */
// @ts-ignore: decorator
@inline
export function leafScore(leaf: Leaf, lambda: f64): f64 {
  return (leaf.gradient * leaf.gradient) / (leaf.hessian + lambda)
}

/** A split must score more than this. The factor keeps differences of rounding from being taken for gains. */
// @ts-ignore: decorator
@inline
export function scoreToBeat(leaf: Leaf, penalties: Penalties): f64 {
  return leafScore(leaf, penalties.lambda) * (1 + 1e-10) + penalties.leastGain
}

/**
 * The best split of a leaf by one feature, to `split`; its kind is NO_SPLIT when none scores enough.
 * @param histogram  pairs of hessian and gradient of the feature's bins
 * @param direction  1: the output may not fall with the feature; -1: it may not rise; 0: as it likes
 * @param isBounded  whether any feature has a direction, so that outputs have bounds
 * @param scratch    256 x 12 bytes
 */
export function findSplit(
  histogram: usize,
  binCount: i32,
  flags: i32,
  direction: i32,
  isBounded: bool,
  leaf: Leaf,
  penalties: Penalties,
  split: Split,
  scratch: usize,
): void {
  split.kind = NO_SPLIT
  split.score = scoreToBeat(leaf, penalties)
  if (flags & IS_CATEGORICAL) {
    splitCategories(histogram, binCount, leaf, penalties, split, scratch)
    return
  }
  const hasMissing = (flags & HAS_MISSING) != 0
  const zero = f64x2.splat(0)
  // With missing values, the last threshold parts all others from them.
  const last = hasMissing ? binCount - 1 : binCount - 2
  if (isBounded) {
    splitWithinBounds(histogram, last, zero, MISSING_RIGHT, direction, leaf, penalties, split)
    if (hasMissing) {
      splitWithinBounds(histogram, binCount - 2, v128.load(histogram), MISSING_LEFT, direction, leaf, penalties, split)
    }
    return
  }
  splitInOrder(histogram, last, zero, MISSING_RIGHT, leaf, penalties.lambda, split)
  if (hasMissing) splitInOrder(histogram, binCount - 2, v128.load(histogram), MISSING_LEFT, leaf, penalties.lambda, split)
}

/** Tries the thresholds 1 to `last`, two at a time; `left` is what is left of all of them. */
function splitInOrder(histogram: usize, last: i32, left: v128, kind: i32, leaf: Leaf, lambda: f64, split: Split): void {
  const H = f64x2.splat(leaf.hessian)
  const G = f64x2.splat(leaf.gradient)
  const least = f64x2.splat(leaf.leastHessian)
  const lambdas = f64x2.splat(lambda)
  let best = f64x2.splat(split.score)
  let at = histogram + 16
  for (let bin = 1; bin <= last; bin += 2) {
    const first = f64x2.add(left, v128.load(at))
    // Past the end, the second threshold is the first again, and not better than it.
    const second = bin < last ? f64x2.add(first, v128.load(at, 16)) : first
    at += 32
    left = second
    const HL = v128.shuffle<f64>(first, second, 0, 2)
    const GL = v128.shuffle<f64>(first, second, 1, 3)
    const HR = f64x2.sub(H, HL)
    const GR = f64x2.sub(G, GL)
    const denominatorL = f64x2.add(HL, lambdas)
    const denominatorR = f64x2.add(HR, lambdas)
    // The sum of the two fractions over one denominator: a division is needed only where a new best is found.
    const numerator = f64x2.add(
      f64x2.mul(f64x2.mul(GL, GL), denominatorR),
      f64x2.mul(f64x2.mul(GR, GR), denominatorL),
    )
    const denominator = f64x2.mul(denominatorL, denominatorR)
    const isBetter = v128.and(
      f64x2.gt(numerator, f64x2.mul(best, denominator)),
      v128.and(f64x2.ge(HL, least), f64x2.ge(HR, least)),
    )
    if (!v128.any_true(isBetter)) continue
    const scores = f64x2.div(numerator, denominator)
    // Quotients are compared once more: with rounding, a product may be larger where the quotient is equal, and the first of equals is to win.
    if (i64x2.extract_lane(isBetter, 0) && f64x2.extract_lane(scores, 0) > split.score) {
      note(split, kind, bin, f64x2.extract_lane(scores, 0), first)
    }
    if (i64x2.extract_lane(isBetter, 1) && f64x2.extract_lane(scores, 1) > split.score) {
      note(split, kind, bin + 1, f64x2.extract_lane(scores, 1), second)
    }
    best = f64x2.splat(split.score)
  }
}

// @ts-ignore: decorator
@inline
function note(split: Split, kind: i32, bin: i32, score: f64, left: v128): void {
  split.kind = kind
  split.bin = bin
  split.score = score
  split.leftHessian = f64x2.extract_lane(left, 0)
  split.leftGradient = f64x2.extract_lane(left, 1)
}

/** The output of a part, up to the unit: -G / (H + lambda), within the bounds of its leaf. */
// @ts-ignore: decorator
@inline
export function boundedOutput(hessian: f64, gradient: f64, lambda: f64, leaf: Leaf): f64 {
  return min(max(-gradient / (hessian + lambda), leaf.lower), leaf.upper)
}

/** What a part scores with an output that need not be its best: -(2 G w + (H + lambda) w^2). */
// @ts-ignore: decorator
@inline
function scoreOf(hessian: f64, gradient: f64, lambda: f64, output: f64): f64 {
  return -(2 * gradient * output + (hessian + lambda) * output * output)
}

/** As `splitInOrder`, with outputs that keep to bounds and directions. */
function splitWithinBounds(
  histogram: usize,
  last: i32,
  left: v128,
  kind: i32,
  direction: i32,
  leaf: Leaf,
  penalties: Penalties,
  split: Split,
): void {
  const lambda = penalties.lambda
  for (let bin = 1; bin <= last; bin++) {
    left = f64x2.add(left, v128.load(histogram + (usize(bin) << 4)))
    const HL = f64x2.extract_lane(left, 0)
    const GL = f64x2.extract_lane(left, 1)
    const HR = leaf.hessian - HL
    const GR = leaf.gradient - GL
    if (HL < leaf.leastHessian || HR < leaf.leastHessian) continue
    const outputL = boundedOutput(HL, GL, lambda, leaf)
    const outputR = boundedOutput(HR, GR, lambda, leaf)
    if (direction > 0 ? outputL > outputR : direction < 0 ? outputL < outputR : false) continue
    const score = scoreOf(HL, GL, lambda, outputL) + scoreOf(HR, GR, lambda, outputR)
    if (score > split.score) note(split, kind, bin, score, left)
  }
}

/**
 * Fisher, "On grouping for maximum homogeneity", 1958: the best set of categories is among the prefixes of their order by mean gradient.
 * The missing, and categories without a bin, go right.
 */
function splitCategories(histogram: usize, binCount: i32, leaf: Leaf, penalties: Penalties, split: Split, scratch: usize): void {
  const lambda = penalties.lambda + penalties.categoryLambda
  if (binCount - 1 <= ONE_AGAINST_REST) {
    for (let bin = 1; bin < binCount; bin++) {
      const left = v128.load(histogram + (usize(bin) << 4))
      if (tryCategories(left, leaf, lambda, split)) {
        clearSet(split)
        addToSet(split, bin)
      }
    }
    return
  }
  const count = orderCategories(histogram, binCount, penalties.categoryLambda, scratch)
  const bins = scratch + (256 << 3)
  const most = min(MOST_CATEGORIES, (count + 1) >> 1)
  let bestFromEnd = false
  let bestCount = 0
  for (let fromEnd = 0; fromEnd < 2; fromEnd++) {
    let left = f64x2.splat(0)
    for (let taken = 0; taken < most; taken++) {
      const at = fromEnd ? count - 1 - taken : taken
      left = f64x2.add(left, v128.load(histogram + (usize(load<i32>(bins + (usize(at) << 2))) << 4)))
      if (tryCategories(left, leaf, lambda, split)) {
        bestFromEnd = fromEnd == 1
        bestCount = taken + 1
      }
    }
  }
  if (bestCount == 0) return
  clearSet(split)
  for (let taken = 0; taken < bestCount; taken++) {
    const at = bestFromEnd ? count - 1 - taken : taken
    addToSet(split, load<i32>(bins + (usize(at) << 2)))
  }
}

function tryCategories(left: v128, leaf: Leaf, lambda: f64, split: Split): bool {
  const HL = f64x2.extract_lane(left, 0)
  const GL = f64x2.extract_lane(left, 1)
  const HR = leaf.hessian - HL
  const GR = leaf.gradient - GL
  if (HL < leaf.leastHessian || HR < leaf.leastHessian) return false
  const score = (GL * GL) / (HL + lambda) + (GR * GR) / (HR + lambda)
  if (!(score > split.score)) return false
  note(split, CATEGORIES, 0, score, left)
  return true
}

/** The categories that have rows, by their smoothed mean gradient, then by number; returns how many. float64 keys, then int32 bins in `scratch`. */
function orderCategories(histogram: usize, binCount: i32, smoothing: f64, scratch: usize): i32 {
  const keys = scratch
  const bins = scratch + (256 << 3)
  let count = 0
  for (let bin = 1; bin < binCount; bin++) {
    const hessian = load<f64>(histogram + (usize(bin) << 4))
    if (hessian == 0) continue
    const key = load<f64>(histogram + (usize(bin) << 4), 8) / (hessian + smoothing)
    let at = count++
    for (; at > 0 && load<f64>(keys + (usize(at - 1) << 3)) > key; at--) {
      store<f64>(keys + (usize(at) << 3), load<f64>(keys + (usize(at - 1) << 3)))
      store<i32>(bins + (usize(at) << 2), load<i32>(bins + (usize(at - 1) << 2)))
    }
    store<f64>(keys + (usize(at) << 3), key)
    store<i32>(bins + (usize(at) << 2), bin)
  }
  return count
}

function clearSet(split: Split): void {
  split.set0 = 0
  split.set1 = 0
  split.set2 = 0
  split.set3 = 0
}

// @ts-ignore: decorator
@inline
function addToSet(split: Split, bin: i32): void {
  const word = changetype<usize>(split) + offsetof<Split>('set0') + (usize(bin >> 6) << 3)
  store<u64>(word, load<u64>(word) | (u64(1) << (bin & 63)))
}
