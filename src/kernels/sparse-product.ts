// The product of two sparse matrices, row by row, of which only the strongest cells of each row are kept.
import { BestFirst } from '../lib/best-first.ts'
import type { Csr } from '../lib/csr.ts'
import { GrowingRows } from '../lib/growing-rows.ts'

export interface StrongestOptions {
  /** At most this many cells are kept of each row. */
  readonly keepCount: number
  /** Turns a cell of the product into its score; a score of 0 or less is not kept. The diagonal is left out. */
  readonly scoreOf: (row: number, column: number, sum: number) => number
}

/**
 * `left` times `right`, strongest cells only. Cost: one multiply-add for every pair of entries that meet, about 100 million a second.
 * @returns a matrix whose columns stand best first within a row, ties by the smaller index
 */
export function strongestOfProduct(left: Csr, right: Csr, { keepCount, scoreOf }: StrongestOptions): Csr {
  const rowCount = left.rowCount
  const columnCount = right.columnCount
  const sums = new Float64Array(columnCount)
  const touched = new Int32Array(columnCount)
  const out = { itemIndexes: new Int32Array(keepCount), scores: new Float32Array(keepCount) }
  const best = new BestFirst()
  const kept = new GrowingRows(rowCount)
  for (let row = 0; row < rowCount; row++) {
    const touchedCount = multiplyRow(left, right, row, sums, touched)
    best.reset(keepCount, out)
    for (let t = 0; t < touchedCount; t++) {
      const column = touched[t]!
      const score = column === row ? 0 : Math.fround(scoreOf(row, column, sums[column]!))
      if (score > 0) best.offer(column, score)
      sums[column] = 0
    }
    kept.append(out.itemIndexes, out.scores, best.finish())
  }
  return kept.build(columnCount)
}

/** sums[c] = sum over m of left[row, m] * right[m, c]; values are above 0. Returns how many columns were touched. */
function multiplyRow(left: Csr, right: Csr, row: number, sums: Float64Array, touched: Int32Array): number {
  const { offsets, columns, values } = right
  let touchedCount = 0
  for (let i = left.offsets[row]!; i < left.offsets[row + 1]!; i++) {
    const middle = left.columns[i]!
    const weight = left.values[i]!
    const end = offsets[middle + 1]!
    for (let j = offsets[middle]!; j < end; j++) {
      const column = columns[j]!
      if (sums[column] === 0) touched[touchedCount++] = column
      sums[column] = sums[column]! + weight * values[j]!
    }
  }
  return touchedCount
}
