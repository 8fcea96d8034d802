import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { FeatureDefinition } from '../../domain/feature.ts'
import { MillraceError } from '../../lib/errors.ts'
import { distinctCode } from '../../lib/hyper-log-log.ts'
import type { JoinedFile, JoinRequest, OfflineStore } from '../../ports/offline-store.ts'
import { type DuckDb, type DuckDbOptions, openDuckDb } from './connection.ts'
import { parquetOptions, writeEventFiles } from './event-files.ts'
import { mergeEventFiles, readEventFiles } from './event-rows.ts'
import { featureScript } from './feature-script.ts'
import { literal, quoted } from './sql-text.ts'

/** The offline store on DuckDB and Parquet files. Each call has a database of its own, in memory, which ends with it. */
export function duckDbOfflineStore(options: DuckDbOptions): OfflineStore {
  const withDuckDb = async <T>(work: (duckDb: DuckDb) => Promise<T>): Promise<T> => {
    const duckDb = await openDuckDb(options)
    try {
      return await work(duckDb)
    } finally {
      duckDb.close()
    }
  }
  return {
    writeEvents: (batches, folder) => withDuckDb((duckDb) => writeEventFiles(duckDb, batches, folder)),
    readEvents: async function* (request) {
      const duckDb = await openDuckDb(options)
      try {
        yield* readEventFiles(duckDb, request)
      } finally {
        duckDb.close()
      }
    },
    mergeEventFiles: (files, target) => withDuckDb((duckDb) => mergeEventFiles(duckDb, files, target)),
    joinFeatures: (request) => withDuckDb((duckDb) => joinFeatures(duckDb, request)),
    close: async () => {},
  }
}

async function joinFeatures(duckDb: DuckDb, request: JoinRequest): Promise<JoinedFile> {
  const { definitions, target } = request
  await viewEvents(duckDb, request)
  const rowCount = await readLabels(duckDb, request.labels)
  await assertDataBefore(duckDb)

  const script = featureScript(definitions, request.attributes)
  for (const statement of script.before) await duckDb.run(statement)
  await writeGroupKeys(duckDb, script.groupKeys)
  for (const statement of script.after) await duckDb.run(statement)

  const columns = definitions
    .flatMap(({ name }) => [name, `${name}__status`, `${name}__newest_ms`])
    .map((name) => `f.${quoted(name)}`)
  const rows = `select l.row_id as "rowId", l.user_id as "userId", l.item_id as "itemId", l.t as "momentMs", ${columns.join(', ')}
    from labels l join feature_values f using (row_id) order by l.row_id`
  await mkdir(dirname(target), { recursive: true })
  // Until it is whole, it has another name.
  const unfinished = `${target}.unfinished`
  await duckDb.run('set preserve_insertion_order = true')
  await duckDb.run(`copy (${rows}) to ${literal(unfinished)} ${parquetOptions}`)
  await rename(unfinished, target)
  return { rowCount, bytes: (await stat(target)).size, sha256: await sha256Of(target) }
}

async function viewEvents(duckDb: DuckDb, { files, definitions }: JoinRequest): Promise<void> {
  const pathsOf = (table: string): string[] => files.filter((file) => file.table === table).map(({ path }) => path)
  const measures = valuesOf(definitions).map((name) => `, measures[${literal(name)}] as ${quoted(`v_${name}`)}`)
  await duckDb.run(
    `create temp view interactions as select off, interaction, user_id, item_id, user_code, item_code, c, a, weight${measures.join('')}
     from ${relation(pathsOf('interactions'), 'interactions')}`,
  )
  await duckDb.run(
    `create temp view changes as select off, entity, entity_id, change, attributes::JSON as attributes, c, a
     from ${relation(pathsOf('changes'), 'changes')}`,
  )
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

/** A training set of which every row is empty is a mistake that would only show as a useless model. */
async function assertDataBefore(duckDb: DuckDb): Promise<void> {
  const [bounds] = await duckDb.rows(
    `select (select max(t) from labels) as newest, least((select min(a) from interactions), (select min(a) from changes)) as first`,
  )
  const { newest, first } = bounds as { readonly newest: bigint | null; readonly first: bigint | null }
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

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
