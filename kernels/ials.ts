// Implicit matrix factorisation by alternating least squares.
// Hu, Koren & Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008, with the loss of Rendle, Krichene, Zhang &
// Koren, "Revisiting the performance of iALS on item recommendation benchmarks", RecSys 2022, equations 2-4:
//
//   L(X, Y) = sum over observed (r, c) of w_rc (1 - x_r . y_c)^2 + alpha0 * sum over all (r, c) of (x_r . y_c)^2
//           + sum over r of lambda_r |x_r|^2 + sum over c of lambda_c |y_c|^2
//
// Legend: X the vectors being solved ("rows"), Y the fixed ones ("columns"), w weight of an observed entry, G = Y^T Y, and, because Y is kept in
// the eigenbasis of G, D_r = alpha0 * diag(G) + lambda_r, so that the normal equations of row r are
//
//   (D_r + sum_c w_rc y_c y_c^T) x_r = sum_c w_rc y_c.
//
// We differ from the papers in that basis: an orthogonal change of basis of both sides leaves every score and the loss as they are, and makes the
// product with the dense G, which conjugate gradients would otherwise need at every step, a product with a diagonal. That diagonal is also a good
// preconditioner. Takács, Pilászy & Tikk, "Applications of the conjugate gradient method for implicit feedback collaborative filtering",
// RecSys 2011, is the starting point.
import { choleskyFactor, choleskySolve } from './lib/cholesky'
import { symmetricEigen } from './lib/eigen'
import { addGram, fourSums, rowProducts, rowTimesMatrix } from './lib/matrix'
import { hashOf } from './lib/random'
import { touchRows } from './lib/touch'
import { dot } from './lib/vector'

export { gramPartials } from './lib/matrix'

/** One half-step, the same for all threads. The host writes it field by field: see src/kernels/ials.ts. */
@unmanaged
class HalfStep {
  rowCount: i32
  width: i32
  /** CSR of the observed entries. */
  offsets: usize
  columns: usize
  values: usize
  /** Y, in the eigenbasis of its Gram matrix. */
  fixed: usize
  /** alpha0 * eigenvalues, `width` float32. */
  diagonal: usize
  /** lambda_r, one float32 a row. */
  penalties: usize
  /** Mean over observed entries of y_k^2, `width` float32: the expected diagonal of y_c y_c^T. */
  spread: usize
  /** X; conjugate gradients start from it, unless `basis` is 0. */
  solved: usize
  /** width x width float32: a vector in the old basis of X times this is in the eigenbasis; 0 starts every row from zero. */
  basis: usize
  /** Rows with at most this many entries are solved exactly. */
  exactEntries: i32
  /** Steps of conjugate gradients for the others. */
  stepCount: i32
  chunkRows: i32
  /** An int32 at 0 before the call: the next chunk. */
  counter: usize
}

/** Sums the partial Gram matrices in their order into `gram`, width x width float64, both triangles. */
export function sumGram(partials: usize, chunkCount: i32, width: i32, gram: usize): void {
  const matrixBytes = (usize(width) * usize(width)) << 2
  for (let i = 0; i < width; i++) {
    for (let j = i; j < width; j++) {
      let sum: f64 = 0
      let address = partials + ((usize(i) * usize(width) + usize(j)) << 2)
      for (let chunk = 0; chunk < chunkCount; chunk++) {
        sum += f64(load<f32>(address))
        address += matrixBytes
      }
      store<f64>(gram + ((usize(i) * usize(width) + usize(j)) << 3), sum)
      store<f64>(gram + ((usize(j) * usize(width) + usize(i)) << 3), sum)
    }
  }
}

/**
 * Diagonalises the first `factors` rows and columns of a Gram matrix, so that padding stays 0.
 * @param gram        width x width float64
 * @param eigenvalues width float32, those of the padding 0
 * @param basis       width x width float32: a row vector times this is the vector in the eigenbasis
 * @param scratch     (factors + 2) x factors float64
 */
