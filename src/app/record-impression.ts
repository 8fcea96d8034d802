// From an answer that goes out to what the log keeps of it.
import type { ImpressionRecorder } from '../data/impression-recorder.ts'
import { type AnswerObservation, NO_MODEL } from '../serving/recommendation-service.ts'

/** An anonymous visitor's list is not kept: nothing that happens later could be attributed to it. */
export function recordImpression(recorder: ImpressionRecorder, observation: AnswerObservation): void {
  const { response, userId, nowMs, propensities } = observation
  if (userId === undefined) return
  const { requestId, placement, modelVersion, rung, items } = response
  const served = observation.servedRows()
  recorder.record({
    id: requestId,
    userId,
    placement,
    itemIds: items.map(({ itemId }) => itemId),
    eventTimeMs: nowMs,
    ...(modelVersion !== NO_MODEL && { modelVersion }),
    rung,
    scores: items.map(({ score }) => score),
    ...(propensities && { propensities }),
    ...(served && { served }),
  })
}
