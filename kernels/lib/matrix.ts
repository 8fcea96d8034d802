// Products of small dense float32 matrices, row-major, widths a multiple of 4. Tiles are sized so that eight accumulators hide the latency of
// a multiply-add and everything still fits the sixteen vector registers of x64.
import { dot } from './vector'

/** Rows of a Gram matrix are accumulated in blocks this high, so that a block stays in the first-level cache. */
const GRAM_BLOCK_ROWS: i32 = 32

/**
 * out += rows^T rows for `count` rows; `out` is width x width and only its upper triangle (in tiles of 4 x 8) is kept up to date.
 * The order of addition depends on nothing but `count` and `width`.
 */
export function addGram(rows: usize, count: i32, width: i32, out: usize): void {
  const rowBytes = usize(width) << 2
  for (let start = 0; start < count; start += GRAM_BLOCK_ROWS) {
    const blockRows = min(GRAM_BLOCK_ROWS, count - start)
    const block = rows + usize(start) * rowBytes
    for (let i = 0; i < width; i += 4) {
      let j = i & ~7
      for (; j + 8 <= width; j += 8) addGramTile8(block, blockRows, rowBytes, i, j, out)
      if (j < width) addGramTile4(block, blockRows, rowBytes, i, j, out)
    }
  }
}

/** The tile (i .. i + 4) x (j .. j + 8) of rows^T rows, added to `out`. */
function addGramTile8(rows: usize, count: i32, rowBytes: usize, i: i32, j: i32, out: usize): void {
  const left = usize(i) << 2
  const right = usize(j) << 2
  const o0 = out + usize(i) * rowBytes + right
  const o1 = o0 + rowBytes
  const o2 = o1 + rowBytes
  const o3 = o2 + rowBytes
  let s00 = v128.load(o0)
  let s01 = v128.load(o0, 16)
  let s10 = v128.load(o1)
  let s11 = v128.load(o1, 16)
  let s20 = v128.load(o2)
  let s21 = v128.load(o2, 16)
  let s30 = v128.load(o3)
  let s31 = v128.load(o3, 16)
  let row = rows
  for (let r = 0; r < count; r++) {
    const b0 = v128.load(row + right)
    const b1 = v128.load(row + right, 16)
    const a0 = v128.load32_splat(row + left)
    s00 = f32x4.relaxed_madd(a0, b0, s00)
    s01 = f32x4.relaxed_madd(a0, b1, s01)
    const a1 = v128.load32_splat(row + left, 4)
    s10 = f32x4.relaxed_madd(a1, b0, s10)
    s11 = f32x4.relaxed_madd(a1, b1, s11)
    const a2 = v128.load32_splat(row + left, 8)
    s20 = f32x4.relaxed_madd(a2, b0, s20)
    s21 = f32x4.relaxed_madd(a2, b1, s21)
    const a3 = v128.load32_splat(row + left, 12)
    s30 = f32x4.relaxed_madd(a3, b0, s30)
    s31 = f32x4.relaxed_madd(a3, b1, s31)
    row += rowBytes
  }
  v128.store(o0, s00)
  v128.store(o0, s01, 16)
  v128.store(o1, s10)
  v128.store(o1, s11, 16)
  v128.store(o2, s20)
  v128.store(o2, s21, 16)
  v128.store(o3, s30)
  v128.store(o3, s31, 16)
}

/** The tile (i .. i + 4) x (j .. j + 4) of rows^T rows, added to `out`. */
function addGramTile4(rows: usize, count: i32, rowBytes: usize, i: i32, j: i32, out: usize): void {
  const left = usize(i) << 2
  const right = usize(j) << 2
  const o0 = out + usize(i) * rowBytes + right
  const o1 = o0 + rowBytes
  const o2 = o1 + rowBytes
  const o3 = o2 + rowBytes
  let s0 = v128.load(o0)
  let s1 = v128.load(o1)
  let s2 = v128.load(o2)
  let s3 = v128.load(o3)
  let row = rows
  for (let r = 0; r < count; r++) {
    const b = v128.load(row + right)
    s0 = f32x4.relaxed_madd(v128.load32_splat(row + left), b, s0)
    s1 = f32x4.relaxed_madd(v128.load32_splat(row + left, 4), b, s1)
    s2 = f32x4.relaxed_madd(v128.load32_splat(row + left, 8), b, s2)
    s3 = f32x4.relaxed_madd(v128.load32_splat(row + left, 12), b, s3)
    row += rowBytes
  }
  v128.store(o0, s0)
  v128.store(o1, s1)
  v128.store(o2, s2)
  v128.store(o3, s3)
}