export function diagonalizeGram(gram: usize, factors: i32, width: i32, eigenvalues: usize, basis: usize, scratch: usize): void {
  const vectors = scratch
  const values = vectors + ((usize(factors) * usize(factors)) << 3)
  for (let i = 0; i < factors; i++) {
    memory.copy(vectors + ((usize(i) * usize(factors)) << 3), gram + ((usize(i) * usize(width)) << 3), usize(factors) << 3)
  }
  symmetricEigen(vectors, factors, values, values + (usize(factors) << 3))
  memory.fill(basis, 0, (usize(width) * usize(width)) << 2)
  memory.fill(eigenvalues, 0, usize(width) << 2)
  for (let j = 0; j < factors; j++) {
    store<f32>(eigenvalues + (usize(j) << 2), f32(max<f64>(0, load<f64>(values + (usize(j) << 3)))))
    for (let i = 0; i < factors; i++) {
      const component = load<f64>(vectors + ((usize(j) * usize(factors) + usize(i)) << 3))
      store<f32>(basis + ((usize(i) * usize(width) + usize(j)) << 2), f32(component))
    }
  }
}

/**
 * Fills the first `factors` of each row with uniform numbers of mean 0 in (-bound, bound), the rest with 0. Each number is a hash of the seed
 * and its position, so that neither threads nor chunks matter.
 */
export function fillRandom(rows: usize, rowCount: i32, factors: i32, width: i32, bound: f32, seed: u32, chunkRows: i32, counter: usize): void {
  for (;;) {
    const start = atomic.add<i32>(counter, 1) * chunkRows
    if (start >= rowCount) return
    const end = min(start + chunkRows, rowCount)
    for (let row = start; row < end; row++) {
      const address = rows + (usize(row) * usize(width) << 2)
      for (let k = 0; k < width; k++) {
        const hash = hashOf(u32(row) * u32(width) + u32(k), seed)
        const unit = f32(i32(hash >> 8) - 0x800000) * <f32>(1.0 / 0x800000)
        store<f32>(address + (usize(k) << 2), k < factors ? unit * bound : 0)
      }
    }
  }
}

/**
 * rows = rows * basis, in place, and for each chunk the sum over its rows of (entries of the row) * row^2, `width` float32 a chunk.
 * @param offsets CSR offsets of the rows, which say how many entries each has
 * @param scratch `width` float32, one thread's own
 */
export function turnRows(
  rows: usize,
  rowCount: i32,
  width: i32,
  basis: usize,
  offsets: usize,
  chunkRows: i32,
  squares: usize,
  counter: usize,
  scratch: usize,
): void {
  const rowBytes = usize(width) << 2
  for (;;) {
    const chunk = atomic.add<i32>(counter, 1)
    const start = chunk * chunkRows
    if (start >= rowCount) return
    const end = min(start + chunkRows, rowCount)
    const sums = squares + usize(chunk) * rowBytes
    memory.fill(sums, 0, rowBytes)
    for (let row = start; row < end; row++) {
      const vector = rows + usize(row) * rowBytes
      turnRow(vector, basis, width, scratch)
      const offset = offsets + (usize(row) << 2)
      addSquares(sums, vector, f32(load<i32>(offset, 4) - load<i32>(offset)), rowBytes)
    }
  }
}

function turnRow(row: usize, basis: usize, width: i32, scratch: usize): void {
  rowTimesMatrix(row, basis, width, scratch)
  memory.copy(row, scratch, usize(width) << 2)
}

/** sums += factor * x^2 */
// @ts-ignore: decorator
@inline
function addSquares(sums: usize, x: usize, factor: f32, bytes: usize): void {
  const factors = f32x4.splat(factor)
  for (let k: usize = 0; k < bytes; k += 16) {
    const v = v128.load(x + k)
    v128.store(sums + k, f32x4.relaxed_madd(f32x4.mul(factors, v), v, v128.load(sums + k)))
  }
}

/**
 * Solves every row, chunk by chunk.
 * @param scratch one thread's own: see `scratchBytes` of src/kernels/ials.ts
 */
export function solveRows(task: HalfStep, scratch: usize): void {
  for (;;) {
    const start = atomic.add<i32>(task.counter, 1) * task.chunkRows
    if (start >= task.rowCount) return
    const end = min(start + task.chunkRows, task.rowCount)
    for (let row = start; row < end; row++) solveRow(task, row, scratch)
  }
}

function solveRow(task: HalfStep, row: i32, scratch: usize): void {
  const rowBytes = usize(task.width) << 2
  const begin = load<i32>(task.offsets + (usize(row) << 2))
  const count = load<i32>(task.offsets + (usize(row) << 2), 4) - begin
  const x = task.solved + usize(row) * rowBytes
  if (count == 0) {
    memory.fill(x, 0, rowBytes)
    return
  }
  const diagonal = scratch
  const work = diagonal + rowBytes
  addToAll(task.diagonal, load<f32>(task.penalties + (usize(row) << 2)), rowBytes, diagonal)
  const columns = task.columns + (usize(begin) << 2)
  const values = task.values + (usize(begin) << 2)
  if (count <= task.exactEntries) solveExactly(task.fixed, columns, values, count, task.width, diagonal, x, work)
  else descend(task, columns, values, count, diagonal, x, work)
}

