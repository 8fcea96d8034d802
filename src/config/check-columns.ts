// What is said of a source's rows, whatever brings them: the format of files, and which columns hold what.
import { isoTimeMs } from '../domain/iso-time.ts'
import { describe, type Inspection, pathOf } from './inspection.ts'
import { type ColumnName, type FileSourcePlan, holdsEntities, type KnownPlan, type Plan } from './plan.ts'
import { entityColumns, impressionColumns, interactionColumns } from './sources.ts'

const formats = ['csv', 'tsv', 'jsonl', 'parquet'] as const

/** What the rest of the system file defines. */
export interface KnownNames {
  /** Of the component. */
  readonly owner: string
  readonly entities: Plan['data']['entities']
  readonly interactions: Plan['data']['interactions']
}

/** @param path whose ending tells the format, where none is given */
export function checkFormat(
  source: { readonly format?: unknown },
  path: string,
  where: string,
  inspection: Inspection,
): FileSourcePlan['format'] {
  if (source.format !== undefined) return inspection.oneOf(source.format, `${where}.format`, formats)
  const ending = path.toLowerCase().replace(/\.gz$/, '').split('.').at(-1)
  const format = ending === 'ndjson' ? 'jsonl' : formats.find((known) => known === ending)
  if (format === undefined && path !== '') {
    inspection.report(
      `${where}.format`,
      `the name of ${describe(path)} does not tell its format.`,
      'Add format: "csv", "tsv", "jsonl" or "parquet".',
    )
  }
  return format ?? 'csv'
}

/** @param canBeSince whether it may be since a moment: not where a source is read again and again, and says something new each time */
export function checkKnown(
  { holds, known }: { readonly holds: FileSourcePlan['holds']; readonly known?: unknown },
  columns: Readonly<Record<string, ColumnName>>,
  where: string,
  inspection: Inspection,
  { canBeSince }: { readonly canBeSince: boolean },
): { readonly known?: KnownPlan } {
  if (known === undefined) return {}
  const at = `${where}.known`
  if (columns.knownTime !== undefined)
    inspection.report(at, 'found beside columns.knownTime, which says it row by row.', 'Leave one of them out.')
  if (typeof known !== 'object' || known === null || !canBeSince) {
    inspection.oneOf(known, at, ['when-it-happened'])
    if (holdsEntities(holds) && columns.eventTime === undefined)
      inspection.report(
        at,
        'no column says when these rows happened.',
        canBeSince ? 'Add columns.eventTime, or say known: { since: "2024-01-01" }.' : 'Add columns.eventTime.',
      )
    return { known: 'when-it-happened' }
  }
  const { since } = inspection.fields(known, at, ['since'])
  const sinceMs = isoTimeMs(since)
  if (sinceMs === undefined)
    inspection.report(`${at}.since`, `found ${describe(since)}, expected a day or a moment such as "2024-01-01".`)
  return { known: { sinceMs: sinceMs ?? 0 } }
}

/** Judges the columns of whatever the rows are. */
export function checkHeldColumns(
  holds: FileSourcePlan['holds'],
  source: { readonly interaction?: unknown },
  columns: Readonly<Record<string, ColumnName>>,
  where: string,
  inspection: Inspection,
  known: KnownNames,
): void {
  if (holdsEntities(holds)) checkEntityColumns(columns, known.entities[holds], { where, entity: holds }, inspection)
  else if (holds === 'impressions') checkImpressionColumns(source, columns, where, inspection)
  else checkInteractionColumns(source, columns, where, inspection, known.interactions)
}

function checkImpressionColumns(
  source: { readonly interaction?: unknown },
  columns: Readonly<Record<string, ColumnName>>,
  where: string,
  inspection: Inspection,
): void {
  for (const name of Object.keys(columns))
    inspection.reference(name, pathOf(`${where}.columns`, name), 'column of impressions', [...impressionColumns])
  requireColumns(columns, ['userId', 'itemIds', 'eventTime'], `${where}.columns`, inspection)
  if (source.interaction !== undefined)
    inspection.report(`${where}.interaction`, 'found one, but impressions are no interactions.', 'Leave it out.')
}

function checkInteractionColumns(
  source: { readonly interaction?: unknown },
  columns: Readonly<Record<string, ColumnName>>,
  where: string,
  inspection: Inspection,
  known: KnownNames['interactions'],
): void {
  const interactions = Object.keys(known)
  const values = Object.values(known).flatMap((interaction) => interaction.values ?? [])
  for (const name of Object.keys(columns)) {
    const at = pathOf(`${where}.columns`, name)
    inspection.reference(name, at, 'value of an interaction', [...new Set([...interactionColumns, ...values])])
  }
  requireColumns(columns, ['userId', 'itemId', 'eventTime'], `${where}.columns`, inspection)
  if (source.interaction !== undefined) {
    inspection.reference(source.interaction, `${where}.interaction`, 'interaction', interactions)
  } else if (columns.interaction === undefined) {
    const example = interactions[0] ?? 'view'
    inspection.report(
      where,
      'nothing says which interaction a row is.',
      `Add interaction: "${example}", or a column for it under columns.interaction.`,
    )
  }
}

function checkEntityColumns(
  columns: Readonly<Record<string, ColumnName>>,
  attributes: Plan['data']['entities']['item'],
  source: { readonly where: string; readonly entity: 'user' | 'item' },
  inspection: Inspection,
): void {
  const where = `${source.where}.columns`
  const known = [...entityColumns, ...Object.keys(attributes)]
  for (const name of Object.keys(columns))
    inspection.reference(name, pathOf(where, name), `attribute of ${source.entity}s`, known)
  const required = Object.keys(attributes).filter((name) => !attributes[name]!.isOptional)
  requireColumns(columns, ['entityId', ...required], where, inspection)
}

function requireColumns(
  columns: Readonly<Record<string, ColumnName>>,
  required: readonly string[],
  where: string,
  inspection: Inspection,
): void {
  for (const name of required) {
    if (columns[name] !== undefined) continue
    const fix =
      name === 'entityId' || name.endsWith('Id') || name === 'itemIds' || name === 'eventTime'
        ? undefined
        : 'Or declare it with { optional: true }.'
    inspection.report(pathOf(where, name), 'found nothing, expected the column that holds it.', fix)
  }
}
