// Vectors in one byte a dimension, and inner products with bounds: a first look at many vectors that decides which of them have to be read in
// full. A row of 64 dimensions is one cache line instead of four.
//
//   x ~ scale * code,  code in -127 .. 127,  radius >= |x - scale * code| + what rounding of the query and of sums can add per |query|
//   |<q, x> - scale * qScale * <qCode, code>| <= radius * |q|
import { touchRows } from './touch'
import { dot } from './vector'

/** The query in 14 bits and a sign; less where sums of `width` products with 127 would not fit 32 bits. */
function queryLevels(width: i32): i32 {
  return min(16383, 2147483647 / (127 * width))
}

/** Rows read ahead of the arithmetic: their codes of 64 dimensions are 8 kB, a quarter of the first cache. */
const READ_AHEAD: usize = 128

/** Lengths outside of this cannot be squared, or divided by 127, in float32. */
const SMALLEST: f32 = 1e-15
const LARGEST: f32 = 1e15

/** Rows beside each other that share a bound; a power of two. Bounds of 100,000 rows are then 50 kB, which stay in the cache; rows of one list are much alike. */
const ROWS_PER_BOUND: i32 = 16
const BOUND_SHIFT: usize = 4

/**
 * Writes a code of `codeWidth` bytes (a multiple of 8, padded with zeros) for each row, and a pair of float32 (scale, radius) for every 16 rows.
 * Returns whether every row could be written; rows of zeros can, rows of absurdly small or large numbers cannot.
 */
export function encodeRows(rows: usize, rowCount: i32, width: i32, codes: usize, codeWidth: i32, bounds: usize): bool {
  for (let first = 0; first < rowCount; first += ROWS_PER_BOUND) {
    const block = rows + usize(first) * (usize(width) << 2)
    const blockCodes = codes + usize(first) * usize(codeWidth)
    const bound = bounds + ((usize(first) >> BOUND_SHIFT) << 3)
    if (!encodeBlock(block, min(ROWS_PER_BOUND, rowCount - first), width, blockCodes, codeWidth, bound)) return false
  }
  return true
}

function encodeBlock(rows: usize, rowCount: i32, width: i32, codes: usize, codeWidth: i32, bound: usize): bool {
  const rowBytes = usize(width) << 2
  const end = rows + usize(rowCount) * rowBytes
  memory.fill(codes, 0, usize(rowCount) * usize(codeWidth))
  let largest: f32 = 0
  for (let at = rows; at < end; at += 4) largest = max(largest, abs(load<f32>(at)))
  if (largest == 0) {
    store<u64>(bound, 0)
    return true
  }
  if (!(largest >= SMALLEST && largest <= LARGEST)) return false
  const scale = largest / 127
  const inverse = f32(127) / largest
  let restSquare: f32 = 0
  let lengthSquare: f32 = 0
  for (let row: usize = 0; row < usize(rowCount); row++) {
    const x = rows + row * rowBytes
    const code = codes + row * usize(codeWidth)
    let square: f32 = 0
    for (let d: usize = 0; d < rowBytes; d += 4) {
      const value = load<f32>(x + d)
      const level = nearest<f32>(value * inverse)
      store<i8>(code + (d >> 2), i8(level))
      const rest = value - level * scale
      square += rest * rest
    }
    restSquare = max(restSquare, square)
    lengthSquare = max(lengthSquare, dot(x, x, width))
  }
  // sqrt(width) / 2 levels is the most that rounding moves a query; a float32 sum of `width` products is off by at most width * 2^-24 of them.
  const slack = sqrt<f32>(f32(width)) / (f32(2) * f32(queryLevels(width))) + f32(width + 16) * f32(1.2e-7)
  store<f32>(bound, scale)
  store<f32>(bound, (sqrt<f32>(restSquare) + slack * sqrt<f32>(lengthSquare)) * f32(1.001), 4)
  return true
}

/**
 * Estimates of the inner products of rows 0 .. rowCount - 1 with the query, which miss by no more than their bounds' radius * |q|; written up to a
 * multiple of 4, so there must be codes and bounds that far.
 */
export function estimateProducts(
  rowCount: i32,
  codes: usize,
  codeWidth: i32,
  bounds: usize,
  queryCodes: usize,
  queryScale: f32,
  out: usize,
): void {
  const codeBytes = usize(codeWidth)
  let x = codes
  for (let row: usize = 0; row < usize(rowCount); row += 4) {
    const sums = fourProducts(x, x + codeBytes, x + 2 * codeBytes, x + 3 * codeBytes, queryCodes, codeBytes)
    const scale = load<f32>(bounds + ((row >> BOUND_SHIFT) << 3)) * queryScale
    v128.store(out + (row << 2), f32x4.mul(f32x4.convert_i32x4_s(sums), f32x4.splat(scale)))
    x += codeBytes << 2
  }
}

/**
 * Writes a query as int16 (padded with zeros to `codeWidth`), and returns its length, or 0 where it cannot be written.
 * Its scale is stored in `scaleAt`.
 */
export function encodeQuery(query: usize, width: i32, codes: usize, codeWidth: i32, scaleAt: usize): f32 {
  const length = sqrt<f32>(dot(query, query, width))
  let largest: f32 = 0
  for (let d = 0; d < width; d++) largest = max(largest, abs(load<f32>(query + (usize(d) << 2))))
  if (!(largest >= SMALLEST && length <= LARGEST)) return 0
  const inverse = f32(queryLevels(width)) / largest
  for (let d = 0; d < width; d++) {
    store<i16>(codes + (usize(d) << 1), i16(nearest<f32>(load<f32>(query + (usize(d) << 2)) * inverse)))
  }
  for (let d = width; d < codeWidth; d++) store<i16>(codes + (usize(d) << 1), 0)
  store<f32>(scaleAt, f32(1) / inverse)
  return length
}

