// Files that are dropped in a folder. A file is read once it is complete, in the order of names, and again where its content changes.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { PulledBatch, RecordSource } from '../../ports/record-source.ts'

/** Some rows of a file. */
export interface FileRows {
  readonly rows: readonly unknown[]
  readonly where: (position: number) => string
  readonly original: (position: number) => unknown
}

export interface FolderSourceOptions {
  /** The source's name, for messages. */
  readonly name: string
  readonly folder: string
  /** File names; `*` stands for any characters. Names that begin with a dot are never taken. */
  readonly files: string
  /** A file counts as complete once neither its content nor its name changed for this long. */
  readonly settleMs: number
  /** Reads a file of whatever format; throws MillraceError where it is damaged. */
  readonly readFile: (path: string) => AsyncIterable<FileRows>
  readonly clock?: Clock
}

/** What is remembered of a file. By name; those that are gone are forgotten. */
interface KnownFile {
  readonly size: number
  readonly timeMs: number
  /** SHA-256 of its content. */
  readonly hash: string
  /** Why it could not be read to its end. It is told again until the file is mended or taken away. */
  readonly problem?: Pick<MillraceError, 'code' | 'message' | 'fix'>
}

type KnownFiles = Readonly<Record<string, KnownFile>>

export function folderSource(options: FolderSourceOptions): RecordSource {
  return {
    isSnapshot: false,
    pull: (cursor, signal) => newFiles(options, cursor === undefined ? {} : (JSON.parse(cursor) as KnownFiles), signal),
    close: async () => {},
  }
}

async function* newFiles(
  options: FolderSourceOptions,
  remembered: KnownFiles,
  signal: AbortSignal,
): AsyncGenerator<PulledBatch> {
  if (signal.aborted) return
  const { name, folder, readFile } = options
  const found = await completeFiles(options)
  const names = new Set(found.names)
  const known: Record<string, KnownFile> = Object.fromEntries(
    Object.entries(remembered).filter(([file]) => names.has(file)),
  )
  const failures: MillraceError[] = []
  const cursor = (): string => JSON.stringify(known)
  let readCount = 0
  for (const { file, size, timeMs } of found.complete) {
    if (signal.aborted) return
    const before = known[file]
    if (before?.size === size && before.timeMs === timeMs) continue
    const path = join(folder, file)
    try {
      const hash = await hashOf(path)
      if (before?.hash === hash) {
        known[file] = { ...before, timeMs }
        continue
      }
      let problem: KnownFile['problem']
      try {
        for await (const { rows, where, original } of readFile(path)) {
          yield { rows, where, original, missingTimeMs: Math.floor(timeMs), cursor: cursor() }
          if (signal.aborted) return
        }
      } catch (error) {
        problem = problemOf(error, path)
        // Its content is not to blame, so it is tried again without a change of it.
        if (problem.code === 'IMPORT_FILE_UNREADABLE') throw error
      }
      readCount++
      // What was written to in the meantime is read again next time; the log drops what it has.
      const after = await stat(path)
      if (after.size === size && after.mtimeMs === timeMs)
        known[file] = { size, timeMs, hash, ...(problem && { problem }) }
      else if (problem) failures.push(asError(problem))
    } catch (error) {
      failures.push(asError(problemOf(error, path)))
    }
  }
  for (const file of found.names) {
    const problem = known[file]?.problem
    if (problem) failures.push(asError(problem))
  }
  const end = { pageCount: readCount, isNotModified: readCount === 0 && failures.length === 0, failures }
  yield { rows: [], where: () => name, cursor: cursor(), end }
}

async function completeFiles({ name, folder, files, settleMs, clock = systemClock }: FolderSourceOptions) {
  const pattern = new RegExp(`^${files.split('*').map(RegExp.escape).join('.*')}$`, 's')
  let entries: string[]
  try {
    entries = await readdir(folder)
  } catch (error) {
    throw new MillraceError(
      'SOURCE_UNAVAILABLE',
      `${name}: the folder ${folder} cannot be read: ${(error as Error).message}.`,
      {
        fix: 'Create it, or correct its path in the system file, and let this user read it.',
        cause: error,
      },
    )
  }
  const names = entries.filter((file) => !file.startsWith('.') && pattern.test(file)).sort()
  const complete: { readonly file: string; readonly size: number; readonly timeMs: number }[] = []
  for (const file of names) {
    const info = await stat(join(folder, file)).catch(() => undefined)
    // The change time moves with a renaming, too: a file may have been written elsewhere, long ago, and be on its way.
    const isSettled = info && clock.now() - Math.max(info.mtimeMs, info.ctimeMs) >= settleMs
    if (info?.isFile() && isSettled) complete.push({ file, size: info.size, timeMs: info.mtimeMs })
  }
  return { names, complete }
}

async function hashOf(path: string): Promise<string> {
  const digest = createHash('sha256')
  for await (const chunk of createReadStream(path)) digest.update(chunk as Buffer)
  return digest.digest('base64url')
}

/** Of the file system's errors too; anything else is none of this file's. */
function problemOf(error: unknown, path: string): NonNullable<KnownFile['problem']> {
  if (error instanceof MillraceError) {
    const { code, message, fix } = error
    return { code, message, fix }
  }
  const { code, message } = error as NodeJS.ErrnoException
  if (typeof code !== 'string' || !/^E[A-Z]+$/.test(code)) throw error
  return {
    code: 'IMPORT_FILE_UNREADABLE',
    message: `${path} cannot be read: ${message}.`,
    fix: 'Let this user read it; it is tried again each time.',
  }
}

const asError = ({ code, message, fix }: NonNullable<KnownFile['problem']>): MillraceError =>
  new MillraceError(code, message, fix === undefined ? {} : { fix })
