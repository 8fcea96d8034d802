// What is said of a source's rows, whatever brings them: the format of files, and which columns hold what.
import { describe, type Inspection, pathOf } from './inspection.ts'
import type { ColumnName, FileSourcePlan, Plan } from './plan.ts'
import { entityColumns, interactionColumns } from './sources.ts'

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

export function checkInteractionColumns(
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

export function checkEntityColumns(
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
      name === 'entityId' || name.endsWith('Id') || name === 'eventTime'
        ? undefined
        : 'Or declare it with { optional: true }.'
    inspection.report(pathOf(where, name), 'found nothing, expected the column that holds it.', fix)
  }
}
