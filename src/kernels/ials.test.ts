// Goal: the fast factorisation is the one in the papers. Method: a naive float64 version below, with dense matrices and Gaussian elimination,
// starts from the same vectors and must go the same way; laws (monotone loss, zero gradient at a row's optimum, any number of threads) are
// checked on made data whose answer is known.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Csr, csrFromTriplets, rowColumns, rowValues, transpose } from '../lib/csr.ts'
import { seededRng } from '../lib/rng.ts'
import { IalsFoldIn, type IalsOptions, type IalsVectors, trainIals } from './ials.ts'
import { KernelMemory } from './memory.ts'

const options: IalsOptions = {
  factors: 6,
  iterations: 4,
  regularization: 0.05,
  regularizationExponent: 0.5,
  unobservedWeight: 0.2,
  initStdDev: 0.3,
  seed: 3,
  threadCount: 1,
}

describe('against a naive float64 version', () => {
  test('the loss of given vectors is the sum over every cell', async () => {
    const itemsByUser = randomInteractions(11, { userCount: 70, itemCount: 90, entryCount: 900 })
    for (const { vectors, loss } of await iterationsOf(itemsByUser, options)) {
      expect(relativeError(loss, naiveLoss(itemsByUser, vectors, options))).toBeLessThan(1e-5)
    }
  })

  test('solved exactly, the loss stays within 1e-4 of a run in float64 from the same start', async () => {
    const itemsByUser = randomInteractions(12, { userCount: 70, itemCount: 90, entryCount: 900 })
    const runs = await iterationsOf(itemsByUser, { ...options, stepCount: 0, iterations: 8 })
    const losses = naiveContinuation(itemsByUser, runs[0]!.vectors, { ...options, iterations: 7 })
    for (const [i, { loss }] of runs.slice(1).entries()) expect(relativeError(loss, losses[i]!)).toBeLessThan(1e-4)
  })

  // Two steps fall behind a little while vectors still move far: over 20 seeds the second iteration was off by 5e-4 at most, the tenth by 6e-5.
  test('from the tenth on, an iteration of two conjugate gradient steps is within 1e-4 of the loss of an exact one in float64', async () => {
    for (const seed of [13, 14, 15]) {
      const itemsByUser = randomInteractions(seed, { userCount: 70, itemCount: 90, entryCount: 2500 })
      const runs = await iterationsOf(itemsByUser, { ...options, iterations: 12 })
      for (let i = 9; i < runs.length; i++) {
        const [exactLoss] = naiveContinuation(itemsByUser, runs[i - 1]!.vectors, { ...options, iterations: 1 })
        expect(relativeError(runs[i]!.loss, exactLoss!)).toBeLessThan(1e-4)
      }
    }
  })
})

test('the loss never rises', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        seed: fc.nat(10_000),
        factors: fc.integer({ min: 1, max: 20 }),
        regularization: fc.double({ min: 1e-3, max: 1, noNaN: true }),
        regularizationExponent: fc.constantFrom(0, 0.5, 1),
        unobservedWeight: fc.double({ min: 0.01, max: 1, noNaN: true }),
        stepCount: fc.integer({ min: 0, max: 4 }),
      }),
      async (drawn) => {
        const itemsByUser = randomInteractions(drawn.seed, { userCount: 60, itemCount: 40, entryCount: 700 })
        const runs = await iterationsOf(itemsByUser, { ...options, ...drawn, iterations: 6 })
        for (let i = 1; i < runs.length; i++) {
          // float32 vectors: once converged, the loss is known to about 1e-6 of itself.
          expect(runs[i]!.loss).toBeLessThanOrEqual(runs[i - 1]!.loss * (1 + 1e-6))
        }
      },
    ),
    { numRuns: 25 },
  )
})

