// The log as tables of days: what each UTC day's rows looked like, for the checks. A row belongs to the day it happened on, however late it came.
import type { Plan } from '../config/plan.ts'
import type { LogEvent } from '../domain/event.ts'
import { countedTimeMs } from '../domain/feature.ts'
import { type TableProfile, TableProfiler, type TableRules } from '../domain/table-profile.ts'
import { appendedTimeMsOf, type EventLog, type StoredEvent } from '../ports/event-log.ts'
import type { ProfiledDay } from './checks/measurement.ts'
import { logBatches } from './log-batches.ts'

const DAY_MS = 86_400_000
/** Days that are profiled: the checked one, and as many before it as the checks look at. */
export const PROFILED_DAY_COUNT = 57

export interface ProfiledTable {
  readonly rules: TableRules
  /** Ascending; days without rows are left out. */
  readonly days: readonly ProfiledDay[]
  /** Of all rows, those of later days too; null without rows. */
  readonly newest: Pick<TableProfile, 'newestEventTimeMs' | 'newestAvailableTimeMs'>
}

/** The tables of a plan: interactions, and the changes of users and of items that say everything (`put`). */
export function tableRulesOf(plan: Plan): readonly TableRules[] {
  const { owner, entities, interactions } = plan.data
  const values = new Set(Object.values(interactions).flatMap((interaction) => interaction.values ?? []))
  const entityRules = (['user', 'item'] as const).map((entity) => ({
    table: `${entity}s`,
    isRealTime: false,
    owner,
    columns: Object.fromEntries(
      Object.entries(entities[entity]).map(([name, { type, isOptional }]) => [name, { type, isRequired: !isOptional }]),
    ),
  }))
  return [
    {
      table: 'interactions',
      isRealTime: true,
      owner,
      columns: {
        interaction: { type: 'category', isRequired: true, values: Object.keys(interactions) },
        userId: { type: 'id', isRequired: true },
        itemId: { type: 'id', isRequired: true, references: 'items' },
        weight: { type: 'number', isRequired: false },
        ...Object.fromEntries([...values].map((name) => [name, { type: 'number' as const, isRequired: false }])),
      },
    },
    ...entityRules.filter(({ columns }) => Object.keys(columns).length > 0),
  ]
}

/**
 * Reads the whole log, twice: which items there are, then what each day was like.
 * @param newestDay the last day to profile, as days since 1970; later rows are left out
 */
export async function dailyProfiles(log: EventLog, plan: Plan, newestDay: number): Promise<readonly ProfiledTable[]> {
  const read = async () => logBatches(log, await log.bounds())
  const knownIds = new Map([['items', await itemIdsIn(await read())]])
  return profileDays(await read(), {
    rules: tableRulesOf(plan),
    firstDay: newestDay - PROFILED_DAY_COUNT + 1,
    newestDay,
    knownIds,
  })
}

type EventBatches = AsyncIterable<readonly StoredEvent[]>

/** Of every item that there ever was, those deleted later too: an interaction with one was no mistake. */
export async function itemIdsIn(batches: EventBatches): Promise<ReadonlySet<string>> {
  const itemIds = new Set<string>()
  for await (const batch of batches) {
    for (const { event } of batch) {
      if (event.kind === 'entity' && event.entity === 'item' && event.change !== 'delete') itemIds.add(event.entityId)
    }
  }
  return itemIds
}

export interface ProfiledDays {
  readonly rules: readonly TableRules[]
  /** Days since 1970, both included; rows of other days count for `newest` only. */
  readonly firstDay: number
  readonly newestDay: number
  /** By table; references to a table that is not there are not checked. */
  readonly knownIds: ReadonlyMap<string, ReadonlySet<string>>
}

/** What each day of each table was like. @returns in the order of the rules */
export async function profileDays(
  batches: EventBatches,
  { rules, firstDay, newestDay, knownIds }: ProfiledDays,
): Promise<readonly ProfiledTable[]> {
  const profilers = new Map(rules.map(({ table }) => [table, new Map<number, TableProfiler>()]))
  const newest = new Map(rules.map(({ table }) => [table, new TableProfiler({ ...NO_COLUMNS, table })]))
  const byTable = new Map(rules.map((one) => [one.table, one]))
  const profile = (stored: StoredEvent): void => {
    const { event } = stored
    const { table, row } = checkedRow(event)
    const days = table === undefined ? undefined : profilers.get(table)
    if (days === undefined) return
    // Whether data still arrives is not a question of when it was known.
    const times = { eventTimeMs: event.eventTimeMs, availableTimeMs: appendedTimeMsOf(stored) }
    newest.get(table!)!.add({}, times)
    const day = Math.floor(countedTimeMs(times.eventTimeMs, times.availableTimeMs) / DAY_MS)
    if (day > newestDay || day < firstDay) return
    let profiler = days.get(day)
    if (profiler === undefined) days.set(day, (profiler = new TableProfiler(byTable.get(table!)!, knownIds)))
    profiler.add(row, times)
  }
  for await (const batch of batches) for (const stored of batch) profile(stored)
  return rules.map((one) => ({
    rules: one,
    newest: newest.get(one.table)!.finish(),
    days: [...profilers.get(one.table)!]
      .sort(([a], [b]) => a - b)
      .map(([dayNumber, profiler]) => ({ dayNumber, profile: profiler.finish() })),
  }))
}

const NO_COLUMNS = { isRealTime: true, owner: '', columns: {} } as const

/** What a day without rows looks like. */
export const emptyProfile = (rules: TableRules): TableProfile => new TableProfiler(rules).finish()

/** The table that the checks count an event in, and its row there; no table where it is no row of any: nothing is expected of impressions. */
export function checkedRow(event: LogEvent): {
  readonly table: string | undefined
  readonly row: Readonly<Record<string, unknown>>
} {
  return { table: tableOf(event), row: rowOf(event) }
}

function tableOf(event: LogEvent): string | undefined {
  if (event.kind === 'interaction') return 'interactions'
  if (event.kind === 'impression') return undefined
  return event.change === 'put' ? `${event.entity}s` : undefined
}

function rowOf(event: LogEvent): Readonly<Record<string, unknown>> {
  if (event.kind === 'entity') return event.attributes
  if (event.kind === 'impression') return {}
  const { interaction, userId, itemId, weight, values } = event
  return { ...values, interaction, userId, itemId, weight }
}
