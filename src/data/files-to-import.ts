// Which files an import means: sources of the system file by name, all of them, or a path that is described by options.
import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { type ColumnName, type FileSourcePlan, holdsEntities, type KnownPlan, type Plan } from '../config/plan.ts'
import { impressionColumns } from '../config/sources.ts'
import { isoTimeMs } from '../domain/iso-time.ts'
import { MillraceError, type Problem } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import type { FileImport } from './import.ts'

/** What the options of a command say of a file that no source describes; texts as they were typed. */
export interface FileDescription {
  readonly holds?: string | undefined
  readonly format?: string | undefined
  /** `userId=CustomerID,itemId=StockCode,eventTime=2`: a column's name, or its 0-based number. */
  readonly columns?: string | undefined
  readonly interaction?: string | undefined
  readonly timeFormat?: string | undefined
  readonly hasHeader?: boolean | undefined
  /** "when-it-happened", or a moment since when all of it was known. */
  readonly known?: string | undefined
}

const formats = ['csv', 'tsv', 'jsonl', 'parquet'] as const
const timeFormats = ['iso', 'seconds', 'milliseconds'] as const
const holdables = ['interactions', 'impressions', 'user', 'item'] as const

/**
 * @param wanted names of sources, or paths; none means every file source, users and items before interactions
 * @param folder what paths of sources are relative to; paths in `wanted` are relative to the working directory
 * @throws MillraceError IMPORT_SOURCE_UNKNOWN, IMPORT_MAPPING_INVALID with every problem
 */
export function filesToImport(
  plan: Plan,
  {
    wanted,
    folder,
    description,
  }: { readonly wanted: readonly string[]; readonly folder: string; readonly description: FileDescription },
): FileImport[] {
  const defined = definedFiles(plan, folder)
  const isDescribed = Object.values(description).some((value) => value !== undefined)
  if (wanted.length === 0) {
    if (defined.length > 0) return defined.sort((a, b) => entitiesFirst(a) - entitiesFirst(b))
    throw new MillraceError('IMPORT_SOURCE_UNKNOWN', 'The system file defines no file sources.', {
      fix: 'Add one with fileSource(...) to data.sources, or name a file: millrace import clicks.csv --columns userId=...',
    })
  }
  return wanted.map((name) => {
    const known =
      defined.find(({ sourceName }) => sourceName === name) ??
      defined.find(({ path }) => !isDescribed && path === resolve(name))
    if (known && !isDescribed) return known
    if (known) {
      throw new MillraceError(
        'IMPORT_MAPPING_INVALID',
        `${name} is a source of the system file, which says how to read it.`,
        {
          fix: 'Leave the options out and change the system file, or name the file by its path.',
        },
      )
    }
    if (existsSync(name)) return describedFile(plan, resolve(name), description)
    const names = defined.map(({ sourceName }) => sourceName)
    throw new MillraceError(
      'IMPORT_SOURCE_UNKNOWN',
      `"${name}" is neither a file source of the system file nor a file.`,
      {
        fix: suggestName(name, names),
      },
    )
  })
}

const entitiesFirst = ({ source }: FileImport): number => (holdsEntities(source.holds) ? 0 : 1)

function definedFiles(plan: Plan, folder: string): FileImport[] {
  return Object.entries(plan.data.sources).flatMap(([sourceName, source]) =>
    source.kind === 'file' ? [{ sourceName, source, path: resolve(folder, source.path), isDefined: true }] : [],
  )
}

/**
 * Held-out pairs of user and item, in a file that only an evaluation reads.
 * @param columns as in `FileDescription`; the fields' own names where it is left out
 * @throws MillraceError IMPORT_MAPPING_INVALID
 */
export function heldOutSource(path: string, columns: string | undefined): FileSourcePlan {
  const problems: Problem[] = []
  const mapped = columns === undefined ? { userId: 'userId', itemId: 'itemId' } : columnsOf(columns, problems)
  const wanted = ['userId', 'itemId']
  for (const field of wanted.filter((name) => !(name in mapped))) {
    problems.push({ where: '--columns', message: `Found no column for ${field}.` })
  }
  for (const field of Object.keys(mapped).filter((name) => !wanted.includes(name))) {
    problems.push({ where: '--columns', message: `Found the unknown field "${field}". ${suggestName(field, wanted)}` })
  }
  const format = formats.find((name) => name === formatByName(path))
  if (format === undefined) {
    problems.push({
      where: '--test',
      message: `Found a file called "${basename(path)}", expected one that ends in ${formats.join(', ')}.`,
    })
  }
  if (problems.length > 0 || format === undefined) {
    throw new MillraceError('IMPORT_MAPPING_INVALID', `The options do not say how to read ${path}.`, {
      problems,
      fix: 'For example: --test held-out.csv --columns userId=customer,itemId=sku',
    })
  }
  return { kind: 'file', path, format, hasHeader: true, holds: 'interactions', columns: mapped, timeFormat: 'iso' }
}

