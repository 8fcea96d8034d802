// Questions with all of their candidates, kept so that they can be ranked again and again: with a feature mixed up, or by a ranker that has learned without one.
import type { Ranker } from '../ports/ranker.ts'
import type { QueryMetric } from './importance.ts'
import type { QuestionRows } from './question-rows.ts'
import type { RankingQuestion } from './ranking-questions.ts'

export interface KeptQuestions {
  readonly columnNames: readonly string[]
  /** By name; one value a row, which is a candidate of a question. */
  readonly columns: readonly Float32Array[]
  /** Question q has the rows `offsets[q] .. offsets[q + 1]`. */
  readonly offsets: Int32Array
  /** Who is asked about, by question. */
  readonly userIndexes: Int32Array
  /** What was chosen, by question, whether it was a candidate or not. */
  readonly relevantCounts: Int32Array
  /** 1 for the rows that were chosen. */
  readonly isRelevant: Uint8Array
}

/** Memory is that of all candidates: 4 bytes a row and column. @param questions by moment */
export async function keepQuestions(
  questions: readonly RankingQuestion[],
  rows: Pick<QuestionRows, 'ask' | 'columnNames'>,
): Promise<KeptQuestions> {
  const width = rows.columnNames.length
  const parts: Float32Array[] = []
  const relevant: number[] = []
  const offsets = new Int32Array(questions.length + 1)
  for (const [q, question] of questions.entries()) {
    const asked = await rows.ask(question)
    const chosen = new Set(question.relevantItems)
    parts.push(asked.rows.slice())
    for (const item of asked.itemIndexes) relevant.push(chosen.has(item) ? 1 : 0)
    offsets[q + 1] = relevant.length
  }
  return {
    columnNames: rows.columnNames,
    columns: columnsOf(parts, width, relevant.length),
    offsets,
    userIndexes: Int32Array.from(questions, ({ userIndex }) => userIndex),
    relevantCounts: Int32Array.from(questions, ({ relevantItems }) => relevantItems.length),
    isRelevant: Uint8Array.from(relevant),
  }
}

function columnsOf(parts: readonly Float32Array[], width: number, rowCount: number): Float32Array[] {
  const columns = Array.from({ length: width }, () => new Float32Array(rowCount))
  let row = 0
  for (const part of parts) {
    for (let at = 0; at < part.length; at += width, row++) {
      for (let c = 0; c < width; c++) columns[c]![row] = part[at + c]!
    }
  }
  return columns
}

/**
 * NDCG@k of what was chosen, as the evaluation of the funnel has it: one value per user, the mean over the user's questions, by ascending user. Equal scores stay in the
 * order in which candidates were proposed.
 */
export function ndcgByUser(kept: Omit<KeptQuestions, 'columnNames' | 'columns'>, k: number): QueryMetric {
  const { offsets, userIndexes, relevantCounts, isRelevant } = kept
  const users = [...new Set(userIndexes)].sort((a, b) => a - b)
  const placeOf = new Map(users.map((user, place) => [user, place]))
  const ideals = idealGains(k)
  return (scores) => {
    const sums = new Float64Array(users.length)
    const counts = new Int32Array(users.length)
    for (let q = 0; q < userIndexes.length; q++) {
      const place = placeOf.get(userIndexes[q]!)!
      const gain = gainAtK(scores, isRelevant, { start: offsets[q]!, end: offsets[q + 1]!, k })
      sums[place]! += gain / ideals[Math.min(k, relevantCounts[q]!)]!
      counts[place]!++
    }
    return sums.map((sum, place) => sum / counts[place]!)
  }
}

// Only the chosen rows need their rank: that takes fewer steps than sorting all of them.
function gainAtK(
  scores: ArrayLike<number>,
  isRelevant: Uint8Array,
  { start, end, k }: { readonly start: number; readonly end: number; readonly k: number },
): number {
  let gain = 0
  for (let row = start; row < end; row++) {
    if (isRelevant[row] === 0) continue
    let rank = 0
    for (let other = start; other < end && rank < k; other++) {
      if (scores[other]! > scores[row]! || (scores[other] === scores[row] && other < row)) rank++
    }
    if (rank < k) gain += discount(rank)
  }
  return gain
}

/** By how many of the best places are right. */
function idealGains(k: number): Float64Array {
  const ideals = new Float64Array(k + 1)
  for (let count = 1; count <= k; count++) ideals[count] = ideals[count - 1]! + discount(count - 1)
  return ideals
}

const discount = (rank: number): number => 1 / Math.log2(rank + 2)

/** Rows that are laid out at once: a ranker wants rows, and a copy of all of them would double the memory. */
const ROWS_AT_ONCE = 4096

/** The scores of rows in columns. @param columns those of the ranker's features, in their order */
export async function scoreColumns(ranker: Ranker, columns: readonly Float32Array[]): Promise<Float64Array> {
  const rowCount = columns[0]?.length ?? 0
  const scores = new Float64Array(rowCount)
  const width = columns.length
  const rows = new Float32Array(Math.min(ROWS_AT_ONCE, rowCount) * width)
  for (let start = 0; start < rowCount; start += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, rowCount - start)
    for (let c = 0; c < width; c++) {
      const column = columns[c]!
      for (let row = 0; row < count; row++) rows[row * width + c] = column[start + row]!
    }
    await ranker.score(rows, count, scores.subarray(start, start + count))
  }
  return scores
}
