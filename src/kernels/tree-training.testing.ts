// Boosted trees once more, slow and plain: every histogram from scratch, every split tried one by one. The kernel must grow the same trees.
import type { BinnedFeature, BinnedNode, BinnedTree, TreeTrainingOptions } from './tree-training.ts'

/** What one tree is grown from. */
export interface GrowthCase {
  readonly features: readonly BinnedFeature[]
  /** features x rows. */
  readonly bins: readonly Uint8Array[]
  readonly gradients: Float32Array
  readonly hessians: Float32Array
  readonly seed: number
  /** Features that may be used and rows that are learned from; all when absent. */
  readonly usable?: readonly number[]
  readonly rows?: readonly number[]
}

/** A row's gradient and hessian, rounded to whole numbers; sums of them are exact. */
interface Sums {
  readonly hessian: number
  readonly gradient: number
}

interface ReferenceSplit {
  readonly score: number
  readonly feature: number
  readonly kind: BinnedNode['kind']
  readonly bin: number
  readonly bins: readonly number[]
  readonly left: Sums
}

interface OutputBounds {
  readonly lower: number
  readonly upper: number
}

interface ReferenceLeaf extends Sums, OutputBounds {
  readonly rows: readonly number[]
  readonly depth: number
  readonly parent: { node: number; side: 'left' | 'right'; output: number } | undefined
  /** Before the learning rate. */
  readonly output: number
  readonly split: ReferenceSplit | undefined
}

type NewLeaf = Omit<ReferenceLeaf, 'split' | 'output'>

/** Grows one tree, best leaf first. */
export function referenceTree(growth: GrowthCase, options: TreeTrainingOptions): BinnedTree {
  const grower = new ReferenceGrower(growth, options)
  return grower.grow()
}

class ReferenceGrower {
  readonly #growth: GrowthCase
  readonly #options: TreeTrainingOptions
  readonly #gradientScale: number
  readonly #hessianScale: number
  readonly #rowSums: readonly Sums[]
  readonly #isBounded: boolean

  constructor(growth: GrowthCase, options: TreeTrainingOptions) {
    this.#growth = growth
    this.#options = options
    const { gradients, hessians, seed } = growth
    const scaleOf = (values: Float32Array): number => {
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      return largest > 0 ? 32_766 / largest : 1
    }
    this.#gradientScale = scaleOf(gradients)
    this.#hessianScale = scaleOf(hessians)
    this.#rowSums = Array.from(gradients, (gradient, row) => {
      const hash = murmur(row, seed)
      return {
        hessian: Math.floor(hessians[row]! * this.#hessianScale + (hash & 0xffff) / 65_536),
        gradient: Math.floor(gradient * this.#gradientScale + (hash >>> 16) / 65_536),
      }
    })
    this.#isBounded = growth.features.some(({ direction }) => direction !== 0)
  }

  grow(): BinnedTree {
    const { leafCount } = this.#options
    const allRows = this.#growth.rows ?? Array.from(this.#growth.gradients, (_, row) => row)
    const bounds = { lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY }
    const leaves = [this.#leaf({ rows: allRows, depth: 0, ...bounds, parent: undefined, ...this.#sumOf(allRows) })]
    const nodes: { -readonly [K in keyof BinnedNode]: BinnedNode[K] }[] = []
    while (leaves.length < leafCount) {
      const gains = leaves.map((leaf) => (leaf.split ? leaf.split.score - this.#scoreOf(leaf) : Number.NaN))
      let best = -1
      for (const [i, gain] of gains.entries()) {
        if (!Number.isNaN(gain) && (best < 0 || gain > gains[best]!)) best = i
      }
      if (best < 0) break
      const leaf = leaves[best]!
      const split = leaf.split!
      const node = nodes.length
      if (leaf.parent) nodes[leaf.parent.node]![leaf.parent.side] = node
      const column = this.#growth.bins[split.feature]!
      const goesLeft = (row: number): boolean => {
        const bin = column[row]!
        if (split.kind === 'categories') return split.bins.includes(bin)
        return bin <= split.bin && (bin > 0 || split.kind === 'missingLeft')
      }
      const leftRows = leaf.rows.filter(goesLeft)
      const rightRows = leaf.rows.filter((row) => !goesLeft(row))
      const { hasMissing } = this.#growth.features[split.feature]!
      const sideOfMissing = leftRows.length >= rightRows.length ? 'missingLeft' : 'missingRight'
      nodes.push({
        feature: split.feature,
        kind: split.kind === 'categories' || hasMissing ? split.kind : sideOfMissing,
        bin: split.bin,
        bins: split.bins,
        left: -1 - best,
        right: -1 - leaves.length,
        gain: (gains[best]! * this.#hessianScale) / (this.#gradientScale * this.#gradientScale),
        rowCount: leaf.rows.length,
      })
      const right = { hessian: leaf.hessian - split.left.hessian, gradient: leaf.gradient - split.left.gradient }
      const [leftBounds, rightBounds] = this.#boundsOf(leaf, split, right)
      const depth = leaf.depth + 1
      leaves[best] = this.#leaf({
        rows: leftRows,
        depth,
        ...leftBounds,
        parent: { node, side: 'left', output: leaf.output },
        ...split.left,
      })
      leaves.push(
        this.#leaf({
          rows: rightRows,
          depth,
          ...rightBounds,
          parent: { node, side: 'right', output: leaf.output },
          ...right,
        }),
      )
    }
    const unit = this.#hessianScale / this.#gradientScale
    return {
      nodes,
      outputs: Float64Array.from(leaves, ({ output }) => output * unit * this.#options.learningRate),
      outputRowCounts: Int32Array.from(leaves, ({ rows }) => rows.length),
    }
  }

  get #lambda(): number {
    return this.#options.lambda * this.#hessianScale
  }

