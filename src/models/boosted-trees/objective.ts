// What a boosted ensemble is trained towards: first and second derivatives of a loss at the scores so far.

/** By row: derivative and second derivative of the loss. */
export interface Derivatives {
  readonly gradients: Float64Array
  readonly hessians: Float64Array
}

export interface Objective {
  /** The best score that is the same for every row. */
  baseScore(): number
  /** Fills the derivatives at these scores, by row. */
  derive(scores: Float64Array, out: Derivatives): void
  /** Mean loss at these scores, smaller is better; for ranking 1 - NDCG. */
  loss(scores: Float64Array): number
}

/** What the rows' labels say. */
export interface Labelled {
  readonly labels: Float64Array
  /** By row, above 0; undefined: 1. */
  readonly weights: Float64Array | undefined
  /** Where each query's rows begin, and the end of the last; undefined where rows are not grouped. */
  readonly queryOffsets: Int32Array | undefined
}

/** Half the squared difference. */
export function squaredObjective({ labels, weights }: Labelled): Objective {
  const weightOf = weighing(weights)
  return {
    baseScore: () => weightedMean(labels, weights),
    derive(scores, { gradients, hessians }) {
      for (let row = 0; row < labels.length; row++) {
        const weight = weightOf(row)
        gradients[row] = weight * (scores[row]! - labels[row]!)
        hessians[row] = weight
      }
    },
    loss: (scores) => meanLoss(labels.length, weightOf, (row) => (scores[row]! - labels[row]!) ** 2 / 2),
  }
}

/** Cross entropy of labels in [0, 1]; the score is the logarithm of the odds. */
export function logisticObjective({ labels, weights }: Labelled): Objective {
  const weightOf = weighing(weights)
  return {
    baseScore() {
      const share = weightedMean(labels, weights)
      return Math.log(share / (1 - share))
    },
    derive(scores, { gradients, hessians }) {
      for (let row = 0; row < labels.length; row++) {
        const probability = 1 / (1 + Math.exp(-scores[row]!))
        const weight = weightOf(row)
        gradients[row] = weight * (probability - labels[row]!)
        hessians[row] = weight * Math.max(1e-16, probability * (1 - probability))
      }
    },
    loss: (scores) =>
      meanLoss(labels.length, weightOf, (row) => {
        const score = scores[row]!
        // log(1 + e^s) - y s, without an exponent that overflows.
        return Math.max(score, 0) + Math.log1p(Math.exp(-Math.abs(score))) - labels[row]! * score
      }),
  }
}

export interface LambdaMartSettings {
  /** Only pairs with one row among the first so many of the list count, and NDCG is cut there. */
  readonly truncation: number
  /** NDCG as the loss that is reported: cut at this place. */
  readonly ndcgAt: number
}

/**
 * LambdaMART: pairs of a query's rows, weighted by how much NDCG changes when they swap places. Gains are 2^label - 1.
 * Burges, "From RankNet to LambdaRank to LambdaMART: an overview", 2010; a pair's weight shrinks with the distance of the scores, and a query's sum of
 * derivatives to its logarithm, as LightGBM's `lambdarank_norm` has it.
 */
