// Trees that LightGBM trained elsewhere, as a ranker of a system file.
import { type ColumnsOfModel, columnProblems } from '../../domain/imported-columns.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { Artifacts } from '../../ports/candidate-generator.ts'
import type { RankerKind } from '../../ports/ranker.ts'
import { type LightgbmModel, parseLightgbmModel } from '../boosted-trees/lightgbm-model.ts'
import { TreesRanker } from '../boosted-trees/trees-ranker.ts'

export interface LightgbmRankerSettings<Column extends string> {
  /** The text model that `save_model` wrote, relative to the system file's folder. */
  readonly path: string
  /** The columns that it was trained with, in its order: names of `data.features`, `<generator>.score`, `<generator>.rank`, `history.length`, `history.items`. */
  readonly features: readonly Column[]
  /** By feature whose values are texts: the text that the model knows as 0, 1, …; any other counts as missing. A feature of texts needs one. */
  readonly categories?: { readonly [Name in NoInfer<Column>]?: readonly string[] }
}

/**
 * A ranker that LightGBM trained. Its scores are raw ones (`predict(raw_score=True)`), to the bit. Numbers reach it as they are, in float32; missing ones as NaN;
 * truths as 0 and 1.
 */
export function lightgbmRanker<const Column extends string>(
  settings: LightgbmRankerSettings<Column>,
): RankerKind<Column> {
  const { path, features: featureNames, categories = {} } = settings
  const declared = { featureNames, categories: categories as ColumnsOfModel['categories'] }
  return {
    kind: 'lightgbm',
    orders: 'candidates',
    options: {},
    tunable: {},
    imported: {
      path,
      ...declared,
      async check(file) {
        const problems = columnProblems(declared, columnsOf(parsed(file), declared))
        if (problems.length === 0) return
        throw new MillraceError('MODEL_FILE_INVALID', `The LightGBM model ${path} does not fit what was declared.`, {
          problems,
          fix: 'Declare the features as the model was trained with them, in the same order and under the same names, or train it again.',
        })
      },
    },
    with: (replaced) => lightgbmRanker({ ...settings, ...replaced }),
    train: async (_rows, _validation, { file }) => ({ artifacts: { model: file! }, notes: [] }),
    open: (artifacts, names) => new TreesRanker(modelIn(artifacts).trees, names),
    trees: (artifacts) => modelIn(artifacts).trees,
  }
}

const parsed = (file: Uint8Array): LightgbmModel => parseLightgbmModel(new TextDecoder().decode(file))

function modelIn({ model }: Artifacts): LightgbmModel {
  if (model instanceof Uint8Array) return parsed(model)
  throw new MillraceError('BUNDLE_CORRUPT', 'The bundle holds no LightGBM model.', {
    fix: 'Train again with "millrace train".',
  })
}

/** What the file says of its columns. */
function columnsOf({ featureNames, categories }: LightgbmModel, declared: ColumnsOfModel): Partial<ColumnsOfModel> {
  // Trained on plain arrays it has no names of its own, but it has as many columns.
  const isUnnamed = featureNames.every((name, f) => name === `Column_${f}`)
  const names = isUnnamed && featureNames.length === declared.featureNames.length ? declared.featureNames : featureNames
  const named = [...categories].map(([f, texts]) => [names[f]!, texts] as const)
  // Categories 0, 1, … of a column of numbers are the numbers themselves.
  const isSaid = named.filter(([name, texts]) => name in declared.categories || !texts.every((t, i) => t === String(i)))
  return { featureNames: names, categories: Object.fromEntries(isSaid) }
}
