// Goal: the randomised decomposition is the true one where that is known, and the same every time.
// Method: matrices made from known factors, and the law that no matrix of that rank is nearer (Eckart & Young, 1936).
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Csr, csrFromTriplets } from '../lib/csr.ts'
import { seededRng } from '../lib/rng.ts'
import { truncatedSvd } from './truncated-svd.ts'

function sparse(rows: readonly (readonly number[])[]): Csr {
  const triplets = { rows: [] as number[], columns: [] as number[], values: [] as number[] }
  rows.forEach((row, r) => {
    row.forEach((value, c) => {
      if (value === 0) return
      triplets.rows.push(r)
      triplets.columns.push(c)
      triplets.values.push(value)
    })
  })
  return csrFromTriplets(triplets, { rowCount: rows.length, columnCount: rows[0]?.length ?? 0 })
}

const column = (matrix: Float64Array, rank: number, r: number): number[] =>
  Array.from({ length: matrix.length / rank }, (_, row) => matrix[row * rank + r]!)

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0)

test('a diagonal matrix gives its entries, largest first, with unit vectors', () => {
  const { leftVectors, singularValues } = truncatedSvd(
    sparse([
      [0, 2, 0],
      [5, 0, 0],
      [0, 0, 1],
    ]),
    { rank: 2, seed: 1 },
  )
  expect(singularValues[0]).toBeCloseTo(5, 12)
  expect(singularValues[1]).toBeCloseTo(2, 12)
  expect(column(leftVectors, 2, 0).map(Math.abs)).toEqual([0, 1, 0].map((value) => expect.closeTo(value, 12)))
  expect(column(leftVectors, 2, 1).map(Math.abs)).toEqual([1, 0, 0].map((value) => expect.closeTo(value, 12)))
})

test('what a matrix of lower rank lacks is zero, and nothing and one cell are no trouble', () => {
  const { leftVectors, singularValues } = truncatedSvd(sparse([[3, 4]]), { rank: 3, seed: 1 })
  expect(Array.from(singularValues)).toEqual([expect.closeTo(5, 12), 0, 0])
  expect(Array.from(leftVectors).map(Math.abs)).toEqual([expect.closeTo(1, 12), 0, 0])
  const empty = truncatedSvd(csrFromTriplets({ rows: [], columns: [], values: [] }, { rowCount: 2, columnCount: 0 }), {
    rank: 2,
    seed: 1,
  })
  expect(Array.from(empty.singularValues)).toEqual([0, 0])
})

test('directions are orthonormal, and each is as long under the matrix as its singular value says', () => {
  const matrices = fc.array(
    fc.array(fc.oneof(fc.constant(0), fc.integer({ min: -9, max: 9 })), { minLength: 5, maxLength: 5 }),
    {
      minLength: 1,
      maxLength: 12,
    },
  )
  fc.assert(
    fc.property(matrices, (rows) => {
      const rank = 4
      const { leftVectors, singularValues } = truncatedSvd(sparse(rows), { rank, seed: 3 })
      for (let a = 0; a < rank; a++) {
        const u = column(leftVectors, rank, a)
        // |A' u| = sigma.
        const image = rows[0]!.map((_, c) =>
          dot(
            u,
            rows.map((row) => row[c]!),
          ),
        )
        expect(Math.sqrt(dot(image, image))).toBeCloseTo(dot(u, u) === 0 ? 0 : singularValues[a]!, 6)
        for (let b = 0; b < a; b++) expect(dot(u, column(leftVectors, rank, b))).toBeCloseTo(0, 6)
        if (a > 0) expect(singularValues[a]).toBeLessThanOrEqual(singularValues[a - 1]!)
      }
    }),
    { numRuns: 50 },
  )
})

// Planted: six directions with singular values 32, 16, ... 1 in 300 x 200, noise far below. Subspace iteration must find them all.
test('a planted spectrum is found, and the same seed gives the same bits', () => {
  const rng = seededRng('planted')
  const [rowCount, columnCount, rank] = [300, 200, 6]
  const basis = (length: number, r: number) =>
    Array.from({ length }, (_, i) => Math.sqrt(2 / length) * Math.cos((Math.PI * (i + 0.5) * (r + 1)) / length))
  const lefts = Array.from({ length: rank }, (_, r) => basis(rowCount, r))
  const rights = Array.from({ length: rank }, (_, r) => basis(columnCount, r))
  const rows = Array.from({ length: rowCount }, (_, i) =>
    Array.from({ length: columnCount }, (_, j) => {
      let sum = 1e-4 * rng.normal()
      for (let r = 0; r < rank; r++) sum += 2 ** (5 - r) * lefts[r]![i]! * rights[r]![j]!
      return sum
    }),
  )
  const found = truncatedSvd(sparse(rows), { rank, seed: 7 })
  for (let r = 0; r < rank; r++) {
    expect(found.singularValues[r]).toBeCloseTo(2 ** (5 - r), 2)
    expect(Math.abs(dot(column(found.leftVectors, rank, r), lefts[r]!))).toBeGreaterThan(0.9999)
  }
  expect(truncatedSvd(sparse(rows), { rank, seed: 7 })).toEqual(found)
})
