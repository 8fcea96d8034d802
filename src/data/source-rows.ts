// What a file source of the system file means for its rows: how their values are read, and how a row is judged.
import type { FileSourcePlan, Plan } from '../config/plan.ts'
import type { RowReading } from './row-attribute.ts'
import { entityCheck, interactionCheck, type RowCheck, type RowContext } from './validate-event.ts'

export function sourceCheck(plan: Plan, source: FileSourcePlan): RowCheck {
  const reading: RowReading = {
    timeFormat: source.timeFormat,
    areValuesText: source.format === 'csv' || source.format === 'tsv',
  }
  if (source.holds === 'interactions') return interactionCheck(plan, { reading, interaction: source.interaction })
  return entityCheck(plan, { entity: source.holds, reading })
}

/**
 * What a row without a time gets. A catalogue without times is a snapshot: it says what was known when the file was written.
 * @param fileTimeMs when the file was last changed
 */
export function missingTimeOf({ holds, columns }: FileSourcePlan, fileTimeMs: number): RowContext['missingTime'] {
  return holds === 'interactions' || columns.eventTime !== undefined ? 'reject' : Math.floor(fileTimeMs)
}
