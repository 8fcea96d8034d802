// What is kept of an answer: all that it takes to explain it, to page on from it, and to compute it again.
import type { FeatureMoment } from './feature.ts'
import type { RecommendRequest, RecommendResponse, Rung } from './recommendation.ts'

/** The candidates in the order of the ranker, best first. */
export interface RecordedCandidates {
  /** By the model's dictionary of items. */
  readonly itemIndexes: Int32Array
  readonly scores: Float64Array
  /** What the ranker saw: candidates x its columns, row-major. */
  readonly rows: Float32Array
}

/** The log as an answer knew it. */
export interface AnswerOffsets {
  /** Of the first event that the server's live state began with: above 0 where retention had shortened the log. */
  readonly firstOffset: number
  /** What the state knew when the model was taken into use. */
  readonly model: number
  /** What it knew when candidates were gathered: the events before this offset. */
  readonly gathered: number
  /** What it knew when the list was made; no less. */
  readonly answered: number
}

export interface AnswerRecord {
  /** As it was asked, with `alreadyShown` where it is a further page. */
  readonly request: RecommendRequest
  readonly response: RecommendResponse
  /** When it was asked for; milliseconds since 1970. */
  readonly atMs: number
  /** From the question to the list, in milliseconds; without what HTTP takes. */
  readonly latencyMs: number
  readonly planHash: string
  /** Of an experiment; undefined where there is none. */
  readonly arm?: string
  /** By item how likely it was to be shown at its place, in (0, 1]; undefined where nothing was left to chance. */
  readonly propensities?: readonly number[]
  readonly offsets: AnswerOffsets
  /** Undefined where the ranker looked at no feature, or had no say. */
  readonly features?: FeatureMoment
  /** The best one that it was allowed for lack of time; undefined where every rung was. */
  readonly bestRung?: Rung
  /** Generators that failed. */
  readonly failedGenerators: readonly string[]
  /** Why the ranker had no say though it should. */
  readonly rankingFailure?: string
  /** What the ranker saw of the answer's items: items x its columns, row-major, missing values for an item that it did not order. Undefined where it had no say. */
  readonly served?: Float32Array
  /** Of a share of the ranked answers. */
  readonly candidates?: RecordedCandidates
}

/** The items that a next page leaves out: those of this answer and of the pages before it. */
export const shownUpTo = ({ request, response }: AnswerRecord): readonly string[] => [
  ...(request.alreadyShown ?? []),
  ...response.items.map(({ itemId }) => itemId),
]

/** About what a record takes in memory, in bytes. */
export function bytesOfRecord({ request, response, served, candidates }: AnswerRecord): number {
  const { exclude, alreadyShown, recent, itemIds } = request
  const idCount = [exclude, alreadyShown, recent, itemIds].reduce((sum, list) => sum + (list?.length ?? 0), 0)
  const arrays = [served, candidates?.itemIndexes, candidates?.scores, candidates?.rows]
  return (
    1000 + 100 * response.items.length + 60 * idCount + arrays.reduce((sum, array) => sum + (array?.byteLength ?? 0), 0)
  )
}