/**
 * For each of `found` positions (a multiple of 4) the smallest and the largest value that its inner product with the query can have.
 * @param queryLength as `encodeQuery` returned it
 */
export function boundProducts(
  positions: usize,
  found: i32,
  codes: usize,
  codeWidth: i32,
  bounds: usize,
  queryCodes: usize,
  queryScale: f32,
  queryLength: f32,
  lowest: usize,
  highest: usize,
): void {
  const scaleOfQuery = f32x4.splat(queryScale)
  const lengthOfQuery = f32x4.splat(queryLength)
  const codeBytes = usize(codeWidth)
  const end = usize(found) << 2
  for (let i: usize = 0; i < end; i += 16) {
    if ((i & (READ_AHEAD * 4 - 1)) == 0) {
      const ahead = min(READ_AHEAD, (end - i) >> 2)
      touchRows(positions + i, ahead, codes, codeBytes)
    }
    const p0 = usize(load<u32>(positions + i))
    const p1 = usize(load<u32>(positions + i, 4))
    const p2 = usize(load<u32>(positions + i, 8))
    const p3 = usize(load<u32>(positions + i, 12))
    const sums = fourProducts(codes + p0 * codeBytes, codes + p1 * codeBytes, codes + p2 * codeBytes, codes + p3 * codeBytes, queryCodes, codeBytes)
    // (scale, radius) of two rows each.
    const bounds01 = v128.shuffle<f64>(v128.load64_zero(bounds + ((p0 >> BOUND_SHIFT) << 3)), v128.load64_zero(bounds + ((p1 >> BOUND_SHIFT) << 3)), 0, 2)
    const bounds23 = v128.shuffle<f64>(v128.load64_zero(bounds + ((p2 >> BOUND_SHIFT) << 3)), v128.load64_zero(bounds + ((p3 >> BOUND_SHIFT) << 3)), 0, 2)
    const scales = f32x4.mul(v128.shuffle<f32>(bounds01, bounds23, 0, 2, 4, 6), scaleOfQuery)
    const radii = f32x4.mul(v128.shuffle<f32>(bounds01, bounds23, 1, 3, 5, 7), lengthOfQuery)
    const middle = f32x4.mul(f32x4.convert_i32x4_s(sums), scales)
    v128.store(lowest + i, f32x4.sub(middle, radii))
    v128.store(highest + i, f32x4.add(middle, radii))
  }
}

/** Inner products of the query's codes with those of four rows. */
// @ts-ignore: decorator
@inline
function fourProducts(x0: usize, x1: usize, x2: usize, x3: usize, queryCodes: usize, codeBytes: usize): v128 {
  let sum0 = i32x4.splat(0)
  let sum1 = i32x4.splat(0)
  let sum2 = i32x4.splat(0)
  let sum3 = i32x4.splat(0)
  let d: usize = 0
  // Four steps at once: their addresses differ by constants, which cost no instruction of their own.
  for (; d + 32 <= codeBytes; d += 32) {
    const q = queryCodes + (d << 1)
    const q0 = v128.load(q, 0)
    const q1 = v128.load(q, 16)
    const q2 = v128.load(q, 32)
    const q3 = v128.load(q, 48)
    sum0 = i32x4.add(sum0, fourSteps(x0 + d, q0, q1, q2, q3))
    sum1 = i32x4.add(sum1, fourSteps(x1 + d, q0, q1, q2, q3))
    sum2 = i32x4.add(sum2, fourSteps(x2 + d, q0, q1, q2, q3))
    sum3 = i32x4.add(sum3, fourSteps(x3 + d, q0, q1, q2, q3))
  }
  for (; d < codeBytes; d += 8) {
    const q = v128.load(queryCodes + (d << 1))
    sum0 = i32x4.add(sum0, i32x4.dot_i16x8_s(v128.load_ext<i8>(x0 + d), q))
    sum1 = i32x4.add(sum1, i32x4.dot_i16x8_s(v128.load_ext<i8>(x1 + d), q))
    sum2 = i32x4.add(sum2, i32x4.dot_i16x8_s(v128.load_ext<i8>(x2 + d), q))
    sum3 = i32x4.add(sum3, i32x4.dot_i16x8_s(v128.load_ext<i8>(x3 + d), q))
  }
  const half01 = i32x4.add(v128.shuffle<i32>(sum0, sum1, 0, 4, 1, 5), v128.shuffle<i32>(sum0, sum1, 2, 6, 3, 7))
  const half23 = i32x4.add(v128.shuffle<i32>(sum2, sum3, 0, 4, 1, 5), v128.shuffle<i32>(sum2, sum3, 2, 6, 3, 7))
  return i32x4.add(v128.shuffle<i32>(half01, half23, 0, 1, 4, 5), v128.shuffle<i32>(half01, half23, 2, 3, 6, 7))
}

/** Products of 32 bytes of a code with the query's, in four sums. */
// @ts-ignore: decorator
@inline
function fourSteps(x: usize, q0: v128, q1: v128, q2: v128, q3: v128): v128 {
  return i32x4.add(
    i32x4.add(i32x4.dot_i16x8_s(v128.load_ext<i8>(x), q0), i32x4.dot_i16x8_s(v128.load_ext<i8>(x, 8), q1)),
    i32x4.add(i32x4.dot_i16x8_s(v128.load_ext<i8>(x, 16), q2), i32x4.dot_i16x8_s(v128.load_ext<i8>(x, 24), q3)),
  )
}
