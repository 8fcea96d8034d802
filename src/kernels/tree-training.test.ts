// Goal: the kernel grows the trees that the formulas say, whatever the threads. Method: `referenceTree`, slow and plain, grows a tree from the same
// gradients, and must come to the same splits, gains and outputs to the last bit; gradients are compared with naive ones; the sum of the trees
// must be the scores.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Rng, seededRng } from '../lib/rng.ts'
import { type GrowthCase, referenceTree } from './tree-training.testing.ts'
import { type BinnedFeature, type BinnedTree, TreeTraining, type TreeTrainingOptions } from './tree-training.ts'

/** As many in `npm test`; more in `npm run test:deep`. Starting a training's threads is most of what one takes. */
const cases = Number(process.env.MILLRACE_TREE_CASES ?? 10)

const options: TreeTrainingOptions = {
  objective: 'given',
  leafCount: 8,
  depthLimit: 64,
  leastRows: 3,
  leastHessian: 1e-3,
  leastGain: 0,
  learningRate: 0.1,
  lambda: 0.5,
  categoryLambda: 2,
  sigmoid: 1,
  smoothing: 0,
  splitFeatureFraction: 1,
  truncation: 30,
  isNormalized: true,
  threadCount: 1,
}

/** Bins of `binCount` drawn for each row; bounds that no value is compared with, for the bins are given. */
function madeCase(rng: Rng, size: { rowCount: number; featureCount: number; withDirections: boolean }): GrowthCase {
  const features = Array.from({ length: size.featureCount }, (): BinnedFeature => {
    const isCategorical = rng.next() < 0.25
    const hasMissing = isCategorical || rng.next() < 0.4
    const direction = size.withDirections && !isCategorical ? ([-1, 0, 1] as const)[rng.integer(3)]! : 0
    const binCount = 1 + rng.integer(rng.next() < 0.3 ? 256 : 12)
    return { binCount, hasMissing, direction, ...(!isCategorical && { bounds: new Float32Array(0) }) }
  })
  const bins = features.map(({ binCount, hasMissing }) =>
    Uint8Array.from({ length: size.rowCount }, () =>
      hasMissing ? rng.integer(binCount) : Math.min(binCount - 1, 1 + rng.integer(Math.max(1, binCount - 1))),
    ),
  )
  // A little structure, so that leaves gain different amounts.
  const gradients = Float32Array.from(
    { length: size.rowCount },
    (_, row) => rng.normal() + (bins[0]![row]! > 3 ? 0.8 : -0.3) * (bins.at(-1)![row]! % 2),
  )
  const hessians = rng.next() < 0.3 ? gradients.map(() => 1) : gradients.map(() => rng.next())
  return { features, bins, gradients, hessians, seed: rng.integer(2 ** 32) }
}

/** One tree by the kernel, and the scores that it leaves. */
async function kernelTree(
  growth: GrowthCase,
  given: TreeTrainingOptions,
): Promise<{ tree: BinnedTree; scores: Float64Array }> {
  const rowCount = growth.gradients.length
  const training = new TreeTraining(rowCount, given)
  try {
    await training.placeRows(growth.features, growth.bins)
    await training.placeValidationRows(growth.bins, rowCount)
    training.setTargets({ labels: new Float32Array(rowCount) })
    training.gradients.set(growth.gradients)
    training.hessians.set(growth.hessians)
    const tree = await training.round({
      seed: growth.seed,
      ...(growth.usable && { features: growth.usable }),
      ...(growth.rows && { rows: Int32Array.from(growth.rows) }),
    })
    const scores = training.scores.slice(0, rowCount)
    expect(training.validationScores.slice()).toEqual(scores)
    return { tree, scores }
  } finally {
    await training.close()
  }
}

