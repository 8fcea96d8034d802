// The metadata store in a Postgres database, for processes on several machines.
import { setTimeout as delay } from 'node:timers/promises'
import { Kysely, PostgresDialect, type PostgresPool, sql } from 'kysely'
import { type Clock, systemClock } from '../../lib/clock.ts'
import type { MetadataStore } from '../../ports/metadata-store.ts'
import type { Connected } from '../kysely/metadata-database.ts'
import { migrate } from '../kysely/metadata-migrations.ts'
import { metadataStoreOver } from '../kysely/metadata-queries.ts'
import type { MetadataTables } from '../kysely/metadata-tables.ts'
import { guardedPool, ownPool } from './metadata-pool.ts'
import { isConflict } from './postgres-error.ts'
import { checkedPlace } from './postgres-url.ts'

export interface PostgresMetadataOptions {
  /** postgres://USER:PASSWORD@HOST:PORT/DATABASE. One of `url` and `pool` is needed. */
  readonly url?: string
  /**
   * A `pg` pool of yours. It brings its own time limits and is not closed with the store; listen to its "error" events, or a connection that
   * breaks ends the process.
   */
  readonly pool?: PostgresPool
  /** Holds the tables, and is created where it is missing. Default `millrace`: apart from whatever else the database holds. */
  readonly schema?: string
  /** How long to wait for a connection, and for each answer. Default 10,000. */
  readonly timeoutMs?: number
  readonly clock?: Clock
}

/** Keeps processes from changing the tables at the same time; any number that other programs do not use. */
const MIGRATION_LOCK = 0x6d726d64
/** How long a change is tried again where others are in the way. */
const PATIENCE_MS = 10_000
const LONGEST_PAUSE_MS = 50

/**
 * Opens the metadata store in this database, creating its tables where they are missing. Many processes may have it open at once.
 * @throws MillraceError METADATA_DRIVER_MISSING, METADATA_NEWER, METADATA_UNAVAILABLE, METADATA_UNUSABLE, METADATA_FULL
 */
export async function openPostgresMetadataStore(options: PostgresMetadataOptions): Promise<MetadataStore> {
  const { schema = 'millrace', timeoutMs = 10_000, clock = systemClock } = options
  const { place, pool, close } = await connectionsTo(options, timeoutMs)
  const db = new Kysely<MetadataTables>({ dialect: new PostgresDialect({ pool: guardedPool(pool, place) }) })
  try {
    await migrate(db.withSchema(schema), {
      place,
      types: { name: 'text collate "C"', bytes: 'bytea', appendOnly: appendOnlyIn(schema) },
      nowMs: clock.now(),
      hasMigrationTable: async (db) => {
        const found = sql`select 1 from pg_catalog.pg_tables where schemaname = ${schema} and tablename = 'migration'`
        return (await found.execute(db)).rows.length > 0
      },
      locked: (steps) =>
        // Each statement sees what was committed before it: what another process did while this one waited for the lock, too.
        db
          .transaction()
          .setIsolationLevel('read committed')
          .execute(async (transaction) => {
            await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK}, hashtext(${schema}))`.execute(transaction)
            const found = await sql`select 1 from pg_catalog.pg_namespace where nspname = ${schema}`.execute(
              transaction,
            )
            if (found.rows.length === 0) await transaction.schema.createSchema(schema).execute()
            await steps(transaction.withSchema(schema))
          }),
    })
  } catch (error) {
    await close()
    throw error
  }
  return metadataStoreOver({ db: db.withSchema(schema), transact: serialisable(db, schema), close })
}

const appendOnlyIn = (schema: string) => (table: string) => [
  sql`
    create function ${sql.id(schema, `${table}_refuse_change`)}() returns trigger language plpgsql as
    $$ begin raise exception '% is append-only', tg_table_name; end $$`,
  sql`
    create trigger ${sql.id(`${table}_append_only`)} before update or delete or truncate on ${sql.id(schema, table)}
    for each statement execute function ${sql.id(schema, `${table}_refuse_change`)}()`,
]

async function connectionsTo(
  { url, pool }: PostgresMetadataOptions,
  timeoutMs: number,
): Promise<{ place: string; pool: PostgresPool; close: () => Promise<void> }> {
  // Whoever made a pool closes it.
  if (pool) return { place: 'Postgres, through the given pool,', pool, close: async () => {} }
  if (url === undefined) throw new TypeError('openPostgresMetadataStore needs a url or a pool')
  const place = checkedPlace(url)
  const own = await ownPool(url, { timeoutMs })
  return { place, pool: own, close: () => own.end() }
}

function serialisable(db: Kysely<MetadataTables>, schema: string): Connected['transact'] {
  return async (change) => {
    const deadlineMs = Date.now() + PATIENCE_MS
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        return await db
          .transaction()
          .setIsolationLevel('serializable')
          .execute((transaction) => change(transaction.withSchema(schema)))
      } catch (error) {
        if (!isConflict(error) || Date.now() >= deadlineMs) throw error
        await delay(pauseMs * (0.5 + Math.random()))
      }
    }
  }
}
