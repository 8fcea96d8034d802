import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { MillraceError } from '../lib/errors.ts'
import type { RankerKind } from '../ports/ranker.ts'

/**
 * The bytes of a ranker that was trained elsewhere; undefined where the system's ranker learns here, or there is none.
 * @param folder the system file's
 * @throws MillraceError MODEL_FILE_INVALID where it cannot be read
 */
export async function readRankerFile(ranker: RankerKind | undefined, folder: string): Promise<Uint8Array | undefined> {
  if (ranker?.imported === undefined) return undefined
  const path = resolve(folder, ranker.imported.path)
  try {
    // A copy of its own: small files come as a part of a pool.
    return new Uint8Array(await readFile(path))
  } catch (error) {
    throw new MillraceError(
      'MODEL_FILE_INVALID',
      `training.ranker: ${path} cannot be read: ${(error as Error).message}`,
      {
        fix: "Put the model there, or correct the path; it is relative to the system file's folder.",
        cause: error,
      },
    )
  }
}
