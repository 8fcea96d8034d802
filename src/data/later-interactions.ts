import type { InteractionPlan } from '../config/plan.ts'
import type { EventLog } from '../ports/event-log.ts'
import { logBatches } from './log-batches.ts'

export interface LaterInteractions {
  readonly count: number
  /** When the newest of them happened; undefined where there is none. */
  readonly newestMs: number | undefined
}

/** The interactions of the system that the log holds from an offset on: what a model that read it up to there does not know. */
export async function laterInteractions(
  log: EventLog,
  interactions: Readonly<Record<string, InteractionPlan>>,
  fromOffset: number,
): Promise<LaterInteractions> {
  const { firstOffset, nextOffset } = await log.bounds()
  let count = 0
  let newestMs: number | undefined
  for await (const batch of logBatches(log, { firstOffset: Math.max(firstOffset, fromOffset), nextOffset })) {
    for (const { event } of batch) {
      if (event.kind !== 'interaction' || !(event.interaction in interactions)) continue
      count++
      newestMs = Math.max(newestMs ?? event.eventTimeMs, event.eventTimeMs)
    }
  }
  return { count, newestMs }
}
