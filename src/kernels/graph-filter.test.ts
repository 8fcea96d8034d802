import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Csr, csrFromTriplets } from '../lib/csr.ts'
import { seededRng } from '../lib/rng.ts'
import { filterItemGraph, type GraphFilterOptions, inverseCholesky } from './graph-filter.ts'

const options: GraphFilterOptions = {
  neighbours: 1000,
  userPower: 0.6,
  historyPower: 0.55,
  candidatePower: 0.3,
  sharpening: 0.5,
  sharpeningMiddlePower: 0.9,
  sharpeningCandidatePower: 0.4,
  smoothing: 0.2,
  smoothingRank: 6,
  smoothingCandidatePower: 0.45,
  seed: 1,
  threadCount: 1,
}

/** Users of three groups of items, with some noise. */
function madeItemsByUser(userCount: number, itemCount: number, seed: number): Csr {
  const rng = seededRng(seed)
  const rows: number[] = []
  const columns: number[] = []
  for (let user = 0; user < userCount; user++) {
    const size = 1 + rng.integer(9)
    for (let n = 0; n < size; n++) {
      rows.push(user)
      const isNoise = rng.next() < 0.2
      columns.push(
        isNoise ? rng.integer(itemCount) : ((user % 3) + 3 * Math.floor((rng.next() ** 2 * itemCount) / 3)) % itemCount,
      )
    }
  }
  return csrFromTriplets({ rows, columns, values: rows.map(() => 1) }, { rowCount: userCount, columnCount: itemCount })
}

type Dense = number[][]

const denseOf = (m: Csr): Dense =>
  Array.from({ length: m.rowCount }, (_, row) => {
    const dense = new Array<number>(m.columnCount).fill(0)
    for (let i = m.offsets[row]!; i < m.offsets[row + 1]!; i++) dense[m.columns[i]!] = 1
    return dense
  })
const times = (a: Dense, b: Dense): Dense =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, x, k) => sum + x * b[k]![j]!, 0)))
const transposed = (a: Dense): Dense => a[0]!.map((_, j) => a.map((row) => row[j]!))
/** diag(left) a diag(right) */
const scaled = (left: number[], a: Dense, right: number[]): Dense =>
  a.map((row, i) => row.map((x, j) => left[i]! * x * right[j]!))
const powers = (degrees: number[], power: number) => degrees.map((degree) => degree ** power)
const stdDev = (a: Dense) => {
  const all = a.flat()
  const mean = all.reduce((sum, x) => sum + x, 0) / all.length
  return Math.sqrt(all.reduce((sum, x) => sum + x * x, 0) / all.length - mean ** 2)
}

/** The projector on the leading right singular vectors, by power iteration with Gram-Schmidt in float64. */
function projector(n: Dense, rank: number): Dense {
  const rng = seededRng(99)
  const gram = times(transposed(n), n)
  let basis = Array.from({ length: rank }, () => gram.map(() => rng.normal()))
  for (let round = 0; round < 400; round++) {
    basis = times(basis, gram)
    for (let i = 0; i < rank; i++) {
      for (let j = 0; j < i; j++) {
        const overlap = basis[i]!.reduce((sum, x, k) => sum + x * basis[j]![k]!, 0)
        basis[i] = basis[i]!.map((x, k) => x - overlap * basis[j]![k]!)
      }
      const length = Math.hypot(...basis[i]!)
      basis[i] = basis[i]!.map((x) => x / length)
    }
  }
  return times(transposed(basis), basis)
}

/** The formula at the top of the kernel, with dense float64 matrices. All users are in the sample that scales the parts. */
function naive(itemsByUser: Csr, o: GraphFilterOptions): Dense {
  const r = denseOf(itemsByUser)
  const userDegrees = r.map((row) =>
    Math.max(
      1,
      row.reduce((a, b) => a + b, 0),
    ),
  )
  const itemDegrees = transposed(r).map((row) =>
    Math.max(
      1,
      row.reduce((a, b) => a + b, 0),
    ),
  )
  const ones = itemDegrees.map(() => 1)
  const c = times(transposed(r), scaled(powers(userDegrees, -o.userPower), r, ones))
  const walk = scaled(powers(itemDegrees, -o.historyPower), c, ones)
  const near = scaled(ones, walk, powers(itemDegrees, -o.candidatePower))
  const middle = scaled(ones, walk, powers(itemDegrees, -o.sharpeningMiddlePower))
  const far = scaled(ones, times(middle, c), powers(itemDegrees, -o.sharpeningCandidatePower))
  const n = scaled(powers(userDegrees, -0.5), r, powers(itemDegrees, -0.5))
  const smooth = scaled(
    powers(itemDegrees, -0.5),
    projector(n, o.smoothingRank),
    powers(itemDegrees, o.smoothingCandidatePower),
  )
  const active = r.filter((row) => row.some((x) => x > 0))
  const weightOf = (part: Dense, weight: number) => (weight === 0 ? 0 : weight / stdDev(times(active, part)))
  const weights = [1 / stdDev(times(active, near)), -weightOf(far, o.sharpening), weightOf(smooth, o.smoothing)]
  return near.map((row, i) =>
    row.map((x, j) =>
      i === j || c[i]![j] === 0 ? 0 : weights[0]! * x + weights[1]! * far[i]![j]! + weights[2]! * smooth[i]![j]!,
    ),
  )
}

