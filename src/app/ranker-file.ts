// The file of a ranker that was trained elsewhere.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { App } from '../app.ts'
import type { System } from '../config/system.ts'
import { MillraceError } from '../lib/errors.ts'

/**
 * Its bytes; undefined where the system's ranker learns here, or there is none.
 * @throws MillraceError MODEL_FILE_INVALID where it cannot be read
 */
export async function readRankerFile(
  { ranker }: Pick<System, 'ranker'>,
  projectDir: string,
): Promise<Uint8Array | undefined> {
  if (ranker?.imported === undefined) return undefined
  const path = resolve(projectDir, ranker.imported.path)
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

/** The same, once the kind of ranker has found it good. @throws MillraceError MODEL_FILE_INVALID, ONNX_RUNTIME_MISSING, RUN_INPUT_CHANGED */
export async function checkedRankerFile(app: App): Promise<Uint8Array | undefined> {
  const file = await app.rankerFile()
  if (file !== undefined) await app.system.ranker?.imported?.check(file)
  return file
}

/** SHA-256, as 64 hexadecimal digits. */
export const fileHash = (file: Uint8Array): string => createHash('sha256').update(file).digest('hex')