// The tolerance is zero: rows are solved independently, and sums over many rows are taken in parts that do not depend on the threads.
test('a seed gives the same vectors, bit for bit, with 1, 2 and 3 threads', async () => {
  const itemsByUser = randomInteractions(21, { userCount: 500, itemCount: 300, entryCount: 6000 })
  for (const stepCount of [0, 2]) {
    const one = await trainIals(itemsByUser, { ...options, factors: 16, stepCount, threadCount: 1 })
    for (const threadCount of [2, 3]) {
      const several = await trainIals(itemsByUser, { ...options, factors: 16, stepCount, threadCount })
      expect(Buffer.from(several.userVectors.buffer).equals(Buffer.from(one.userVectors.buffer))).toBe(true)
      expect(Buffer.from(several.itemVectors.buffer).equals(Buffer.from(one.itemVectors.buffer))).toBe(true)
    }
  }
})

test('another seed gives other vectors', async () => {
  const itemsByUser = randomInteractions(22, { userCount: 50, itemCount: 30, entryCount: 300 })
  const a = await trainIals(itemsByUser, options)
  const b = await trainIals(itemsByUser, { ...options, seed: 4 })
  expect(a.userVectors).not.toEqual(b.userVectors)
})

test('users of two groups with separate items are offered the items of their own group', async () => {
  const groupSize = 40
  const rng = seededRng(5)
  const entries: [number, number, number][] = []
  for (let user = 0; user < 2 * groupSize; user++) {
    const firstItem = user < groupSize ? 0 : groupSize
    for (let n = 0; n < 12; n++) entries.push([user, firstItem + rng.integer(groupSize), 1])
  }
  const itemsByUser = matrixOf(entries, { userCount: 2 * groupSize, itemCount: 2 * groupSize })
  const vectors = await trainIals(itemsByUser, { ...options, factors: 2, iterations: 20 })
  for (let user = 0; user < 2 * groupSize; user++) {
    const scores = Array.from({ length: 2 * groupSize }, (_, item) => score(vectors, user, item))
    const own = user < groupSize ? scores.slice(0, groupSize) : scores.slice(groupSize)
    const other = user < groupSize ? scores.slice(groupSize) : scores.slice(0, groupSize)
    expect(Math.min(...own)).toBeGreaterThan(Math.max(...other))
  }
})

test('users and items without entries get zero vectors, and padding stays zero', async () => {
  const itemsByUser = matrixOf(
    [
      [0, 1, 1],
      [2, 1, 2],
      [2, 3, 1],
    ],
    { userCount: 4, itemCount: 5 },
  )
  for (const stepCount of [0, 2]) {
    const { width, userVectors, itemVectors } = await trainIals(itemsByUser, { ...options, stepCount })
    expect(width).toBe(8)
    for (const user of [1, 3]) expect(rowOf(userVectors, user, width).every((value) => value === 0)).toBe(true)
    for (const item of [0, 2, 4]) expect(rowOf(itemVectors, item, width).every((value) => value === 0)).toBe(true)
    for (let user = 0; user < 4; user++) expect(rowOf(userVectors, user, width).slice(6)).toEqual([0, 0])
    for (let item = 0; item < 5; item++) expect(rowOf(itemVectors, item, width).slice(6)).toEqual([0, 0])
    expect(Math.hypot(...rowOf(userVectors, 2, width))).toBeGreaterThan(0.1)
  }
})

test('a single user with a single item is learnt', async () => {
  const itemsByUser = matrixOf([[0, 0, 1]], { userCount: 1, itemCount: 1 })
  const vectors = await trainIals(itemsByUser, { ...options, factors: 1, iterations: 400, regularization: 0.01 })
  // The minimum over s = x y of (1 - s)^2 + 0.2 s^2 + 2 * penalty * s, with penalty = 0.01 * sqrt(1.2) on each side: s = (1 - penalty) / 1.2.
  expect(score(vectors, 0, 0)).toBeCloseTo((1 - 0.01 * Math.sqrt(1.2)) / 1.2, 4)
})

// With rank 2 and 64 factors the eigenvalues' iteration met squares that underflow, and divided 0 by 0.
test('far fewer users than factors give finite vectors', async () => {
  const itemsByUser = csrFromTriplets(
    { rows: [0, 0, 1], columns: [0, 1, 1], values: [1, 1, 1] },
    { rowCount: 2, columnCount: 2 },
  )
  for (const factors of [16, 32, 64, 128]) {
    const settings = { factors, regularization: 0.1, unobservedWeight: 0.01, initStdDev: 0.1, seed: 1 }
    const { userVectors, itemVectors } = await trainIals(itemsByUser, { ...options, ...settings })
    expect(userVectors.every(Number.isFinite) && itemVectors.every(Number.isFinite)).toBe(true)
  }
})

