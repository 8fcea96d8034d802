// Events of the log as Parquet files, by the day on which they became available: a file is never written again, however late its events come.
// What was declared known on a day long past lies on that day, in a file of its own.
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBAppender } from '@duckdb/node-api'
import { countedTimeMs } from '../../domain/feature.ts'
import { type OfflineTableName, offlineTableNames, tableOfKind } from '../../domain/offline-table.ts'
import { distinctCode } from '../../lib/hyper-log-log.ts'
import type { StoredEvent } from '../../ports/event-log.ts'
import type { DataFile } from '../../ports/offline-store.ts'
import type { DuckDb } from './connection.ts'
import { literal } from './sql-text.ts'

const common = 'off BIGINT, event_ms BIGINT, c BIGINT, a BIGINT'

const columns = {
  interactions: `${common}, id VARCHAR, interaction VARCHAR, user_id VARCHAR, item_id VARCHAR, user_code INTEGER, item_code INTEGER, weight DOUBLE, measures VARCHAR`,
  changes: `${common}, id VARCHAR, entity VARCHAR, entity_id VARCHAR, change VARCHAR, attributes VARCHAR`,
  impressions: `${common}, id VARCHAR, user_id VARCHAR, placement VARCHAR, item_ids VARCHAR, model_version VARCHAR, rung VARCHAR, scores VARCHAR, propensities VARCHAR, served BLOB`,
} as const satisfies Record<OfflineTableName, string>

/** What the files hold, where the tables they come from hold something else. */
const written = {
  interactions: `* replace (measures::JSON::MAP(VARCHAR, DOUBLE) as measures)`,
  changes: '*',
  impressions: `* replace (item_ids::JSON::VARCHAR[] as item_ids, scores::JSON::DOUBLE[] as scores, propensities::JSON::DOUBLE[] as propensities)`,
} as const satisfies Record<OfflineTableName, string>

const DAY_MS = 86_400_000

/** Rows of one group of columns: the same for all files, so that equal rows are equal bytes. */
export const ROW_GROUP_ROW_COUNT = 122_880

export const parquetOptions = `(format parquet, compression zstd, row_group_size ${ROW_GROUP_ROW_COUNT})`

export async function writeEventFiles(
  duckDb: DuckDb,
  batches: AsyncIterable<readonly StoredEvent[]>,
  folder: string,
): Promise<DataFile[]> {
  const files: DataFile[] = []
  const flush = async (): Promise<void> => {
    for (const table of offlineTableNames) files.push(...(await writeTable(duckDb, table, folder)))
  }
  let bufferedCount = 0
  let servedBytes = 0
  await createTables(duckDb)
  let appenders = await openAppenders(duckDb)
  try {
    for await (const batch of batches) {
      appenders.append(batch)
      bufferedCount += batch.length
      servedBytes += servedBytesOf(batch)
      if (bufferedCount < FLUSH_EVENT_COUNT && servedBytes < FLUSH_SERVED_BYTES) continue
      appenders.close()
      await flush()
      bufferedCount = 0
      servedBytes = 0
      appenders = await openAppenders(duckDb)
    }
  } finally {
    appenders.close()
  }
  await flush()
  return files
}

/** Events that are held before they are written; a day of a busy shop becomes several files. */
const FLUSH_EVENT_COUNT = 4_000_000
/** Nor more than this of rows as served, each of which is as long as a hundred events. */
const FLUSH_SERVED_BYTES = 2 ** 28

const servedBytesOf = (batch: readonly StoredEvent[]): number =>
  batch.reduce((sum, { event }) => sum + (event.kind === 'impression' ? (event.served?.length ?? 0) : 0), 0)

/** Rows that an appender holds before it hands them on: handing on takes a while whatever their number, and holds up the thread. */
const HANDED_ON_COUNT = 4096

async function createTables(duckDb: DuckDb): Promise<void> {
  for (const table of offlineTableNames) {
    await duckDb.run(`create or replace temp table new_${table} (${columns[table]})`)
  }
}

