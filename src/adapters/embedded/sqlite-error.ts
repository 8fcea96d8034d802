// What SQLite's result codes mean to whoever runs the system (https://www.sqlite.org/rescode.html).
import { MillraceError } from '../../lib/errors.ts'

const BUSY = 5
const LOCKED = 6
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
  if (primaryCodeOf(error) === FULL || /ENOSPC|EDQUOT/.test(String((error as { code?: unknown }).code))) {
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

/** The low byte says what it is, the rest says more precisely where. Undefined for other errors. */
function primaryCodeOf(error: unknown): number | undefined {
  const { errcode } = (error ?? {}) as { errcode?: unknown }
  return typeof errcode === 'number' ? errcode & 0xff : undefined
}
