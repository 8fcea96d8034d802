// A source that is read by a schedule: where it is, what its rows hold, and how often it is read.
import { checkFormat, checkHeldColumns, checkKnown, type KnownNames } from './check-columns.ts'
import { checkOwner } from './check-owner.ts'
import { checkSchedule, intervalMsOf } from './check-schedule.ts'
import { describe, type Inspection, pathOf } from './inspection.ts'
import {
  type CatalogueApiPlan,
  type FolderSourcePlan,
  holdsEntities,
  type PagingPlan,
  type PostgresSourcePlan,
  type ScheduledSourcePlan,
} from './plan.ts'
import type { ScheduledSource } from './sources.ts'

type Options = Readonly<Record<string, unknown>>

const sharedNames = ['holds', 'columns', 'interaction', 'timeFormat', 'known', 'every', 'freshness', 'owner']
const DEFAULT_DELETED_SHARE = 0.2
const DEFAULT_OVERLAP_MS = 600_000
const DEFAULT_OVERLAP_COUNT = 1000
/** Shorter intervals are a stream. */
const INTERVAL_MIN = { ms: 1000, fix: 'Send what is that frequent to POST /v1/events.' }

export function checkScheduledSource(
  { kind, options }: ScheduledSource,
  where: string,
  inspection: Inspection,
  known: KnownNames,
): PostgresSourcePlan | CatalogueApiPlan | FolderSourcePlan {
  const shared = checkShared(options, where, inspection, known)
  if (kind === 'postgres') return checkPostgres(options, shared, where, inspection)
  if (kind === 'folder') return checkFolder(options, shared, where, inspection)
  return checkCatalogueApi(options, shared, where, inspection)
}

function checkShared(options: Options, where: string, inspection: Inspection, known: KnownNames): ScheduledSourcePlan {
  const holds = inspection.oneOf(options.holds, `${where}.holds`, ['interactions', 'impressions', 'user', 'item'])
  const columns = checkNamedColumns(options.columns, `${where}.columns`, inspection)
  checkHeldColumns(holds, options, columns, where, inspection, known)
  const schedule = checkSchedule(options.every, `${where}.every`, inspection, INTERVAL_MIN)
  return {
    owner: options.owner === undefined ? known.owner : checkOwner(options.owner, where, inspection),
    schedule,
    freshnessMs:
      options.freshness === undefined
        ? 2 * intervalMsOf(schedule)
        : inspection.duration(options.freshness, `${where}.freshness`),
    holds,
    columns,
    ...(options.interaction !== undefined && { interaction: String(options.interaction) }),
    timeFormat:
      options.timeFormat === undefined
        ? 'iso'
        : inspection.oneOf(options.timeFormat, `${where}.timeFormat`, ['iso', 'seconds', 'milliseconds']),
    ...checkKnown({ holds, known: options.known }, columns, where, inspection, { canBeSince: false }),
  }
}

function checkNamedColumns(value: unknown, where: string, inspection: Inspection): Record<string, string> {
  const columns: Record<string, string> = {}
  const expected = 'an object that says which column holds what'
  for (const [name, column] of Object.entries(inspection.record(value, where, expected)))
    columns[name] = inspection.text(column, pathOf(where, name), 'the name of a column')
  return columns
}

function checkPostgres(
  options: Options,
  shared: ScheduledSourcePlan,
  where: string,
  inspection: Inspection,
): PostgresSourcePlan {
  inspection.fields(options, where, [...sharedNames, 'urlVariable', 'query', 'incrementalBy', 'overlap', 'deletesUpTo'])
  const { incrementalBy, overlap } = options
  if (overlap !== undefined && incrementalBy === undefined)
    inspection.report(`${where}.overlap`, 'is of use with incrementalBy only.', 'Leave it out.')
  return {
    kind: 'postgres',
    ...shared,
    urlVariable: checkVariable(options.urlVariable, `${where}.urlVariable`, inspection),
    query: inspection.text(
      options.query,
      `${where}.query`,
      'a SELECT',
      /^\s*(?:--.*\n\s*)*(?:select|with|table|values)\b/i,
    ),
    pull:
      incrementalBy === undefined
        ? checkSnapshot(options, shared, where, inspection)
        : {
            mode: 'incremental',
            by: inspection.text(incrementalBy, `${where}.incrementalBy`, 'a column that grows with every change'),
            ...checkOverlap(overlap, `${where}.overlap`, inspection),
          },
  }
}

/** A time or a count: which one holds, the column's type decides when it is known. */
function checkOverlap(
  value: unknown,
  where: string,
  inspection: Inspection,
): { readonly overlapMs: number; readonly overlapCount: number } {
  const defaults = { overlapMs: DEFAULT_OVERLAP_MS, overlapCount: DEFAULT_OVERLAP_COUNT }
  if (value === undefined) return defaults
  const range = { low: 0, high: Number.MAX_SAFE_INTEGER, isInteger: true }
  if (typeof value === 'number') return { ...defaults, overlapCount: inspection.number(value, where, range) }
  return { ...defaults, overlapMs: inspection.duration(value, where) }
}

function checkSnapshot(
  options: Options,
  { holds }: ScheduledSourcePlan,
  where: string,
  inspection: Inspection,
): { readonly mode: 'snapshot'; readonly deletedShareMax: number } {
  if (!holdsEntities(holds))
    inspection.report(
      where,
      `reads ${holds}, of which there is no snapshot: what happened stays.`,
      'Name the column by which new ones are found under incrementalBy, or of an API use mode: "changes".',
    )
  const { deletesUpTo } = options
  return {
    mode: 'snapshot',
    deletedShareMax:
      deletesUpTo === undefined
        ? DEFAULT_DELETED_SHARE
        : inspection.number(deletesUpTo, `${where}.deletesUpTo`, { low: 0, high: 1 }),
  }
}

