// From values to bins: 0 for the missing, else 1 + the number of bounds below the value.
import { CHUNK_ROWS, take } from './tree-task'

/** Bounds of a feature are padded with infinity to this many, so that every search takes eight steps. */
const PADDED_BOUNDS: usize = 256

/**
 * @param values float32, `columnCount` columns of `rowCount`
 * @param bounds float32, 256 a column, ascending, padded with infinity
 * @param bins   a byte a value, in the same order
 */
export function binColumns(values: usize, columnCount: i32, rowCount: i32, bounds: usize, bins: usize, counter: usize): void {
  const chunkCount = (rowCount + CHUNK_ROWS - 1) / CHUNK_ROWS
  for (;;) {
    const task = take(counter)
    const column = task / chunkCount
    if (column >= columnCount) return
    const from = (task % chunkCount) * CHUNK_ROWS
    const end = min(from + CHUNK_ROWS, rowCount)
    const ownBounds = bounds + usize(column) * (PADDED_BOUNDS << 2)
    const offset = usize(column) * usize(rowCount)
    for (let row = from; row < end; row++) {
      const value = load<f32>(values + ((offset + usize(row)) << 2))
      store<u8>(bins + offset + usize(row), value == value ? 1 + u8(boundsBelow(ownBounds, value)) : 0)
    }
  }
}

/** Binary search without a branch. */
// @ts-ignore: decorator
@inline
function boundsBelow(bounds: usize, value: f32): usize {
  let at = bounds
  at += usize(load<f32>(at, 508) < value) << 9
  at += usize(load<f32>(at, 252) < value) << 8
  at += usize(load<f32>(at, 124) < value) << 7
  at += usize(load<f32>(at, 60) < value) << 6
  at += usize(load<f32>(at, 28) < value) << 5
  at += usize(load<f32>(at, 12) < value) << 4
  at += usize(load<f32>(at, 4) < value) << 3
  at += usize(load<f32>(at) < value) << 2
  return (at - bounds) >> 2
}

/** features x rows to rows x rowBytes, in chunks that stay in the cache. */
export function transposeBins(columnBins: usize, featureCount: i32, rowCount: i32, rowBytes: i32, rowBins: usize, counter: usize): void {
  for (;;) {
    const from = take(counter) * CHUNK_ROWS
    if (from >= rowCount) return
    const end = min(from + CHUNK_ROWS, rowCount)
    for (let feature = 0; feature < featureCount; feature++) {
      const column = columnBins + usize(feature) * usize(rowCount)
      let to = rowBins + usize(from) * usize(rowBytes) + usize(feature)
      for (let row = from; row < end; row++) {
        store<u8>(to, load<u8>(column + usize(row)))
        to += usize(rowBytes)
      }
    }
  }
}
