// What LMDB itself does not say clearly: that a file is no database (it crashes), and that a disk is full (it calls that an I/O error).
import { closeSync, existsSync, mkdirSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { MillraceError } from '../../lib/errors.ts'
import { isAboutRoom } from './disk-room.ts'

const PAGE_BYTES = 4096
/** Of a meta page, where its mark lies. */
const MARK_OFFSET = 24
const MARK = 0xbeefc0de

/**
 * Creates the folder where it is missing, and refuses one whose `data.mdb` is something else.
 * @throws MillraceError EVENT_LOG_UNUSABLE, EVENT_LOG_FULL
 */
export function prepareLmdbFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true })
    const file = join(folder, 'data.mdb')
    if (!existsSync(file) || statSync(file).size === 0) return
    const start = Buffer.alloc(2 * PAGE_BYTES)
    const descriptor = openSync(file, 'r')
    const readBytes = readSync(descriptor, start)
    closeSync(descriptor)
    const hasMarks = [0, PAGE_BYTES].every((page) => start.readUInt32LE(page + MARK_OFFSET) === MARK)
    if (readBytes < start.length || !hasMarks) throw new Error(`${file} is damaged or no LMDB database`)
  } catch (error) {
    throw lmdbError(error, folder)
  }
}

/** What LMDB has taken on disk. */
export const lmdbFileBytes = (folder: string): number => statSync(join(folder, 'data.mdb')).size

/** An error of LMDB or the file system, as one of ours. */
export function lmdbError(error: unknown, folder: string): MillraceError {
  if (error instanceof MillraceError) return error
  const message = error instanceof Error ? error.message : String(error)
  if (isAboutRoom(error) || (/Input\/output error/.test(message) && !canGrow(folder))) {
    return new MillraceError('EVENT_LOG_FULL', `There is no room left on the disk for ${folder} (${message}).`, {
      fix: 'Free some disk space or shorten data.retention, then send the batch again: nothing of it was stored.',
      cause: error,
    })
  }
  return new MillraceError('EVENT_LOG_UNUSABLE', `${folder} cannot be used: ${message}.`, {
    fix: 'Check that the folder is on a local disk, that this user may write to it, and that nothing else wrote into it.',
    cause: error,
  })
}

/** More than one transaction writes; what does not fit here would not have fitted there. */
const PROBE_BYTES = 2 ** 24

/** LMDB reports a write that was cut short as an I/O error; this writes as much beside it to see whether room was the reason. */
function canGrow(folder: string): boolean {
  const probe = join(folder, `probe-${process.pid}`)
  try {
    const descriptor = openSync(probe, 'w')
    try {
      const chunk = Buffer.alloc(2 ** 20)
      for (let written = 0; written < PROBE_BYTES; ) written += writeSync(descriptor, chunk)
    } finally {
      closeSync(descriptor)
      rmSync(probe, { force: true })
    }
    return true
  } catch (error) {
    return !isAboutRoom(error)
  }
}