/** out = vector + value */
// @ts-ignore: decorator
@inline
function addToAll(vector: usize, value: f32, bytes: usize, out: usize): void {
  const values = f32x4.splat(value)
  for (let k: usize = 0; k < bytes; k += 16) v128.store(out + k, f32x4.add(v128.load(vector + k), values))
}

// ---- start ----

/** Every row becomes the weighted mean of its observed columns' vectors, 0 without any: one step of a random walk. */
export function averageRows(task: HalfStep, scratch: usize): void {
  for (;;) {
    const start = atomic.add<i32>(task.counter, 1) * task.chunkRows
    if (start >= task.rowCount) return
    const end = min(start + task.chunkRows, task.rowCount)
    for (let row = start; row < end; row++) averageRow(task, row, scratch)
  }
}

function averageRow(task: HalfStep, row: i32, scratch: usize): void {
  const bytes = usize(task.width) << 2
  const begin = load<i32>(task.offsets + (usize(row) << 2))
  const count = load<i32>(task.offsets + (usize(row) << 2), 4) - begin
  const x = task.solved + usize(row) * bytes
  const paddedCount = (count + 3) & ~3
  const weights = scratch + (usize(paddedCount) << 2)
  const columns = task.columns + (usize(begin) << 2)
  const values = task.values + (usize(begin) << 2)
  const weightSum = gatherAddresses(columns, values, count, task.fixed, bytes, scratch, weights)
  weightedSum(scratch, weights, paddedCount, bytes, x)
  if (count == 0) return
  const inverse = f32x4.splat(<f32>1 / weightSum)
  for (let k: usize = 0; k < bytes; k += 16) v128.store(x + k, f32x4.mul(inverse, v128.load(x + k)))
}

// ---- conjugate gradients ----

/** Preconditioned conjugate gradients from the old x, or from zero, for `task.stepCount` steps. */
function descend(task: HalfStep, columns: usize, values: usize, count: i32, diagonal: usize, x: usize, scratch: usize): void {
  const bytes = usize(task.width) << 2
  const inverse = scratch
  const residual = inverse + bytes
  const direction = residual + bytes
  const product = direction + bytes
  const addresses = product + bytes
  const paddedCount = (count + 3) & ~3
  const weights = addresses + (usize(paddedCount) << 2)
  const weightSum = gatherAddresses(columns, values, count, task.fixed, bytes, addresses, weights)
  invertPreconditioner(diagonal, task.spread, weightSum, bytes, inverse)

  if (task.basis != 0) {
    turnRow(x, task.basis, task.width, product)
    residualOf(addresses, weights, paddedCount, diagonal, x, 1, bytes, residual)
  } else {
    memory.fill(x, 0, bytes)
    weightedSum(addresses, weights, paddedCount, bytes, residual)
  }
  let rz = precondition(inverse, residual, direction, 0, bytes)
  const negligible = rz * <f32>1e-12
  for (let step = 1; ; step++) {
    if (!(rz > negligible)) return
    // product = -A direction
    residualOf(addresses, weights, paddedCount, diagonal, direction, 0, bytes, product)
    const curvature = -dot(direction, product, task.width)
    if (!(curvature > 0)) return
    const length = rz / curvature
    addScaled(x, direction, length, bytes)
    if (step == task.stepCount) return
    addScaled(residual, product, length, bytes)
    const previous = rz
    rz = preconditionedNorm(inverse, residual, bytes)
    precondition(inverse, residual, direction, rz / previous, bytes)
  }
}

/** Addresses of the observed columns' vectors and their weights, padded to a multiple of 4 by repeats of weight 0. Returns the weights' sum. */
function gatherAddresses(columns: usize, values: usize, count: i32, fixed: usize, bytes: usize, addresses: usize, weights: usize): f32 {
  let sum: f32 = 0
  let i = 0
  for (; i < count; i++) {
    const weight = load<f32>(values + (usize(i) << 2))
    sum += weight
    store<usize>(addresses + (usize(i) << 2), fixed + usize(load<i32>(columns + (usize(i) << 2))) * bytes)
    store<f32>(weights + (usize(i) << 2), weight)
  }
  for (; (i & 3) != 0; i++) {
    store<usize>(addresses + (usize(i) << 2), load<usize>(addresses))
    store<f32>(weights + (usize(i) << 2), 0)
  }
  return sum
}

