// Write, audit, publish: a new version of a table is judged before its readers get it. What rows must never break is looked at in every row that is new; what
// only a whole day shows (volume, means, drift) when the day is over, and a day that is not good takes readers back to the version before it.
import type { Plan } from '../../config/plan.ts'
import type { DeltaFile, DeltaSnapshot } from '../../delta/snapshot.ts'
import { type CheckName, type CheckResult, type Decision, decide, describeCheck } from '../../domain/check.ts'
import type { OfflineTableName } from '../../domain/offline-table.ts'
import { type TableProfile, TableProfiler, type TableRules } from '../../domain/table-profile.ts'
import type { TableHold, TablePublication } from '../../domain/table-publication.ts'
import type { Clock } from '../../lib/clock.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { CheckResults } from '../../ports/check-results.ts'
import type { StoredEvent } from '../../ports/event-log.ts'
import type { OfflineStore } from '../../ports/offline-store.ts'
import type { TablePublications } from '../../ports/table-publications.ts'
import type { ProfiledDay } from '../checks/measurement.ts'
import { runChecks } from '../checks/run-checks.ts'
import {
  checkedRow,
  emptyProfile,
  itemIdsIn,
  PROFILED_DAY_COUNT,
  type ProfiledTable,
  profileDays,
  tableRulesOf,
} from '../daily-profiles.ts'
import { isCompacted } from './compact-table.ts'
import { readFailure, versionFilesOf } from './damaged-file.ts'
import type { OfflineTable } from './offline-table.ts'
import { inSlices } from './slices.ts'
import { DATE_COLUMN } from './table-schema.ts'

export interface AuditPorts {
  readonly plan: Plan
  readonly store: OfflineStore
  readonly checkResults: CheckResults
  readonly publications: TablePublications
  readonly clock: Clock
  readonly newId: () => string
}

/** What came of the audit of a table's newest version. */
export interface Audit {
  readonly table: OfflineTableName
  readonly newestVersion: number
  /** Undefined where readers get nothing yet. */
  readonly publishedVersion: number | undefined
  /** What keeps newer versions back. */
  readonly hold: TableHold | undefined
  /** What the checks of this audit warned of, or why they failed; empty where nothing was judged. */
  readonly alarms: readonly CheckResult[]
}

const DAY_MS = 86_400_000
/** Of days that were not judged, because nothing ran: the newest so many. */
const JUDGED_DAY_COUNT_MAX = 7

/** What every row must keep, whatever the rest of its day looks like. */
const rowChecks: readonly CheckName[] = [
  'column',
  'type',
  'range',
  'enumeration',
  'uniqueness',
  'reference',
  'nullRate',
]
/** They compare with now, so they say something of the newest day only. */
const freshnessChecks: readonly CheckName[] = ['eventFreshness', 'availableFreshness']

/**
 * Judges what is not published yet, and publishes it or holds it back. What the checks hold is looked at again once a day.
 * @param options.changes the table that says which items there are
 * @param options.isAgain looks at once again at what the checks hold
 * @throws MillraceError of the stores; nothing was published then
 */
export async function auditTable(
  table: OfflineTable,
  ports: AuditPorts,
  options: { readonly changes: OfflineTable; readonly isAgain: boolean },
): Promise<Audit> {
  const { clock, publications } = ports
  const nowMs = clock.now()
  const newest = await table.ask((delta) => delta.snapshot())
  const published = await publications.find(table.name)
  const hold = await publications.openHold(table.name)
  const isHeld =
    hold !== undefined && (hold.by !== undefined || !(options.isAgain || isEarlierDay(hold.checkedAtMs, nowMs)))
  const unchanged = {
    table: table.name,
    newestVersion: newest.version,
    publishedVersion: published?.version,
    hold,
    alarms: [],
  }
  if (isHeld || published?.version === newest.version) return unchanged

  const judged = await judge({ table, newest, published, ...options }, ports)
  try {
    await settle({ newest, published, judged }, ports, nowMs)
  } catch (error) {
    // Another process judged the same rows, and was first.
    if (!(error instanceof MillraceError) || error.code !== 'TABLE_PUBLICATION_CHANGED') throw error
  }
  return {
    table: table.name,
    newestVersion: newest.version,
    publishedVersion: (await publications.find(table.name))?.version,
    hold: await publications.openHold(table.name),
    alarms: judged.decision.reasons,
  }
}

interface AuditedTable {
  readonly table: OfflineTable
  readonly newest: DeltaSnapshot
  readonly published: TablePublication | undefined
  readonly changes: OfflineTable
}

interface Judged {
  readonly decision: Decision
  readonly results: readonly CheckResult[]
  /** Undefined where no day was judged. */
  readonly days: JudgedDays | undefined
  readonly table: OfflineTableName
}

