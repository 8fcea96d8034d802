// Where data comes from, as values of the system file. They hold what was written; `check-sources.ts` judges it together with the rest.
import type { Duration } from '../lib/duration.ts'
import type { CatalogueApiPlan, ColumnName, FileSourcePlan, FolderSourcePlan } from './plan.ts'

/** Columns of a file of interactions. */
export const interactionColumns = ['userId', 'itemId', 'eventTime', 'knownTime', 'id', 'interaction', 'weight'] as const
export type InteractionColumn = (typeof interactionColumns)[number]

/** Columns of a file of impressions. */
export const impressionColumns = [
  'userId',
  'itemIds',
  'eventTime',
  'knownTime',
  'id',
  'placement',
  'modelVersion',
  'rung',
  'scores',
  'propensities',
  'served',
] as const
export type ImpressionColumn = (typeof impressionColumns)[number]

/** Columns that a file of users or items has besides its attributes. */
export const entityColumns = ['entityId', 'eventTime', 'knownTime'] as const
export type EntityColumn = (typeof entityColumns)[number]

type Holds = FileSourcePlan['holds']

/** What a file must say in each row. */
interface RequiredColumns {
  readonly interactions: { readonly userId: ColumnName; readonly itemId: ColumnName; readonly eventTime: ColumnName }
  readonly impressions: { readonly userId: ColumnName; readonly itemIds: ColumnName; readonly eventTime: ColumnName }
  readonly user: { readonly entityId: ColumnName }
  readonly item: { readonly entityId: ColumnName }
}

export interface FileSourceOptions<H extends Holds, Column extends string, Interaction extends string> {
  /** Relative to the system file's folder. A name that ends in `.gz` is decompressed while it is read. */
  readonly path: string
  /** What each row is: an interaction, an impression (a list that was shown), or a user or an item with its attributes. */
  readonly holds: H
  /**
   * Which column of the file holds what: the column's name, or its 0-based number. For interactions `userId`, `itemId`, `eventTime` and, where
   * present, `id`, `interaction`, `weight` and the values that interactions declare; for impressions `userId`, `itemIds` (in csv and tsv separated by "|"), `eventTime` and, where
   * present, `id`, `placement`, `modelVersion`, `rung`, `scores`, `propensities` and `served`; for users and items `entityId`, `eventTime` where present, and the attributes by name.
   * `knownTime`, where present, says from when on the row could have been known; else see `known`.
   */
  readonly columns: Readonly<Record<Column, ColumnName>> & RequiredColumns[H]
  /** The interaction of every row, where no column says it. */
  readonly interaction?: Interaction
  /** Default: what the file's name ends in. */
  readonly format?: FileSourcePlan['format']
  /** How times are written: ISO 8601 (without a zone: UTC), or a number since 1970. Default: "iso". */
  readonly timeFormat?: FileSourcePlan['timeFormat']
  /** Whether the first line names the columns. Default: true. Only for csv and tsv. */
  readonly hasHeader?: boolean
  /**
   * Of history that the shop knew at the time: since when. "when-it-happened", or since a day such as { since: "2024-01-01" } (what happened later, from
   * then on). Default: each row is known from when it is read, so that training rows of earlier moments do not see it.
   */
  readonly known?: 'when-it-happened' | { readonly since: string }
}

/** A file to be read by `millrace import`. */
export interface FileSource<
  H extends Holds = Holds,
  Column extends string = string,
  Interaction extends string = string,
> {
  readonly kind: 'file'
  readonly holds: H
  /** The keys of `columns`, so that the types can tell which of them the system does not know. */
  readonly columnNames: readonly Column[]
  readonly columns: Readonly<Record<string, ColumnName>>
  readonly interaction: Interaction | undefined
  readonly path: string
  readonly format: FileSourcePlan['format'] | undefined
  readonly timeFormat: FileSourcePlan['timeFormat'] | undefined
  readonly hasHeader: boolean | undefined
  readonly known: 'when-it-happened' | { readonly since: string } | undefined
}

