// What a source of the system file means for its rows: how their values are read, and how a row is judged.
import { type FileSourcePlan, holdsEntities, type Plan, type SourcePlan } from '../config/plan.ts'
import { impressionCheck } from './impression-check.ts'
import type { RowReading } from './row-attribute.ts'
import type { RowCheck, RowContext } from './row-check.ts'
import { entityCheck, interactionCheck } from './validate-event.ts'

/** A source whose rows are mapped by column; all but the HTTP API. */
export type MappedSourcePlan = Exclude<SourcePlan, { readonly kind: 'http' }>

export function sourceCheck(plan: Plan, source: MappedSourcePlan): RowCheck {
  const format = 'format' in source ? source.format : undefined
  const reading: RowReading = { timeFormat: source.timeFormat, areValuesText: format === 'csv' || format === 'tsv' }
  const declared = { known: source.known }
  if (source.holds === 'interactions')
    return interactionCheck(plan, { reading, interaction: source.interaction, declared })
  if (source.holds === 'impressions') return impressionCheck(plan, { reading, declared })
  return entityCheck(plan, { entity: source.holds, reading, declared })
}

/**
 * What a row without a time gets. A catalogue without times is a snapshot: it says what was known when the file was written, or since when it was
 * declared to be known.
 * @param fileTimeMs when the file was last changed
 */
export function missingTimeOf(
  { holds, columns, known }: Pick<FileSourcePlan, 'holds' | 'columns' | 'known'>,
  fileTimeMs: number,
): RowContext['missingTime'] {
  if (!holdsEntities(holds) || columns.eventTime !== undefined) return 'reject'
  return typeof known === 'object' ? known.sinceMs : Math.floor(fileTimeMs)
}