/** out = 1 / (diagonal + weightSum * spread), the inverse of the expected diagonal of the normal equations. */
// @ts-ignore: decorator
@inline
function invertPreconditioner(diagonal: usize, spread: usize, weightSum: f32, bytes: usize, out: usize): void {
  const ones = f32x4.splat(1)
  const sums = f32x4.splat(weightSum)
  for (let k: usize = 0; k < bytes; k += 16) {
    v128.store(out + k, f32x4.div(ones, f32x4.relaxed_madd(sums, v128.load(spread + k), v128.load(diagonal + k))))
  }
}

/** direction = inverse * residual + keep * direction; returns residual . (inverse * residual), valid for keep = 0. */
// @ts-ignore: decorator
@inline
function precondition(inverse: usize, residual: usize, direction: usize, keep: f32, bytes: usize): f32 {
  const keeps = f32x4.splat(keep)
  let sum = f32x4.splat(0)
  for (let k: usize = 0; k < bytes; k += 16) {
    const r = v128.load(residual + k)
    const z = f32x4.mul(v128.load(inverse + k), r)
    sum = f32x4.relaxed_madd(r, z, sum)
    v128.store(direction + k, keep == 0 ? z : f32x4.relaxed_madd(keeps, v128.load(direction + k), z))
  }
  return f32x4.extract_lane(fourSums(sum, sum, sum, sum), 0)
}

// @ts-ignore: decorator
@inline
function preconditionedNorm(inverse: usize, residual: usize, bytes: usize): f32 {
  let sum = f32x4.splat(0)
  for (let k: usize = 0; k < bytes; k += 16) {
    const r = v128.load(residual + k)
    sum = f32x4.relaxed_madd(r, f32x4.mul(v128.load(inverse + k), r), sum)
  }
  return f32x4.extract_lane(fourSums(sum, sum, sum, sum), 0)
}

/** y += factor * x */
// @ts-ignore: decorator
@inline
function addScaled(y: usize, x: usize, factor: f32, bytes: usize): void {
  const factors = f32x4.splat(factor)
  for (let k: usize = 0; k < bytes; k += 16) {
    v128.store(y + k, f32x4.relaxed_madd(factors, v128.load(x + k), v128.load(y + k)))
  }
}

/** out = sum_c w_c y_c */
function weightedSum(addresses: usize, weights: usize, count: i32, bytes: usize, out: usize): void {
  memory.fill(out, 0, bytes)
  for (let i: usize = 0; i < (usize(count) << 2); i += 16) addFour(addresses + i, v128.load(weights + i), bytes, out)
}

/** out = sum_c w_c (target - y_c . x) y_c - diagonal * x: with target 1 the residual of the normal equations, with target 0 minus their product. */
function residualOf(
  addresses: usize,
  weights: usize,
  count: i32,
  diagonal: usize,
  x: usize,
  target: f32,
  bytes: usize,
  out: usize,
): void {
  for (let k: usize = 0; k < bytes; k += 16) {
    v128.store(out + k, f32x4.neg(f32x4.mul(v128.load(diagonal + k), v128.load(x + k))))
  }
  const targets = f32x4.splat(target)
  for (let i: usize = 0; i < (usize(count) << 2); i += 16) {
    const scores = fourDots(addresses + i, x, bytes)
    addFour(addresses + i, f32x4.mul(v128.load(weights + i), f32x4.sub(targets, scores)), bytes, out)
  }
}

