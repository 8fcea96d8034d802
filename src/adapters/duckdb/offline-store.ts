import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { JoinedFile, OfflineStore } from '../../ports/offline-store.ts'
import { DUCKDB_MEMORY_BYTES, type DuckDb, type DuckDbOptions, openDuckDb } from './connection.ts'
import { writeEventFiles } from './event-files.ts'
import { mergeEventFiles, readEventFiles } from './event-rows.ts'
import { joinFeatures } from './feature-join.ts'
import { writeListFile } from './list-file.ts'

export interface DuckDbOfflineStoreOptions extends DuckDbOptions {
  /** How many events a join works on at a time; a label is as much work as ten. Default: what fits the memory. */
  readonly partRowCount?: number
}

/** What a row of a part takes, with all that is made of it, in a shop with sixteen features; with room for others. */
const PART_ROW_BYTES = 800

/** The offline store on DuckDB and Parquet files. Each call has a database of its own, in memory, which ends with it. */
export function duckDbOfflineStore(options: DuckDbOfflineStoreOptions): OfflineStore {
  const { temporaryFolder, memoryBytes = DUCKDB_MEMORY_BYTES } = options
  const partRowCount = options.partRowCount ?? Math.ceil(memoryBytes / PART_ROW_BYTES)
  const withDuckDb = async <T>(work: (duckDb: DuckDb) => Promise<T>): Promise<T> => {
    const duckDb = await openDuckDb(options)
    try {
      return await work(duckDb)
    } finally {
      duckDb.close()
    }
  }
  return {
    writeEvents: (batches, folder) => withDuckDb((duckDb) => writeEventFiles(duckDb, batches, folder)),
    readEvents: async function* (request) {
      const duckDb = await openDuckDb(options)
      try {
        yield* readEventFiles(duckDb, request)
      } finally {
        duckDb.close()
      }
    },
    mergeEventFiles: (files, target) => withDuckDb((duckDb) => mergeEventFiles(duckDb, files, target)),
    joinFeatures: async (request) => {
      const rowCount = await withDuckDb((duckDb) => joinFeatures(duckDb, request, { temporaryFolder, partRowCount }))
      return { rowCount, ...(await fileAt(request.target)) }
    },
    writeLists: (batches, target) => withDuckDb((duckDb) => writeListFile(duckDb, batches, target)),
    close: async () => {},
  }
}

async function fileAt(path: string): Promise<Pick<JoinedFile, 'bytes' | 'sha256'>> {
  return { bytes: (await stat(path)).size, sha256: await sha256Of(path) }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
