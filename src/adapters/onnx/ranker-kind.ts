// An ONNX model that was trained elsewhere, as a ranker of a system file.
import { type ColumnsOfModel, columnProblems } from '../../domain/imported-columns.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { Artifacts } from '../../ports/candidate-generator.ts'
import type { RankerKind } from '../../ports/ranker.ts'
import { columnsInMetadata } from './model-metadata.ts'
import { openOnnxBytes } from './ranker.ts'

export interface OnnxRankerSettings<Column extends string> {
  /** The ONNX file, weights inside, relative to the system file's folder. */
  readonly path: string
  /** The columns that it was trained with, in its order: names of `data.features`, `<generator>.score`, `<generator>.rank`, `history.length`, `history.items`. */
  readonly features: readonly Column[]
  /** By feature whose values are texts: the text that the model knows as 0, 1, …; any other counts as missing. A feature of texts needs one. */
  readonly categories?: { readonly [Name in NoInfer<Column>]?: readonly string[] }
  /** The output that holds the scores; needed where the model has several. */
  readonly output?: string
  /** Threads for one call. Default 1: requests are answered side by side. */
  readonly threadCount?: number
}

/**
 * A ranker that any program trained and wrote as ONNX, run by the package "onnxruntime-node". Numbers reach it as they are, in float32; missing ones as NaN; truths as 0
 * and 1. What its inputs may look like: `openOnnxRanker`.
 */
export function onnxRanker<const Column extends string>(settings: OnnxRankerSettings<Column>): RankerKind<Column> {
  const { path, features: featureNames, categories = {}, output, threadCount = 1 } = settings
  const declared = { featureNames, categories: categories as ColumnsOfModel['categories'] }
  const options = { threadCount, ...(output !== undefined && { output }) }
  return {
    kind: 'onnx',
    orders: 'candidates',
    options,
    tunable: {},
    imported: {
      path,
      ...declared,
      async check(file) {
        await (await openOnnxBytes(file, { ...options, path, features: featureNames })).close()
        const problems = columnProblems(declared, columnsInMetadata(file))
        if (problems.length === 0) return
        throw new MillraceError('MODEL_FILE_INVALID', `The ONNX model ${path} does not fit what was declared.`, {
          problems,
          fix: 'Declare the features as the model was trained with them, in the same order and under the same names, or export the model again.',
        })
      },
    },
    with: (replaced) => onnxRanker({ ...settings, ...replaced }),
    train: async (_rows, _validation, { file }) => ({ artifacts: { model: file! }, notes: [] }),
    open: (artifacts, features) => openOnnxBytes(fileIn(artifacts), { ...options, path, features }),
    onnxFile: fileIn,
  }
}

function fileIn({ model }: Artifacts): Uint8Array {
  if (model instanceof Uint8Array) return model
  throw new MillraceError('BUNDLE_CORRUPT', 'The bundle holds no ONNX model.', {
    fix: 'Train again with "millrace train".',
  })
}