test('data without any entry gives zero vectors', async () => {
  const vectors = await trainIals(matrixOf([], { userCount: 3, itemCount: 2 }), options)
  expect(vectors.userVectors.every((value) => value === 0)).toBe(true)
  expect(vectors.itemVectors.every((value) => value === 0)).toBe(true)
})

test('settings and weights that cannot work are all named at once', async () => {
  const itemsByUser = matrixOf([[0, 0, Number.NaN]], { userCount: 1, itemCount: 1 })
  const wrong = { ...options, factors: 0, regularization: 0, unobservedWeight: Number.NaN }
  await expect(trainIals(itemsByUser, wrong)).rejects.toMatchObject({
    code: 'TRAINING_INPUT_INVALID',
    problems: [
      { where: 'factors' },
      { where: 'regularization' },
      { where: 'unobservedWeight' },
      { where: 'weight of item index 0' },
    ],
  })
  for (const weight of [-1, 0, Number.POSITIVE_INFINITY]) {
    await expect(trainIals(matrixOf([[0, 0, weight]], { userCount: 1, itemCount: 1 }), options)).rejects.toMatchObject({
      code: 'TRAINING_INPUT_INVALID',
    })
  }
})

describe('fold-in', () => {
  test('a training user folds in to the trained vector', async () => {
    const itemsByUser = randomInteractions(31, { userCount: 80, itemCount: 60, entryCount: 1600 })
    for (const factors of [5, 16, 32]) {
      const vectors = await trainIals(itemsByUser, { ...options, factors, stepCount: 0 })
      const foldIn = foldInOf(vectors)
      for (let user = 0; user < itemsByUser.rowCount; user++) {
        const folded = foldIn.vectorOf(rowColumns(itemsByUser, user), rowValues(itemsByUser, user))
        for (const [k, value] of rowOf(vectors.userVectors, user, vectors.width).entries()) {
          expect(folded[k]).toBeCloseTo(value, 5)
        }
      }
    }
  })

  // Histories shorter and longer than the vector take different ways to the same normal equations.
  test('the gradient of the loss is zero at the folded-in vector', async () => {
    const itemsByUser = randomInteractions(32, { userCount: 80, itemCount: 60, entryCount: 1600 })
    const vectors = await trainIals(itemsByUser, { ...options, factors: 12, iterations: 3 })
    const foldIn = foldInOf(vectors)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.nat(), (count, seed) => {
        const rng = seededRng(seed)
        const items = Array.from({ length: count }, (_, i) => i)
        const weights = items.map(() => 0.1 + 5 * rng.next())
        const folded = Array.from(foldIn.vectorOf(items, weights))
        const lossAt = (x: readonly number[]): number => naiveUserLoss(x, items, weights, vectors)
        for (let k = 0; k < 12; k++) {
          const step = 1e-3
          const up = lossAt(folded.map((value, i) => (i === k ? value + step : value)))
          const down = lossAt(folded.map((value, i) => (i === k ? value - step : value)))
          // The curvature is at least the penalty and at most the sum of weights; float32 leaves 1e-6 of that in x.
          const weightSum = weights.reduce((sum, weight) => sum + weight, 0)
          expect(Math.abs((up - down) / (2 * step))).toBeLessThan(1e-5 * (1 + weightSum))
        }
      }),
      { numRuns: 50 },
    )
  })

  test('an item that occurs twice counts with the sum of its weights, and nothing is left of the last call', async () => {
    const itemsByUser = randomInteractions(33, { userCount: 40, itemCount: 30, entryCount: 400 })
    const foldIn = foldInOf(await trainIals(itemsByUser, options))
    const merged = Array.from(foldIn.vectorOf([4, 9], [3, 2]))
    expect(Array.from(foldIn.vectorOf([4, 9, 4], [1, 2, 2]))).toEqual(merged)
    expect(Array.from(foldIn.vectorOf([4, 9], [3, 2]))).toEqual(merged)
    expect(Array.from(foldIn.vectorOf([], []))).toEqual(Array(8).fill(0))
  })

  test('a longer history than fits counts with its newest items', async () => {
    const itemsByUser = randomInteractions(34, { userCount: 40, itemCount: 30, entryCount: 400 })
    const foldIn = foldInOf(await trainIals(itemsByUser, options))
    const newest = Array.from({ length: IalsFoldIn.maxHistoryItems }, (_, i) => 1 + (i % 20))
    const expected = Array.from(
      foldIn.vectorOf(
        newest,
        newest.map(() => 1),
      ),
    )
    const longer = [0, 0, 0, ...newest]
    expect(
      Array.from(
        foldIn.vectorOf(
          longer,
          longer.map(() => 1),
        ),
      ),
    ).toEqual(expected)
  })

  test('an item index out of range is a programmer error, not a read of other memory', async () => {
    const itemsByUser = randomInteractions(35, { userCount: 40, itemCount: 30, entryCount: 400 })
    const foldIn = foldInOf(await trainIals(itemsByUser, options))
    expect(() => foldIn.vectorOf([30], [1])).toThrow('item index 30 is not below 30')
    expect(() => foldIn.vectorOf([-1], [1])).toThrow('item index -1')
  })
})

