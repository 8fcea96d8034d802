// Where data comes from: every column that is named exists, and every value that a row needs has a column.

import { checkFormat, checkHeldColumns, checkKnown, type KnownNames } from './check-columns.ts'
import { checkScheduledSource } from './check-scheduled-source.ts'
import { describe, type Inspection, type NameKind, pathOf } from './inspection.ts'
import type { ColumnName, FileSourcePlan, SourcePlan } from './plan.ts'
import type { FileSource, ScheduledSource } from './sources.ts'

const sourceNames: NameKind = {
  noun: 'source',
  pattern: /^[A-Za-z][\w-]{0,63}$/,
  expected: 'a letter, followed by up to 63 letters, digits, "_" or "-"',
  isRequired: true,
  // What the quarantine calls rows that came through the API.
  reserved: ['http'],
}

export function checkSources(value: unknown, inspection: Inspection, known: KnownNames): Record<string, SourcePlan> {
  const where = 'data.sources'
  const sources: Record<string, SourcePlan> = {}
  for (const [name, found] of Object.entries(inspection.named(value, where, sourceNames))) {
    const at = pathOf(where, name)
    const kind = (found as Partial<SourcePlan> | null)?.kind
    if (kind === 'http') sources[name] = { kind }
    else if (kind === 'file') sources[name] = checkFileSource(found as FileSource, at, inspection, known)
    else if (kind === 'postgres' || kind === 'catalogue-api' || kind === 'folder')
      sources[name] = checkScheduledSource(found as ScheduledSource, at, inspection, known)
    else
      inspection.report(at, `found ${describe(found)}, expected a source such as httpIngest() or fileSource({ ... }).`)
  }
  return sources
}

function checkFileSource(source: FileSource, where: string, inspection: Inspection, known: KnownNames): FileSourcePlan {
  const holds = inspection.oneOf(source.holds, `${where}.holds`, ['interactions', 'impressions', 'user', 'item'])
  const path = inspection.text(source.path, `${where}.path`, 'the path of a file, relative to the system file')
  const format = checkFormat(source, path, where, inspection)
  const hasHeader = source.hasHeader === undefined ? true : inspection.flag(source.hasHeader, `${where}.hasHeader`)
  const columns = checkColumns(source.columns, `${where}.columns`, inspection, {
    isNamed: hasHeader || format === 'jsonl' || format === 'parquet',
  })
  checkHeldColumns(holds, source, columns, where, inspection, known)
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
    ...checkKnown(source, columns, where, inspection, { canBeSince: true }),
  }
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
