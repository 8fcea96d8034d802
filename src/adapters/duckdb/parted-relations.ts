// Relations that need not fit the memory, on disk in parts that are read one at a time. A relation of one part is a table.
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDb } from './connection.ts'
import { literal } from './sql-text.ts'
import type { PartedQuery } from './stage.ts'

export class PartedRelations {
  readonly #duckDb: DuckDb
  readonly #folder: string
  readonly #partCounts = new Map<string, number>()
  #writeCount = 0

  /** @param folder of its own; made when it is first needed */
  constructor(duckDb: DuckDb, folder: string) {
    this.#duckDb = duckDb
    this.#folder = folder
  }

  /** Adds rows to a relation. Every time with the same number of parts. */
  async add({ name, query, partCount }: PartedQuery & { readonly partCount: number }): Promise<void> {
    const isNew = !this.#partCounts.has(name)
    this.#partCounts.set(name, partCount)
    const whole = `parted.${name}`
    // Of many parts, the table only says which columns there are.
    if (isNew) {
      await this.#duckDb.run('create schema if not exists parted')
      await this.#duckDb.run(
        `create table ${whole} as select * exclude (part) from (${query})${partCount === 1 ? '' : ' limit 0'}`,
      )
    }
    if (partCount === 1) {
      if (!isNew) await this.#duckDb.run(`insert into ${whole} select * exclude (part) from (${query})`)
      return
    }
    await mkdir(this.#folderOf(name), { recursive: true })
    await this.#duckDb.run(
      `copy (${query}) to ${literal(this.#folderOf(name))} (format parquet, compression lz4, partition_by (part), append, filename_pattern 'w${this.#writeCount++}_{uuid}')`,
    )
  }

  /** Makes a view of the relation's name that holds one part. */
  async open(name: string, part: number): Promise<void> {
    const files = this.#partCounts.get(name) === 1 ? [] : await this.#filesOf(name, part)
    const from =
      files.length === 0
        ? `parted.${name}`
        : `read_parquet([${files.map(literal).join(', ')}], hive_partitioning = false)`
    await this.#duckDb.run(`create temp view ${name} as select * from ${from}`)
  }

  async drop(name: string): Promise<void> {
    this.#partCounts.delete(name)
    await this.#duckDb.run(`drop table parted.${name}`)
    await rm(this.#folderOf(name), { recursive: true, force: true })
  }

  #folderOf(name: string): string {
    return join(this.#folder, name)
  }

  async #filesOf(name: string, part: number): Promise<string[]> {
    const folder = join(this.#folderOf(name), `part=${part}`)
    try {
      return (await readdir(folder)).sort().map((file) => join(folder, file))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  }
}
