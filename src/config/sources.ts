// Where data comes from, as values of the system file. They hold what was written; `check-sources.ts` judges it together with the rest.
import type { ColumnName, FileSourcePlan } from './plan.ts'

/** Columns of a file of interactions. */
export const interactionColumns = ['userId', 'itemId', 'eventTime', 'id', 'interaction', 'weight'] as const
export type InteractionColumn = (typeof interactionColumns)[number]

/** Columns that a file of users or items has besides its attributes. */
export const entityColumns = ['entityId', 'eventTime'] as const
export type EntityColumn = (typeof entityColumns)[number]

type Holds = FileSourcePlan['holds']

/** What a file must say in each row. */
interface RequiredColumns {
  readonly interactions: { readonly userId: ColumnName; readonly itemId: ColumnName; readonly eventTime: ColumnName }
  readonly user: { readonly entityId: ColumnName }
  readonly item: { readonly entityId: ColumnName }
}

export interface FileSourceOptions<H extends Holds, Column extends string, Interaction extends string> {
  /** Relative to the system file's folder. A name that ends in `.gz` is decompressed while it is read. */
  readonly path: string
  /** What each row is: an interaction, or a user or an item with its attributes. */
  readonly holds: H
  /**
   * Which column of the file holds what: the column's name, or its 0-based number. For interactions `userId`, `itemId`, `eventTime` and, where
   * present, `id`, `interaction`, `weight` and the values that interactions declare; for users and items `entityId`, `eventTime` where present, and the attributes by name.
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
}

/** Events and entities that are sent to the HTTP API. */
export interface HttpSource {
  readonly kind: 'http'
}

/** A source whose columns and interaction the system knows. */
export type Source<
  UserAttribute extends string,
  ItemAttribute extends string,
  Interaction extends string,
  Value extends string = never,
> =
  | HttpSource
  | FileSource<'interactions', InteractionColumn | Value, Interaction>
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
  }
}
