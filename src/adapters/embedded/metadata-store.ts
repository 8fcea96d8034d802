// The metadata store in one SQLite file, for all processes of one machine.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Kysely, sql } from 'kysely'
import { type Clock, systemClock } from '../../lib/clock.ts'
import type { MetadataStore } from '../../ports/metadata-store.ts'
import { migrate } from '../kysely/metadata-migrations.ts'
import { metadataStoreOver } from '../kysely/metadata-queries.ts'
import type { MetadataTables } from '../kysely/metadata-tables.ts'
import { NodeSqliteDialect, untilFree } from './sqlite-dialect.ts'
import { sqliteError } from './sqlite-error.ts'

/**
 * Opens, or creates, the metadata store in this folder. Several processes may have it open at once. A change costs a few milliseconds, which is
 * the disk's time to make it durable, on the caller's thread.
 * @throws MillraceError METADATA_NEWER, METADATA_UNUSABLE, METADATA_UNAVAILABLE, METADATA_FULL
 */
export async function openMetadataStore(options: {
  readonly folder: string
  readonly clock?: Clock
}): Promise<MetadataStore> {
  const { folder, clock = systemClock } = options
  const place = join(folder, 'metadata.sqlite')
  const database = await opened(folder, place)
  const db = new Kysely<MetadataTables>({ dialect: new NodeSqliteDialect(database, place) })
  const connected = {
    db,
    transact: <T>(change: (transaction: Kysely<MetadataTables>) => Promise<T>) => db.transaction().execute(change),
    // Not `db.destroy()`, which closes nothing where no query was made.
    close: async () => database.close(),
  }
  try {
    await migrate(db, {
      place,
      types: { name: 'text', bytes: 'blob', appendOnly },
      nowMs: clock.now(),
      hasMigrationTable: async (db) => {
        const { rows } = await sql`select 1 from sqlite_master where type = 'table' and name = 'migration'`.execute(db)
        return rows.length > 0
      },
      locked: connected.transact,
    })
  } catch (error) {
    database.close()
    throw error
  }
  return metadataStoreOver(connected)
}

const appendOnly = (table: string) =>
  ['update', 'delete'].map((change) =>
    sql.raw(
      `create trigger ${table}_no_${change} before ${change} on ${table} begin select raise(abort, '${table} is append-only'); end`,
    ),
  )

async function opened(folder: string, place: string): Promise<DatabaseSync> {
  let database: DatabaseSync | undefined
  try {
    mkdirSync(folder, { recursive: true })
    const opening = (database = new DatabaseSync(place, { enableForeignKeyConstraints: true }))
    // Readers and a writer do not wait for each other, and a commit that returned is on disk.
    await untilFree(() => opening.exec('pragma journal_mode = wal'))
    opening.exec('pragma synchronous = full')
    return opening
  } catch (error) {
    database?.close()
    throw sqliteError(error, place)
  }
}
