// A model's ranker as an ONNX file that was compared before it has its name.
import { randomUUID } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { openOnnxRanker } from '../adapters/onnx/ranker.ts'
import type { App } from '../app.ts'
import { type Trees, treeCountOf } from '../kernels/trees.ts'
import { MillraceError } from '../lib/errors.ts'
import { compareScores, type ScoreComparison } from '../models/boosted-trees/compare-scores.ts'
import { onnxModelOf } from '../models/boosted-trees/onnx-model.ts'
import { type RankerTrees, rankerOfModel, treesOf } from './ranker-trees.ts'

export interface OnnxExport {
  readonly version: string
  readonly path: string
  readonly bytes: number
  /** In the order of the file's columns. */
  readonly featureNames: readonly string[]
  /** Both left out where the ranker is an ONNX model that came from elsewhere: then the file is the one that came. */
  readonly treeCount?: number
  readonly comparison?: ScoreComparison
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
  const found = await rankerOfModel(app, options.version)
  const { version, ranker, kind } = found
  const { featureNames } = ranker
  const made = kind.onnxFile ? { bytes: kind.onnxFile(ranker.artifacts) } : fileOfTrees(treesOf(found))
  const unproven = `${path}.${randomUUID().slice(0, 8)}.part`
  try {
    await write(unproven, made.bytes)
    const compared = 'trees' in made && (await comparedWith(made.trees, { path: unproven, featureNames, rowCount }))
    await rename(unproven, path)
    return { version, path, bytes: made.bytes.length, featureNames, ...compared }
  } finally {
    await rm(unproven, { force: true })
  }
}

const fileOfTrees = ({ trees, featureNames, categories }: RankerTrees) => ({
  trees,
  bytes: onnxModelOf(trees, featureNames, categories),
})

async function comparedWith(
  trees: Trees,
  { path, featureNames, rowCount }: Pick<OnnxExport, 'path' | 'featureNames'> & { readonly rowCount: number },
): Promise<Required<Pick<OnnxExport, 'treeCount' | 'comparison'>>> {
  const opened = await openOnnxRanker({ path, features: featureNames })
  const comparison = await compareScores(trees, opened, { rowCount }).finally(() => opened.close())
  return { treeCount: treeCountOf(trees), comparison }
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
