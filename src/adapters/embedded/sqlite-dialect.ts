// Kysely over the SQLite inside Node.js. Where another process, or another connection of this one, holds the database, it waits without holding
// the thread: SQLite's own busy timeout would stop every request of the process meanwhile, and for ever where this process is the one to wait for.
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  type SqliteDatabase,
  SqliteDialect,
  SqliteDriver,
} from 'kysely'
import { isBusy, sqliteError } from './sqlite-error.ts'

/** How long an operation waits for others before it gives up with METADATA_UNAVAILABLE. */
const PATIENCE_MS = 10_000
/** Between two attempts; longer with each one, so that many who wait do not stand in each other's way. */
const LONGEST_PAUSE_MS = 50

/** Errors of the driver are MillraceErrors. */
export class NodeSqliteDialect extends SqliteDialect {
  readonly #database: DatabaseSync
  readonly #place: string

  constructor(database: DatabaseSync, place: string) {
    super({ database: forKysely(database) })
    this.#database = database
    this.#place = place
  }

  override createDriver(): Driver {
    return new PatientDriver(this.#database, this.#place)
  }
}

class PatientDriver extends SqliteDriver {
  readonly #database: DatabaseSync
  readonly #place: string

  constructor(database: DatabaseSync, place: string) {
    super({ database: forKysely(database) })
    this.#database = database
    this.#place = place
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    return new PatientConnection(await super.acquireConnection(), this.#database, this.#place)
  }

  // A transaction that first reads and then writes may find that another has written in between; one that takes the lock at once may not.
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }

  // Some errors, a full disk for one, have ended the transaction already.
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.isTransaction) await super.rollbackTransaction(connection)
  }
}

class PatientConnection implements DatabaseConnection {
  readonly #connection: DatabaseConnection
  readonly #database: DatabaseSync
  readonly #place: string

  constructor(connection: DatabaseConnection, database: DatabaseSync, place: string) {
    this.#connection = connection
    this.#database = database
    this.#place = place
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    try {
      // Within a transaction nothing can be in the way, and a statement must not be tried again on its own.
      if (this.#database.isTransaction) return await this.#connection.executeQuery<R>(query)
      return await untilFree(() => this.#connection.executeQuery<R>(query))
    } catch (error) {
      throw sqliteError(error, this.#place)
    }
  }

  streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    return this.#connection.streamQuery(query, chunkSize)
  }
}

/** Tries again for as long as the database is busy. */
export async function untilFree<T>(attempt: () => T | Promise<T>): Promise<T> {
  const deadlineMs = Date.now() + PATIENCE_MS
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await attempt()
    } catch (error) {
      if (!isBusy(error) || Date.now() >= deadlineMs) throw error
      await delay(pauseMs * (0.5 + Math.random()))
    }
  }
}

function forKysely(database: DatabaseSync): SqliteDatabase {
  return {
    close: () => database.close(),
    prepare(text) {
      const statement = database.prepare(text)
      const bound = (parameters: readonly unknown[]) => parameters as Parameters<typeof statement.all>
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...bound(parameters)),
        run: (parameters) => statement.run(...bound(parameters)),
        iterate: (parameters) => statement.iterate(...bound(parameters)),
      }
    },
  }
}