function describedFile(plan: Plan, path: string, description: FileDescription): FileImport {
  const problems: Problem[] = []
  const oneOf = <T extends string>(option: string, found: string, known: readonly T[]): T => {
    const value = known.find((name) => name === found)
    if (value === undefined)
      problems.push({ where: `--${option}`, message: `Found "${found}". ${suggestName(found, known)}` })
    return value ?? known[0]!
  }
  const holds = oneOf('holds', description.holds ?? 'interactions', holdables)
  const format = oneOf('format', description.format ?? formatByName(path), formats)
  const timeFormat = oneOf('time-format', description.timeFormat ?? 'iso', timeFormats)
  const columns = columnsOf(description.columns, problems)
  checkColumns(plan, { holds, format, columns, interaction: description.interaction }, problems)
  const known = knownOf(description.known, { holds, columns }, problems)
  if (problems.length > 0) {
    throw new MillraceError('IMPORT_MAPPING_INVALID', `The options do not say how to read ${path}.`, {
      problems,
      fix: 'For example: --columns userId=CustomerID,itemId=StockCode,eventTime=InvoiceDate --interaction purchase',
    })
  }
  const interaction = description.interaction === undefined ? {} : { interaction: description.interaction }
  const source: FileSourcePlan = {
    kind: 'file',
    path,
    format,
    hasHeader: description.hasHeader ?? true,
    holds,
    columns,
    timeFormat,
    ...interaction,
    ...(known !== undefined && { known }),
  }
  return { sourceName: basename(path), source, path, isDefined: false }
}

function knownOf(
  found: string | undefined,
  { holds, columns }: Pick<FileSourcePlan, 'holds' | 'columns'>,
  problems: Problem[],
): KnownPlan | undefined {
  if (found === undefined) return undefined
  const where = '--known'
  if (columns.knownTime !== undefined)
    problems.push({ where, message: 'Found it beside a column for knownTime, which says it row by row.' })
  if (found === 'when-it-happened') {
    const isTimeless = holdsEntities(holds) && columns.eventTime === undefined
    if (isTimeless) problems.push({ where, message: 'No column says when these rows happened: give a day instead.' })
    return found
  }
  const sinceMs = isoTimeMs(found)
  if (sinceMs !== undefined) return { sinceMs }
  problems.push({ where, message: `Found "${found}", expected "when-it-happened" or a day such as 2024-01-01.` })
  return undefined
}

function formatByName(path: string): string {
  const ending = path.toLowerCase().replace(/\.gz$/, '').split('.').at(-1)!
  return ending === 'ndjson' ? 'jsonl' : ending
}

function columnsOf(text: string | undefined, problems: Problem[]): Record<string, ColumnName> {
  const columns: Record<string, ColumnName> = {}
  for (const pair of text === undefined ? [] : text.split(',')) {
    const equals = pair.indexOf('=')
    const [field, column] = [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()]
    if (equals === -1 || field === '' || column === '') {
      problems.push({ where: '--columns', message: `Found "${pair}", expected field=column.` })
    } else columns[field] = /^\d+$/.test(column) ? Number(column) : column
  }
  return columns
}

function checkColumns(
  plan: Plan,
  {
    holds,
    format,
    columns,
    interaction,
  }: Pick<FileSourcePlan, 'holds' | 'format' | 'columns'> & { readonly interaction: string | undefined },
  problems: Problem[],
): void {
  const { required, known } = fieldsOf(plan, holds)
  for (const field of Object.keys(columns)) {
    if (!known.includes(field))
      problems.push({ where: '--columns', message: `Found the unknown field "${field}". ${suggestName(field, known)}` })
  }
  // Lines of JSON may have our own field names; then there is nothing to map.
  const isMapped = format !== 'jsonl' || Object.keys(columns).length > 0
  for (const field of required) {
    if (isMapped && columns[field] === undefined)
      problems.push({ where: '--columns', message: `Found no column for ${field}.` })
  }
  if (interaction !== undefined && holds === 'impressions')
    problems.push({ where: '--interaction', message: 'Found it, but impressions are no interactions.' })
  if (holds !== 'interactions') return
  const interactions = Object.keys(plan.data.interactions)
  if (interaction !== undefined && !interactions.includes(interaction)) {
    problems.push({
      where: '--interaction',
      message: `Found "${interaction}". ${suggestName(interaction, interactions)}`,
    })
  }
  if (isMapped && interaction === undefined && columns.interaction === undefined) {
    problems.push({
      where: '--interaction',
      message: `Found neither it nor a column for interaction. Known: ${interactions.join(', ')}.`,
    })
  }
}

/** What a mapping must name, and what it may. */
function fieldsOf(
  plan: Plan,
  holds: FileSourcePlan['holds'],
): { readonly required: readonly string[]; readonly known: readonly string[] } {
  if (holds === 'impressions') return { required: ['userId', 'itemIds', 'eventTime'], known: impressionColumns }
  if (holdsEntities(holds)) {
    const attributes = Object.keys(plan.data.entities[holds])
    return { required: ['entityId'], known: ['entityId', 'eventTime', 'knownTime', ...attributes] }
  }
  const required = ['userId', 'itemId', 'eventTime']
  return { required, known: [...required, 'knownTime', 'id', 'interaction', 'weight'] }
}
