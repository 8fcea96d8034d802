// Compressed sparse rows: the shape of "who did what with which item" everywhere inside.

/**
 * A sparse matrix by rows. Row r holds the entries `offsets[r] .. offsets[r + 1]` of `columns` and `values`.
 * A variable's name carries the orientation: `itemsByUser` has users as rows and items as columns.
 */
export interface Csr {
  readonly rowCount: number
  readonly columnCount: number
  /** rowCount + 1 entries, ascending, the first 0. */
  readonly offsets: Int32Array
  /** Ascending within a row, no column twice, unless said otherwise where the matrix is made. */
  readonly columns: Int32Array
  readonly values: Float32Array
}

/** Entries of one matrix: `rows[i], columns[i]` holds `values[i]`. */
export interface Triplets {
  readonly rows: ArrayLike<number>
  readonly columns: ArrayLike<number>
  readonly values: ArrayLike<number>
}

/** Entries in any order; those of one cell are added up. Linear time (two counting sorts). */
export function csrFromTriplets(triplets: Triplets, size: { rowCount: number; columnCount: number }): Csr {
  const { rowCount, columnCount } = size
  const byColumn = bucket(triplets.columns, triplets.rows, triplets.values, columnCount)
  const columnOf = new Int32Array(byColumn.keys.length)
  for (let column = 0; column < columnCount; column++) {
    columnOf.fill(column, byColumn.offsets[column]!, byColumn.offsets[column + 1]!)
  }
  const byRow = bucket(byColumn.keys, columnOf, byColumn.values, rowCount)
  return mergeEqualNeighbours({
    rowCount,
    columnCount,
    offsets: byRow.offsets,
    columns: byRow.keys,
    values: byRow.values,
  })
}

/** Rows become columns. Transposing twice gives the same matrix. Linear time. */
export function transpose(matrix: Csr): Csr {
  const rowOf = new Int32Array(matrix.columns.length)
  for (let row = 0; row < matrix.rowCount; row++) rowOf.fill(row, matrix.offsets[row]!, matrix.offsets[row + 1]!)
  const { offsets, keys, values } = bucket(matrix.columns, rowOf, matrix.values, matrix.columnCount)
  return { rowCount: matrix.columnCount, columnCount: matrix.rowCount, offsets, columns: keys, values }
}

/** The columns of one row, a view. */
export function rowColumns(matrix: Csr, row: number): Int32Array {
  return matrix.columns.subarray(matrix.offsets[row]!, matrix.offsets[row + 1]!)
}

/** The values of one row, a view, in the order of `rowColumns`. */
export function rowValues(matrix: Csr, row: number): Float32Array {
  return matrix.values.subarray(matrix.offsets[row]!, matrix.offsets[row + 1]!)
}

/** A stable counting sort of (key, value) pairs by `buckets`. */
function bucket(buckets: ArrayLike<number>, keys: ArrayLike<number>, values: ArrayLike<number>, bucketCount: number) {
  const entryCount = buckets.length
  const offsets = new Int32Array(bucketCount + 1)
  for (let i = 0; i < entryCount; i++) offsets[buckets[i]! + 1]!++
  for (let b = 0; b < bucketCount; b++) offsets[b + 1]! += offsets[b]!
  const next = offsets.slice(0, bucketCount)
  const sortedKeys = new Int32Array(entryCount)
  const sortedValues = new Float32Array(entryCount)
  for (let i = 0; i < entryCount; i++) {
    const position = next[buckets[i]!]!++
    sortedKeys[position] = keys[i]!
    sortedValues[position] = values[i]!
  }
  return { offsets, keys: sortedKeys, values: sortedValues }
}

function mergeEqualNeighbours(matrix: Csr): Csr {
  const offsets = new Int32Array(matrix.rowCount + 1)
  const columns = new Int32Array(matrix.columns.length)
  const values = new Float32Array(matrix.columns.length)
  let end = 0
  for (let row = 0; row < matrix.rowCount; row++) {
    const rowStart = end
    for (let i = matrix.offsets[row]!; i < matrix.offsets[row + 1]!; i++) {
      if (end > rowStart && columns[end - 1] === matrix.columns[i]) {
        values[end - 1]! += matrix.values[i]!
      } else {
        columns[end] = matrix.columns[i]!
        values[end] = matrix.values[i]!
        end++
      }
    }
    offsets[row + 1] = end
  }
  return { ...matrix, offsets, columns: columns.slice(0, end), values: values.slice(0, end) }
}
