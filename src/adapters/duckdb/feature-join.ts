// Runs the script of a join: what is small at once, what grows with history part by part.
import { randomUUID } from 'node:crypto'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { FeatureDefinition } from '../../domain/feature.ts'
import { MillraceError } from '../../lib/errors.ts'
import { distinctCode } from '../../lib/hyper-log-log.ts'
import type { JoinRequest } from '../../ports/offline-store.ts'
import type { DuckDb } from './connection.ts'
import { parquetOptions, ROW_GROUP_ROW_COUNT } from './event-files.ts'
import { type FeatureScript, featureScript } from './feature-script.ts'
import { labelTables } from './label-tables.ts'
import { PartedRelations } from './parted-relations.ts'
import { oldestCountedMs } from './reading.ts'
import { literal, quoted } from './sql-text.ts'
import type { Stage } from './stage.ts'

export interface FeatureJoinOptions {
  readonly temporaryFolder: string
  /** How many events (a label is as much work as ten) are worked on at a time. */
  readonly partRowCount: number
}

/** Writes the rows of `OfflineStore.joinFeatures` to its target. How many there are. */
export async function joinFeatures(
  duckDb: DuckDb,
  request: JoinRequest,
  { temporaryFolder, partRowCount }: FeatureJoinOptions,
): Promise<number> {
  const { definitions, target } = request
  const rowCount = await readLabels(duckDb, request.labels)
  const oldestMomentMs = await viewEvents(duckDb, request)
  for (const statement of labelTables()) await duckDb.run(statement)

  const ranges = rangesOf(rowCount)
  const script = featureScript(definitions, {
    kinds: request.attributes,
    oldestMomentMs,
    partCounts: await partCounts(duckDb, { rowCount, partRowCount }),
    ...ranges,
  })
  for (const statement of script.before) await duckDb.run(statement)
  await writeGroupKeys(duckDb, script.groupKeys)
  for (const statement of script.after) await duckDb.run(statement)

  const folder = join(temporaryFolder, `join-${randomUUID()}`)
  const relations = new PartedRelations(duckDb, join(folder, 'parts'))
  try {
    for (const stage of script.stages) await runStage(duckDb, relations, stage)
    await mkdir(dirname(target), { recursive: true })
    // Until it is whole, it has another name.
    const unfinished = `${target}.unfinished`
    await writeRows(duckDb, relations, { script, folder, rangeCount: ranges.rangeCount, target: unfinished })
    await rename(unfinished, target)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return rowCount
}

/** Ranges of labels hold whole groups of rows of the target, as few as leave no more ranges than a relation should have parts. */
function rangesOf(rowCount: number): { readonly rangeRowCount: number; readonly rangeCount: number } {
  const groupCount = Math.max(1, Math.ceil(rowCount / ROW_GROUP_ROW_COUNT))
  const rangeRowCount = ROW_GROUP_ROW_COUNT * Math.ceil(groupCount / PART_COUNT_MAX)
  return { rangeRowCount, rangeCount: Math.max(1, Math.ceil(rowCount / rangeRowCount)) }
}

/** DuckDB keeps up to a hundred files open while it deals rows out to parts. */
const PART_COUNT_MAX = 64

/** A label comes with a moment, a list of shares and a row of values. */
const EVENTS_PER_LABEL = 10

async function partCounts(
  duckDb: DuckDb,
  { rowCount, partRowCount }: { readonly rowCount: number; readonly partRowCount: number },
) {
  const [counts] = await duckDb.rows(
    `select count(*) as "group", count(*) filter (where user_id in (select id from f_user_id)) as "user",
       count(*) filter (where item_id in (select id from f_item_id)) as item from interactions`,
  )
  const partCountOf = (of: 'user' | 'item' | 'group'): number => {
    const partCount = Math.ceil((Number(counts![of]) + rowCount * EVENTS_PER_LABEL) / partRowCount)
    // A label has one entity of a kind and one group: more parts than labels would be empty.
    return Math.max(1, Math.min(PART_COUNT_MAX, rowCount, partCount))
  }
  return { user: partCountOf('user'), item: partCountOf('item'), group: partCountOf('group') }
}

async function runStage(duckDb: DuckDb, relations: PartedRelations, stage: Stage): Promise<void> {
  const { partCount, inputs, taken = [], statements, output } = stage
  for (const input of inputs) await relations.add({ ...input, partCount })
  for (let part = 0; part < partCount; part++) {
    await withTables(duckDb, async () => {
      for (const name of [...inputs.map((input) => input.name), ...taken]) await relations.open(name, part)
      for (const statement of statements) await duckDb.run(statement)
      await relations.add(output)
    })
  }
  for (const name of [...inputs.map((input) => input.name), ...taken]) await relations.drop(name)
}

/** What the work makes goes with it. */
async function withTables(duckDb: DuckDb, work: () => Promise<void>): Promise<void> {
  const names = async (): Promise<{ kind: string; name: string }[]> =>
    (await duckDb.rows(
      `select 'table' as kind, table_name as name from duckdb_tables() where temporary
       union all select 'view', view_name from duckdb_views() where temporary and not internal`,
    )) as { kind: string; name: string }[]
  const before = new Set((await names()).map(({ name }) => name))
  await work()
  for (const { kind, name } of await names()) {
    if (!before.has(name)) await duckDb.run(`drop ${kind} ${quoted(name)}`)
  }
}

interface RowsOptions {
  readonly script: FeatureScript
  /** For what is written in between. */
  readonly folder: string
  readonly rangeCount: number
  readonly target: string
}

/** Several ranges are written one by one and then, without ever being sorted again, as one file. */
async function writeRows(duckDb: DuckDb, relations: PartedRelations, options: RowsOptions): Promise<void> {
  const { script, folder, rangeCount, target } = options
  await duckDb.run('set preserve_insertion_order = true')
  const writeRange = (range: number, path: string, format: string): Promise<void> =>
    withTables(duckDb, async () => {
      for (const name of script.taken) await relations.open(name, range)
      await duckDb.run(`copy (${script.rows(range)}) to ${literal(path)} ${format}`)
    })
  if (rangeCount === 1) return writeRange(0, target, parquetOptions)
  const rangesFolder = join(folder, 'ranges')
  await mkdir(rangesFolder, { recursive: true })
  const paths = Array.from({ length: rangeCount }, (_, range) => join(rangesFolder, `${range}.parquet`))
  for (const [range, path] of paths.entries()) await writeRange(range, path, '(format parquet, compression lz4)')
  for (const name of script.taken) await relations.drop(name)
  await duckDb.run(
    `copy (from read_parquet([${paths.map(literal).join(', ')}], hive_partitioning = false)) to ${literal(target)} ${parquetOptions}`,
  )
}

/** Makes the views that the script speaks of. The moment of the oldest label. */
async function viewEvents(duckDb: DuckDb, { files, definitions }: JoinRequest): Promise<number> {
  const pathsOf = (table: string): string[] => files.filter((file) => file.table === table).map(({ path }) => path)
  const interactions = relation(pathsOf('interactions'), 'interactions')
  const changes = relation(pathsOf('changes'), 'changes')
  const { oldest, newest } = await momentsOfLabels(duckDb)
  await assertDataBefore(duckDb, { newest, relations: [interactions, changes] })

  const measures = valuesOf(definitions).map((name) => `, measures[${literal(name)}] as ${quoted(`v_${name}`)}`)
  // What no label can see need not be read: files and groups of rows that lie outside of these bounds are passed over. Changes can all be seen: one decides
  // the groups of the events behind it in the log, some of which were known before it.
  const oldestMomentMs = Number(oldest)
  const oldestMs = oldestCountedMs(definitions, oldestMomentMs)
  const isSeen = `a < ${newest}${oldestMs === undefined ? '' : ` and c >= ${oldestMs} and a >= ${oldestMs}`}`
  await duckDb.run(
    `create temp view interactions as select off, interaction, user_id, item_id, user_code, item_code, c, a, weight${measures.join('')}
     from ${interactions} where ${isSeen}`,
  )
  await duckDb.run(
    `create temp view changes as select off, entity, entity_id, change, attributes::JSON as attributes, c, a
     from ${changes}`,
  )
  return oldestMomentMs
}

const empty = {
  interactions: `null::BIGINT as off, null::VARCHAR as interaction, null::VARCHAR as user_id, null::VARCHAR as item_id, null::INTEGER as user_code,
    null::INTEGER as item_code, null::BIGINT as c, null::BIGINT as a, null::DOUBLE as weight, null::MAP(VARCHAR, DOUBLE) as measures`,
  changes: `null::BIGINT as off, null::VARCHAR as entity, null::VARCHAR as entity_id, null::VARCHAR as change, null::VARCHAR as attributes,
    null::BIGINT as c, null::BIGINT as a`,
} as const

const relation = (paths: readonly string[], table: keyof typeof empty): string =>
  paths.length === 0
    ? `(select ${empty[table]} where false)`
    : `read_parquet([${paths.map(literal).join(', ')}], hive_partitioning = false)`

/** Names of the values that are asked for, besides the weight, which every interaction has. */
function valuesOf(definitions: readonly FeatureDefinition[]): string[] {
  const names = definitions.flatMap(({ formula }) =>
    'value' in formula && typeof formula.value === 'string' && formula.value !== 'weight' ? [formula.value] : [],
  )
  return [...new Set(names)]
}

async function readLabels(duckDb: DuckDb, batches: JoinRequest['labels']): Promise<number> {
  await duckDb.run('create temp table labels (row_id BIGINT, user_id VARCHAR, item_id VARCHAR, t BIGINT)')
  const appender = await duckDb.connection.createAppender('labels')
  let rowCount = 0
  for await (const batch of batches) {
    for (const { userId, itemId, momentMs } of batch) {
      appender.appendBigInt(BigInt(rowCount++))
      appender.appendVarchar(userId)
      appender.appendVarchar(itemId)
      appender.appendBigInt(BigInt(momentMs))
      appender.endRow()
    }
    appender.flushSync()
  }
  appender.closeSync()
  return rowCount
}

/** Null where there are no labels. */
async function momentsOfLabels(duckDb: DuckDb) {
  const [moments] = await duckDb.rows('select min(t) as oldest, max(t) as newest from labels')
  return moments as { readonly oldest: bigint | null; readonly newest: bigint | null }
}

/** A training set of which every row is empty is a mistake that would only show as a useless model. */
async function assertDataBefore(
  duckDb: DuckDb,
  { newest, relations }: { readonly newest: bigint | null; readonly relations: readonly string[] },
): Promise<void> {
  const firsts = relations.map((relation) => `(select min(a) from ${relation})`)
  const [{ first }] = (await duckDb.rows(`select least(${firsts.join(', ')}) as first`)) as [{ first: bigint | null }]
  if (newest !== null && first !== null && newest > first) return
  const shown = (ms: bigint | null): string => (ms === null ? 'nothing' : new Date(Number(ms)).toISOString())
  throw new MillraceError(
    'LABELS_BEFORE_DATA',
    `The newest label is of ${shown(newest)}, and the oldest event became available at ${shown(first)}.`,
    { fix: 'Ask for later moments, or write the events that came before them.' },
  )
}

/** Their order is that of UTF-16 code units, which no database has, and so is their hash. */
async function writeGroupKeys(duckDb: DuckDb, query: string): Promise<void> {
  const keys = (await duckDb.rows(query)).map(({ key }) => String(key)).sort()
  await duckDb.run('create temp table group_keys (key VARCHAR, rank INTEGER, code INTEGER)')
  const appender = await duckDb.connection.createAppender('group_keys')
  for (const [rank, key] of keys.entries()) {
    appender.appendVarchar(key)
    appender.appendInteger(rank)
    appender.appendInteger(distinctCode(key))
    appender.endRow()
  }
  appender.closeSync()
}