// ---- made data ----

type Entry = readonly [user: number, item: number, weight: number]

function matrixOf(entries: readonly Entry[], size: { userCount: number; itemCount: number }): Csr {
  return csrFromTriplets(
    { rows: entries.map((e) => e[0]), columns: entries.map((e) => e[1]), values: entries.map((e) => e[2]) },
    { rowCount: size.userCount, columnCount: size.itemCount },
  )
}

/** Users and items of skewed popularity with weights of 0.5 to 2.5. */
function randomInteractions(seed: number, size: { userCount: number; itemCount: number; entryCount: number }): Csr {
  const rng = seededRng(seed)
  const skewed = (bound: number): number => Math.floor(rng.next() ** 2 * bound)
  const cells = new Map<number, Entry>()
  for (let i = 0; i < size.entryCount; i++) {
    const user = skewed(size.userCount)
    const item = skewed(size.itemCount)
    cells.set(user * size.itemCount + item, [user, item, 0.5 + 2 * rng.next()])
  }
  return matrixOf([...cells.values()], size)
}

async function iterationsOf(itemsByUser: Csr, settings: IalsOptions) {
  const iterations: { vectors: IalsVectors; loss: number }[] = []
  await trainIals(itemsByUser, {
    ...settings,
    onIteration: async (state) => {
      const { width, userVectors, itemVectors, itemGramDiagonal } = state
      const vectors = {
        width,
        userVectors: userVectors.slice(),
        itemVectors: itemVectors.slice(),
        itemGramDiagonal: itemGramDiagonal.slice(),
      }
      iterations.push({ vectors, loss: await state.loss() })
    },
  })
  return iterations
}

function foldInOf(vectors: IalsVectors): IalsFoldIn {
  const memory = new KernelMemory()
  return new IalsFoldIn(memory, { ...options, ...vectors, itemVectors: memory.placeFloat32(vectors.itemVectors) })
}

// ---- the naive version ----

function rowOf(vectors: ArrayLike<number>, row: number, width: number): number[] {
  return Array.from({ length: width }, (_, k) => vectors[row * width + k]!)
}

const inner = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, k) => sum + value * b[k]!, 0)

const score = ({ userVectors, itemVectors, width }: IalsVectors, user: number, item: number): number =>
  inner(rowOf(userVectors, user, width), rowOf(itemVectors, item, width))

const relativeError = (found: number, expected: number): number => Math.abs(found - expected) / Math.abs(expected)

const penalty = (entryCount: number, otherCount: number, o: IalsOptions): number =>
  o.regularization * (entryCount + o.unobservedWeight * otherCount) ** o.regularizationExponent

