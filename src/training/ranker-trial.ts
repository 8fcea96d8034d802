// A model that was trained elsewhere, tried on candidates of the past before anybody relies on it.
import { MillraceError } from '../lib/errors.ts'
import type { Ranker, RankingRows } from '../ports/ranker.ts'

/** Rows a call: what a server would send at once. */
const BATCH_ROWS = 4096

/**
 * Scores the rows, and closes the ranker.
 * @throws MillraceError MODEL_FILE_INVALID where a score is no finite number, and where no question's candidates are told apart
 */
export async function tryRanker(ranker: Ranker, rows: RankingRows): Promise<void> {
  const scores = await scoresOf(ranker, rows).finally(() => ranker.close?.())
  const wrong = scores.findIndex((score) => !Number.isFinite(score))
  if (wrong >= 0) throw notFinite(scores, rows, wrong)
  let from = 0
  let largest = 0
  for (const size of rows.querySizes) {
    const ofQuestion = scores.subarray(from, from + size)
    if (ofQuestion.some((score) => score !== ofQuestion[0])) return
    largest = Math.max(largest, size)
    from += size
  }
  // Of one candidate there is nothing to tell apart.
  if (largest > 1) throw tellsNothingApart(rows)
}

async function scoresOf(ranker: Ranker, { columns, labels }: RankingRows): Promise<Float64Array> {
  const scores = new Float64Array(labels.length)
  for (let from = 0; from < scores.length; from += BATCH_ROWS) {
    const size = Math.min(BATCH_ROWS, scores.length - from)
    const batch = new Float32Array(size * columns.length)
    for (let r = 0; r < size; r++) {
      for (let c = 0; c < columns.length; c++) batch[r * columns.length + c] = columns[c]!.values[from + r]!
    }
    await ranker.score(batch, size, scores.subarray(from, from + size))
  }
  return scores
}

function notFinite(scores: Float64Array, { columns }: RankingRows, row: number): MillraceError {
  const count = scores.filter((score) => !Number.isFinite(score)).length
  const missing = columns.filter(({ values }) => Number.isNaN(values[row]!)).map(({ name }) => name)
  const where = missing.length > 0 ? `; the first of them lacks ${missing.join(', ')}` : ''
  return new MillraceError(
    'MODEL_FILE_INVALID',
    `The ranker gives ${scores[row]} for ${count} of ${scores.length} candidates of the past, expected finite numbers${where}.`,
    {
      fix:
        missing.length > 0
          ? 'Missing values are NaN: let the model itself fill them in, or declare only features that are never missing.'
          : 'Look for values that it cannot take, such as a logarithm of 0, and export it again.',
    },
  )
}

function tellsNothingApart({ columns, labels, querySizes }: RankingRows): MillraceError {
  const names = columns.map(({ name }) => name).join(', ')
  return new MillraceError(
    'MODEL_FILE_INVALID',
    `The ranker gives all candidates of a question the same score, in each of ${querySizes.length} questions of the past with ${labels.length} candidates: it orders nothing.`,
    {
      fix: `Its features are ${names}. Declare some of the item, and check that they have the units and the order that the model was trained with.`,
    },
  )
}
