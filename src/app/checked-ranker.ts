// The file of a ranker that was trained elsewhere, for whoever is about to use it.
import { createHash } from 'node:crypto'
import type { App } from '../app.ts'

/**
 * Its bytes, once the kind of ranker has found them good; undefined where the system has none.
 * @throws MillraceError MODEL_FILE_INVALID, ONNX_RUNTIME_MISSING, RUN_INPUT_CHANGED
 */
export async function checkedRankerFile(app: App): Promise<Uint8Array | undefined> {
  const file = await app.rankerFile()
  if (file !== undefined) await app.system.ranker?.imported?.check(file)
  return file
}

/** SHA-256, as 64 hexadecimal digits. */
export const fileHash = (file: Uint8Array): string => createHash('sha256').update(file).digest('hex')
