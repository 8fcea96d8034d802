// From an answer that goes out to the record of it.
import type { AnswerRecorder } from '../data/answer-recorder.ts'
import type { AnswerRecord, RecordedCandidates } from '../domain/answer-record.ts'
import { unitHash } from '../lib/unit-hash.ts'
import type { AnswerObservation } from '../serving/recommendation-service.ts'

/** What a server knows beside the answer. */
export interface AnswerCircumstances {
  readonly planHash: string
  /** Where the server's live state began in the log. */
  readonly firstOffset: number
  /** When the answer went out; milliseconds since 1970. */
  readonly nowMs: number
  /** Of the ranked answers, in [0, 1], those that are kept with all of their candidates; which ones goes by their ids, so that any process would choose the same. */
  readonly candidateShare: number
}

export function recordAnswer(
  recorder: AnswerRecorder,
  observation: AnswerObservation,
  circumstances: AnswerCircumstances,
): void {
  recorder.record(answerRecordOf(observation, circumstances))
}

export function answerRecordOf(
  observation: AnswerObservation,
  { planHash, firstOffset, nowMs, candidateShare }: AnswerCircumstances,
): AnswerRecord {
  const { request, response, ranked, rankingFailure, bestRung } = observation
  const isKeptWhole = ranked !== undefined && unitHash(response.requestId) < candidateShare
  const served = observation.servedRows()
  return {
    request,
    response,
    atMs: observation.nowMs,
    latencyMs: Math.max(0, nowMs - observation.nowMs),
    planHash,
    offsets: { firstOffset, ...observation.offsets },
    ...(bestRung !== 'full' && { bestRung }),
    failedGenerators: observation.failures.map(({ generator }) => generator),
    ...(rankingFailure !== undefined && { rankingFailure: String(rankingFailure) }),
    ...(ranked?.features && { features: ranked.features }),
    ...(observation.propensities && { propensities: observation.propensities }),
    ...(served && { served }),
    ...(isKeptWhole && { candidates: candidatesOf(ranked) }),
  }
}

/** In the order of the ranker. */
function candidatesOf({
  itemIndexes,
  scores,
  columns,
  places,
}: NonNullable<AnswerObservation['ranked']>): RecordedCandidates {
  const width = columns.length
  const rows = new Float32Array(places.length * width)
  for (let n = 0, at = 0; n < places.length; n++) {
    const place = places[n]!
    for (let column = 0; column < width; column++) rows[at++] = columns[column]![place]!
  }
  // Copies: the answer's arrays are used again.
  return { itemIndexes: itemIndexes.slice(), scores: scores.slice(), rows }
}
