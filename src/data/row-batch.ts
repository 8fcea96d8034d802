/** Some rows of a file, as `Ingest` takes them. */
export interface RowBatch {
  /** Rows with our field names, or UnreadableRow. */
  readonly rows: readonly unknown[]
  /** File and line of a row. */
  readonly where: (position: number) => string
  /** The row by the file's own column names. */
  readonly original: (position: number) => unknown
  /** How far into the file, as it lies on disk, this batch reaches. */
  readonly readBytes: number
}
