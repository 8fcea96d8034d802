// From a record of a file, with its own column names, to a row with ours.
import type { ColumnName, FileSourcePlan } from '../config/plan.ts'
import { MillraceError, type Problem } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'

/** A record's values, by column name or 0-based number. */
export type FileRecord = Readonly<Record<ColumnName, unknown>>

/** The row that a `RowCheck` judges. */
export type RowMapper = (record: FileRecord) => Readonly<Record<string, unknown>>

/** Which of the file's columns hold what; `undefined` for what no column holds. */
export function rowMapper(holds: FileSourcePlan['holds'], columns: Readonly<Record<string, ColumnName>>): RowMapper {
  if (holds === 'interactions') {
    const { id, interaction, userId, itemId, eventTime, knownTime, weight, ...valueColumns } = columns
    const valueNames = Object.keys(valueColumns)
    return (record) => ({
      id: picked(record, id),
      interaction: picked(record, interaction),
      userId: picked(record, userId),
      itemId: picked(record, itemId),
      eventTime: picked(record, eventTime),
      // Only where it is mapped: what judges rows that were sent takes the field for an unknown one.
      ...(knownTime !== undefined && { knownTime: record[knownTime] }),
      weight: picked(record, weight),
      values: valueNames.length === 0 ? undefined : pickedAll(record, valueColumns, valueNames),
    })
  }
  if (holds === 'impressions') {
    const names = Object.keys(columns)
    return (record) => pickedAll(record, columns, names)
  }
  const { entityId, eventTime, knownTime, ...attributeColumns } = columns
  const attributeNames = Object.keys(attributeColumns)
  return (record) => {
    const attributes = pickedAll(record, attributeColumns, attributeNames)
    const row = { entityId: picked(record, entityId), eventTime: picked(record, eventTime), attributes }
    return knownTime === undefined ? row : { ...row, knownTime: record[knownTime] }
  }
}

function pickedAll(
  record: FileRecord,
  columns: Readonly<Record<string, ColumnName>>,
  names: readonly string[],
): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const name of names) values[name] = picked(record, columns[name])
  return values
}

const picked = (record: FileRecord, column: ColumnName | undefined): unknown =>
  column === undefined ? undefined : record[column]

/**
 * The mapping with every name replaced by its position in the header; numbers stay.
 * @param header the file's column names; `undefined` where it has none
 * @throws MillraceError IMPORT_MAPPING_INVALID with every column that is not there
 */
export function positionsOf(
  columns: Readonly<Record<string, ColumnName>>,
  {
    header,
    columnCount,
    file,
  }: { readonly header: readonly string[] | undefined; readonly columnCount: number; readonly file: string },
): Readonly<Record<string, number>> {
  const positions: Record<string, number> = {}
  const problems: Problem[] = []
  for (const [field, column] of Object.entries(columns)) {
    const position = typeof column === 'number' ? column : (header?.indexOf(column) ?? -1)
    positions[field] = position
    const problem = problemOf(column, { position, header, columnCount })
    if (problem) problems.push({ where: `columns.${field}`, message: problem })
  }
  assertMapped(problems, file)
  return positions
}

/** For formats whose records are by name already. */
export function assertColumns(
  columns: Readonly<Record<string, ColumnName>>,
  { names, file }: { readonly names: readonly string[]; readonly file: string },
): void {
  const problems = Object.entries(columns)
    .filter(([, column]) => !names.includes(String(column)))
    .map(([field, column]) => ({ where: `columns.${field}`, message: missing(column, names) }))
  assertMapped(problems, file)
}

function assertMapped(problems: readonly Problem[], file: string): void {
  if (problems.length === 0) return
  const count = problems.length === 1 ? 'A column' : `${problems.length} columns`
  throw new MillraceError('IMPORT_MAPPING_INVALID', `${count} of the mapping cannot be found in ${file}.`, {
    problems,
    fix: 'Correct "columns" of the source in the system file, or --columns.',
  })
}

function problemOf(
  column: ColumnName,
  {
    position,
    header,
    columnCount,
  }: { readonly position: number; readonly header: readonly string[] | undefined; readonly columnCount: number },
): string | undefined {
  if (typeof column === 'number') {
    return position < columnCount
      ? undefined
      : `Found ${columnCount} columns, expected more than ${column}: numbers begin at 0.`
  }
  if (!header)
    return `Found the name "${column}", but the file has no header: expected a number, 0 for the first column.`
  if (position === -1) return missing(column, header)
  return header.lastIndexOf(column) === position ? undefined : `Found two columns called "${column}", expected one.`
}

const missing = (column: ColumnName, names: readonly string[]): string =>
  `Found no column "${column}". ${suggestName(String(column), names)}`