/** Events and entities that are sent to the HTTP API. */
export interface HttpSource {
  readonly kind: 'http'
}

/** Five fields: minute, hour, day of the month, month, day of the week. In UTC. */
export type CronPattern = `${string} ${string} ${string} ${string} ${string}`

/** What sources that are read by a schedule have in common. */
export interface ScheduledOptions<H extends Holds, Column extends string, Interaction extends string> {
  /** What each row is: an interaction, an impression, or a user or an item with its attributes. */
  readonly holds: H
  /** Which column holds what, as for a file. Of an API also a path into nested objects, such as `price.amount`. */
  readonly columns: Readonly<Record<Column, string>> & RequiredColumns[H]
  /** The interaction of every row, where no column says it. */
  readonly interaction?: Interaction
  /** How times are written, where they are texts or numbers. Default: "iso". */
  readonly timeFormat?: FileSourcePlan['timeFormat']
  /**
   * "when-it-happened" says that the shop knew each row from when it happened, also where this system reads it later. What comes regularly is better
   * left without it: then training sees it as late as serving did. Default: each row is known from when it is read.
   */
  readonly known?: 'when-it-happened'
  /** How often it is read: an interval, or a cron pattern in UTC such as "0 4 * * *". */
  readonly every: Duration | CronPattern
  /** How old the last success may be. Default: twice the interval. */
  readonly freshness?: Duration
  /** Who answers for it. Default: the owner of `data`. */
  readonly owner?: string
}

export interface PostgresSourceOptions<H extends Holds, Column extends string, Interaction extends string>
  extends ScheduledOptions<H, Column, Interaction> {
  /** The environment variable that holds the address: `postgres://user:password@host:port/database`. */
  readonly urlVariable: string
  /** A SELECT; run in a read-only transaction. */
  readonly query: string
  /**
   * A column of the query that grows whenever a row is inserted or changed. Then only what is new is read, and deletions are not seen. Where it is
   * left out, everything is read each time, and what is missing is deleted.
   */
  readonly incrementalBy?: string
  /** How far behind the last row is read again, for clocks of other machines and for replicas: a time, or a difference of numbers. Default: "10 minutes", or 1000. */
  readonly overlap?: Duration | number
  /** The greatest share of the known entities that one snapshot may delete, in [0, 1]. Default: 0.2. */
  readonly deletesUpTo?: number
}

export interface CatalogueApiOptions<H extends Holds, Column extends string, Interaction extends string>
  extends ScheduledOptions<H, Column, Interaction> {
  /** Without secrets: they come from the environment. */
  readonly url: string
  /** Default: one page. */
  readonly paging?:
    | { readonly by: 'cursor'; readonly parameter: string; readonly field: string }
    | { readonly by: 'page'; readonly parameter: string; readonly first?: number }
    | { readonly by: 'link' }
  /** Where in the body the rows lie, such as `data.items`. Default: the body is the list. */
  readonly rowsAt?: string
  /** A secret from an environment variable. Default header: "Authorization", with the scheme "Bearer"; other headers have none. */
  readonly authorization?: { readonly variable: string; readonly header?: string; readonly scheme?: string }
  /** `snapshot`, the default: everything there is. `changes`: a feed with cursor paging that goes on behind the last cursor; deletions are not seen. */
  readonly mode?: 'snapshot' | 'changes'
  /** The greatest share of the known entities that one snapshot may delete, in [0, 1]. Default: 0.2. */
  readonly deletesUpTo?: number
  /** Default: 10. */
  readonly requestsPerSecond?: number
  /** For one request. Default: "30 seconds". */
  readonly timeout?: Duration
}

export interface FolderSourceOptions<H extends Holds, Column extends string, Interaction extends string>
  extends ScheduledOptions<H, Column, Interaction> {
  /** Relative to the system file's folder. */
  readonly path: string
  /** Which files, such as "items-*.csv"; `*` stands for any characters. They are read in the order of their names. */
  readonly files: string
  /** A file counts as complete once it was left alone this long. Default: "5 seconds". */
  readonly settle?: Duration
  /** Default: what `files` ends in. */
  readonly format?: FileSourcePlan['format']
  /** Whether the first line names the columns. Default: true. Only for csv and tsv. */
  readonly hasHeader?: boolean
}

