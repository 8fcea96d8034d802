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
  const order = new Int32Array(longest)
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
        sorter.sort(scores, start, count, order)
        deriveQuery({ labels, gains, scores, discounts, order, start, count }, truncation, inverseIdeals[query]!, out)
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

interface QueryRows {
  readonly labels: Float64Array
  readonly gains: Float64Array
  readonly scores: Float64Array
  readonly discounts: Float64Array
  /** Rows of the query, by place. */
  readonly order: Int32Array
  readonly start: number
  readonly count: number
}

function deriveQuery(query: QueryRows, truncation: number, inverseIdeal: number, out: Derivatives): void {
  const { labels, gains, scores, discounts, order, start, count } = query
  const { gradients, hessians } = out
  const isSpread = scores[order[0]!] !== scores[order[count - 1]!]
  let lambdaSum = 0
  for (let i = 0; i < Math.min(truncation, count - 1); i++) {
    const first = order[i]!
    for (let j = i + 1; j < count; j++) {
      const second = order[j]!
      if (labels[first] === labels[second]) continue
      const [better, worse] = labels[first]! > labels[second]! ? [first, second] : [second, first]
      const ahead = scores[better]! - scores[worse]!
      let delta = (gains[better]! - gains[worse]!) * (discounts[i]! - discounts[j]!) * inverseIdeal
      if (isSpread) delta /= 0.01 + Math.abs(ahead)
      const wrong = 1 / (1 + Math.exp(ahead))
      const lambda = wrong * delta
      const hessian = wrong * (1 - wrong) * delta
      gradients[better]! -= lambda
      gradients[worse]! += lambda
      hessians[better]! += hessian
      hessians[worse]! += hessian
      lambdaSum += 2 * lambda
    }
  }
  if (lambdaSum <= 0) return
  const norm = Math.log2(1 + lambdaSum) / lambdaSum
  for (let row = start; row < start + count; row++) {
    gradients[row]! *= norm
    hessians[row]! *= norm
  }
}

/** Sorts a query's rows by score, ties by row; lists are short, and the last order is a good guess of the next. */
class PlaceSorter {
  readonly #keys: Float64Array

  constructor(longest: number) {
    this.#keys = new Float64Array(longest)
  }

  sort(scores: Float64Array, start: number, count: number, order: Int32Array): void {
    const keys = this.#keys
    if (count > 64) {
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
