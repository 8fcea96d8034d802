// Rows of a query: all of them each time, or those that are new or changed by a column that ascends.
import { MillraceError } from '../../lib/errors.ts'
import { nearestName, suggestName } from '../../lib/nearest-name.ts'
import type { PulledBatch, RecordSource } from '../../ports/record-source.ts'
import { nothingSeen, type Position, type Sight, type Start, startOf, unfinishedAt } from './incremental-position.ts'
import { applicationName, SourceSession } from './source-session.ts'
import { type OrderKind, orderKindOf, type ValueReader, valueReader } from './source-values.ts'

export interface PostgresRecordSourceOptions {
  /** The source's name, for messages. */
  readonly name: string
  /** Asked at each pull, so that a changed password needs no restart. `postgres://user:password@host:port/database` */
  readonly url: () => string
  /** A SELECT. It is run in a read-only transaction. */
  readonly query: string
  /** Columns that must be there. */
  readonly columns: readonly string[]
  /** Where it is left out, each pull is a snapshot. */
  readonly incremental?: {
    /** A column of the query that grows whenever a row is inserted or changed. */
    readonly by: string
    /** What lies this far behind the mark is read again, of a column of times. */
    readonly overlapMs: number
    /** The same of a column of numbers. */
    readonly overlapCount: number
  }
  /** Rows held in memory at once. Default: 2000. */
  readonly batchRowCount?: number
  /** Longest wait for one answer of the server, the first rows of the query among them. Default: 5 minutes. */
  readonly timeoutMs?: number
}

/** Waits this long for transactions to end that could still commit a row behind the mark. */
const HORIZON_WAIT_MS = 3000
const HORIZON_STEP_MS = 50

/** Lazily loads the package `pg`. */
export function postgresRecordSource(options: PostgresRecordSourceOptions): RecordSource {
  const { incremental, url, timeoutMs = 300_000 } = options
  return {
    isSnapshot: incremental === undefined,
    async *pull(cursor, signal) {
      if (signal.aborted) return
      let session: SourceSession | undefined
      try {
        session = await SourceSession.open({ url: url(), timeoutMs, signal })
        yield* incremental
          ? changedRows(session, { ...options, incremental }, parsed(cursor))
          : allRows(session, options)
      } catch (error) {
        // The connection was cut because of the signal.
        if (!signal.aborted) throw error
      } finally {
        await session?.close()
      }
    },
    close: async () => {},
  }
}

const parsed = (cursor: string | undefined): Position => (cursor === undefined ? {} : (JSON.parse(cursor) as Position))

async function* allRows(session: SourceSession, options: PostgresRecordSourceOptions): AsyncGenerator<PulledBatch> {
  await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  const columns = await describedColumns(session, options)
  const pieces = fetched(session, `SELECT * FROM ${subquery(options)}`, options)
  let rowCount = 0
  for await (const { rows, pageCount, isLast } of pieces) {
    const firstRow = rowCount
    rowCount += rows.length
    yield {
      rows: rows.map((row) => record(row, columns)),
      where: (position) => `${options.name}: row ${firstRow + position + 1}`,
      cursor: undefined,
      ...(isLast && { end: { pageCount, isNotModified: false, failures: [] } }),
    }
  }
}

async function* changedRows(
  session: SourceSession,
  options: PostgresRecordSourceOptions & Required<Pick<PostgresRecordSourceOptions, 'incremental'>>,
  position: Position,
): AsyncGenerator<PulledBatch> {
  const { by } = options.incremental
  const columns = await describedColumns(session, options)
  const order = orderOf(columns, options)
  const column = `q.${session.identifier(by)}`
  const sight = position.unfinished ? nothingSeen : await sightOf(session, { position, column, order, options })
  const start = startOf(position, sight)

  await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  const isBeyond = order.ceiling === undefined ? 'false' : `${column} > ${order.ceiling}`
  const from = fromCondition(session, { start, column, order, options })
  const sql =
    `SELECT q.*, ${column}::text, (${isBeyond})::text FROM ${subquery(options)} ` +
    `${from} ORDER BY ${column} ASC NULLS LAST`
  let at = position.unfinished?.at
  for await (const { rows, pageCount, isLast } of fetched(session, sql, options)) {
    const versions = rows.map((row) => row.at(-2)!)
    for (let i = 0; i < rows.length; i++) if (rows[i]!.at(-1) !== 'true' && versions[i] !== null) at = versions[i]!
    const cursor = isLast ? start.atEnd : unfinishedAt(start, at)
    yield {
      rows: rows.map((row) => record(row, columns)),
      where: (row) => `${options.name}: ${by} ${versions[row] ?? 'null'}`,
      versionOf: (row) => versions[row] ?? undefined,
      cursor: JSON.stringify(cursor),
      ...(isLast && { end: { pageCount, isNotModified: false, failures: [] } }),
    }
  }
}

