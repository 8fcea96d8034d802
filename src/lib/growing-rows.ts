import type { Csr } from './csr.ts'

/** A sparse matrix that is made row by row, each of a length that is known only then. */
export class GrowingRows {
  readonly #offsets: Int32Array
  #row = 0
  #columns = new Int32Array(1024)
  #values = new Float32Array(1024)

  constructor(rowCount: number) {
    this.#offsets = new Int32Array(rowCount + 1)
  }

  append(columns: Int32Array, values: Float32Array, count: number): void {
    const at = this.#offsets[this.#row]!
    if (at + count > this.#columns.length) this.#grow(Math.max(at + count, 2 * this.#columns.length))
    this.#columns.set(columns.subarray(0, count), at)
    this.#values.set(values.subarray(0, count), at)
    this.#offsets[++this.#row] = at + count
  }

  build(columnCount: number): Csr {
    const entryCount = this.#offsets[this.#row]!
    return {
      rowCount: this.#row,
      columnCount,
      offsets: this.#offsets,
      columns: this.#columns.slice(0, entryCount),
      values: this.#values.slice(0, entryCount),
    }
  }

  #grow(length: number): void {
    const columns = new Int32Array(length)
    const values = new Float32Array(length)
    columns.set(this.#columns)
    values.set(this.#values)
    this.#columns = columns
    this.#values = values
  }
}