/** A source that is read by a schedule; `options` is what was written, to be judged with the rest of the file. */
export interface ScheduledSource<
  H extends Holds = Holds,
  Column extends string = string,
  Interaction extends string = string,
> {
  readonly kind: 'postgres' | CatalogueApiPlan['kind'] | FolderSourcePlan['kind']
  readonly holds: H
  /** The keys of `columns`, so that the types can tell which of them the system does not know. */
  readonly columnNames: readonly Column[]
  readonly interaction: Interaction | undefined
  readonly options: Readonly<Record<string, unknown>>
}

/** A source whose columns and interaction the system knows. */
export type Source<
  UserAttribute extends string,
  ItemAttribute extends string,
  Interaction extends string,
  Value extends string = never,
> =
  | HttpSource
  | ScheduledSource<'interactions', InteractionColumn | Value, Interaction>
  | ScheduledSource<'impressions', ImpressionColumn, Interaction>
  | ScheduledSource<'user', EntityColumn | UserAttribute, Interaction>
  | ScheduledSource<'item', EntityColumn | ItemAttribute, Interaction>
  | FileSource<'interactions', InteractionColumn | Value, Interaction>
  | FileSource<'impressions', ImpressionColumn, Interaction>
  | FileSource<'user', EntityColumn | UserAttribute, Interaction>
  | FileSource<'item', EntityColumn | ItemAttribute, Interaction>

/** Data that other programs send to `POST /v1/events`, `PUT /v1/items/{id}` and `PUT /v1/users/{id}`. */
export function httpIngest(): HttpSource {
  return { kind: 'http' }
}

/** A CSV, TSV, JSONL or Parquet file, plain or gzip-compressed, read by `millrace import`. */
export function fileSource<
  const H extends Holds,
  const Column extends string,
  const Interaction extends string = never,
>(options: FileSourceOptions<H, Column, Interaction>): FileSource<H, Column, NoInfer<Interaction>> {
  return {
    kind: 'file',
    holds: options.holds,
    columnNames: Object.keys(options.columns ?? {}) as Column[],
    columns: options.columns,
    interaction: options.interaction,
    path: options.path,
    format: options.format,
    timeFormat: options.timeFormat,
    hasHeader: options.hasHeader,
    known: options.known,
  }
}

/** A query of a Postgres database, read by a schedule. Needs the package `pg`. */
export function postgresSource<
  const H extends Holds,
  const Column extends string,
  const Interaction extends string = never,
>(options: PostgresSourceOptions<H, Column, Interaction>): ScheduledSource<H, Column, NoInfer<Interaction>> {
  return scheduled<H, Column, Interaction>('postgres', options)
}

/** A JSON API over HTTP, read by a schedule. */
export function catalogueApi<
  const H extends Holds,
  const Column extends string,
  const Interaction extends string = never,
>(options: CatalogueApiOptions<H, Column, Interaction>): ScheduledSource<H, Column, NoInfer<Interaction>> {
  return scheduled<H, Column, Interaction>('catalogue-api', options)
}

/** Files that are dropped in a folder, read by a schedule: each once, and again where it changes. */
export function folderSource<
  const H extends Holds,
  const Column extends string,
  const Interaction extends string = never,
>(options: FolderSourceOptions<H, Column, Interaction>): ScheduledSource<H, Column, NoInfer<Interaction>> {
  return scheduled<H, Column, Interaction>('folder', options)
}

function scheduled<H extends Holds, Column extends string, Interaction extends string>(
  kind: ScheduledSource['kind'],
  options: { readonly holds: H; readonly columns: object; readonly interaction?: Interaction },
): ScheduledSource<H, Column, NoInfer<Interaction>> {
  return {
    kind,
    holds: options.holds,
    columnNames: Object.keys(options.columns ?? {}) as Column[],
    interaction: options.interaction,
    options: { ...options },
  }
}