async function judge(audited: AuditedTable, ports: AuditPorts): Promise<Judged> {
  const rules = rulesOf(audited.table.name, ports.plan)
  const rowResults = await judgeRows(audited, rules, ports)
  const days = await judgeDays(audited, rules, ports)
  const results = [...rowResults, ...(days?.results ?? [])]
  return { decision: decide(results), results, days, table: audited.table.name }
}

/** None for impressions: what was not answered was not shown, and nobody promised a number of it. */
const rulesOf = (table: OfflineTableName, plan: Plan): TableRules[] =>
  tableRulesOf(plan).filter((rules) => (rules.table === 'interactions' ? 'interactions' : 'changes') === table)

/** @returns only what is an alarm: nobody asks how many sound rows a minute brought */
async function judgeRows(
  { table, newest, published }: AuditedTable,
  rules: readonly TableRules[],
  { plan, store, clock }: AuditPorts,
): Promise<CheckResult[]> {
  const before = published && (await table.ask((delta) => delta.snapshot({ version: published.version })))
  const known = new Set(before?.files.map(({ path }) => path))
  // What was compacted was published before.
  const fresh = newest.files.filter(({ path }) => !known.has(path) && !isCompacted(path))
  if (fresh.length === 0 || rules.length === 0) return []
  const profilers = new Map(rules.map((one) => [one.table, new TableProfiler(one)]))
  for await (const batch of inSlices(eventsOf(table, { version: newest.version, files: fresh }, store))) {
    for (const { event, availableTimeMs } of batch) {
      const { table: checked, row } = checkedRow(event)
      profilers.get(checked ?? '')?.add(row, { eventTimeMs: event.eventTimeMs, availableTimeMs })
    }
  }
  const dayNumber = lastWholeDay(clock.now())
  const tables = rules
    .map((one) => ({ rules: one, today: { dayNumber, profile: profilers.get(one.table)!.finish() }, history: [] }))
    .filter(({ today }) => today.profile.rowCount > 0)
  return runChecks(tables, plan.data.checks, clock.now()).filter(
    ({ check, verdict }) => rowChecks.includes(check) && (verdict === 'fail' || verdict === 'warn'),
  )
}

interface JudgedDays {
  readonly results: readonly CheckResult[]
  readonly through: string
  /** Of the judged days and those before them that were not kept yet, by the checks' table. */
  readonly profiles: ReadonlyMap<string, readonly ProfiledDay[]>
}

/** @returns undefined where every whole day was judged before, and where there is nothing to judge by */
async function judgeDays(
  { table, newest, published, changes }: AuditedTable,
  rules: readonly TableRules[],
  { plan, store, checkResults, clock }: AuditPorts,
): Promise<JudgedDays | undefined> {
  const lastDay = lastWholeDay(clock.now())
  const checkedDay = published?.checked && dayNumberOf(published.checked.through)
  if (rules.length === 0 || (checkedDay !== undefined && checkedDay >= lastDay)) return undefined

  const earliest = lastDay - PROFILED_DAY_COUNT + 1
  const kept = new Map<string, ProfiledDay[]>()
  for (const one of rules) kept.set(one.table, await keptDays(checkResults, one.table, { from: earliest, to: lastDay }))
  const firstDay = Math.min(...rules.map((one) => (kept.get(one.table)!.at(-1)?.dayNumber ?? earliest - 1) + 1))
  const items = await changes.ask((delta) => delta.snapshot())
  const itemIds = await itemIdsIn(inSlices(eventsOf(changes, items, store)))
  // A row became available on the day it counts for, or later.
  const files = newest.files.filter(({ partitionValues }) => (partitionValues[DATE_COLUMN] ?? '') >= dateOf(firstDay))
  const profiled = await profileDays(inSlices(eventsOf(table, { version: newest.version, files }, store)), {
    rules,
    firstDay,
    newestDay: lastDay,
    knownIds: new Map([['items', itemIds]]),
  })
  const fresh = new Map(
    profiled.map(({ rules: { table: name }, days }) => {
      const newestKept = kept.get(name)!.at(-1)?.dayNumber ?? -Infinity
      return [name, days.filter(({ dayNumber }) => dayNumber > newestKept)]
    }),
  )
  const firstJudged = checkedDay === undefined ? lastDay : Math.max(checkedDay + 1, lastDay - JUDGED_DAY_COUNT_MAX + 1)
  const results: CheckResult[] = []
  for (let day = firstJudged; day <= lastDay; day++) {
    const tables = profiled.flatMap((one) => {
      const days = [...kept.get(one.rules.table)!, ...fresh.get(one.rules.table)!]
      return dayToCheck(one, days, { day, isNewest: day === lastDay })
    })
    const found = runChecks(tables, plan.data.checks, clock.now())
    results.push(...found.filter(({ check }) => day === lastDay || !freshnessChecks.includes(check)))
  }
  return { results, through: dateOf(lastDay), profiles: fresh }
}