  #sumOf(rows: readonly number[]): Sums {
    let hessian = 0
    let gradient = 0
    for (const row of rows) {
      hessian += this.#rowSums[row]!.hessian
      gradient += this.#rowSums[row]!.gradient
    }
    return { hessian, gradient }
  }

  #scoreOf({ hessian, gradient }: Sums): number {
    return (gradient * gradient) / (hessian + this.#lambda)
  }

  #outputOf(leaf: NewLeaf): number {
    const own = leaf.hessian + this.#lambda > 0 ? bounded(leaf, this.#lambda, leaf) : 0
    if (!leaf.parent) return own
    const part = leaf.rows.length / (leaf.rows.length + this.#options.smoothing)
    return Math.min(Math.max(part * own + (1 - part) * leaf.parent.output, leaf.lower), leaf.upper)
  }

  /** Exactly the part of the usable features that is asked for, or two. */
  #featuresOf({ parent }: NewLeaf): readonly number[] {
    const usable = [...(this.#growth.usable ?? this.#growth.features.keys())]
    const { splitFeatureFraction } = this.#options
    if (splitFeatureFraction === 1) return usable
    const place = parent ? 2 * parent.node + (parent.side === 'right' ? 1 : 0) + 2 : 0
    const seed = murmur(place, ~this.#growth.seed)
    let open = Math.max(Math.min(2, usable.length), roundHalfToEven(splitFeatureFraction * usable.length))
    return usable.filter((feature, i) => {
      const isDrawn = Math.floor((murmur(feature, seed) / 2 ** 32) * (usable.length - i)) < open
      if (isDrawn) open--
      return isDrawn
    })
  }

  #boundsOf(
    leaf: ReferenceLeaf,
    { feature, kind, left }: ReferenceSplit,
    right: Sums,
  ): readonly [OutputBounds, OutputBounds] {
    const { lower, upper } = leaf
    const direction = this.#growth.features[feature]!.direction
    const same = { lower, upper }
    if (direction === 0 || kind === 'categories') return [same, same]
    const middle = (bounded(left, this.#lambda, leaf) + bounded(right, this.#lambda, leaf)) / 2
    const below = { lower, upper: middle }
    const above = { lower: middle, upper }
    return direction > 0 ? [below, above] : [above, below]
  }

  #leaf(given: NewLeaf): ReferenceLeaf {
    const leaf = { ...given, output: this.#outputOf(given) }
    const { leastRows, leastHessian, depthLimit, leastGain } = this.#options
    if (leaf.rows.length < 2 * leastRows || leaf.depth >= depthLimit) return { ...leaf, split: undefined }
    const ofRows = ((leastRows - 0.5) * leaf.hessian) / leaf.rows.length
    const leastSide = Math.max(1, leastHessian * this.#hessianScale, ofRows)
    let split: ReferenceSplit | undefined
    const gainUnit = (this.#gradientScale * this.#gradientScale) / this.#hessianScale
    const toBeat = this.#scoreOf(leaf) * (1 + 1e-10) + leastGain * gainUnit
    for (const feature of this.#featuresOf(leaf)) {
      let best: ReferenceSplit | undefined
      for (const { left, score, ...where } of this.#splitsBy(feature, leaf)) {
        const right = { hessian: leaf.hessian - left.hessian, gradient: leaf.gradient - left.gradient }
        if (left.hessian < leastSide || right.hessian < leastSide) continue
        if (beats(score(left, right), best?.score ?? toBeat)) {
          best = { ...where, feature, left, score: quotientOf(score(left, right)) }
        }
      }
      if (best && (!split || best.score > split.score)) split = best
    }
    return { ...leaf, split }
  }

  /** Every way to split a leaf by a feature, in the kernel's order. */
  *#splitsBy(feature: number, leaf: NewLeaf): Generator<PossibleSplit> {
    const { binCount, hasMissing, bounds, direction } = this.#growth.features[feature]!
    const column = this.#growth.bins[feature]!
    const histogram = Array.from({ length: binCount }, (_, bin) =>
      this.#sumOf(leaf.rows.filter((row) => column[row] === bin)),
    )
    if (!bounds) {
      yield* this.#splitsOfCategories(histogram)
      return
    }
    const score = (left: Sums, right: Sums): Fraction =>
      this.#isBounded ? this.#boundedScore(left, right, leaf, direction) : fractionOf(left, right, this.#lambda)
    for (const kind of hasMissing ? (['missingRight', 'missingLeft'] as const) : (['missingRight'] as const)) {
      let left: Sums = kind === 'missingLeft' ? histogram[0]! : { hessian: 0, gradient: 0 }
      const last = kind === 'missingRight' && hasMissing ? binCount - 1 : binCount - 2
      for (let bin = 1; bin <= last; bin++) {
        left = plus(left, histogram[bin]!)
        yield { kind, bin, bins: [], left, score }
      }
    }
  }

  *#splitsOfCategories(histogram: readonly Sums[]): Generator<PossibleSplit> {
    const { categoryLambda } = this.#options
    const lambda = this.#lambda + categoryLambda * this.#hessianScale
    const score = (left: Sums, right: Sums): Fraction => ({
      numerator:
        (left.gradient * left.gradient) / (left.hessian + lambda) +
        (right.gradient * right.gradient) / (right.hessian + lambda),
      denominator: 1,
    })
    const kind = 'categories'
    if (histogram.length - 1 <= 4) {
      for (let bin = 1; bin < histogram.length; bin++) yield { kind, bin: 0, bins: [bin], left: histogram[bin]!, score }
      return
    }
    const meanOf = (bin: number): number =>
      histogram[bin]!.gradient / (histogram[bin]!.hessian + categoryLambda * this.#hessianScale)
    const order = Array.from(histogram.keys())
      .filter((bin) => bin > 0 && histogram[bin]!.hessian > 0)
      .sort((a, b) => meanOf(a) - meanOf(b) || a - b)
    for (const taken of [order, order.toReversed()]) {
      let left: Sums = { hessian: 0, gradient: 0 }
      for (let count = 1; count <= Math.min(32, (order.length + 1) >> 1); count++) {
        left = plus(left, histogram[taken[count - 1]!]!)
        const bins = taken.slice(0, count).sort((a, b) => a - b)
        yield { kind, bin: 0, bins, left, score }
      }
    }
  }

  #boundedScore(left: Sums, right: Sums, leaf: OutputBounds, direction: number): Fraction {
    const outputL = bounded(left, this.#lambda, leaf)
    const outputR = bounded(right, this.#lambda, leaf)
    const isAllowed = direction > 0 ? outputL <= outputR : direction < 0 ? outputL >= outputR : true
    const scoreWith = ({ hessian, gradient }: Sums, output: number): number =>
      -(2 * gradient * output + (hessian + this.#lambda) * output * output)
    const numerator = scoreWith(left, outputL) + scoreWith(right, outputR)
    return { numerator: isAllowed ? numerator : Number.NEGATIVE_INFINITY, denominator: 1 }
  }
}

interface PossibleSplit {
  readonly kind: BinnedNode['kind']
  readonly bin: number
  readonly bins: readonly number[]
  readonly left: Sums
  readonly score: (left: Sums, right: Sums) => Fraction
}

/** Compared as the kernel does, before dividing and after, so that rounding decides alike. */
interface Fraction {
  readonly numerator: number
  readonly denominator: number
}

const beats = ({ numerator, denominator }: Fraction, best: number): boolean =>
  numerator > best * denominator && numerator / denominator > best
const quotientOf = ({ numerator, denominator }: Fraction): number => numerator / denominator

function fractionOf(left: Sums, right: Sums, lambda: number): Fraction {
  const denominatorL = left.hessian + lambda
  const denominatorR = right.hessian + lambda
  const numerator = left.gradient * left.gradient * denominatorR + right.gradient * right.gradient * denominatorL
  return { numerator, denominator: denominatorL * denominatorR }
}

const plus = (a: Sums, b: Sums): Sums => ({ hessian: a.hessian + b.hessian, gradient: a.gradient + b.gradient })

function bounded({ hessian, gradient }: Sums, lambda: number, { lower, upper }: OutputBounds): number {
  return Math.min(Math.max(-gradient / (hessian + lambda), lower), upper)
}

/** As the processor rounds. */
function roundHalfToEven(value: number): number {
  const below = Math.floor(value)
  return value - below === 0.5 ? below + (below % 2) : Math.round(value)
}

/** Murmur3's finalizer over a Weyl sequence. */
function murmur(row: number, seed: number): number {
  let hash = (Math.imul(row, 0x9e3779b9) ^ seed) >>> 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
