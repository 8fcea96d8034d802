// From the log to columns: the interactions that a model may learn from.
import type { InteractionPlan } from '../config/plan.ts'
import { type InteractionTable, InteractionTableBuilder } from '../domain/interaction-table.ts'
import { interactionWeight } from '../domain/interaction-weight.ts'
import { attributesNamed } from '../domain/item-attributes.ts'
import type { EventLog } from '../ports/event-log.ts'
import { logBatches } from './log-batches.ts'

export interface ReadInteractions {
  readonly table: InteractionTable
  /** One past the last event that was read. */
  readonly nextOffset: number
}

/**
 * Reads the whole log as it is now. Events appended meanwhile wait for the next time.
 * Items of the catalogue are known to the table even where nobody has interacted with them; deleted ones only by their interactions.
 * @param itemAttributes those that generators learn from; what became known of them goes with the table
 */
export async function readInteractions(
  log: EventLog,
  interactions: Readonly<Record<string, InteractionPlan>>,
  itemAttributes: readonly string[] = [],
): Promise<ReadInteractions> {
  const bounds = await log.bounds()
  const builder = new InteractionTableBuilder(itemAttributes)
  for await (const batch of logBatches(log, bounds)) {
    for (const { event, availableTimeMs } of batch) {
      if (event.kind === 'entity') {
        if (event.entity !== 'item') continue
        builder.changeItem(event.entityId, {
          change: event.change,
          attributes: attributesNamed(event.attributes, itemAttributes),
          eventTimeMs: event.eventTimeMs,
          availableTimeMs,
        })
        continue
      }
      if (event.kind === 'impression') continue
      // An interaction that the system file no longer names stays in the log and out of training.
      const plan = interactions[event.interaction]
      if (plan) builder.add(event.userId, event.itemId, interactionWeight(plan.weight, event.weight), event.eventTimeMs)
    }
  }
  return { table: builder.build(), nextOffset: bounds.nextOffset }
}
