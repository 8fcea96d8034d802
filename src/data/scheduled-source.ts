// A source of the plan, as the runner needs it.
import { holdsEntities, type Plan } from '../config/plan.ts'
import { contentHash } from '../lib/canonical-json.ts'
import type { RecordSource } from '../ports/record-source.ts'
import { rowMapper } from './column-mapping.ts'
import { type MappedSourcePlan, sourceCheck } from './source-rows.ts'
import type { ScheduledSource } from './source-runner.ts'

export type ScheduledSourcePlan = Exclude<MappedSourcePlan, { readonly kind: 'file' }>

export function scheduledSource(
  plan: Plan,
  {
    name,
    source,
    records,
  }: { readonly name: string; readonly source: ScheduledSourcePlan; readonly records: RecordSource },
): ScheduledSource {
  const { holds, columns, owner, schedule, freshnessMs } = source
  const { owner: _, schedule: __, freshnessMs: ___, ...whatIsRead } = source
  return {
    name,
    records,
    // The readers of files map the columns themselves.
    toRow: source.kind === 'folder' ? undefined : rowMapper(holds, columns),
    check: sourceCheck(plan, source),
    holds,
    hasEventTime: columns.eventTime !== undefined,
    definitionHash: contentHash({
      whatIsRead,
      attributes: holdsEntities(holds) ? plan.data.entities[holds] : {},
    }),
    deletedShareMax: 'pull' in source && source.pull.mode === 'snapshot' ? source.pull.deletedShareMax : 0,
    owner,
    schedule,
    freshnessMs,
  }
}
