// A Delta table in a folder of a local disk, for several processes of one machine.
import { type FileHandle, link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { DeltaStorage, StoredObject } from '../../delta/storage.ts'
import { MillraceError } from '../../lib/errors.ts'

/** Of files that are being written; whoever lists the folder does not see them. */
const TEMPORARY = /^\.delta-\d+-\d+-\d+\.tmp$/

/** A temporary file this old was left behind by a process that was killed. */
const ABANDONED_AFTER_MS = 3_600_000

/**
 * Opens the folder, which is created by the first write. An object is written aside, flushed, and then linked or renamed to its name, whose folder is flushed
 * too: what is there is whole, and survives a power cut once the promise resolves. The file system must support hard links.
 * @throws MillraceError (from the methods) DISK_FULL where there is no room, and nothing was left behind; DELTA_STORAGE_UNUSABLE
 */
export function localDeltaStorage({ folder }: { readonly folder: string }): DeltaStorage {
  const swept = new Set<string>()

  /** `place` gives the flushed temporary file its name. */
  async function written(path: string, bytes: Uint8Array, place: (temporary: string, target: string) => Promise<void>) {
    const target = join(folder, path)
    const parent = dirname(target)
    await makeFolder(parent)
    if (!swept.has(parent)) await sweep(parent)
    swept.add(parent)
    const temporary = join(parent, temporaryName())
    try {
      await writeFlushed(temporary, bytes)
      await place(temporary, target)
    } finally {
      await rm(temporary, { force: true })
    }
    await flushFolder(parent)
  }

  return {
    read: (path) =>
      guarded(folder, async () => {
        try {
          return await readFile(join(folder, path))
        } catch (error) {
          if (isMissing(error)) return undefined
          throw error
        }
      }),
    list: (prefix, { after = '' } = {}) => guarded(folder, () => objectsIn(folder, { prefix, after })),
    writeIfAbsent: (path, bytes) =>
      guarded(folder, async () => {
        // Most losers of a race learn it here, before they have written anything.
        if (await exists(join(folder, path))) return false
        try {
          // Unlike a rename, a link never replaces what is there.
          await written(path, bytes, link)
          return true
        } catch (error) {
          if (codeOf(error) === 'EEXIST') return false
          throw error
        }
      }),
    write: (path, bytes) => guarded(folder, () => written(path, bytes, rename)),
    remove: (path) => guarded(folder, () => rm(join(folder, path), { force: true })),
  }
}

async function objectsIn(
  folder: string,
  { prefix, after }: { readonly prefix: string; readonly after: string },
): Promise<StoredObject[]> {
  // A prefix may end within a name; the folders before it are all that must be walked.
  const start = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  const entries = await readdir(join(folder, start), { recursive: true, withFileTypes: true }).catch((error) => {
    if (isMissing(error)) return []
    throw error
  })
  const root = join(folder, '/')
  const paths = entries
    .filter((entry) => entry.isFile() && !TEMPORARY.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll('\\', '/'))
    .filter((path) => path.startsWith(prefix) && path > after)
    .sort()
  const objects: StoredObject[] = []
  for (const path of paths) {
    const found = await stat(join(folder, path)).catch((error) => {
      // Removed since the folder was read.
      if (isMissing(error)) return undefined
      throw error
    })
    if (found) objects.push({ path, sizeBytes: found.size, modifiedAtMs: found.mtimeMs })
  }
  return objects
}

let temporaryCount = 0
const temporaryName = (): string => `.delta-${process.pid}-${Date.now()}-${temporaryCount++}.tmp`

async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  const file: FileHandle = await open(path, 'wx')
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Without it a power cut may take the name of a file whose content is safe. */
async function flushFolder(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

async function makeFolder(path: string): Promise<void> {
  const firstNew = await mkdir(path, { recursive: true })
  if (firstNew === undefined) return
  for (let made = path; made.length >= firstNew.length; made = dirname(made)) await flushFolder(dirname(made))
}

async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!TEMPORARY.test(name)) continue
    const path = join(folder, name)
    const found = await stat(path).catch(() => undefined)
    if (found && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS) await rm(path, { force: true })
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error) => {
      if (isMissing(error)) return false
      throw error
    },
  )

const codeOf = (error: unknown): string => String((error as { code?: unknown }).code)
const isMissing = (error: unknown): boolean => codeOf(error) === 'ENOENT'

async function guarded<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { message } = error as Error
    if (/^(ENOSPC|EDQUOT|EFBIG)$/.test(codeOf(error))) {
      throw new MillraceError('DISK_FULL', `There is no room left on the disk for ${folder} (${message}).`, {
        fix: 'Free some disk space and try again: nothing of it was stored.',
        cause: error,
      })
    }
    throw new MillraceError('DELTA_STORAGE_UNUSABLE', `${folder} cannot be used: ${message}.`, {
      fix: 'Check that the folder is on a local disk with hard links and that this user may write to it.',
      cause: error,
    })
  }
}