export function lambdaMartObjective(labelled: Labelled, { truncation, ndcgAt }: LambdaMartSettings): Objective {
  const { labels, weights } = labelled
  const queryOffsets = labelled.queryOffsets!
  const queryCount = queryOffsets.length - 1
  const gains = labels.map((label) => 2 ** label - 1)
  let longest = 0
  for (let query = 0; query < queryCount; query++) {
    longest = Math.max(longest, queryOffsets[query + 1]! - queryOffsets[query]!)
  }
  const discounts = Float64Array.from({ length: longest }, (_, place) => 1 / Math.log2(2 + place))
  const inverseIdeals = idealDcg(gains, queryOffsets, discounts, truncation).map((ideal) => (ideal > 0 ? 1 / ideal : 0))
  const placed = new PlacedRows(longest)
  const sorter = new PlaceSorter(longest)
  return {
    baseScore: () => 0,
    derive(scores, out) {
      out.gradients.fill(0)
      out.hessians.fill(0)
      for (let query = 0; query < queryCount; query++) {
        if (inverseIdeals[query] === 0) continue
        const start = queryOffsets[query]!
        const count = queryOffsets[query + 1]! - start
        sorter.sort(scores, start, count, placed.rows)
        for (let place = 0; place < count; place++) {
          const row = placed.rows[place]!
          placed.gains[place] = gains[row]!
          placed.scores[place] = scores[row]!
        }
        deriveQuery(placed, count, discounts, truncation, inverseIdeals[query]!)
        for (let place = 0; place < count; place++) {
          const row = placed.rows[place]!
          out.gradients[row] = placed.gradients[place]!
          out.hessians[row] = placed.hessians[place]!
        }
      }
      if (!weights) return
      for (let row = 0; row < labels.length; row++) {
        out.gradients[row]! *= weights[row]!
        out.hessians[row]! *= weights[row]!
      }
    },
    loss: (scores) => 1 - meanNdcg(gains, queryOffsets, scores, ndcgAt),
  }
}

/** One query's rows by place: what a pair needs of each. */
class PlacedRows {
  readonly rows: Int32Array
  readonly gains: Float64Array
  readonly scores: Float64Array
  readonly gradients: Float64Array
  readonly hessians: Float64Array

  constructor(longest: number) {
    this.rows = new Int32Array(longest)
    this.gains = new Float64Array(longest)
    this.scores = new Float64Array(longest)
    this.gradients = new Float64Array(longest)
    this.hessians = new Float64Array(longest)
  }
}

/** Adds up the pairs of the first `count` places. */
function deriveQuery(
  placed: PlacedRows,
  count: number,
  discounts: Float64Array,
  truncation: number,
  inverseIdeal: number,
): void {
  const { gains, scores, gradients, hessians } = placed
  gradients.fill(0, 0, count)
  hessians.fill(0, 0, count)
  const isSpread = scores[0] !== scores[count - 1]
  const firstCount = Math.min(truncation, count - 1)
  let lambdaSum = 0
  for (let i = 0; i < firstCount; i++) {
    const gain = gains[i]!
    const score = scores[i]!
    const discount = discounts[i]!
    let gradient = 0
    let hessian = 0
    for (let j = i + 1; j < count; j++) {
      const distance = gain - gains[j]!
      if (distance === 0) continue
      // Of the better row above the worse one: at places i and j, or j and i.
      const difference = score - scores[j]!
      const ahead = distance > 0 ? difference : -difference
      let delta = Math.abs(distance) * (discount - discounts[j]!) * inverseIdeal
      if (isSpread) delta /= 0.01 + Math.abs(difference)
      const wrong = falling(ahead)
      const lambda = wrong * delta
      const second = wrong * (1 - wrong) * delta
      const push = distance > 0 ? lambda : -lambda
      gradient -= push
      gradients[j]! += push
      hessian += second
      hessians[j]! += second
      lambdaSum += lambda
    }
    gradients[i]! += gradient
    hessians[i]! += hessian
  }
  if (lambdaSum <= 0) return
  const norm = Math.log2(1 + 2 * lambdaSum) / (2 * lambdaSum)
  for (let place = 0; place < count; place++) {
    gradients[place]! *= norm
    hessians[place]! *= norm
  }
}

const FALLING_LIMIT = 20
const FALLING_STEPS_PER_UNIT = 128
const fallingTable = Float64Array.from(
  { length: 2 * FALLING_LIMIT * FALLING_STEPS_PER_UNIT + 2 },
  (_, i) => 1 / (1 + Math.exp(i / FALLING_STEPS_PER_UNIT - FALLING_LIMIT)),
)

