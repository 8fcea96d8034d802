// Eigenvalues and eigenvectors of a symmetric float64 matrix: Householder reduction to a tridiagonal matrix, then implicit QL.
// Bowdler, Martin, Reinsch & Wilkinson, "The QR and QL algorithms for symmetric matrices" and "Householder's tridiagonalization of a symmetric
// matrix", Numerische Mathematik 11, 1968 (tred2 and tql2). We differ only in storage: eigenvectors lie in rows, so that every inner loop
// runs over neighbours in memory.

// @ts-ignore: decorator
@inline
function at(base: usize, i: i32): f64 {
  return load<f64>(base + (usize(i) << 3))
}

// @ts-ignore: decorator
@inline
function put(base: usize, i: i32, value: f64): void {
  store<f64>(base + (usize(i) << 3), value)
}

/** y[from .. to) += factor * x[from .. to) */
function addScaled(y: usize, x: usize, factor: f64, from: i32, to: i32): void {
  const factors = f64x2.splat(factor)
  let k = from
  for (; k + 2 <= to; k += 2) {
    const address = y + (usize(k) << 3)
    v128.store(address, f64x2.relaxed_madd(factors, v128.load(x + (usize(k) << 3)), v128.load(address)))
  }
  if (k < to) put(y, k, at(y, k) + factor * at(x, k))
}

/** The inner product of x[from .. to) and y[from .. to). */
function innerProduct(x: usize, y: usize, from: i32, to: i32): f64 {
  let sum0 = f64x2.splat(0)
  let sum1 = sum0
  let k = from
  for (; k + 4 <= to; k += 4) {
    sum0 = f64x2.relaxed_madd(v128.load(x + (usize(k) << 3)), v128.load(y + (usize(k) << 3)), sum0)
    sum1 = f64x2.relaxed_madd(v128.load(x + (usize(k) << 3), 16), v128.load(y + (usize(k) << 3), 16), sum1)
  }
  const sums = f64x2.add(sum0, sum1)
  let sum = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1)
  for (; k < to; k++) sum += at(x, k) * at(y, k)
  return sum
}

/**
 * Replaces the symmetric n x n `matrix` by its eigenvectors, one a row, orthonormal; their eigenvalues go to `values`, in no order.
 * @param scratch n float64
 */
export function symmetricEigen(matrix: usize, n: i32, values: usize, scratch: usize): void {
  tridiagonalize(matrix, n, values, scratch)
  diagonalizeTridiagonal(matrix, n, values, scratch)
}

/** tred2: `v` becomes the orthogonal transformation, by rows; d the diagonal, e the subdiagonal from index 1. */
function tridiagonalize(v: usize, n: i32, d: usize, e: usize): void {
  const rowBytes = usize(n) << 3
  const last = n - 1
  for (let j = 0; j < n; j++) put(d, j, at(v + usize(j) * rowBytes, last))
  for (let i = last; i > 0; i--) {
    const rowI = v + usize(i) * rowBytes
    let scale: f64 = 0
    let h: f64 = 0
    for (let k = 0; k < i; k++) scale += abs(at(d, k))
    if (scale == 0) {
      put(e, i, at(d, i - 1))
      for (let j = 0; j < i; j++) {
        const rowJ = v + usize(j) * rowBytes
        put(d, j, at(rowJ, i - 1))
        put(rowJ, i, 0)
        put(rowI, j, 0)
      }
    } else {
      for (let k = 0; k < i; k++) {
        const scaled = at(d, k) / scale
        put(d, k, scaled)
        h += scaled * scaled
      }
      let f = at(d, i - 1)
      let g = f > 0 ? -sqrt(h) : sqrt(h)
      put(e, i, scale * g)
      h -= f * g
      put(d, i - 1, f - g)
      for (let j = 0; j < i; j++) put(e, j, 0)
      for (let j = 0; j < i; j++) {
        const rowJ = v + usize(j) * rowBytes
        f = at(d, j)
        put(rowI, j, f)
        g = at(e, j) + at(rowJ, j) * f + innerProduct(rowJ, d, j + 1, i)
        addScaled(e, rowJ, f, j + 1, i)
        put(e, j, g)
      }
      f = 0
      for (let j = 0; j < i; j++) {
        const ej = at(e, j) / h
        put(e, j, ej)
        f += ej * at(d, j)
      }
      const hh = f / (h + h)
      addScaled(e, d, -hh, 0, i)
      for (let j = 0; j < i; j++) {
        const rowJ = v + usize(j) * rowBytes
        f = at(d, j)
        g = at(e, j)
        addScaled(rowJ, e, -f, j, i)
        addScaled(rowJ, d, -g, j, i)
        put(d, j, at(rowJ, i - 1))
        put(rowJ, i, 0)
      }
    }
    put(d, i, h)
  }
  for (let i = 0; i < last; i++) {
    const rowI = v + usize(i) * rowBytes
    const next = rowI + rowBytes
    put(rowI, last, at(rowI, i))
    put(rowI, i, 1)
    const h = at(d, i + 1)
    if (h != 0) {
      for (let k = 0; k <= i; k++) put(d, k, at(next, k) / h)
      for (let j = 0; j <= i; j++) {
        const rowJ = v + usize(j) * rowBytes
        addScaled(rowJ, d, -innerProduct(next, rowJ, 0, i + 1), 0, i + 1)
      }
    }
    for (let k = 0; k <= i; k++) put(next, k, 0)
  }
  for (let j = 0; j < n; j++) {
    const rowJ = v + usize(j) * rowBytes
    put(d, j, at(rowJ, last))
    put(rowJ, last, 0)
  }
  put(v + usize(last) * rowBytes, last, 1)
  put(e, 0, 0)
}

