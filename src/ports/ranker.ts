/** Scores rows of feature values; more is better. */
export interface Ranker {
  /** The columns of a row, in order. */
  readonly featureNames: readonly string[]
  /**
   * @param rows rows x features, row-major; NaN is missing
   * @param out one score a row; what lies behind stays as it is
   */
  score(rows: Float32Array, rowCount: number, out: Float64Array): void | Promise<void>
}
