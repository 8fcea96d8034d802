// From the log to columns: the interactions that a model may learn from.
import type { InteractionPlan } from '../config/plan.ts'
import { type InteractionTable, InteractionTableBuilder } from '../domain/interaction-table.ts'
import { interactionWeight } from '../domain/interaction-weight.ts'
import type { EventLog } from '../ports/event-log.ts'

const READ_BATCH_SIZE = 10_000

export interface ReadInteractions {
  readonly table: InteractionTable
  /** One past the last event that was read. */
  readonly nextOffset: number
}

/**
 * Reads the whole log as it is now. Events appended meanwhile wait for the next time.
 * Items of the catalogue are known to the table even where nobody has interacted with them; deleted ones only by their interactions.
 */
export async function readInteractions(
  log: EventLog,
  interactions: Readonly<Record<string, InteractionPlan>>,
): Promise<ReadInteractions> {
  const { firstOffset, nextOffset } = await log.bounds()
  const builder = new InteractionTableBuilder()
  let offset = firstOffset
  while (offset < nextOffset) {
    const batch = await log.read(offset, Math.min(READ_BATCH_SIZE, nextOffset - offset))
    if (batch.length === 0) break
    for (const { event } of batch) {
      if (event.kind === 'entity') {
        if (event.entity === 'item' && event.change !== 'delete') builder.addItem(event.entityId)
        continue
      }
      // An interaction that the system file no longer names stays in the log and out of training.
      const plan = interactions[event.interaction]
      if (plan) builder.add(event.userId, event.itemId, interactionWeight(plan.weight, event.weight), event.eventTimeMs)
    }
    offset = batch.at(-1)!.offset + 1
  }
  return { table: builder.build(), nextOffset }
}
