// What a reader of a table's files says when one of them is gone: which file, of which version of which table, where DuckDB only names a path or a byte.
import { stat } from 'node:fs/promises'
import type { DeltaFile } from '../../delta/snapshot.ts'
import type { OfflineTableName } from '../../domain/offline-table.ts'
import type { TableVersion } from '../../domain/training-set.ts'
import { MillraceError, type Problem } from '../../lib/errors.ts'
import type { OfflineTable } from './offline-table.ts'

/** A file of a version, as the table's log knows it. */
export interface VersionFile {
  readonly table: OfflineTableName
  /** Absolute. */
  readonly path: string
  readonly sizeBytes: number
}

export interface FilesOfVersions {
  readonly files: readonly VersionFile[]
  /** Which versions those are, one of each table. */
  readonly tables: readonly TableVersion[]
}

/** Files that are told one by one; of a folder that was emptied there may be thousands. */
const TOLD_COUNT = 10

export const versionFilesOf = (
  table: OfflineTable,
  { version, files }: { readonly version: number; readonly files: readonly DeltaFile[] },
): FilesOfVersions => ({
  files: files.map(({ path, sizeBytes }) => ({ path: table.absolutePath(path), table: table.name, sizeBytes })),
  tables: [{ table: table.name, version }],
})

/**
 * What to throw where reading these files failed. Looked for only then: whoever reads sound files pays nothing.
 * @returns TABLE_FILE_DAMAGED where the offline store failed and a file is gone or of another length; else the error itself
 */
export async function readFailure(error: unknown, { files, tables }: FilesOfVersions): Promise<unknown> {
  if (!(error instanceof MillraceError) || error.code !== 'OFFLINE_STORE_FAILED') return error
  for (const { table, version } of tables) {
    const own = files.filter((file) => file.table === table)
    const problems = (await Promise.all(own.map(problemOf))).flatMap((problem) => problem ?? [])
    const [first] = problems
    if (first === undefined) continue
    const more =
      problems.length > 1 ? ` ${problems.length} of its ${own.length} files are not as they were written.` : ''
    return new MillraceError(
      'TABLE_FILE_DAMAGED',
      `Version ${version} of table "${table}" cannot be read. ${first.where}: ${first.message}${more}`,
      {
        fix: `Put it back from a backup, or read another version: "millrace data history ${table}" lists them. A vacuum takes the files that only old versions need.`,
        problems: problems.slice(1, TOLD_COUNT),
        cause: error,
      },
    )
  }
  return error
}

async function problemOf({ path, sizeBytes }: VersionFile): Promise<Problem | undefined> {
  try {
    const { size } = await stat(path)
    if (size === sizeBytes) return undefined
    return { where: path, message: `found ${size} bytes, expected ${sizeBytes}.` }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const found = code === 'ENOENT' ? 'no such file' : `a file that cannot be looked at (${code})`
    return { where: path, message: `found ${found}, expected one of ${sizeBytes} bytes.` }
  }
}
