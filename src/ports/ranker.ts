// What orders candidates: from rows of feature values to one score a row. One folder under `models/` per kind, as for candidate generators.
import type { Trees } from '../kernels/trees.ts'
import type { Artifacts, TrainContext, TunableRange } from './candidate-generator.ts'

/** Scores rows of feature values; more is better. */
export interface Ranker {
  /** The columns of a row, in order. */
  readonly featureNames: readonly string[]
  /**
   * @param rows rows x features, row-major; NaN is missing
   * @param out one score a row; what lies behind stays as it is
   */
  score(rows: Float32Array, rowCount: number, out: Float64Array): void | Promise<void>
  /**
   * The same, for kinds that compute column by column: at once, and without rows having to be made.
   * @param columns one a feature, `rowCount` values or more each
   */
  readonly scoreColumns?: (columns: readonly Float32Array[], rowCount: number, out: Float64Array) => void
  /** Gives back what lies outside of JavaScript's memory; left out where nothing does. */
  close?(): Promise<void>
}

/** One feature of all rows. */
export interface RankingColumn {
  readonly name: string
  /** One a row; NaN is missing. Categories are whole numbers from 0. */
  readonly values: Float32Array
  /** Default `number`. */
  readonly kind?: 'number' | 'category'
}

/** Questions with the candidates that were there for each, and which of them were the right ones. */
export interface RankingRows {
  readonly columns: readonly RankingColumn[]
  /** One a row: a grade from 0, more is better. */
  readonly labels: Float32Array
  /** How many neighbouring rows each question has, in the order of the rows. */
  readonly querySizes: Int32Array
  /** One a row: at which place it was shown, from 1; 0 where it was not, or nobody knows. Left out where all are 0. */
  readonly positions?: Int32Array
}

export interface TrainedRankerArtifacts {
  readonly artifacts: Artifacts
  /** What the one who trains should know, such as features that turned out to be without use. */
  readonly notes: readonly string[]
}

/** A model that was trained elsewhere, and how it wants its rows. */
export interface ImportedModel<Column extends string = string> {
  /** The model's file, relative to the system file's folder. */
  readonly path: string
  /** The columns of its rows, in its order. */
  readonly featureNames: readonly Column[]
  /** By feature whose values are texts: the text that the model knows as 0, 1, …; any other text counts as missing. */
  readonly categories: Readonly<Record<string, readonly string[]>>
  /**
   * Whether a file is such a model, of these columns: asked before anything is trained to go with it.
   * @throws MillraceError MODEL_FILE_INVALID with everything that does not fit; ONNX_RUNTIME_MISSING
   */
  check(file: Uint8Array): Promise<void>
}

/** What a ranker is trained in. */
export interface RankerContext extends TrainContext {
  /** The bytes of `imported.path`; left out of kinds that learn here. */
  readonly file?: Uint8Array | undefined
}

/**
 * A kind of ranker with its settings: a value that a user writes in the system file, such as `lambdaMart({ trees: 300 })`. `Column` are the columns that it names, so that
 * the types can tell which of them the system does not have.
 */
export interface RankerKind<Column extends string = string> {
  readonly kind: string
  /** Tells rankers from generators, which have settings and can be trained as well. */
  readonly orders: 'candidates'
  /** Every setting, defaults filled in. It goes into the plan's hash and the bundle's manifest. */
  readonly options: Readonly<Record<string, number | string | boolean>>
  readonly tunable: Readonly<Record<string, TunableRange>>
  /** For kinds that were trained elsewhere; left out, `train` learns from whatever columns there are. */
  readonly imported?: ImportedModel<Column>
  with(options: Readonly<Record<string, number | string | boolean>>): RankerKind<Column>
  /**
   * @param validation newer rows with the same columns, for deciding how long to train; the result is then trained on both
   * @throws MillraceError TRAINING_INPUT_INVALID, NOTHING_TO_TRAIN_ON
   */
  train(rows: RankingRows, validation: RankingRows | undefined, context: RankerContext): Promise<TrainedRankerArtifacts>
  /**
   * Ready to score. `featureNames` are those of the columns that it was trained with, in their order.
   * @throws MillraceError BUNDLE_CORRUPT, MODEL_FILE_INVALID, ONNX_RUNTIME_MISSING
   */
  open(artifacts: Artifacts, featureNames: readonly string[]): Ranker | Promise<Ranker>
  /** For kinds that are a sum of trees: these, for export and explanation. */
  readonly trees?: (artifacts: Artifacts) => Trees
  /** For kinds that are an ONNX model already: its file. */
  readonly onnxFile?: (artifacts: Artifacts) => Uint8Array
}