async function openAppenders(duckDb: DuckDb) {
  const appenderOf = (table: OfflineTableName) => duckDb.connection.createAppender(`new_${table}`)
  const appenders = {
    interactions: await appenderOf('interactions'),
    changes: await appenderOf('changes'),
    impressions: await appenderOf('impressions'),
  }
  const all = Object.values(appenders)
  let heldCount = 0
  let isOpen = true
  return {
    append(batch: readonly StoredEvent[]): void {
      for (const stored of batch) {
        const { event } = stored
        const appender = appenders[tableOfKind[event.kind]]
        appendCommon(appender, stored)
        if (event.kind === 'interaction') appendInteraction(appender, event)
        else if (event.kind === 'entity') appendChange(appender, event)
        else appendImpression(appender, event)
        appender.endRow()
      }
      heldCount += batch.length
      if (heldCount < HANDED_ON_COUNT) return
      for (const appender of all) appender.flushSync()
      heldCount = 0
    },
    /** Hands on what is held. Closing twice is fine. */
    close(): void {
      if (!isOpen) return
      isOpen = false
      for (const appender of all) appender.closeSync()
    },
  }
}

type EventOf<Kind> = Extract<StoredEvent['event'], { kind: Kind }>

function appendCommon(appender: DuckDBAppender, { offset, availableTimeMs, event }: StoredEvent): void {
  appender.appendBigInt(BigInt(offset))
  appender.appendBigInt(BigInt(event.eventTimeMs))
  appender.appendBigInt(BigInt(countedTimeMs(event.eventTimeMs, availableTimeMs)))
  appender.appendBigInt(BigInt(availableTimeMs))
  appender.appendVarchar(event.id)
}

function appendInteraction(appender: DuckDBAppender, event: EventOf<'interaction'>): void {
  appender.appendVarchar(event.interaction)
  appender.appendVarchar(event.userId)
  appender.appendVarchar(event.itemId)
  appender.appendInteger(distinctCode(event.userId))
  appender.appendInteger(distinctCode(event.itemId))
  appender.appendDouble(event.weight ?? 1)
  appendText(appender, event.values && JSON.stringify(event.values))
}

function appendChange(appender: DuckDBAppender, event: EventOf<'entity'>): void {
  appender.appendVarchar(event.entity)
  appender.appendVarchar(event.entityId)
  appender.appendVarchar(event.change)
  appender.appendVarchar(JSON.stringify(event.attributes))
}

function appendImpression(appender: DuckDBAppender, event: EventOf<'impression'>): void {
  const { userId, placement, itemIds, modelVersion, rung, scores, propensities, served } = event
  appender.appendVarchar(userId)
  appendText(appender, placement)
  appender.appendVarchar(JSON.stringify(itemIds))
  appendText(appender, modelVersion)
  appendText(appender, rung)
  appendText(appender, scores && JSON.stringify(scores))
  appendText(appender, propensities && JSON.stringify(propensities))
  if (served === undefined) appender.appendNull()
  else appender.appendBlob(Buffer.from(served, 'base64'))
}

function appendText(appender: DuckDBAppender, text: string | undefined): void {
  if (text === undefined) appender.appendNull()
  else appender.appendVarchar(text)
}

async function writeTable(duckDb: DuckDb, table: DataFile['table'], folder: string): Promise<DataFile[]> {
  const days = await duckDb.rows(
    `select a // ${DAY_MS} as day, min(off) as first, count(*) as rows from new_${table} group by all order by day`,
  )
  const files: DataFile[] = []
  for (const { day, first, rows } of days) {
    const dayMs = Number(day) * DAY_MS
    const date = new Date(dayMs).toISOString().slice(0, 10)
    const path = `${table}/date=${date}/${String(first).padStart(16, '0')}.parquet`
    const target = join(folder, path)
    await mkdir(join(target, '..'), { recursive: true })
    // Two bounds, by which DuckDB passes over what it need not read: history holds hundreds of days, and a date made of each row took five times as long.
    await duckDb.run(
      `copy (select ${written[table]} from new_${table} where a >= ${dayMs} and a < ${dayMs + DAY_MS} order by off) to ${literal(target)} ${parquetOptions}`,
    )
    files.push({ path, table, date, rowCount: Number(rows), bytes: (await stat(target)).size })
  }
  await duckDb.run(`delete from new_${table}`)
  return files
}