/** Inner products of x with the vectors at four addresses. */
// @ts-ignore: decorator
@inline
function fourDots(addresses: usize, x: usize, bytes: usize): v128 {
  const y0 = load<usize>(addresses)
  const y1 = load<usize>(addresses, 4)
  const y2 = load<usize>(addresses, 8)
  const y3 = load<usize>(addresses, 12)
  let s0 = f32x4.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let t0 = s0
  let t1 = s0
  let t2 = s0
  let t3 = s0
  let k: usize = 0
  for (; k + 32 <= bytes; k += 32) {
    const u = v128.load(x + k)
    s0 = f32x4.relaxed_madd(v128.load(y0 + k), u, s0)
    s1 = f32x4.relaxed_madd(v128.load(y1 + k), u, s1)
    s2 = f32x4.relaxed_madd(v128.load(y2 + k), u, s2)
    s3 = f32x4.relaxed_madd(v128.load(y3 + k), u, s3)
    const v = v128.load(x + k, 16)
    t0 = f32x4.relaxed_madd(v128.load(y0 + k, 16), v, t0)
    t1 = f32x4.relaxed_madd(v128.load(y1 + k, 16), v, t1)
    t2 = f32x4.relaxed_madd(v128.load(y2 + k, 16), v, t2)
    t3 = f32x4.relaxed_madd(v128.load(y3 + k, 16), v, t3)
  }
  if (k < bytes) {
    const u = v128.load(x + k)
    s0 = f32x4.relaxed_madd(v128.load(y0 + k), u, s0)
    s1 = f32x4.relaxed_madd(v128.load(y1 + k), u, s1)
    s2 = f32x4.relaxed_madd(v128.load(y2 + k), u, s2)
    s3 = f32x4.relaxed_madd(v128.load(y3 + k), u, s3)
  }
  return fourSums(f32x4.add(s0, t0), f32x4.add(s1, t1), f32x4.add(s2, t2), f32x4.add(s3, t3))
}

/** out += the vectors at four addresses, each times its lane of `factors`. */
// @ts-ignore: decorator
@inline
function addFour(addresses: usize, factors: v128, bytes: usize, out: usize): void {
  const y0 = load<usize>(addresses)
  const y1 = load<usize>(addresses, 4)
  const y2 = load<usize>(addresses, 8)
  const y3 = load<usize>(addresses, 12)
  const f0 = v128.shuffle<f32>(factors, factors, 0, 0, 0, 0)
  const f1 = v128.shuffle<f32>(factors, factors, 1, 1, 1, 1)
  const f2 = v128.shuffle<f32>(factors, factors, 2, 2, 2, 2)
  const f3 = v128.shuffle<f32>(factors, factors, 3, 3, 3, 3)
  for (let k: usize = 0; k < bytes; k += 16) {
    // Two short chains instead of one long one: the additions of neighbouring k overlap anyway, this shortens the tail of a block.
    const a = f32x4.relaxed_madd(f0, v128.load(y0 + k), v128.load(out + k))
    const b = f32x4.mul(f2, v128.load(y2 + k))
    const c = f32x4.relaxed_madd(f1, v128.load(y1 + k), a)
    const d = f32x4.relaxed_madd(f3, v128.load(y3 + k), b)
    v128.store(out + k, f32x4.add(c, d))
  }
}

// ---- exact ----

/**
 * The vector of one row that need not have been in the training data: the exact minimum of the loss over it.
 * @param diagonal alpha0 * eigenvalues, as in HalfStep
 * @param scratch  (2 width + 36) x width float32
 */
export function foldIn(
  fixed: usize,
  columns: usize,
  values: usize,
  count: i32,
  width: i32,
  diagonal: usize,
  penalty: f32,
  x: usize,
  scratch: usize,
): void {
  const rowBytes = usize(width) << 2
  addToAll(diagonal, penalty, rowBytes, scratch)
  solveExactly(fixed, columns, values, count, width, scratch, x, scratch + rowBytes)
}

/**
 * x = (D + Y^T W Y)^-1 Y^T W 1 for the rows Y of one user's history.
 * With no more entries than factors, by the smaller dual system (push-through identity): with S = Y D^-1/2,
 *   x = D^-1/2 S^T a,  (S S^T + W^-1) a = 1.
 * An entry of weight 0 must not occur.
 */
function solveExactly(fixed: usize, columns: usize, values: usize, count: i32, width: i32, diagonal: usize, x: usize, scratch: usize): void {
  if (count <= width) solveDual(fixed, columns, values, count, width, diagonal, x, scratch)
  else solvePrimal(fixed, columns, values, count, width, diagonal, x, scratch)
}