const subquery = ({ query }: PostgresRecordSourceOptions): string =>
  // The line break ends a comment in the query's last line.
  `(${query.trim().replace(/;$/, '')}\n) AS q`

function fromCondition(
  session: SourceSession,
  {
    start,
    column,
    order,
    options,
  }: {
    readonly start: Start
    readonly column: string
    readonly order: OrderKind & { readonly type: string }
    readonly options: PostgresRecordSourceOptions
  },
): string {
  if (start.from === undefined) return ''
  const { overlapMs, overlapCount } = options.incremental!
  const back =
    !start.withOverlap || order.overlap === undefined
      ? ''
      : order.overlap === 'time'
        ? ` - interval '${overlapMs} milliseconds'`
        : ` - ${overlapCount}`
  return `WHERE ${column} >= ${session.literal(start.from)}::${order.type}${back} OR ${column} IS NULL`
}

/** Looks at the newest value, then at what runs, and gives what runs a moment to end. */
async function sightOf(
  session: SourceSession,
  {
    position,
    column,
    order,
    options,
  }: {
    readonly position: Position
    readonly column: string
    readonly order: OrderKind
    readonly options: PostgresRecordSourceOptions
  },
): Promise<Sight> {
  const isMeant = order.ceiling === undefined ? `${column} IS NOT NULL` : `${column} <= ${order.ceiling}`
  const newestSql = `SELECT ${column}::text FROM ${subquery(options)} WHERE ${isMeant} ORDER BY ${column} DESC LIMIT 1`
  const newest = (await session.query(newestSql)).rows[0]?.[0] ?? undefined
  const running = await runningTransactions(session)
  let stillRunning = running
  for (let waitedMs = 0; stillRunning.some((id) => running.includes(id)); waitedMs += HORIZON_STEP_MS) {
    if (waitedMs >= HORIZON_WAIT_MS) break
    await session.query(`SELECT pg_sleep(${HORIZON_STEP_MS / 1000})`)
    stillRunning = await runningTransactions(session)
  }
  const relevant = new Set([...running, ...(position.held?.running ?? [])])
  return { newest, running, stillRunning: stillRunning.filter((id) => relevant.has(id)) }
}

/** Transactions of this database that may write, prepared ones too, by virtual id. Every user may see these. */
async function runningTransactions(session: SourceSession): Promise<string[]> {
  const { rows } = await session.query(
    `SELECT l.virtualxid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'virtualxid' AND l.mode = 'ExclusiveLock' AND a.pid <> pg_backend_pid()
       AND a.datname = current_database() AND a.application_name IS DISTINCT FROM ${session.literal(applicationName)}
     UNION ALL SELECT 'prepared ' || gid FROM pg_prepared_xacts WHERE database = current_database()`,
  )
  return rows.map(([id]) => id!)
}

interface SourceColumn {
  readonly name: string
  readonly read: ValueReader
  readonly typeId: number
  readonly category: string
  readonly type: string
}

/** @throws MillraceError SOURCE_COLUMN_MISSING with every column that is not there */
async function describedColumns(
  session: SourceSession,
  options: PostgresRecordSourceOptions,
): Promise<readonly SourceColumn[]> {
  const { fields } = await described(session, options)
  const wanted = [...new Set([...options.columns, ...(options.incremental ? [options.incremental.by] : [])])]
  const names = fields.map(({ name }) => name)
  const missing = wanted.filter((name) => !names.includes(name))
  if (missing.length > 0) throw missingColumns(options, missing, names)

  const { rows } = await session.query(
    'SELECT oid::text, typcategory, format_type(oid, NULL) FROM pg_type WHERE oid = ANY($1::oid[])',
    [[...new Set(fields.map(({ dataTypeID }) => dataTypeID))]],
  )
  const types = new Map(rows.map(([id, category, type]) => [Number(id), { category: category!, type: type! }]))
  const parseList = await listParser()
  return fields.map(({ name, dataTypeID }) => {
    const { category, type } = types.get(dataTypeID) ?? { category: 'X', type: 'unknown' }
    const read = valueReader({ dataTypeID }, { isArray: category === 'A', parseList })
    return { name, read, typeId: dataTypeID, category, type }
  })
}

