// Room on a disk: whoever writes keeps some free, and knows an error that is about it.
import { statfsSync } from 'node:fs'
import { MillraceError } from '../../lib/errors.ts'

/** More than a small transaction of LMDB takes, with the pages that it frees by it; whoever makes large ones adds what they may take. */
export const ROOM_BYTES = 32 * 2 ** 20

/**
 * Keeps away from a disk that is nearly full. LMDB survives one write that finds no room, but not reliably several (3.5.6 corrupts the memory of the
 * process, which aborts), and whoever waits for room tries again and again.
 * @throws an error that is about room
 */
export function assertRoom(folder: string, roomBytes: number): void {
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize >= roomBytes) return
  const [free, wanted] = [bavail * bsize, roomBytes].map((bytes) => Math.floor(bytes / 2 ** 20))
  throw Object.assign(new Error(`${free} MiB are free, expected ${wanted}`), { code: 'ENOSPC' })
}

/** Disk full, quota reached, file size limit reached, address space reached. */
export function isAboutRoom(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  const message = error instanceof Error ? error.message : ''
  return (
    /ENOSPC|EDQUOT|EFBIG/.test(String(code)) || /MDB_MAP_FULL|No space left|Disk quota|File too large/i.test(message)
  )
}

/** What the file system says of a store in plain files, as one of ours; what is no error of the file system stays as it is. */
export function fileStoreError(
  error: unknown,
  place: string,
  fixes: { readonly forRoom: string; readonly forUse: string },
): Error {
  if (error instanceof MillraceError || (error as NodeJS.ErrnoException).code === undefined) return error as Error
  const { message } = error as Error
  return isAboutRoom(error)
    ? new MillraceError('DISK_FULL', `There is no room left on the disk for ${place} (${message}).`, {
        fix: fixes.forRoom,
        cause: error,
      })
    : new MillraceError('DATA_FOLDER_UNUSABLE', `${place} cannot be used: ${message}.`, {
        fix: fixes.forUse,
        cause: error,
      })
}