async function expectNaive(itemsByUser: Csr, o: GraphFilterOptions, tolerance: number): Promise<void> {
  const similar = await filterItemGraph(itemsByUser, o)
  const expected = naive(itemsByUser, o)
  for (let item = 0; item < similar.rowCount; item++) {
    const found = new Map<number, number>()
    for (let i = similar.offsets[item]!; i < similar.offsets[item + 1]!; i++) {
      found.set(similar.columns[i]!, similar.values[i]!)
    }
    expected[item]!.forEach((score, candidate) => {
      const difference = Math.abs((found.get(candidate) ?? 0) - Math.max(0, score))
      expect(difference, `item ${item}, candidate ${candidate}`).toBeLessThan(tolerance)
    })
  }
}

describe('the kernel gives what the formula gives with dense float64 matrices', () => {
  // Scores are sums of some dozens of float32 products of size about 1, so rounding stays below 1e-4.
  test('near and far part', async () => {
    for (const seed of [1, 2, 3]) {
      await expectNaive(madeItemsByUser(60, 37, seed), { ...options, smoothing: 0 }, 1e-4)
    }
  })
  test('near part alone', async () => {
    await expectNaive(madeItemsByUser(60, 37, 4), { ...options, smoothing: 0, sharpening: 0 }, 1e-4)
  })
  // With three planted groups the spectrum falls steeply after the third value, so six rounds of iteration leave the subspace exact to about
  // (sigma_4 / sigma_3)^12; everything else is float32 rounding.
  test('with the smooth part over a clear gap of the spectrum', async () => {
    const groups = Array.from({ length: 90 }, (_, user) => user % 3)
    const rows = groups.flatMap((_, user) => [user, user, user, user, user, user])
    const columns = groups.flatMap((group, user) => [0, 1, 2, 3, 4, (user >> 2) % 10].map((n) => group * 10 + n))
    const itemsByUser = csrFromTriplets({ rows, columns, values: rows.map(() => 1) }, { rowCount: 90, columnCount: 30 })
    await expectNaive(itemsByUser, { ...options, smoothingRank: 3 }, 5e-3)
  })
})

test('the result is the same, bit for bit, with one thread and with two', async () => {
  const itemsByUser = madeItemsByUser(300, 150, 5)
  const one = await filterItemGraph(itemsByUser, { ...options, neighbours: 20 })
  const two = await filterItemGraph(itemsByUser, { ...options, neighbours: 20, threadCount: 2 })
  expect(two).toEqual(one)
})

test('keeping fewer neighbours keeps the first ones, best first, never the item itself', async () => {
  const itemsByUser = madeItemsByUser(120, 70, 6)
  const all = await filterItemGraph(itemsByUser, options)
  const few = await filterItemGraph(itemsByUser, { ...options, neighbours: 5 })
  for (let item = 0; item < 70; item++) {
    const columns = all.columns.slice(all.offsets[item]!, all.offsets[item + 1]!)
    const values = all.values.slice(all.offsets[item]!, all.offsets[item + 1]!)
    expect(columns).not.toContain(item)
    for (let i = 1; i < values.length; i++) {
      const isOrdered = values[i - 1]! > values[i]! || (values[i - 1] === values[i] && columns[i - 1]! < columns[i]!)
      expect(isOrdered).toBe(true)
    }
    expect(few.columns.slice(few.offsets[item]!, few.offsets[item + 1]!)).toEqual(columns.slice(0, 5))
  }
})

test('items and users without entries, a rank above the size of the data, and empty data are fine', async () => {
  const size = { rowCount: 5, columnCount: 6 }
  const two = csrFromTriplets({ rows: [1, 1, 3, 3], columns: [2, 4, 2, 4], values: [1, 1, 1, 1] }, size)
  const similar = await filterItemGraph(two, { ...options, sharpening: 0.1, smoothingRank: 500 })
  expect(Array.from(similar.offsets)).toEqual([0, 0, 0, 1, 1, 2, 2])
  expect(Array.from(similar.columns)).toEqual([4, 2])
  const empty = csrFromTriplets({ rows: [], columns: [], values: [] }, { rowCount: 0, columnCount: 0 })
  expect((await filterItemGraph(empty, options)).columns.length).toBe(0)
})

test('the inverse Cholesky factor makes columns orthonormal, and drops one that depends on the others', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const rng = seededRng(seed)
      const width = 4
      const y = Array.from({ length: 10 }, () => Array.from({ length: width }, () => rng.normal()))
      for (const row of y) row[3] = row[0]! - 2 * row[1]!
      const gram = Float64Array.from(times(transposed(y), y).flat())
      const inverse = inverseCholesky(gram, width)
      const q = times(
        y,
        Array.from({ length: width }, (_, i) => Array.from(inverse.subarray(i * width, (i + 1) * width))),
      )
      const product = times(transposed(q), q)
      for (let i = 0; i < width; i++) {
        for (let j = 0; j < width; j++) expect(product[i]![j]).toBeCloseTo(i === j && i < 3 ? 1 : 0, 6)
      }
    }),
  )
})
