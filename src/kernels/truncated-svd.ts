// The strongest directions of a sparse matrix. Halko, Martinsson & Tropp, "Finding structure with randomness: probabilistic algorithms for constructing
// approximate matrix decompositions", SIAM Review 2011: randomised subspace iteration (algorithm 4.4), then a small exact problem (section 5.1).
// We differ: the small problem is the eigenproblem of B B', by Jacobi rotations; singular values below 1e-7 of the largest are lost in it.
import type { Csr } from '../lib/csr.ts'
import { type Rng, seededRng } from '../lib/rng.ts'

export interface TruncatedSvdOptions {
  /** How many directions are wanted, at least 1. */
  readonly rank: number
  readonly seed: number
  /** Rounds of subspace iteration. Default 2. */
  readonly iterationCount?: number
}

export interface TruncatedSvd {
  /** rows x rank, row-major, orthonormal columns; columns beyond the matrix's own rank are zero. */
  readonly leftVectors: Float64Array
  /** Descending, at least 0. */
  readonly singularValues: Float64Array
}

/** Directions beyond those wanted, which make the wanted ones exact sooner (section 4.2 of the paper). */
const OVERSAMPLING = 10

/**
 * The largest singular values of a matrix with their left vectors; the right ones are not kept. The same seed gives the same result, to the last bit.
 * Cost: 2 x (iterations + 1) products of the matrix with rank + 10 columns; (iterations + 2) x rows x rank^2 to keep them orthogonal.
 */
export function truncatedSvd(matrix: Csr, { rank, seed, iterationCount = 2 }: TruncatedSvdOptions): TruncatedSvd {
  const { rowCount, columnCount } = matrix
  const width = Math.min(rank + OVERSAMPLING, rowCount, columnCount)
  const left = new Float64Array(rowCount * width)
  const right = normals(columnCount * width, seededRng(seed).fork('truncated-svd'))
  multiply(matrix, right, left, width)
  for (let i = 0; i < iterationCount; i++) {
    // Once a round and on this side only: it keeps the directions apart, exactness comes at the end, and it is what takes the time.
    orthonormalise(left, width, { passCount: 1 })
    multiplyTransposed(matrix, left, right, width)
    multiply(matrix, right, left, width)
  }
  orthonormalise(left, width, { passCount: 2 })
  // `right` becomes B', columns x width, with B = Q' A.
  multiplyTransposed(matrix, left, right, width)
  const { values, vectors } = symmetricEigen(gram(right, width), width)
  const order = Array.from(values.keys()).sort((a, b) => values[b]! - values[a]! || a - b)
  return rotated(left, width, { values, vectors, order, rank, rowCount })
}

function normals(length: number, rng: Rng): Float64Array {
  const drawn = new Float64Array(length)
  for (let i = 0; i < length; i++) drawn[i] = rng.normal()
  return drawn
}

/** out = matrix x right; right is columns x width, out rows x width. */
function multiply(matrix: Csr, right: Float64Array, out: Float64Array, width: number): void {
  out.fill(0)
  for (let row = 0; row < matrix.rowCount; row++) {
    for (let i = matrix.offsets[row]!; i < matrix.offsets[row + 1]!; i++) {
      const [from, to, value] = [matrix.columns[i]! * width, row * width, matrix.values[i]!]
      for (let j = 0; j < width; j++) out[to + j]! += value * right[from + j]!
    }
  }
}

/** out = matrix' x left; left is rows x width, out columns x width. */
function multiplyTransposed(matrix: Csr, left: Float64Array, out: Float64Array, width: number): void {
  out.fill(0)
  for (let row = 0; row < matrix.rowCount; row++) {
    for (let i = matrix.offsets[row]!; i < matrix.offsets[row + 1]!; i++) {
      const [from, to, value] = [row * width, matrix.columns[i]! * width, matrix.values[i]!]
      for (let j = 0; j < width; j++) out[to + j]! += value * left[from + j]!
    }
  }
}

/**
 * Gram-Schmidt in place, each column against those before it; twice is enough for any columns (Giraud et al., "Rounding error analysis of the classical
 * Gram-Schmidt orthogonalization process", 2005). A column that lies in the span of those before it becomes zero.
 */
