// Where data comes from: every column that is named exists, and every value that a row needs has a column.
import { describe, type Inspection, type NameKind, pathOf } from './inspection.ts'
import type { ColumnName, FileSourcePlan, Plan, SourcePlan } from './plan.ts'
import { entityColumns, type FileSource, interactionColumns } from './sources.ts'

const sourceNames: NameKind = {
  noun: 'source',
  pattern: /^[A-Za-z][\w-]{0,63}$/,
  expected: 'a letter, followed by up to 63 letters, digits, "_" or "-"',
  isRequired: true,
  // What the quarantine calls rows that came through the API.
  reserved: ['http'],
}

const formats = ['csv', 'tsv', 'jsonl', 'parquet'] as const

interface Known {
  readonly entities: Plan['data']['entities']
  readonly interactions: Plan['data']['interactions']
}

export function checkSources(value: unknown, inspection: Inspection, known: Known): Record<string, SourcePlan> {
  const where = 'data.sources'
  const sources: Record<string, SourcePlan> = {}
  for (const [name, found] of Object.entries(inspection.named(value, where, sourceNames))) {
    const at = pathOf(where, name)
    const kind = (found as Partial<SourcePlan> | null)?.kind
    if (kind === 'http') sources[name] = { kind }
    else if (kind === 'file') sources[name] = checkFileSource(found as FileSource, at, inspection, known)
    else
      inspection.report(at, `found ${describe(found)}, expected a source such as httpIngest() or fileSource({ ... }).`)
  }
  return sources
}

function checkFileSource(source: FileSource, where: string, inspection: Inspection, known: Known): FileSourcePlan {
  const holds = inspection.oneOf(source.holds, `${where}.holds`, ['interactions', 'user', 'item'])
  const path = inspection.text(source.path, `${where}.path`, 'the path of a file, relative to the system file')
  const format = checkFormat(source, path, where, inspection)
  const hasHeader = source.hasHeader === undefined ? true : inspection.flag(source.hasHeader, `${where}.hasHeader`)
  const columns = checkColumns(source.columns, `${where}.columns`, inspection, {
    isNamed: hasHeader || format === 'jsonl' || format === 'parquet',
  })
  if (holds === 'interactions') checkInteractionColumns(source, columns, where, inspection, known.interactions)
  else checkEntityColumns(columns, known.entities[holds], { where, entity: holds }, inspection)
  const timeFormats = ['iso', 'seconds', 'milliseconds'] as const
  return {
    kind: 'file',
    path,
    format,
    hasHeader,
    holds,
    columns,
    ...(source.interaction !== undefined && { interaction: source.interaction }),
    timeFormat:
      source.timeFormat === undefined ? 'iso' : inspection.oneOf(source.timeFormat, `${where}.timeFormat`, timeFormats),
  }
}

function checkFormat(
  source: FileSource,
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

function checkColumns(
  value: unknown,
  where: string,
  inspection: Inspection,
  file: { readonly isNamed: boolean },
): Record<string, ColumnName> {
  const columns: Record<string, ColumnName> = {}
  for (const [name, column] of Object.entries(
    inspection.record(value, where, 'an object that says which column holds what'),
  )) {
    const isNumber = typeof column === 'number' && Number.isInteger(column) && column >= 0
    const isName = typeof column === 'string' && column !== ''
    if (isName && !file.isNamed) {
      inspection.report(
        pathOf(where, name),
        `found ${describe(column)}, but a file without a header has no column names.`,
        'Give the 0-based number of the column.',
      )
    } else if (!isNumber && !isName) {
      inspection.report(
        pathOf(where, name),
        `found ${describe(column)}, expected the name of a column or its 0-based number.`,
      )
    }
    columns[name] = column as ColumnName
  }
  return columns
}

function checkInteractionColumns(
  source: FileSource,
  columns: Readonly<Record<string, ColumnName>>,
  where: string,
  inspection: Inspection,
  known: Known['interactions'],
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
      name === 'entityId' || name.endsWith('Id') || name === 'eventTime'
        ? undefined
        : 'Or declare it with { optional: true }.'
    inspection.report(pathOf(where, name), 'found nothing, expected the column that holds it.', fix)
  }
}