/** out = row * matrix, where `matrix` is width x width; `out` must not overlap `row`. */
export function rowTimesMatrix(row: usize, matrix: usize, width: i32, out: usize): void {
  const rowBytes = usize(width) << 2
  let j: usize = 0
  for (; j + 128 <= rowBytes; j += 128) {
    let s0 = f32x4.splat(0)
    let s1 = s0
    let s2 = s0
    let s3 = s0
    let s4 = s0
    let s5 = s0
    let s6 = s0
    let s7 = s0
    let m = matrix + j
    for (let k: usize = 0; k < rowBytes; k += 4) {
      const a = v128.load32_splat(row + k)
      s0 = f32x4.relaxed_madd(a, v128.load(m), s0)
      s1 = f32x4.relaxed_madd(a, v128.load(m, 16), s1)
      s2 = f32x4.relaxed_madd(a, v128.load(m, 32), s2)
      s3 = f32x4.relaxed_madd(a, v128.load(m, 48), s3)
      s4 = f32x4.relaxed_madd(a, v128.load(m, 64), s4)
      s5 = f32x4.relaxed_madd(a, v128.load(m, 80), s5)
      s6 = f32x4.relaxed_madd(a, v128.load(m, 96), s6)
      s7 = f32x4.relaxed_madd(a, v128.load(m, 112), s7)
      m += rowBytes
    }
    v128.store(out + j, s0)
    v128.store(out + j, s1, 16)
    v128.store(out + j, s2, 32)
    v128.store(out + j, s3, 48)
    v128.store(out + j, s4, 64)
    v128.store(out + j, s5, 80)
    v128.store(out + j, s6, 96)
    v128.store(out + j, s7, 112)
  }
  for (; j < rowBytes; j += 16) {
    let s = f32x4.splat(0)
    let m = matrix + j
    for (let k: usize = 0; k < rowBytes; k += 4) {
      s = f32x4.relaxed_madd(v128.load32_splat(row + k), v128.load(m), s)
      m += rowBytes
    }
    v128.store(out + j, s)
  }
}

/** Lane i holds the sum of the lanes of the i-th argument. */
// @ts-ignore: decorator
@inline
export function fourSums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 1, 4, 5), v128.shuffle<f32>(a, b, 2, 3, 6, 7))
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 1, 4, 5), v128.shuffle<f32>(c, d, 2, 3, 6, 7))
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 2, 4, 6), v128.shuffle<f32>(ab, cd, 1, 3, 5, 7))
}

/** out = rows rows^T, lower triangle, for `count` contiguous rows; row i of `out` starts at `out + i * outStride * 4`. */
export function rowProducts(rows: usize, count: i32, width: i32, out: usize, outStride: i32): void {
  const rowBytes = usize(width) << 2
  const outBytes = usize(outStride) << 2
  for (let i = 0; i < count; i += 2) {
    const a0 = rows + usize(i) * rowBytes
    const hasPair = i + 1 < count
    const a1 = hasPair ? a0 + rowBytes : a0
    let j = 0
    for (; j + 4 <= i + 1; j += 4) {
      const b0 = rows + usize(j) * rowBytes
      const b1 = b0 + rowBytes
      const b2 = b1 + rowBytes
      const b3 = b2 + rowBytes
      let s00 = f32x4.splat(0)
      let s01 = s00
      let s02 = s00
      let s03 = s00
      let s10 = s00
      let s11 = s00
      let s12 = s00
      let s13 = s00
      for (let k: usize = 0; k < rowBytes; k += 16) {
        const u = v128.load(a0 + k)
        const v = v128.load(a1 + k)
        const w0 = v128.load(b0 + k)
        s00 = f32x4.relaxed_madd(u, w0, s00)
        s10 = f32x4.relaxed_madd(v, w0, s10)
        const w1 = v128.load(b1 + k)
        s01 = f32x4.relaxed_madd(u, w1, s01)
        s11 = f32x4.relaxed_madd(v, w1, s11)
        const w2 = v128.load(b2 + k)
        s02 = f32x4.relaxed_madd(u, w2, s02)
        s12 = f32x4.relaxed_madd(v, w2, s12)
        const w3 = v128.load(b3 + k)
        s03 = f32x4.relaxed_madd(u, w3, s03)
        s13 = f32x4.relaxed_madd(v, w3, s13)
      }
      const o = out + usize(i) * outBytes + (usize(j) << 2)
      v128.store(o, fourSums(s00, s01, s02, s03))
      if (hasPair) v128.store(o + outBytes, fourSums(s10, s11, s12, s13))
    }
    for (let column = j; column <= i; column++) {
      store<f32>(out + usize(i) * outBytes + (usize(column) << 2), dot(a0, rows + usize(column) * rowBytes, width))
    }
    if (hasPair) {
      for (let column = j; column <= i + 1; column++) {
        store<f32>(out + usize(i + 1) * outBytes + (usize(column) << 2), dot(a1, rows + usize(column) * rowBytes, width))
      }
    }
  }
}

/** For several threads: the Gram matrix of each chunk of `chunkRows` rows, to partials[chunk], width x width float32, upper triangle. */
export function gramPartials(rows: usize, rowCount: i32, width: i32, chunkRows: i32, partials: usize, counter: usize): void {
  const matrixBytes = (usize(width) * usize(width)) << 2
  for (;;) {
    const chunk = atomic.add<i32>(counter, 1)
    const start = chunk * chunkRows
    if (start >= rowCount) return
    const out = partials + usize(chunk) * matrixBytes
    memory.fill(out, 0, matrixBytes)
    addGram(rows + (usize(start) * usize(width) << 2), min(chunkRows, rowCount - start), width, out)
  }
}