/** Nothing for a day without rows: it holds nothing that could be kept back. That nothing came is for `millrace checks` to tell. */
function dayToCheck(
  { rules, newest }: ProfiledTable,
  days: readonly ProfiledDay[],
  { day, isNewest }: { readonly day: number; readonly isNewest: boolean },
) {
  const today = days.find(({ dayNumber }) => dayNumber === day)?.profile ?? emptyProfile(rules)
  if (today.rowCount === 0) return []
  const profile: TableProfile = isNewest ? { ...today, ...newestTimes(newest) } : today
  return [{ rules, today: { dayNumber: day, profile }, history: days.filter(({ dayNumber }) => dayNumber < day) }]
}

const newestTimes = ({ newestEventTimeMs, newestAvailableTimeMs }: ProfiledTable['newest']) => ({
  newestEventTimeMs,
  newestAvailableTimeMs,
})

/** Makes the decision so: keeps what the checks found, then publishes or holds. */
async function settle(
  { newest, published, judged }: Pick<AuditedTable, 'newest' | 'published'> & { readonly judged: Judged },
  { checkResults, publications, newId }: AuditPorts,
  nowMs: number,
): Promise<void> {
  const { table, decision, results, days } = judged
  if (results.length > 0) {
    const stored = results.map((result) => ({ ...result, tableVersion: newest.version, checkedAtMs: nowMs }))
    await checkResults.append({ runId: newId(), results: stored })
  }
  if (decision.decision === 'publish') {
    for (const [name, profiles] of days?.profiles ?? []) await keepDays(checkResults, name, profiles)
    const checked = days ? { through: days.through, version: newest.version } : published?.checked
    await publications.publish(
      { table, version: newest.version, publishedAtMs: nowMs, ...(checked && { checked }) },
      { follows: published?.version },
    )
    return
  }
  const hold = {
    table,
    sinceVersion: (published?.version ?? -1) + 1,
    heldAtMs: nowMs,
    checkedAtMs: nowMs,
    reasons: decision.reasons.filter(({ verdict }) => verdict === 'fail').map(describeCheck),
  }
  const good = published?.checked?.version
  const isDayBad = days?.results.some(({ verdict }) => verdict === 'fail') ?? false
  if (!isDayBad || good === undefined || good >= published!.version) {
    await publications.hold(hold, { follows: published?.version })
    return
  }
  // The day's rows were published one by one as they came.
  await publications.publish(
    { table, version: good, publishedAtMs: nowMs, checked: published!.checked! },
    { follows: published!.version, hold: { ...hold, sinceVersion: good + 1 } },
  )
}

async function* eventsOf(
  table: OfflineTable,
  { version, files }: { readonly version: number; readonly files: readonly DeltaFile[] },
  store: OfflineStore,
): AsyncGenerator<readonly StoredEvent[]> {
  const paths = files.map(({ path }) => table.absolutePath(path))
  if (paths.length === 0) return
  try {
    yield* store.readEvents({ table: table.name, paths, order: 'log' })
  } catch (error) {
    throw await readFailure(error, versionFilesOf(table, { version, files }))
  }
}

async function keptDays(
  checkResults: CheckResults,
  table: string,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<ProfiledDay[]> {
  const kept = await checkResults.profiles(table, { from: dateOf(from), to: dateOf(to) })
  return kept.map(({ date, profile }) => ({
    dayNumber: dayNumberOf(date),
    profile: JSON.parse(new TextDecoder().decode(profile)) as TableProfile,
  }))
}

async function keepDays(checkResults: CheckResults, table: string, days: readonly ProfiledDay[]): Promise<void> {
  for (const { dayNumber, profile } of days) {
    const bytes = new TextEncoder().encode(JSON.stringify(profile))
    await checkResults.saveProfile(table, { date: dateOf(dayNumber), profile: bytes })
  }
}

export const lastWholeDay = (nowMs: number): number => Math.floor(nowMs / DAY_MS) - 1
export const dateOf = (dayNumber: number): string => new Date(dayNumber * DAY_MS).toISOString().slice(0, 10)
const dayNumberOf = (date: string): number => Math.floor(Date.parse(date) / DAY_MS)
const isEarlierDay = (timeMs: number, nowMs: number): boolean =>
  Math.floor(timeMs / DAY_MS) < Math.floor(nowMs / DAY_MS)
