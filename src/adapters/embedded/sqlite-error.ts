// What SQLite's result codes mean to whoever runs the system (https://www.sqlite.org/rescode.html).
import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { MillraceError } from '../../lib/errors.ts'

const BUSY = 5
const LOCKED = 6
const IO_ERROR = 10
const FULL = 13

/** Whether another connection holds the database, so that the same again can succeed. */
export function isBusy(error: unknown): boolean {
  const code = primaryCodeOf(error)
  return code === BUSY || code === LOCKED
}

/** An error of SQLite or the file system, as one of ours. */
export function sqliteError(error: unknown, place: string): MillraceError {
  if (error instanceof MillraceError) return error
  const message = error instanceof Error ? error.message : String(error)
  if (isBusy(error)) {
    return new MillraceError('METADATA_UNAVAILABLE', `${place} is held by another process (${message}).`, {
      fix: 'Try again. If it stays so, look for a process that was suspended while it used the data folder.',
      cause: error,
    })
  }
  if (isAboutRoom(error, place)) {
    return new MillraceError('METADATA_FULL', `There is no room left on the disk for ${place} (${message}).`, {
      fix: 'Free some disk space, then try again.',
      cause: error,
    })
  }
  return new MillraceError('METADATA_UNUSABLE', `${place} cannot be used: ${message}.`, {
    fix: 'Check that the folder is on a local disk, that this user may write to it, and that nothing else wrote into it.',
    cause: error,
  })
}

function isAboutRoom(error: unknown, place: string): boolean {
  const code = primaryCodeOf(error)
  if (code === FULL || /ENOSPC|EDQUOT/.test(String((error as { code?: unknown }).code))) return true
  // The memory that its processes share is a file, too, and opening the database makes it. Where there is no room for that, SQLite speaks of an I/O error.
  return code === IO_ERROR && isDiskFull(dirname(place))
}

/** Less than the shared memory takes. */
const ROOM_BYTES_MIN = 2 ** 16

function isDiskFull(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize < ROOM_BYTES_MIN
  } catch {
    return false
  }
}

/** The low byte says what it is, the rest says more precisely where. Undefined for other errors. */
function primaryCodeOf(error: unknown): number | undefined {
  const { errcode } = (error ?? {}) as { errcode?: unknown }
  return typeof errcode === 'number' ? errcode & 0xff : undefined
}
