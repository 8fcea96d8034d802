// Lists of recommendations as one Parquet file, for programs that mail or print them: a row for every user and place.
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MillraceError } from '../../lib/errors.ts'
import type { ListRow } from '../../ports/offline-store.ts'
import type { DuckDb } from './connection.ts'
import { parquetOptions } from './event-files.ts'
import { literal } from './sql-text.ts'

/** Rows that an appender holds before it hands them on. */
const HANDED_ON_COUNT = 4096

export async function writeListFile(
  duckDb: DuckDb,
  batches: AsyncIterable<readonly ListRow[]>,
  target: string,
): Promise<{ readonly rowCount: number; readonly bytes: number }> {
  const temporary = `${target}.writing`
  try {
    await mkdir(dirname(target), { recursive: true })
    await duckDb.run(
      'create temp table lists ("n" BIGINT, "userId" VARCHAR, "placement" VARCHAR, "position" INTEGER, "itemId" VARCHAR, "score" DOUBLE, "generator" VARCHAR, "modelVersion" VARCHAR, "batchId" VARCHAR)',
    )
    const rowCount = await append(duckDb, batches)
    await duckDb.run(`copy (select * exclude n from lists order by n) to ${literal(temporary)} ${parquetOptions}`)
    await rename(temporary, target)
    return { rowCount, bytes: (await stat(target)).size }
  } catch (error) {
    await rm(temporary, { force: true })
    // What DuckDB failed at has a name already, as a full disk has; the rest are the folder and the file.
    if (error instanceof MillraceError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (/ENOSPC|EDQUOT/.test(String(code)))
      throw new MillraceError('DISK_FULL', `${target} cannot be written: ${message}.`, { cause: error })
    throw unwritable(target, message, error)
  }
}

const unwritable = (target: string, message: string, cause?: unknown): MillraceError =>
  new MillraceError('EXPORT_UNWRITABLE', `${target} cannot be written: ${message}.`, {
    fix: 'Name a file in a folder that this user may write to.',
    cause,
  })

async function append(duckDb: DuckDb, batches: AsyncIterable<readonly ListRow[]>): Promise<number> {
  const appender = await duckDb.connection.createAppender('lists')
  let count = 0
  try {
    for await (const batch of batches) {
      for (const row of batch) {
        appender.appendBigInt(BigInt(count++))
        appender.appendVarchar(row.userId)
        appender.appendVarchar(row.placement)
        appender.appendInteger(row.position)
        appender.appendVarchar(row.itemId)
        appender.appendDouble(row.score)
        appender.appendVarchar(row.generator)
        appender.appendVarchar(row.modelVersion)
        appender.appendVarchar(row.batchId)
        appender.endRow()
        if (count % HANDED_ON_COUNT === 0) appender.flushSync()
      }
    }
  } finally {
    appender.closeSync()
  }
  return count
}
