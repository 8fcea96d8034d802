// Whether another program scores as the trees do: asked after an export, before anybody relies on the file.
import { scoreRows } from '../../kernels/tree-scores.ts'
import { PARTS_CATEGORIES, type Trees } from '../../kernels/trees.ts'
import { MillraceError } from '../../lib/errors.ts'
import { type Rng, seededRng } from '../../lib/rng.ts'
import type { Ranker } from '../../ports/ranker.ts'

export interface ScoreComparison {
  readonly rowCount: number
  /** Of two scores a and b of one row: |a - b| / max(1, |a|), for scores beyond 1 are float32 in steps of their own size. NaN where a score is. */
  readonly largestDifference: number
  /** Rows that the other program puts before one that the trees score higher. 0: the same ranking, but for ties. */
  readonly misplacedCount: number
}

export const LARGEST_SCORE_DIFFERENCE = 1e-5

/** Rows a call: what a server would send at once. */
const BATCH_ROWS = 4096

/**
 * Scores rows by trees and by a ranker that is to be their equal, such as an exported file. The rows are made to be hard: see `probingRows`.
 * @throws MODEL_EXPORT_DIFFERS where a difference is above 1e-5
 */
export async function compareScores(
  trees: Trees,
  ranker: Ranker,
  { rowCount = 100_000, seed = 1 }: { readonly rowCount?: number; readonly seed?: number } = {},
): Promise<ScoreComparison> {
  const columns = probingRows(trees, rowCount, seededRng(seed).fork('probing rows'))
  const ours = scoreRows(trees, columns)
  const others = await scoresOf(ranker, columns)
  let largestDifference = 0
  // Math.max keeps a NaN.
  for (let row = 0; row < rowCount; row++) {
    largestDifference = Math.max(
      largestDifference,
      Math.abs(ours[row]! - others[row]!) / Math.max(1, Math.abs(ours[row]!)),
    )
  }
  const comparison = { rowCount, largestDifference, misplacedCount: countMisplaced(ours, others) }
  if (largestDifference <= LARGEST_SCORE_DIFFERENCE) return comparison
  throw new MillraceError(
    'MODEL_EXPORT_DIFFERS',
    `On ${rowCount} rows the scores differ by up to ${largestDifference.toPrecision(3)}, expected at most ${LARGEST_SCORE_DIFFERENCE}.`,
    {
      fix: 'Do not use the exported file. Please report it, with the versions of Millrace and of the program that ran it.',
    },
  )
}

async function scoresOf(ranker: Ranker, columns: readonly Float32Array[]): Promise<Float64Array> {
  const rowCount = columns[0]?.length ?? 0
  const scores = new Float64Array(rowCount)
  for (let from = 0; from < rowCount; from += BATCH_ROWS) {
    const size = Math.min(BATCH_ROWS, rowCount - from)
    const rows = new Float32Array(size * columns.length)
    for (let r = 0; r < size; r++) {
      for (let f = 0; f < columns.length; f++) rows[r * columns.length + f] = columns[f]![from + r]!
    }
    await ranker.score(rows, size, scores.subarray(from, from + size))
  }
  return scores
}

function countMisplaced(ours: Float64Array, others: Float64Array): number {
  const order = Uint32Array.from(ours.keys()).sort((a, b) => ours[b]! - ours[a]!)
  let count = 0
  let lowest = Number.POSITIVE_INFINITY
  // A tie of ours has no order: it is compared with what comes before all of it.
  for (let start = 0; start < order.length; ) {
    let end = start
    while (end < order.length && ours[order[end]!] === ours[order[start]!]) end++
    for (let rank = start; rank < end; rank++) if (others[order[rank]!]! > lowest) count++
    for (let rank = start; rank < end; rank++) lowest = Math.min(lowest, others[order[rank]!]!)
    start = end
  }
  return count
}

/**
 * Rows on which a mistake would show: values equal to a threshold of their feature, just below and just above; categories that nodes know, and some that they do
 * not; missing values; infinities.
 * @returns one column a feature
 */
function probingRows(trees: Trees, rowCount: number, rng: Rng): Float32Array[] {
  const landmarks = landmarksOf(trees)
  return landmarks.map((values) =>
    Float32Array.from({ length: rowCount }, () => {
      const kind = rng.next()
      if (kind < 0.1) return Number.NaN
      if (kind < 0.12) return rng.next() < 0.5 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
      if (kind < 0.2 || values.length === 0) return 10 * rng.normal()
      const value = values[rng.integer(values.length)]!
      const step = Math.max(2 ** -149, Math.abs(value) * 2 ** -23)
      return kind < 0.7 ? value : value + (rng.next() < 0.5 ? step : -step)
    }),
  )
}

/** By feature, every threshold and every category that a node compares with. */
function landmarksOf(trees: Trees): number[][] {
  const landmarks = Array.from({ length: trees.featureCount }, () => new Set<number>())
  for (const [node, feature] of trees.nodeFeatures.entries()) {
    if ((trees.nodeFlags[node]! & PARTS_CATEGORIES) === 0) {
      landmarks[feature]!.add(trees.nodeThresholds[node]!)
      continue
    }
    const set = trees.nodeCategorySets[node]!
    for (const category of trees.categories.subarray(trees.categoryOffsets[set], trees.categoryOffsets[set + 1])) {
      landmarks[feature]!.add(category).add(category + 1)
    }
  }
  return landmarks.map((values) => [...values])
}