function orthonormalise(columns: Float64Array, width: number, { passCount }: { readonly passCount: number }): void {
  const inner = new Float64Array(width)
  for (let j = 0; j < width; j++) {
    const lengthBefore = columnLength(columns, width, j)
    for (let pass = 0; pass < passCount; pass++) {
      inner.fill(0)
      for (let start = 0; start < columns.length; start += width) {
        const value = columns[start + j]!
        for (let k = 0; k < j; k++) inner[k]! += columns[start + k]! * value
      }
      for (let start = 0; start < columns.length; start += width) {
        let sum = 0
        for (let k = 0; k < j; k++) sum += columns[start + k]! * inner[k]!
        columns[start + j]! -= sum
      }
    }
    const length = columnLength(columns, width, j)
    const scale = length > 1e-12 * lengthBefore ? 1 / length : 0
    for (let start = j; start < columns.length; start += width) columns[start]! *= scale
  }
}

function columnLength(columns: Float64Array, width: number, j: number): number {
  let square = 0
  for (let i = j; i < columns.length; i += width) square += columns[i]! ** 2
  return Math.sqrt(square)
}

/** rows' x rows, width x width. */
function gram(rows: Float64Array, width: number): Float64Array {
  const products = new Float64Array(width * width)
  for (let start = 0; start < rows.length; start += width) {
    for (let j = 0; j < width; j++) {
      const value = rows[start + j]!
      for (let k = 0; k < width; k++) products[j * width + k]! += value * rows[start + k]!
    }
  }
  return products
}

/**
 * All eigenvalues and eigenvectors of a symmetric matrix, by cyclic Jacobi rotations (Golub & Van Loan, "Matrix computations", section 8.5), until what
 * is off the diagonal is lost in rounding. Changes the matrix.
 */
function symmetricEigen(matrix: Float64Array, size: number): { values: Float64Array; vectors: Float64Array } {
  const vectors = new Float64Array(size * size)
  for (let i = 0; i < size; i++) vectors[i * size + i] = 1
  const norm = Math.sqrt(matrix.reduce((sum, value) => sum + value ** 2, 0))
  for (let sweep = 0; sweep < 50; sweep++) {
    let largest = 0
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        const off = matrix[p * size + q]!
        largest = Math.max(largest, Math.abs(off))
        if (Math.abs(off) > 1e-17 * norm) rotate(matrix, vectors, size, p, q)
      }
    }
    if (largest <= 1e-15 * norm) break
  }
  return { values: Float64Array.from({ length: size }, (_, i) => matrix[i * size + i]!), vectors }
}

/** Makes the cell (p, q) zero. */
function rotate(matrix: Float64Array, vectors: Float64Array, size: number, p: number, q: number): void {
  const theta = (matrix[q * size + q]! - matrix[p * size + p]!) / (2 * matrix[p * size + q]!)
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta ** 2 + 1))
  const c = 1 / Math.sqrt(t ** 2 + 1)
  const s = t * c
  const mix = (array: Float64Array, i: number, j: number): void => {
    const [a, b] = [array[i]!, array[j]!]
    array[i] = c * a - s * b
    array[j] = s * a + c * b
  }
  for (let k = 0; k < size; k++) mix(matrix, k * size + p, k * size + q)
  for (let k = 0; k < size; k++) mix(matrix, p * size + k, q * size + k)
  for (let k = 0; k < size; k++) mix(vectors, k * size + p, k * size + q)
}

interface Rotation {
  readonly values: Float64Array
  readonly vectors: Float64Array
  readonly order: readonly number[]
  readonly rank: number
  readonly rowCount: number
}

/** U = Q V, of the wanted directions. */
function rotated(left: Float64Array, width: number, rotation: Rotation): TruncatedSvd {
  const { values, vectors, order, rank, rowCount } = rotation
  const leftVectors = new Float64Array(rowCount * rank)
  const singularValues = new Float64Array(rank)
  for (let r = 0; r < Math.min(rank, width); r++) {
    const column = order[r]!
    singularValues[r] = Math.sqrt(Math.max(0, values[column]!))
    if (singularValues[r]! <= 1e-7 * singularValues[0]!) continue
    for (let row = 0; row < rowCount; row++) {
      let sum = 0
      for (let j = 0; j < width; j++) sum += left[row * width + j]! * vectors[j * width + column]!
      leftVectors[row * rank + r] = sum
    }
  }
  return { leftVectors, singularValues }
}