/** 1 / (1 + e^x), from a table, straight between its entries: off by less than 1e-6, in a third of the time. */
function falling(x: number): number {
  const at = (Math.min(FALLING_LIMIT, Math.max(-FALLING_LIMIT, x)) + FALLING_LIMIT) * FALLING_STEPS_PER_UNIT
  const entry = Math.trunc(at)
  const value = fallingTable[entry]!
  return value + (at - entry) * (fallingTable[entry + 1]! - value)
}

const MAX_INSERTED = 64

/** Sorts a query's rows by score, ties by row. Most lists are short enough to insert one by one, without an array of their own. */
class PlaceSorter {
  readonly #keys: Float64Array

  constructor(longest: number) {
    this.#keys = new Float64Array(longest)
  }

  sort(scores: Float64Array, start: number, count: number, order: Int32Array): void {
    const keys = this.#keys
    if (count > MAX_INSERTED) {
      const rows = Array.from({ length: count }, (_, i) => start + i).sort((a, b) => scores[b]! - scores[a]! || a - b)
      order.set(rows)
      return
    }
    for (let i = 0; i < count; i++) {
      const key = scores[start + i]!
      let place = i
      for (; place > 0 && keys[place - 1]! < key; place--) {
        keys[place] = keys[place - 1]!
        order[place] = order[place - 1]!
      }
      keys[place] = key
      order[place] = start + i
    }
  }
}

/** By query the largest DCG that its rows allow, cut at a place. */
function idealDcg(gains: Float64Array, queryOffsets: Int32Array, discounts: Float64Array, cut: number): Float64Array {
  return Float64Array.from({ length: queryOffsets.length - 1 }, (_, query) => {
    const own = gains
      .slice(queryOffsets[query]!, queryOffsets[query + 1]!)
      .sort()
      .reverse()
    return own.subarray(0, cut).reduce((sum, gain, place) => sum + gain * discounts[place]!, 0)
  })
}

/** Mean NDCG over queries; one without anything relevant counts as 1, as in LightGBM. Ties in the score go to the earlier row. */
export function meanNdcg(gains: Float64Array, queryOffsets: Int32Array, scores: Float64Array, cut: number): number {
  const values = ndcgByQuery(gains, queryOffsets, scores, cut)
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}

/** NDCG of every query; 1 where nothing is relevant. */
export function ndcgByQuery(
  gains: Float64Array,
  queryOffsets: Int32Array,
  scores: Float64Array,
  cut: number,
): Float64Array {
  let longest = 0
  for (let query = 0; query + 1 < queryOffsets.length; query++) {
    longest = Math.max(longest, queryOffsets[query + 1]! - queryOffsets[query]!)
  }
  const discounts = Float64Array.from({ length: longest }, (_, place) => 1 / Math.log2(2 + place))
  const ideals = idealDcg(gains, queryOffsets, discounts, cut)
  const order = new Int32Array(longest)
  const sorter = new PlaceSorter(longest)
  return ideals.map((ideal, query) => {
    if (ideal === 0) return 1
    const start = queryOffsets[query]!
    const count = queryOffsets[query + 1]! - start
    sorter.sort(scores, start, count, order)
    let dcg = 0
    for (let place = 0; place < Math.min(cut, count); place++) dcg += gains[order[place]!]! * discounts[place]!
    return dcg / ideal
  })
}

const weighing = (weights: Float64Array | undefined): ((row: number) => number) =>
  weights ? (row) => weights[row]! : () => 1

function weightedMean(labels: Float64Array, weights: Float64Array | undefined): number {
  const weightOf = weighing(weights)
  let sum = 0
  let total = 0
  for (let row = 0; row < labels.length; row++) {
    sum += weightOf(row) * labels[row]!
    total += weightOf(row)
  }
  return sum / total
}

function meanLoss(rowCount: number, weightOf: (row: number) => number, lossOf: (row: number) => number): number {
  let sum = 0
  let total = 0
  for (let row = 0; row < rowCount; row++) {
    sum += weightOf(row) * lossOf(row)
    total += weightOf(row)
  }
  return sum / total
}
