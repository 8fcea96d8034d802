// Features as bytes: which values share a bin, and the matrix of bins that trees are grown from.
import { type BinnedFeatures, GROUP_FEATURES, MAX_BIN_COUNT } from '../../kernels/tree-grower.ts'
import type { Rng } from '../../lib/rng.ts'

/** By feature the upper ends of its bins, ascending: a value is in bin 1 + (number of ends below it); a missing one (NaN) is in bin 0. */
export type BinEnds = readonly Float32Array[]

export interface BinningOptions {
  /** Bins of present values, 2 to 255. */
  readonly maxBins: number
  /** A bin has at least so many of the rows looked at. */
  readonly minRowsPerBin: number
  /** At most so many rows are looked at, drawn at random. */
  readonly sampleRows: number
}

/**
 * Bins of about equally many rows; a value that alone has more than its share of rows gets a bin of its own, as in LightGBM's greedy search.
 * @param columns by feature, by row; NaN is missing
 */
export function findBins(columns: readonly Float32Array[], options: BinningOptions, rng: Rng): BinEnds {
  const rowCount = columns[0]?.length ?? 0
  const sample = rowCount > options.sampleRows ? sampleOf(rowCount, options.sampleRows, rng) : undefined
  return columns.map((column) => {
    const values = (sample ? Float32Array.from(sample, (row) => column[row]!) : column.slice()).sort()
    return endsOf(values, options)
  })
}

/** Rows drawn without replacement, ascending: every stretch of rows gives one. */
function sampleOf(rowCount: number, count: number, rng: Rng): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => {
    const first = Math.floor((i * rowCount) / count)
    return first + Math.floor(rng.next() * (Math.floor(((i + 1) * rowCount) / count) - first))
  })
}

/** @param sorted ascending, NaN last */
function endsOf(sorted: Float32Array, { maxBins, minRowsPerBin }: BinningOptions): Float32Array {
  const values: number[] = []
  const counts: number[] = []
  for (const value of sorted) {
    if (Number.isNaN(value)) break
    // -0 and 0 are one value.
    if (value === values.at(-1)) counts[counts.length - 1]!++
    else {
      values.push(value)
      counts.push(1)
    }
  }
  const total = counts.reduce((sum, count) => sum + count, 0)
  const ends: number[] = []
  /** Between two values that follow each other, and not the larger itself. */
  const endBehind = (i: number): number => {
    const middle = Math.fround(values[i]! / 2 + values[i + 1]! / 2)
    return middle < values[i + 1]! && middle >= values[i]! ? middle : values[i]!
  }
  let share = total / maxBins
  const isOwn = counts.map((count) => count >= share)
  let rowsLeft = total
  let binsLeft = maxBins
  for (const [i, count] of counts.entries()) {
    if (!isOwn[i]) continue
    rowsLeft -= count
    binsLeft--
  }
  share = rowsLeft / Math.max(1, binsLeft)
  let inBin = 0
  for (let i = 0; i + 1 < values.length && ends.length < maxBins - 1; i++) {
    if (!isOwn[i]) rowsLeft -= counts[i]!
    inBin += counts[i]!
    const isFull =
      values.length <= maxBins
        ? inBin >= minRowsPerBin
        : inBin >= minRowsPerBin && (isOwn[i] || inBin >= share || (isOwn[i + 1]! && inBin >= share / 2))
    if (!isFull) continue
    ends.push(endBehind(i))
    inBin = 0
    if (!isOwn[i]) {
      binsLeft--
      share = rowsLeft / Math.max(1, binsLeft)
    }
  }
  return Float32Array.from(ends)
}

/** The matrix of bins. */
export function binFeatures(columns: readonly Float32Array[], ends: BinEnds): BinnedFeatures {
  const rowCount = columns[0]?.length ?? 0
  const groupCount = Math.ceil(columns.length / GROUP_FEATURES)
  const bins = new Uint8Array(groupCount * rowCount * GROUP_FEATURES)
  for (const [feature, column] of columns.entries()) {
    const offset = Math.floor(feature / GROUP_FEATURES) * rowCount * GROUP_FEATURES + (feature % GROUP_FEATURES)
    binColumn(column, ends[feature]!, bins, offset)
  }
  return { rowCount, binCounts: Int32Array.from(ends, (own) => Math.min(MAX_BIN_COUNT, own.length + 2)), bins }
}

/** Floats whose upper 16 bits agree are near each other: where their first bin is found once, few comparisons are left. */
const PREFIX_COUNT = 65_536

function binColumn(column: Float32Array, ends: Float32Array, bins: Uint8Array, offset: number): void {
  const firstBins = new Uint8Array(PREFIX_COUNT)
  const smallest = new Float32Array(1)
  const smallestBits = new Uint32Array(smallest.buffer)
  for (let prefix = 0; prefix < PREFIX_COUNT; prefix++) {
    // Of negative numbers the one with the most bits set is the smallest.
    smallestBits[0] = prefix < 0x8000 ? prefix << 16 : (prefix << 16) | 0xffff
    firstBins[prefix] = Number.isNaN(smallest[0]!) ? 0 : endsBelow(ends, smallest[0]!)
  }
  const bits = new Uint32Array(column.buffer, column.byteOffset, column.length)
  const endCount = ends.length
  for (let row = 0; row < column.length; row++) {
    const value = column[row]!
    let bin = firstBins[bits[row]! >>> 16]!
    while (bin < endCount && value > ends[bin]!) bin++
    bins[offset + row * GROUP_FEATURES] = Number.isNaN(value) ? 0 : bin + 1
  }
}

/** How many ends are below the value; binary search. */
function endsBelow(ends: Float32Array, value: number): number {
  let low = 0
  let high = ends.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (ends[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}
