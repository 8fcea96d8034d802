import type { InteractionPlan } from '../config/plan.ts'
import { interactionWeight } from '../domain/interaction-weight.ts'
import type { EventLog } from '../ports/event-log.ts'
import { logBatches } from './log-batches.ts'

/** What the log holds of one user, in its order: one entry per interaction. */
export interface ReadHistory {
  /** Whether anything is known of the user, be it that they exist. */
  readonly isKnown: boolean
  readonly itemIds: readonly string[]
  readonly weights: Float32Array
  readonly eventTimesMs: Float64Array
}

/** One pass over the log, keeping that user's part. As in answers, a deletion takes away what the user did up to it. */
export async function readHistory(
  log: EventLog,
  interactions: Readonly<Record<string, InteractionPlan>>,
  userId: string,
): Promise<ReadHistory> {
  const entries: { itemId: string; weight: number; timeMs: number }[] = []
  let deletedMs = Number.NEGATIVE_INFINITY
  let describedMs = Number.NEGATIVE_INFINITY
  for await (const batch of logBatches(log, await log.bounds())) {
    for (const { event } of batch) {
      if (event.kind === 'entity') {
        if (event.entity !== 'user' || event.entityId !== userId) continue
        if (event.change === 'delete') deletedMs = Math.max(deletedMs, event.eventTimeMs)
        else describedMs = Math.max(describedMs, event.eventTimeMs)
        continue
      }
      if (event.kind !== 'interaction' || event.userId !== userId) continue
      const plan = interactions[event.interaction]
      if (plan === undefined) continue
      const weight = interactionWeight(plan.weight, event.weight)
      entries.push({ itemId: event.itemId, weight, timeMs: event.eventTimeMs })
    }
  }
  const kept = entries.filter(({ timeMs }) => timeMs > deletedMs)
  return {
    isKnown: kept.length > 0 || describedMs > deletedMs,
    itemIds: kept.map(({ itemId }) => itemId),
    weights: Float32Array.from(kept, ({ weight }) => weight),
    eventTimesMs: Float64Array.from(kept, ({ timeMs }) => timeMs),
  }
}