describe('against a slow and plain version', () => {
  test('every split, gain and output is the same, with one thread and with two', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.nat(1_000_000),
          rowCount: fc.integer({ min: 1, max: 400 }),
          featureCount: fc.integer({ min: 1, max: 20 }),
          withDirections: fc.boolean(),
          isSampled: fc.boolean(),
          leafCount: fc.integer({ min: 2, max: 14 }),
          depthLimit: fc.constantFrom(1, 3, 64),
          leastRows: fc.constantFrom(1, 3, 20),
          leastGain: fc.constantFrom(0, 0.5),
          lambda: fc.constantFrom(0, 0.5),
          smoothing: fc.constantFrom(0, 30),
          splitFeatureFraction: fc.constantFrom(0.3, 1),
          threadCount: fc.constantFrom(1, 2),
        }),
        async ({ seed, rowCount, featureCount, withDirections, isSampled, ...settings }) => {
          const rng = seededRng(seed)
          const all = madeCase(rng, { rowCount, featureCount, withDirections })
          const rows = Array.from({ length: rowCount }, (_, row) => row).filter((row) => row === 0 || rng.next() < 0.7)
          const usable = Array.from({ length: featureCount }, (_, f) => f).filter(() => rng.next() < 0.7)
          const growth = isSampled ? { ...all, rows, usable } : all
          const given = { ...options, ...settings }
          const { tree, scores } = await kernelTree(growth, given)
          expect(tree).toEqual(referenceTree(growth, given))
          expect(Array.from(scores)).toEqual(
            Array.from(scores, (_, row) => tree.outputs[leafOf(tree, growth.bins, row)]),
          )
        },
      ),
      { numRuns: cases },
    )
  })

  test('sums of more rows than a packed one can hold are the same too', async () => {
    const growth = madeCase(seededRng(5), { rowCount: 70_001, featureCount: 6, withDirections: false })
    const given = { ...options, leafCount: 3, smoothing: 300, splitFeatureFraction: 0.5 }
    const expected = referenceTree(growth, given)
    expect(expected.nodes.length).toBe(2)
    for (const threadCount of [1, 2]) {
      expect((await kernelTree(growth, { ...given, threadCount })).tree).toEqual(expected)
    }
  })
})

test('columns are sorted as typed arrays are', async () => {
  const rng = seededRng(6)
  const special = [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 0, -0, 2 ** -149, -(2 ** -149), 3e38]
  const columns = Array.from({ length: 11 }, (_, c) =>
    Float32Array.from({ length: 3001 }, () =>
      rng.next() < 0.1 ? special[rng.integer(8)]! : rng.normal() * 10 ** (c - 5),
    ),
  )
  // A NaN with its sign bit set, as some processors make them.
  new Uint32Array(columns[0]!.buffer)[7] = 0xffc00000
  const training = new TreeTraining(1, { ...options, threadCount: 2 })
  const sorted: Float32Array[] = []
  await training.sortColumns(columns, (column) => void sorted.push(column.slice()))
  await training.close()
  expect(sorted).toEqual(columns.map((column) => column.toSorted()))
})

/** The leaf in which a row ends. */
function leafOf({ nodes }: BinnedTree, bins: readonly Uint8Array[], row: number): number {
  let at = nodes.length > 0 ? 0 : -1
  while (at >= 0) {
    const { feature, kind, bin: last, bins: set, left, right } = nodes[at]!
    const bin = bins[feature]![row]!
    const isLeft = kind === 'categories' ? set.includes(bin) : bin <= last && (bin > 0 || kind === 'missingLeft')
    at = isLeft ? left : right
  }
  return -1 - at
}

