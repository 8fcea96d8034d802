// Cholesky factorisation of small symmetric positive definite float32 matrices, by rows, so that every inner loop is a dot product.
import { horizontalSum } from './vector'

/** Inner product of the first `length` entries, of any length; reads nothing beyond them. */
// @ts-ignore: decorator
@inline
function prefixDot(a: usize, b: usize, length: i32): f32 {
  let sum = f32x4.splat(0)
  let i = 0
  for (; i + 4 <= length; i += 4) {
    sum = f32x4.relaxed_madd(v128.load(a + (usize(i) << 2)), v128.load(b + (usize(i) << 2)), sum)
  }
  let total = horizontalSum(sum)
  for (; i < length; i++) total += load<f32>(a + (usize(i) << 2)) * load<f32>(b + (usize(i) << 2))
  return total
}

/**
 * Replaces the lower triangle of `a` (n x n, row i at `a + i * stride * 4`) by L with L L^T = a.
 * @returns whether every pivot was above zero; where not, the contents are meaningless
 */
export function choleskyFactor(a: usize, n: i32, stride: i32): bool {
  const rowBytes = usize(stride) << 2
  for (let i = 0; i < n; i++) {
    const rowI = a + usize(i) * rowBytes
    for (let j = 0; j < i; j++) {
      const rowJ = a + usize(j) * rowBytes
      const at = rowI + (usize(j) << 2)
      // The diagonal already holds reciprocals: see below.
      store<f32>(at, (load<f32>(at) - prefixDot(rowI, rowJ, j)) * load<f32>(rowJ + (usize(j) << 2)))
    }
    const at = rowI + (usize(i) << 2)
    const pivot = load<f32>(at) - prefixDot(rowI, rowI, i)
    if (!(pivot > 0)) return false
    // 1 / L[i][i] is stored in place of L[i][i]: it is only ever divided by.
    store<f32>(at, <f32>1 / sqrt<f32>(pivot))
  }
  return true
}

/** Solves L L^T x = b in place, with L from `choleskyFactor`. */
export function choleskySolve(l: usize, n: i32, stride: i32, b: usize): void {
  const rowBytes = usize(stride) << 2
  for (let i = 0; i < n; i++) {
    const row = l + usize(i) * rowBytes
    const at = b + (usize(i) << 2)
    store<f32>(at, (load<f32>(at) - prefixDot(row, b, i)) * load<f32>(row + (usize(i) << 2)))
  }
  for (let i = n - 1; i >= 0; i--) {
    const row = l + usize(i) * rowBytes
    const at = b + (usize(i) << 2)
    const x = load<f32>(at) * load<f32>(row + (usize(i) << 2))
    store<f32>(at, x)
    for (let j = 0; j < i; j++) {
      const target = b + (usize(j) << 2)
      store<f32>(target, load<f32>(target) - x * load<f32>(row + (usize(j) << 2)))
    }
  }
}