function solveDual(fixed: usize, columns: usize, values: usize, count: i32, width: i32, diagonal: usize, x: usize, scratch: usize): void {
  const bytes = usize(width) << 2
  const stride = (count + 3) & ~3
  const inverseRoot = scratch
  const scaled = inverseRoot + bytes
  const system = scaled + usize(count) * bytes
  const a = system + ((usize(count) * usize(stride)) << 2)
  const ones = f32x4.splat(1)
  for (let k: usize = 0; k < bytes; k += 16) {
    v128.store(inverseRoot + k, f32x4.div(ones, f32x4.sqrt(v128.load(diagonal + k))))
  }
  touchRows(columns, usize(count), fixed, bytes)
  for (let i = 0; i < count; i++) {
    const y = fixed + usize(load<i32>(columns + (usize(i) << 2))) * bytes
    const s = scaled + usize(i) * bytes
    for (let k: usize = 0; k < bytes; k += 16) {
      v128.store(s + k, f32x4.mul(v128.load(y + k), v128.load(inverseRoot + k)))
    }
  }
  rowProducts(scaled, count, width, system, stride)
  for (let i = 0; i < count; i++) {
    const at = system + ((usize(i) * usize(stride) + usize(i)) << 2)
    store<f32>(at, load<f32>(at) + <f32>1 / load<f32>(values + (usize(i) << 2)))
    store<f32>(a + (usize(i) << 2), 1)
  }
  if (!choleskyFactor(system, count, stride)) return fillWithNaN(x, bytes)
  memory.fill(x, 0, bytes)
  choleskySolve(system, count, stride, a)
  for (let i = 0; i < count; i++) addScaled(x, scaled + usize(i) * bytes, load<f32>(a + (usize(i) << 2)), bytes)
  for (let k: usize = 0; k < bytes; k += 16) v128.store(x + k, f32x4.mul(v128.load(x + k), v128.load(inverseRoot + k)))
}

function solvePrimal(fixed: usize, columns: usize, values: usize, count: i32, width: i32, diagonal: usize, x: usize, scratch: usize): void {
  const bytes = usize(width) << 2
  const upper = scratch
  const lower = upper + usize(width) * bytes
  const block = lower + usize(width) * bytes
  memory.fill(upper, 0, usize(width) * bytes)
  memory.fill(x, 0, bytes)
  for (let start = 0; start < count; start += 32) {
    const blockCount = min(32, count - start)
    for (let i = 0; i < blockCount; i++) {
      const weight = load<f32>(values + (usize(start + i) << 2))
      const y = fixed + usize(load<i32>(columns + (usize(start + i) << 2))) * bytes
      const root = f32x4.splat(sqrt<f32>(weight))
      const s = block + usize(i) * bytes
      for (let k: usize = 0; k < bytes; k += 16) v128.store(s + k, f32x4.mul(root, v128.load(y + k)))
      addScaled(x, y, weight, bytes)
    }
    addGram(block, blockCount, width, upper)
  }
  for (let i = 0; i < width; i++) {
    for (let j = 0; j < i; j++) {
      store<f32>(lower + usize(i) * bytes + (usize(j) << 2), load<f32>(upper + usize(j) * bytes + (usize(i) << 2)))
    }
    const at = usize(i) * bytes + (usize(i) << 2)
    store<f32>(lower + at, load<f32>(upper + at) + load<f32>(diagonal + (usize(i) << 2)))
  }
  if (choleskyFactor(lower, width, width)) choleskySolve(lower, width, width, x)
  else fillWithNaN(x, bytes)
}

/** The system was not positive definite in float32: numbers out of range came in. The host looks for NaN and says so. */
function fillWithNaN(x: usize, bytes: usize): void {
  for (let k: usize = 0; k < bytes; k += 16) v128.store(x + k, f32x4.splat(NaN))
}

// ---- loss ----

/**
 * sum over observed entries of w (1 - x . y)^2, plus sum over rows of lambda_r |x_r|^2, one float64 a chunk.
 * `fixed` and `solved` must be in the same basis.
 */
export function lossPartials(task: HalfStep, partials: usize): void {
  const rowBytes = usize(task.width) << 2
  for (;;) {
    const chunk = atomic.add<i32>(task.counter, 1)
    const start = chunk * task.chunkRows
    if (start >= task.rowCount) return
    const end = min(start + task.chunkRows, task.rowCount)
    let sum: f64 = 0
    for (let row = start; row < end; row++) sum += rowLoss(task, row, rowBytes)
    store<f64>(partials + (usize(chunk) << 3), sum)
  }
}

function rowLoss(task: HalfStep, row: i32, rowBytes: usize): f64 {
  const x = task.solved + usize(row) * rowBytes
  let sum = f64(load<f32>(task.penalties + (usize(row) << 2))) * f64(dot(x, x, task.width))
  const end = load<i32>(task.offsets + (usize(row) << 2), 4)
  for (let i = load<i32>(task.offsets + (usize(row) << 2)); i < end; i++) {
    const y = task.fixed + usize(load<i32>(task.columns + (usize(i) << 2))) * rowBytes
    const error = 1 - f64(dot(x, y, task.width))
    sum += f64(load<f32>(task.values + (usize(i) << 2))) * error * error
  }
  return sum
}
