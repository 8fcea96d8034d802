// DuckDB, loaded when it is first needed, within the bounds it was given.
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { MillraceError } from '../../lib/errors.ts'
import { literal } from './sql-text.ts'

export interface DuckDbOptions {
  /** Memory for tables and operators, in bytes; what does not fit goes to the temporary folder. Default: 2 GiB. */
  readonly memoryBytes?: number
  /** Default: 2. */
  readonly threadCount?: number
  /** Created where it is missing. */
  readonly temporaryFolder: string
}

export const DUCKDB_MEMORY_BYTES = 2 * 2 ** 30

/** @throws MillraceError OFFLINE_STORE_FAILED where DuckDB cannot be loaded or started */
export async function openDuckDb(options: DuckDbOptions): Promise<DuckDb> {
  const { memoryBytes = DUCKDB_MEMORY_BYTES, threadCount = 2 } = options
  const temporaryFolder = resolve(options.temporaryFolder)
  return wrapped('DuckDB cannot be started', async () => {
    mkdirSync(temporaryFolder, { recursive: true })
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const instance = await DuckDBInstance.create(':memory:', { threads: String(threadCount) })
    const connection = await instance.connect()
    const duckDb = new DuckDb(instance, connection)
    await duckDb.run(`set memory_limit = '${Math.floor(memoryBytes / 1024)}KiB'`)
    await duckDb.run(`set temp_directory = ${literal(temporaryFolder)}`)
    // What runs here is data of the user's own; nothing is to be fetched, and no order but that of an ORDER BY is relied upon.
    await duckDb.run('set autoinstall_known_extensions = false')
    await duckDb.run('set preserve_insertion_order = false')
    await duckDb.run(`set TimeZone = 'UTC'`)
    return duckDb
  })
}

export class DuckDb {
  readonly #instance: DuckDBInstance
  readonly connection: DuckDBConnection

  constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance
    this.connection = connection
  }

  async run(sql: string): Promise<void> {
    await wrapped('A statement of DuckDB failed', () => this.connection.run(sql))
  }

  async rows(sql: string): Promise<Record<string, unknown>[]> {
    return wrapped('A query of DuckDB failed', async () => (await this.connection.runAndReadAll(sql)).getRowObjectsJS())
  }

  /** Row by row, so that a result need not fit the memory: batches as DuckDB makes them, some thousand rows. */
  async *stream(sql: string): AsyncGenerator<readonly Record<string, unknown>[]> {
    const result = await wrapped('A query of DuckDB failed', () => this.connection.stream(sql))
    const batches = result.yieldRowObjectJs()
    for (;;) {
      const { value, done } = await wrapped('A query of DuckDB failed', () => batches.next())
      if (done) return
      yield value
    }
  }

  close(): void {
    this.connection.closeSync()
    this.#instance.closeSync()
  }
}

/** What DuckDB throws, told apart by the words it uses: it has no codes. */
async function wrapped<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    // The statement itself may be pages long.
    const shown = message.split('\n')[0]!.slice(0, 500)
    if (/No space left|ENOSPC|max_temp_directory_size/i.test(message)) {
      throw new MillraceError('DISK_FULL', `${what}: ${shown}`, { fix: 'Make room on the disk, then repeat.', cause })
    }
    if (/Out of Memory|failed to (?:pin|allocate)/i.test(message)) {
      throw new MillraceError('OFFLINE_MEMORY_EXHAUSTED', `${what}: ${shown}`, {
        fix: 'Give DuckDB more memory (memoryBytes), or join fewer labels at a time.',
        cause,
      })
    }
    throw new MillraceError('OFFLINE_STORE_FAILED', `${what}: ${shown}`, { cause })
  }
}