describe('gradients', () => {
  /** Those of the second round, by the scores after the first. */
  async function gradientsOf(
    objective: TreeTrainingOptions['objective'],
    made: { labels: number[]; weights?: number[]; queryOffsets?: number[]; scores: number[]; truncation?: number },
  ) {
    const rowCount = made.labels.length
    const training = new TreeTraining(rowCount, {
      ...options,
      objective,
      sigmoid: 1.5,
      truncation: made.truncation ?? 30,
    })
    try {
      const feature = { bounds: new Float32Array(0), binCount: 2, hasMissing: false, direction: 0 } as const
      await training.placeRows([feature], [new Uint8Array(rowCount).fill(1)])
      training.setTargets({
        labels: made.labels,
        ...(made.weights && { weights: made.weights }),
        ...(made.queryOffsets && { queryOffsets: Int32Array.from(made.queryOffsets) }),
      })
      training.scores.set(made.scores)
      await training.round({ seed: 1 })
      return { gradients: training.gradients.slice(0, rowCount), hessians: training.hessians.slice(0, rowCount) }
    } finally {
      await training.close()
    }
  }

  /** Within 3e-6, fifty roundings of float32, of the largest of `expected`, or of `scale` where that is more. */
  function expectClose(found: Float32Array, expected: readonly number[], scale = 1e-6) {
    expect(found.length).toBe(expected.length)
    const largest = Math.max(scale, ...expected.map(Math.abs))
    for (const [i, value] of expected.entries()) expect(Math.abs(found[i]! - value) / largest).toBeLessThan(3e-6)
  }

  test('of the squared loss are the weighted differences', async () => {
    const made = { labels: [1, 2, -3], weights: [1, 0.5, 2], scores: [0.5, 3, -3] }
    const { gradients, hessians } = await gradientsOf('squared', made)
    expectClose(gradients, [-0.5, 0.5, 0])
    expectClose(hessians, [1, 0.5, 2])
  })

  test('of the logistic loss keep their digits where the score is sure', async () => {
    const scores = [0, 2, -30, 30, 5, -5, 60]
    const labels = [1, 0, 0, 1, 1, 1, 0]
    const { gradients, hessians } = await gradientsOf('logistic', { labels, scores })
    for (const [i, score] of scores.entries()) {
      const z = labels[i] === 1 ? 1 : -1
      const q = 1 / (1 + Math.exp(z * score))
      expect(gradients[i]! / (-z * q)).toBeCloseTo(1, 5)
      // What is left of 1 - q in float32 is 6e-8 wide.
      expect(Math.abs(hessians[i]! - q * (1 - q))).toBeLessThan(1e-7)
    }
  })

  test('of LambdaMART and of pairs are the naive ones', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(1_000_000),
        fc.constantFrom('lambdaMart' as const, 'pairwise' as const),
        fc.constantFrom(1, 5, 30),
        async (seed, objective, truncation) => {
          const rng = seededRng(seed)
          const sizes = Array.from({ length: 6 }, () => rng.integer(rng.next() < 0.3 ? 90 : 9))
          const queryOffsets = [0]
          for (const size of sizes) queryOffsets.push(queryOffsets.at(-1)! + size)
          const rowCount = queryOffsets.at(-1)!
          if (rowCount === 0) return
          const labels = Array.from({ length: rowCount }, () => rng.integer(5))
          // Rounded, so that scores tie.
          const scores = Array.from({ length: rowCount }, () => Math.round(rng.normal() * 8) / 8)
          const weights = labels.map(() => 0.5 + rng.next())
          const found = await gradientsOf(objective, { labels, scores, weights, queryOffsets, truncation })
          for (const [q, size] of sizes.entries()) {
            const rows = [queryOffsets[q]!, queryOffsets[q]! + size] as const
            const of = <T>(values: readonly T[]): T[] => values.slice(...rows)
            const naive = naiveRankGradients(objective, of(labels), of(scores), { truncation, sigmoid: 1.5 })
            expectClose(
              found.gradients.slice(...rows),
              naive.gradients.map((g, i) => g * of(weights)[i]!),
            )
            // A pair's hessian is its gradient times the sigmoid's steepness and 1 - p, of which float32 loses digits where p is near 1.
            const largestGradient = Math.max(...naive.gradients.map((g, i) => Math.abs(g * of(weights)[i]!)))
            expectClose(
              found.hessians.slice(...rows),
              naive.hessians.map((h, i) => h * of(weights)[i]!),
              Math.max(1e-6, 1.5 * largestGradient),
            )
          }
        },
      ),
      { numRuns: cases },
    )
  })
})

/** The formulas at the top of kernels/lib/objective.ts, pair by pair in float64. */
function naiveRankGradients(
  objective: 'lambdaMart' | 'pairwise',
  labels: readonly number[],
  scores: readonly number[],
  { truncation, sigmoid }: { truncation: number; sigmoid: number },
) {
  const gradients = labels.map(() => 0)
  const hessians = labels.map(() => 0)
  const order = Array.from(labels.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b)
  const gain = (row: number): number => 2 ** labels[row]! - 1
  const discount = (rank: number): number => 1 / Math.log2(rank + 2)
  const ideal = Array.from(labels.keys()).sort((a, b) => labels[b]! - labels[a]!)
  const bestDcg = ideal.slice(0, truncation).reduce((sum, row, rank) => sum + gain(row) * discount(rank), 0)
  const isSpread = scores[order[0]!] !== scores[order.at(-1)!]
  let sizeSum = 0
  for (const [rankA, a] of order.entries()) {
    for (const [rankB, b] of order.entries()) {
      const isCounted = objective === 'pairwise' || Math.min(rankA, rankB) < truncation
      if (labels[a]! <= labels[b]! || !isCounted) continue
      const difference = scores[a]! - scores[b]!
      let change = 1
      if (objective === 'lambdaMart') {
        change = ((gain(a) - gain(b)) * Math.abs(discount(rankA) - discount(rankB))) / bestDcg
        if (isSpread) change /= 0.01 + Math.abs(difference)
      }
      const p = 1 / (1 + Math.exp(sigmoid * difference))
      gradients[a]! -= sigmoid * change * p
      gradients[b]! += sigmoid * change * p
      for (const row of [a, b]) hessians[row]! += sigmoid ** 2 * change * p * (1 - p)
      sizeSum += 2 * sigmoid * change * p
    }
  }
  const factor = objective === 'lambdaMart' && sizeSum > 0 ? Math.log2(1 + sizeSum) / sizeSum : 1
  return { gradients: gradients.map((g) => g * factor), hessians: hessians.map((h) => h * factor) }
}
