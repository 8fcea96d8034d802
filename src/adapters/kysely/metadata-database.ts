import type { Kysely } from 'kysely'
import { MillraceError } from '../../lib/errors.ts'
import type { MetadataTables } from './metadata-tables.ts'

/** What an adapter gives. Whatever the database itself throws is one of the errors of `MetadataStore` by then. */
export interface Connected {
  readonly db: Kysely<MetadataTables>
  /** Runs a change in one serialisable, durable transaction; again from its beginning where another transaction was in the way. */
  transact<T>(change: (transaction: Kysely<MetadataTables>) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** A connected database that knows when it is closed, and lets what was begun come to its end first. */
export class MetadataDatabase {
  readonly #connected: Connected
  readonly #running = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  constructor(connected: Connected) {
    this.#connected = connected
  }

  read<T>(query: (db: Kysely<MetadataTables>) => Promise<T>): Promise<T> {
    return this.#run(() => query(this.#connected.db))
  }

  /** All or nothing. `change` may run more than once, so it must have no effects but its queries. */
  write<T>(change: (transaction: Kysely<MetadataTables>) => Promise<T>): Promise<T> {
    return this.#run(() => this.#connected.transact(change))
  }

  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#running).then(() => this.#connected.close())
    return this.#closing
  }

  async #run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#closing) {
      throw new MillraceError('METADATA_CLOSED', 'The metadata store was closed, because the process is stopping.')
    }
    const running = operation()
    this.#running.add(running)
    try {
      return await running
    } finally {
      this.#running.delete(running)
    }
  }
}
