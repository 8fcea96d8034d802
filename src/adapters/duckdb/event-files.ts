// Events of the log as Parquet files, by the day on which they became available: a file is never written again, however late its events come.
// What was declared known on a day long past lies on that day, in a file of its own.
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBAppender } from '@duckdb/node-api'
import { countedTimeMs } from '../../domain/feature.ts'
import { distinctCode } from '../../lib/hyper-log-log.ts'
import type { StoredEvent } from '../../ports/event-log.ts'
import type { DataFile } from '../../ports/offline-store.ts'
import type { DuckDb } from './connection.ts'
import { literal } from './sql-text.ts'

const common = 'off BIGINT, event_ms BIGINT, c BIGINT, a BIGINT'

const columns = {
  interactions: `${common}, id VARCHAR, interaction VARCHAR, user_id VARCHAR, item_id VARCHAR, user_code INTEGER, item_code INTEGER, weight DOUBLE, measures VARCHAR`,
  changes: `${common}, id VARCHAR, entity VARCHAR, entity_id VARCHAR, change VARCHAR, attributes VARCHAR`,
} as const

/** What the files hold, where the tables they come from hold something else. */
const written = {
  interactions: `* replace (measures::JSON::MAP(VARCHAR, DOUBLE) as measures)`,
  changes: '*',
} as const

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
    for (const table of ['interactions', 'changes'] as const) files.push(...(await writeTable(duckDb, table, folder)))
  }
  let bufferedCount = 0
  await createTables(duckDb)
  let appenders = await openAppenders(duckDb)
  try {
    for await (const batch of batches) {
      appenders.append(batch)
      bufferedCount += batch.length
      if (bufferedCount < FLUSH_EVENT_COUNT) continue
      appenders.close()
      await flush()
      bufferedCount = 0
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

/** Rows that an appender holds before it hands them on: handing on takes a while whatever their number, and holds up the thread. */
const HANDED_ON_COUNT = 4096

async function createTables(duckDb: DuckDb): Promise<void> {
  for (const table of ['interactions', 'changes'] as const) {
    await duckDb.run(`create or replace temp table new_${table} (${columns[table]})`)
  }
}

async function openAppenders(duckDb: DuckDb) {
  const interactions = await duckDb.connection.createAppender('new_interactions')
  const changes = await duckDb.connection.createAppender('new_changes')
  let heldCount = 0
  let isOpen = true
  return {
    append(batch: readonly StoredEvent[]): void {
      for (const stored of batch) {
        if (stored.event.kind === 'interaction') appendInteraction(interactions, stored, stored.event)
        else appendChange(changes, stored, stored.event)
      }
      heldCount += batch.length
      if (heldCount < HANDED_ON_COUNT) return
      interactions.flushSync()
      changes.flushSync()
      heldCount = 0
    },
    /** Hands on what is held. Closing twice is fine. */
    close(): void {
      if (!isOpen) return
      isOpen = false
      interactions.closeSync()
      changes.closeSync()
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

function appendInteraction(appender: DuckDBAppender, stored: StoredEvent, event: EventOf<'interaction'>): void {
  appendCommon(appender, stored)
  appender.appendVarchar(event.interaction)
  appender.appendVarchar(event.userId)
  appender.appendVarchar(event.itemId)
  appender.appendInteger(distinctCode(event.userId))
  appender.appendInteger(distinctCode(event.itemId))
  appender.appendDouble(event.weight ?? 1)
  if (event.values === undefined) appender.appendNull()
  else appender.appendVarchar(JSON.stringify(event.values))
  appender.endRow()
}

function appendChange(appender: DuckDBAppender, stored: StoredEvent, event: EventOf<'entity'>): void {
  appendCommon(appender, stored)
  appender.appendVarchar(event.entity)
  appender.appendVarchar(event.entityId)
  appender.appendVarchar(event.change)
  appender.appendVarchar(JSON.stringify(event.attributes))
  appender.endRow()
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
