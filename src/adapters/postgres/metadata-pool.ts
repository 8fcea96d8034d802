// Connections as the metadata store wants them: every failure is one of its errors, and none can end the process.
import type { PostgresPool, PostgresPoolClient } from 'kysely'
import { MillraceError } from '../../lib/errors.ts'
import { isFromServer, postgresError } from './postgres-error.ts'

const CONNECTION_COUNT_MAX = 4

/**
 * A pool of our own. `pg` is loaded only here, so that only those who use Postgres install it.
 * @throws MillraceError METADATA_DRIVER_MISSING
 */
export async function ownPool(url: string, { timeoutMs }: { readonly timeoutMs: number }): Promise<PostgresPool> {
  const { Pool } = (await loadDriver()).default
  const pool = new Pool({
    connectionString: url,
    application_name: 'millrace',
    max: CONNECTION_COUNT_MAX,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    keepAlive: true,
  })
  // A connection that breaks while nobody uses it is replaced by the pool. Without a listener it would end the process.
  pool.on('error', () => {})
  return pool
}

async function loadDriver(): Promise<typeof import('pg')> {
  try {
    return await import('pg')
  } catch (error) {
    throw new MillraceError(
      'METADATA_DRIVER_MISSING',
      'The metadata store is in Postgres, and the package "pg" cannot be loaded.',
      {
        fix: 'Install it beside Millrace: npm install pg',
        cause: error,
      },
    )
  }
}

/** Turns what connecting and querying throw into errors of the store, and drops connections that are no longer in order. */
export function guardedPool(pool: PostgresPool, place: string): PostgresPool {
  const listenedTo = new WeakSet<PostgresPoolClient>()
  return {
    async connect() {
      try {
        const client = await pool.connect()
        // A connection that breaks between two queries of a transaction says so here as well as with the next query; unheard, it would end the process.
        if (!listenedTo.has(client)) (client as Partial<NodeJS.EventEmitter>).on?.('error', () => {})
        listenedTo.add(client)
        return guardedClient(client, place)
      } catch (error) {
        throw postgresError(error, place)
      }
    },
    end: () => pool.end(),
  }
}

function guardedClient(client: PostgresPoolClient, place: string): PostgresPoolClient {
  let broken: MillraceError | undefined
  const query = async (text: string, parameters: readonly unknown[]) => {
    // Rolling back would have to wait for the answer that did not come; the server does it when the connection is closed.
    if (broken) throw broken
    try {
      return await client.query(text, parameters)
    } catch (error) {
      const ours = postgresError(error, place)
      if (!isFromServer(error)) broken = ours
      throw ours
    }
  }
  return {
    query: query as PostgresPoolClient['query'],
    release: (destroy) => client.release(destroy || broken !== undefined),
  }
}