function naiveLoss(
  itemsByUser: Csr,
  vectors: { userVectors: ArrayLike<number>; itemVectors: ArrayLike<number>; width: number },
  o: IalsOptions,
): number {
  const users = Array.from({ length: itemsByUser.rowCount }, (_, u) => rowOf(vectors.userVectors, u, vectors.width))
  const items = Array.from({ length: itemsByUser.columnCount }, (_, i) => rowOf(vectors.itemVectors, i, vectors.width))
  let loss = 0
  for (const [u, x] of users.entries()) {
    for (const y of items) loss += o.unobservedWeight * inner(x, y) ** 2
    const columns = rowColumns(itemsByUser, u)
    for (const [n, item] of columns.entries()) {
      loss += rowValues(itemsByUser, u)[n]! * (1 - inner(x, items[item]!)) ** 2
    }
    loss += penalty(columns.length, items.length, o) * inner(x, x)
  }
  const usersByItem = transpose(itemsByUser)
  for (const [i, y] of items.entries())
    loss += penalty(rowColumns(usersByItem, i).length, users.length, o) * inner(y, y)
  return loss
}

/** The part of the loss that depends on one user's vector. */
function naiveUserLoss(
  x: readonly number[],
  items: readonly number[],
  weights: readonly number[],
  vectors: IalsVectors,
): number {
  const itemCount = vectors.itemVectors.length / vectors.width
  let loss = penalty(items.length, itemCount, options) * inner(x, x)
  for (let item = 0; item < itemCount; item++) {
    const s = inner(x, rowOf(vectors.itemVectors, item, vectors.width))
    loss += options.unobservedWeight * s ** 2
    const position = items.indexOf(item)
    if (position >= 0) loss += weights[position]! * (1 - s) ** 2
  }
  return loss
}

/** Losses of further iterations from given vectors, in float64, each row by Gaussian elimination of its dense normal equations. */
function naiveContinuation(itemsByUser: Csr, start: IalsVectors, o: IalsOptions): number[] {
  const { width } = start
  const userVectors = Float64Array.from(start.userVectors)
  const itemVectors = Float64Array.from(start.itemVectors)
  const losses: number[] = []
  for (let iteration = 0; iteration < o.iterations; iteration++) {
    naiveHalfStep(itemVectors, userVectors, transpose(itemsByUser), width, o)
    naiveHalfStep(userVectors, itemVectors, itemsByUser, width, o)
    losses.push(naiveLoss(itemsByUser, { userVectors, itemVectors, width }, o))
  }
  return losses
}

function naiveHalfStep(solved: Float64Array, fixed: Float64Array, matrix: Csr, width: number, o: IalsOptions): void {
  const fixedRows = Array.from({ length: matrix.columnCount }, (_, column) => rowOf(fixed, column, width))
  for (let row = 0; row < matrix.rowCount; row++) {
    const a = Array.from({ length: width }, () => Array<number>(width + 1).fill(0))
    const columns = rowColumns(matrix, row)
    const add = (y: readonly number[], weight: number): void => {
      for (let i = 0; i < width; i++) for (let j = 0; j < width; j++) a[i]![j]! += weight * y[i]! * y[j]!
    }
    for (const y of fixedRows) add(y, o.unobservedWeight)
    for (const [n, column] of columns.entries()) {
      const weight = rowValues(matrix, row)[n]!
      add(fixedRows[column]!, weight)
      for (let i = 0; i < width; i++) a[i]![width]! += weight * fixedRows[column]![i]!
    }
    for (let i = 0; i < width; i++) a[i]![i]! += penalty(columns.length, matrix.columnCount, o)
    solved.set(eliminated(a), row * width)
  }
}

/** Solves a square system whose right-hand side is the last column. */
function eliminated(a: number[][]): number[] {
  const n = a.length
  for (let i = 0; i < n; i++) {
    for (let r = 0; r < n; r++) {
      if (r === i) continue
      const factor = a[r]![i]! / a[i]![i]!
      for (let c = i; c <= n; c++) a[r]![c]! -= factor * a[i]![c]!
    }
  }
  return a.map((row, i) => row[n]! / row[i]!)
}
