// How good scores are on rows that nothing was learned from.
import { type LabelledRows, queryOffsetsOf } from './labelled-rows.ts'
import { type BoostedTreesObjective, ranksQueries } from './settings.ts'

export interface ValidationMetric {
  readonly name: 'ndcg@10' | 'log loss' | 'mean squared error'
  readonly isBetter: (a: number, b: number) => boolean
  readonly of: (scores: Float64Array) => number
}

/** The metric that belongs to an objective, for these rows. */
export function validationMetric(rows: LabelledRows, objective: BoostedTreesObjective): ValidationMetric {
  if (ranksQueries(objective)) {
    const offsets = queryOffsetsOf(rows.querySizes!)
    return { name: 'ndcg@10', isBetter: (a, b) => a > b, of: (scores) => meanNdcg(scores, rows.labels, offsets, 10) }
  }
  const isBetter = (a: number, b: number): boolean => a < b
  if (objective === 'logistic') return { name: 'log loss', isBetter, of: (scores) => meanOf(rows, scores, logLoss) }
  return { name: 'mean squared error', isBetter, of: (scores) => meanOf(rows, scores, (s, y) => (s - y) ** 2) }
}

function meanOf(
  { labels, weights }: LabelledRows,
  scores: Float64Array,
  loss: (score: number, label: number) => number,
): number {
  let sum = 0
  let weightSum = 0
  for (let row = 0; row < labels.length; row++) {
    const weight = weights?.[row] ?? 1
    sum += weight * loss(scores[row]!, labels[row]!)
    weightSum += weight
  }
  return sum / weightSum
}

/** log(1 + exp(-z)), for large |z| too. */
function logLoss(score: number, label: number): number {
  const z = label === 1 ? score : -score
  return z > 0 ? Math.log1p(Math.exp(-z)) : Math.log1p(Math.exp(z)) - z
}

/** NDCG@k of each query with gains 2^grade - 1, mean over the queries with a row of a grade above 0. */
function meanNdcg(scores: Float64Array, labels: Float32Array, queryOffsets: Int32Array, k: number): number {
  let sum = 0
  let queryCount = 0
  for (let q = 0; q + 1 < queryOffsets.length; q++) {
    const ndcg = gradedNdcg(scores, labels, queryOffsets[q]!, queryOffsets[q + 1]!, k)
    if (ndcg === undefined) continue
    sum += ndcg
    queryCount++
  }
  return queryCount === 0 ? 0 : sum / queryCount
}

/**
 * NDCG@k of the rows from `start` to before `end`, with gains 2^grade - 1. Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR
 * techniques", TOIS 2002, with the gains of Burges et al., "Learning to rank using gradient descent", ICML 2005.
 * @param scores more is better; among equal ones the earlier row comes first
 * @returns [0, 1], or undefined where no grade is above 0
 */
export function gradedNdcg(
  scores: ArrayLike<number>,
  grades: ArrayLike<number>,
  start: number,
  end: number,
  k: number,
): number | undefined {
  const count = Math.min(k, end - start)
  const best = new Int32Array(count)
  const ideal = dcg(grades, firstRows(grades, start, end, best))
  return ideal === 0 ? undefined : dcg(grades, firstRows(scores, start, end, best)) / ideal
}

/** The rows with the greatest values, the first one first among equals; few of many, so each is put in its place among those so far. */
function firstRows(values: ArrayLike<number>, start: number, end: number, best: Int32Array): Int32Array {
  let count = 0
  for (let row = start; row < end; row++) {
    const value = values[row]!
    if (count === best.length && !(value > values[best[count - 1]!]!)) continue
    let place = count < best.length ? count++ : count - 1
    for (; place > 0 && value > values[best[place - 1]!]!; place--) best[place] = best[place - 1]!
    best[place] = row
  }
  return best
}

function dcg(grades: ArrayLike<number>, ranked: Int32Array): number {
  let sum = 0
  for (let rank = 0; rank < ranked.length; rank++) sum += (2 ** grades[ranked[rank]!]! - 1) / Math.log2(rank + 2)
  return sum
}
