// A model's ranker as an ONNX file that was compared before it has its name.
import { randomUUID } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { openOnnxRanker } from '../adapters/onnx/ranker.ts'
import type { App } from '../app.ts'
import { treeCountOf } from '../kernels/trees.ts'
import { MillraceError } from '../lib/errors.ts'
import { compareScores, type ScoreComparison } from '../models/boosted-trees/compare-scores.ts'
import { onnxModelOf } from '../models/boosted-trees/onnx-model.ts'
import { rankerTrees } from './ranker-trees.ts'

export interface OnnxExport {
  readonly version: string
  readonly path: string
  readonly bytes: number
  readonly treeCount: number
  /** In the order of the file's columns. */
  readonly featureNames: readonly string[]
  readonly comparison: ScoreComparison
}

/**
 * @param options.version the champion where it is left out
 * @throws MillraceError as `rankerTrees`; ONNX_RUNTIME_MISSING, MODEL_EXPORT_DIFFERS, EXPORT_UNWRITABLE: then there is no file, or the one that was there before
 */
export async function exportOnnx(
  app: App,
  options: { readonly version?: string | undefined; readonly path: string; readonly rowCount?: number | undefined },
): Promise<OnnxExport> {
  const { path, rowCount = 100_000 } = options
  const { version, trees, featureNames, categories } = await rankerTrees(app, options.version)
  const bytes = onnxModelOf(trees, featureNames, categories)
  const unproven = `${path}.${randomUUID().slice(0, 8)}.part`
  try {
    await write(unproven, bytes)
    const ranker = await openOnnxRanker({ path: unproven, features: featureNames })
    const comparison = await compareScores(trees, ranker, { rowCount }).finally(() => ranker.close())
    await rename(unproven, path)
    return { version, path, bytes: bytes.length, treeCount: treeCountOf(trees), featureNames, comparison }
  } finally {
    await rm(unproven, { force: true })
  }
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(path, bytes)
  } catch (error) {
    throw new MillraceError('EXPORT_UNWRITABLE', `The model cannot be written: ${(error as Error).message}`, {
      fix: 'Name a file in a folder that exists and can be written.',
      cause: error,
    })
  }
}
