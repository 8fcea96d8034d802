// The way back: events from the Parquet files they were written to, and several files made one.
import { mkdir, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { EntityEvent, EntityName, ImpressionEvent, InteractionEvent } from '../../domain/event.ts'
import type { OfflineTableName } from '../../domain/offline-table.ts'
import type { StoredEvent } from '../../ports/event-log.ts'
import type { DataFile, EventFiles, ReadEventsRequest } from '../../ports/offline-store.ts'
import type { DuckDb } from './connection.ts'
import { parquetOptions } from './event-files.ts'
import { literal } from './sql-text.ts'

const columns = {
  // The map as two lists: DuckDB's JSON would not keep the last bit of a number.
  interactions: `off, a, event_ms, id, interaction, user_id, item_id, weight, map_keys(measures) as names, map_values(measures) as numbers`,
  changes: 'off, a, event_ms, id, entity, entity_id, change, attributes',
  impressions:
    'off, a, event_ms, id, user_id, placement, item_ids, model_version, rung, scores, propensities, base64(served) as served',
} as const satisfies Record<OfflineTableName, string>

export async function* readEventFiles(
  duckDb: DuckDb,
  { table, paths, order, limit }: ReadEventsRequest,
): AsyncGenerator<readonly StoredEvent[]> {
  if (paths.length === 0) return
  const direction = order === 'newestFirst' ? 'desc' : 'asc'
  const bound = limit === undefined ? '' : `limit ${limit}`
  const rows = duckDb.stream(`select ${columns[table]} from ${rowsOf(paths)} order by off ${direction} ${bound}`)
  for await (const batch of rows) yield batch.map(eventIn[table])
}

/** @returns what became of it; the target is whole, or not there */
export async function mergeEventFiles(
  duckDb: DuckDb,
  { paths }: EventFiles,
  target: string,
): Promise<Pick<DataFile, 'rowCount' | 'bytes'>> {
  await mkdir(dirname(target), { recursive: true })
  const unfinished = `${target}.unfinished`
  await duckDb.run('set preserve_insertion_order = true')
  await duckDb.run(`copy (select * from ${rowsOf(paths)} order by off) to ${literal(unfinished)} ${parquetOptions}`)
  const [counted] = await duckDb.rows(`select count(*) as rows from ${rowsOf([unfinished])}`)
  await rename(unfinished, target)
  return { rowCount: Number(counted!.rows), bytes: (await stat(target)).size }
}

const rowsOf = (paths: readonly string[]): string =>
  `read_parquet([${paths.map(literal).join(', ')}], hive_partitioning = false, union_by_name = true)`

type Row = Readonly<Record<string, unknown>>

const stored = (row: Row, event: StoredEvent['event']): StoredEvent => ({
  offset: Number(row.off),
  availableTimeMs: Number(row.a),
  event,
})

function interactionOf(row: Row): StoredEvent {
  const names = row.names as string[] | null
  const numbers = row.numbers as number[] | null
  return stored(row, {
    kind: 'interaction',
    id: String(row.id),
    interaction: String(row.interaction),
    userId: String(row.user_id),
    itemId: String(row.item_id),
    eventTimeMs: Number(row.event_ms),
    weight: Number(row.weight),
    ...(names && { values: Object.fromEntries(names.map((name, i) => [name, numbers![i]!])) }),
  } satisfies InteractionEvent)
}

function changeOf(row: Row): StoredEvent {
  return stored(row, {
    kind: 'entity',
    id: String(row.id),
    entity: row.entity as EntityName,
    entityId: String(row.entity_id),
    change: row.change as EntityEvent['change'],
    attributes: JSON.parse(String(row.attributes)),
    eventTimeMs: Number(row.event_ms),
  } satisfies EntityEvent)
}

function impressionOf(row: Row): StoredEvent {
  const text = (name: string, column: string) => (row[column] === null ? {} : { [name]: row[column] })
  return stored(row, {
    kind: 'impression',
    id: String(row.id),
    userId: String(row.user_id),
    itemIds: row.item_ids as string[],
    eventTimeMs: Number(row.event_ms),
    ...text('placement', 'placement'),
    ...text('modelVersion', 'model_version'),
    ...text('rung', 'rung'),
    ...text('scores', 'scores'),
    ...text('propensities', 'propensities'),
    ...text('served', 'served'),
  } satisfies ImpressionEvent)
}

const eventIn = { interactions: interactionOf, changes: changeOf, impressions: impressionOf } as const