/** tql2, without sorting. */
function diagonalizeTridiagonal(v: usize, n: i32, d: usize, e: usize): void {
  const rowBytes = usize(n) << 3
  const epsilon: f64 = 2.220446049250313e-16
  for (let i = 1; i < n; i++) put(e, i - 1, at(e, i))
  put(e, n - 1, 0)
  let f: f64 = 0
  // Of the whole matrix, where the paper's grows row by row: where only a few eigenvalues differ from 0, the first rows hold rounding errors
  // of rounding errors, whose squares underflow, and 0 / 0 follows.
  let tolerance: f64 = 0
  for (let l = 0; l < n; l++) tolerance = max(tolerance, epsilon * (abs(at(d, l)) + abs(at(e, l))))
  for (let l = 0; l < n; l++) {
    let m = l
    while (m < n - 1 && abs(at(e, m)) > tolerance) m++
    if (m > l) {
      do {
        let g = at(d, l)
        let p = (at(d, l + 1) - g) / (2 * at(e, l))
        let r = sqrt(p * p + 1)
        if (p < 0) r = -r
        put(d, l, at(e, l) / (p + r))
        put(d, l + 1, at(e, l) * (p + r))
        const dl1 = at(d, l + 1)
        let h = g - at(d, l)
        for (let i = l + 2; i < n; i++) put(d, i, at(d, i) - h)
        f += h
        p = at(d, m)
        let c: f64 = 1
        let c2: f64 = 1
        let c3: f64 = 1
        const el1 = at(e, l + 1)
        let s: f64 = 0
        let s2: f64 = 0
        for (let i = m - 1; i >= l; i--) {
          c3 = c2
          c2 = c
          s2 = s
          g = c * at(e, i)
          h = c * p
          r = sqrt(p * p + at(e, i) * at(e, i))
          put(e, i + 1, s * r)
          s = at(e, i) / r
          c = p / r
          p = c * at(d, i) - s * g
          put(d, i + 1, h + s * (c * g + s * at(d, i)))
          rotate(v + usize(i) * rowBytes, v + usize(i + 1) * rowBytes, n, c, s)
        }
        p = (-s * s2 * c3 * el1 * at(e, l)) / dl1
        put(e, l, s * p)
        put(d, l, c * p)
      } while (abs(at(e, l)) > tolerance)
    }
    put(d, l, at(d, l) + f)
    put(e, l, 0)
  }
}

/** a, b = c a - s b, s a + c b */
function rotate(a: usize, b: usize, n: i32, c: f64, s: f64): void {
  const cs = f64x2.splat(c)
  const ss = f64x2.splat(s)
  let k = 0
  for (; k + 2 <= n; k += 2) {
    const addressA = a + (usize(k) << 3)
    const addressB = b + (usize(k) << 3)
    const x = v128.load(addressA)
    const y = v128.load(addressB)
    v128.store(addressB, f64x2.add(f64x2.mul(ss, x), f64x2.mul(cs, y)))
    v128.store(addressA, f64x2.sub(f64x2.mul(cs, x), f64x2.mul(ss, y)))
  }
  if (k < n) {
    const x = at(a, k)
    const y = at(b, k)
    put(b, k, s * x + c * y)
    put(a, k, c * x - s * y)
  }
}