function checkVariable(value: unknown, where: string, inspection: Inspection): string {
  const expected = 'the name of an environment variable, such as "SHOP_DATABASE_URL"'
  if (typeof value === 'string' && /:\/\//.test(value)) {
    // Not shown: it is a secret by the look of it.
    inspection.report(where, `found an address, expected ${expected}.`, 'Put the address in an environment variable.')
    return ''
  }
  return inspection.text(value, where, expected, /^[A-Za-z_]\w*$/)
}

function checkCatalogueApi(
  options: Options,
  shared: ScheduledSourcePlan,
  where: string,
  inspection: Inspection,
): CatalogueApiPlan {
  const own = ['url', 'paging', 'rowsAt', 'authorization', 'mode', 'deletesUpTo', 'requestsPerSecond', 'timeout']
  inspection.fields(options, where, [...sharedNames, ...own])
  const paging = checkPaging(options.paging, `${where}.paging`, inspection)
  const mode =
    options.mode === undefined ? 'snapshot' : inspection.oneOf(options.mode, `${where}.mode`, ['snapshot', 'changes'])
  if (mode === 'changes' && paging.kind !== 'cursor')
    inspection.report(`${where}.mode`, 'found "changes" without cursor paging.', 'Add paging: { by: "cursor", ... }.')
  return {
    kind: 'catalogue-api',
    ...shared,
    url: checkUrl(options.url, `${where}.url`, inspection),
    paging,
    ...(options.rowsAt !== undefined && {
      rowsAt: inspection.text(options.rowsAt, `${where}.rowsAt`, 'a path into the body, such as "data.items"'),
    }),
    ...(options.authorization !== undefined && {
      authorization: checkAuthorization(options.authorization, `${where}.authorization`, inspection),
    }),
    pull: mode === 'changes' ? { mode } : checkSnapshot(options, shared, where, inspection),
    requestsPerSecond:
      options.requestsPerSecond === undefined
        ? 10
        : inspection.number(options.requestsPerSecond, `${where}.requestsPerSecond`, {
            low: 0,
            high: 1000,
            isLowExcluded: true,
          }),
    timeoutMs: options.timeout === undefined ? 30_000 : inspection.duration(options.timeout, `${where}.timeout`),
  }
}

function checkUrl(value: unknown, where: string, inspection: Inspection): string {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined
  if (url && (url.username !== '' || url.password !== ''))
    inspection.report(where, 'found a user or a password in the address.', 'Use authorization: { variable: "..." }.')
  else if (!url || !/^https?:$/.test(url.protocol))
    inspection.report(where, `found ${describe(value)}, expected an address that begins with https:// or http://.`)
  return String(value)
}

function checkPaging(value: unknown, where: string, inspection: Inspection): PagingPlan {
  if (value === undefined) return { kind: 'none' }
  const { by, parameter, field, first } = inspection.fields(value, where, ['by', 'parameter', 'field', 'first'])
  const kinds = ['cursor', 'page', 'link'] as const
  const kind = inspection.oneOf(by, `${where}.by`, kinds)
  // What else an unknown paging needs cannot be said.
  if (kind === 'link' || kind !== by) return { kind: 'link' }
  const named = inspection.text(parameter, `${where}.parameter`, 'the name of a parameter of the address')
  if (kind === 'cursor') {
    const expected = 'where in the body the next cursor lies, such as "meta.next"'
    return { kind, parameter: named, field: inspection.text(field, `${where}.field`, expected) }
  }
  const range = { low: 0, high: 1, isInteger: true }
  return { kind, parameter: named, first: first === undefined ? 1 : inspection.number(first, `${where}.first`, range) }
}

function checkAuthorization(
  value: unknown,
  where: string,
  inspection: Inspection,
): NonNullable<CatalogueApiPlan['authorization']> {
  const { variable, header, scheme } = inspection.fields(value, where, ['variable', 'header', 'scheme'])
  const name =
    header === undefined
      ? 'authorization'
      : inspection.text(header, `${where}.header`, 'the name of a header', /^[\w-]+$/).toLowerCase()
  const defaultScheme = name === 'authorization' ? 'Bearer' : ''
  return {
    header: name,
    scheme:
      scheme === undefined
        ? defaultScheme
        : inspection.text(scheme, `${where}.scheme`, 'a word such as "Bearer"', /^[\w-]*$/),
    variable: checkVariable(variable, `${where}.variable`, inspection),
  }
}

function checkFolder(
  options: Options,
  shared: ScheduledSourcePlan,
  where: string,
  inspection: Inspection,
): FolderSourcePlan {
  inspection.fields(options, where, [...sharedNames, 'path', 'files', 'settle', 'format', 'hasHeader'])
  const files = inspection.text(options.files, `${where}.files`, 'names such as "items-*.csv"', /^[^/\\]+$/)
  return {
    kind: 'folder',
    ...shared,
    path: inspection.text(options.path, `${where}.path`, 'the path of a folder, relative to the system file'),
    files,
    settleMs: options.settle === undefined ? 5000 : inspection.duration(options.settle, `${where}.settle`),
    format: checkFormat(options, files, where, inspection),
    hasHeader: options.hasHeader === undefined ? true : inspection.flag(options.hasHeader, `${where}.hasHeader`),
  }
}
