// Histograms of gradients over the bins of every feature.
//
// A row's gradient and hessian are whole numbers of 15 bits and a sign, packed in one int64: hessian in the lower half, gradient in the upper.
// One addition adds both, and whole numbers can be added in any order: the sums do not depend on the threads. Up to 65,536 rows fit a packed
// sum; then it moves to a pair of float64, which hold whole numbers up to 2^53 exactly. Shi et al., "Quantized training of gradient boosting
// decision trees", NeurIPS 2022, show that far fewer bits are enough; ours are many so that nothing needs to be renewed afterwards.

import { touchRows } from './touch'

/** Rows whose packed sum cannot overflow. */
const PACKED_ROWS: i32 = 65536
/** Rows are taken in tiles: their bins stay in the second-level cache while the features' histograms pass through the first, eight at a time. */
export const TILE_ROWS: i32 = 1024
/** Bytes of one feature's packed histogram: 256 bins of int64. */
export const PACKED_FEATURE_BYTES: usize = 2048

/** What one thread sums up. All zero before the first use; merging leaves it all zero. */
@unmanaged
export class ThreadSums {
  /** features x 256 int64. */
  packed: usize
  /** Hessian and gradient of every bin in use, as pairs of float64. */
  wide: usize
  /** Rows in `packed`. */
  packedRows: i32
  /** Whether anything is in `wide`. */
  hasWide: i32
  /** TILE_ROWS int64 and as many int32. */
  tile: usize
}

/** Adds the rows listed at `rows` (int32 each, at most TILE_ROWS) to the packed sums. */
export function addTile(
  sums: ThreadSums,
  rows: usize,
  count: i32,
  rowBins: usize,
  rowBytes: usize,
  featureCount: i32,
  packedGradients: usize,
): void {
  const gradients = sums.tile
  const addresses = gradients + (usize(TILE_ROWS) << 3)
  for (let i: usize = 0; i < usize(count); i++) {
    const row = usize(load<u32>(rows + (i << 2)))
    store<i64>(gradients + (i << 3), load<i64>(packedGradients + (row << 3)))
    store<usize>(addresses + (i << 2), rowBins + row * rowBytes)
  }
  // A leaf's rows lie at random places. Read beforehand they come many at a time: a third of the time of all that follows, measured.
  touchRows(rows, usize(count), rowBins, rowBytes)
  let feature = 0
  let histogram = sums.packed
  for (; feature + 8 <= featureCount; feature += 8) {
    addEight(addresses, gradients, count, feature, histogram)
    histogram += 8 * PACKED_FEATURE_BYTES
  }
  for (; feature < featureCount; feature++) {
    addOne(addresses, gradients, count, feature, histogram)
    histogram += PACKED_FEATURE_BYTES
  }
  sums.packedRows += count
}

/** The histograms of eight neighbouring features, 16 kB, which a first-level cache holds. */
function addEight(addresses: usize, gradients: usize, count: i32, feature: usize, histogram: usize): void {
  const end = addresses + (usize(count) << 2)
  let gradientAt = gradients
  for (let at = addresses; at < end; at += 4) {
    const gradient = load<i64>(gradientAt)
    gradientAt += 8
    const bins = load<u64>(load<usize>(at) + feature)
    const low = u32(bins)
    const high = u32(bins >> 32)
    const a0 = histogram + ((low & 255) << 3)
    store<i64>(a0, load<i64>(a0) + gradient)
    const a1 = histogram + ((low >> 5) & 2040)
    store<i64>(a1, load<i64>(a1, 2048) + gradient, 2048)
    const a2 = histogram + ((low >> 13) & 2040)
    store<i64>(a2, load<i64>(a2, 4096) + gradient, 4096)
    const a3 = histogram + ((low >> 24) << 3)
    store<i64>(a3, load<i64>(a3, 6144) + gradient, 6144)
    const a4 = histogram + ((high & 255) << 3)
    store<i64>(a4, load<i64>(a4, 8192) + gradient, 8192)
    const a5 = histogram + ((high >> 5) & 2040)
    store<i64>(a5, load<i64>(a5, 10240) + gradient, 10240)
    const a6 = histogram + ((high >> 13) & 2040)
    store<i64>(a6, load<i64>(a6, 12288) + gradient, 12288)
    const a7 = histogram + ((high >> 24) << 3)
    store<i64>(a7, load<i64>(a7, 14336) + gradient, 14336)
  }
}

function addOne(addresses: usize, gradients: usize, count: i32, feature: usize, histogram: usize): void {
  const end = addresses + (usize(count) << 2)
  let gradientAt = gradients
  for (let at = addresses; at < end; at += 4) {
    const bin = histogram + (usize(load<u8>(load<usize>(at) + feature)) << 3)
    store<i64>(bin, load<i64>(bin) + load<i64>(gradientAt))
    gradientAt += 8
  }
}

/** Makes room for another tile: moves the packed sums to the wide ones before they could overflow. */
export function makeRoom(sums: ThreadSums, featureCount: i32, binCounts: usize, binOffsets: usize): void {
  if (sums.packedRows + TILE_ROWS <= PACKED_ROWS) return
  for (let feature: usize = 0; feature < usize(featureCount); feature++) {
    let packed = sums.packed + feature * PACKED_FEATURE_BYTES
    let wide = sums.wide + (usize(load<i32>(binOffsets + (feature << 2))) << 4)
    const end = packed + (usize(load<i32>(binCounts + (feature << 2))) << 3)
    for (; packed < end; packed += 8) {
      v128.store(wide, f64x2.add(v128.load(wide), f64x2.convert_low_i32x4_s(v128.load64_zero(packed))))
      store<i64>(packed, 0)
      wide += 16
    }
  }
  sums.packedRows = 0
  sums.hasWide = 1
}

/**
 * The sum over threads of one feature's histogram, to `out`; and out of `parent` it goes, unless that is 0. Leaves the feature's part of the
 * threads' sums all zero.
 * @param allSums `threadCount` ThreadSums, one after the other
 */
export function mergeFeature(allSums: usize, threadCount: i32, feature: usize, binOffset: usize, binCount: usize, out: usize, parent: usize): void {
  let isFirst = true
  for (let thread = 0; thread < threadCount; thread++) {
    const sums = changetype<ThreadSums>(allSums + usize(thread) * offsetof<ThreadSums>())
    if (sums.packedRows == 0 && !sums.hasWide) continue
    let packed = sums.packed + feature * PACKED_FEATURE_BYTES
    let wide = sums.wide + (binOffset << 4)
    let to = out
    const end = out + (binCount << 4)
    for (; to < end; to += 16) {
      let sum = f64x2.convert_low_i32x4_s(v128.load64_zero(packed))
      store<i64>(packed, 0)
      packed += 8
      if (sums.hasWide) {
        sum = f64x2.add(sum, v128.load(wide))
        v128.store(wide, f64x2.splat(0))
        wide += 16
      }
      v128.store(to, isFirst ? sum : f64x2.add(sum, v128.load(to)))
    }
    isFirst = false
  }
  if (parent == 0) return
  const end = parent + (binCount << 4)
  for (let from = out; parent < end; parent += 16) {
    v128.store(parent, f64x2.sub(v128.load(parent), v128.load(from)))
    from += 16
  }
}