async function described(session: SourceSession, options: PostgresRecordSourceOptions) {
  try {
    return await session.query(`SELECT * FROM ${subquery(options)} LIMIT 0`)
  } catch (error) {
    const cause = (error as MillraceError).cause as { code?: string; message: string } | undefined
    if (cause?.code !== UNDEFINED_COLUMN) throw error
    const name = /column "?([^"]+?)"? does not exist/.exec(cause.message)?.[1]?.split('.').at(-1) ?? cause.message
    // The failed statement may have ended a transaction.
    await session.query('ROLLBACK')
    throw missingColumns(options, [name], await columnsOfTables(session, options.query))
  }
}

const UNDEFINED_COLUMN = '42703'

/** Of the tables whose names stand in the query. */
async function columnsOfTables(session: SourceSession, query: string): Promise<string[]> {
  const words = [...new Set(query.match(/\w+/g) ?? [])]
  const { rows } = await session.query(
    `SELECT DISTINCT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.relname = ANY($1) AND c.relkind IN ('r', 'v', 'm', 'f', 'p') AND a.attnum > 0 AND NOT a.attisdropped
       AND c.relnamespace <> 'pg_catalog'::regnamespace ORDER BY 1`,
    [[...words, ...words.map((word) => word.toLowerCase())]],
  )
  return rows.map(([name]) => name!)
}

function missingColumns(
  { name: source, query }: PostgresRecordSourceOptions,
  missing: readonly string[],
  found: readonly string[],
): MillraceError {
  const problems = missing.map((name) => ({
    where: `data.sources.${source}`,
    message: `Found no column "${name}". ${suggestName(name, found)}`,
  }))
  const nearest = nearestName(missing[0]!, found)
  const isWritten = query.includes(missing[0]!)
  const fix = nearest === undefined ? 'name the column that holds it now' : `write "${nearest}" where it was renamed`
  return new MillraceError(
    'SOURCE_COLUMN_MISSING',
    `${source}: ${missing.length === 1 ? 'a column' : `${missing.length} columns`} cannot be found: ${missing.join(', ')}. Found: ${found.join(', ')}.`,
    { problems, fix: `In the source's ${isWritten ? 'query' : 'columns'}, ${fix}. Nothing was read.` },
  )
}

function orderOf(
  columns: readonly SourceColumn[],
  { name, incremental }: PostgresRecordSourceOptions,
): OrderKind & { readonly type: string } {
  const column = columns.find((found) => found.name === incremental!.by)!
  const order = orderKindOf(column.typeId, column.category)
  if (order) return { ...order, type: column.type }
  throw new MillraceError(
    'SOURCE_QUERY_INVALID',
    `${name}: found the type ${column.type} of "${column.name}", expected a time, a number or a text that grows with every change.`,
    { fix: 'Name another column under incrementalBy, or leave it out to read everything each time.' },
  )
}

async function* fetched(
  session: SourceSession,
  sql: string,
  { batchRowCount = 2000 }: PostgresRecordSourceOptions,
): AsyncGenerator<{
  readonly rows: readonly (string | null)[][]
  readonly pageCount: number
  readonly isLast: boolean
}> {
  await session.query(`DECLARE rows NO SCROLL CURSOR FOR ${sql}`)
  for (let pageCount = 1; ; pageCount++) {
    const { rows } = await session.query(`FETCH ${batchRowCount} FROM rows`)
    const isLast = rows.length < batchRowCount
    yield { rows, pageCount, isLast }
    if (isLast) return
  }
}

function record(row: readonly (string | null)[], columns: readonly SourceColumn[]): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (let i = 0; i < columns.length; i++) {
    const text = row[i]!
    values[columns[i]!.name] = text === null ? null : columns[i]!.read(text)
  }
  return values
}

async function listParser(): Promise<(text: string) => unknown> {
  const { types } = (await import('pg')).default
  // Of text[]: every list is written the same way. The driver's types do not name its id.
  return types.getTypeParser(1009 as never, 'text') as (text: string) => unknown
}
