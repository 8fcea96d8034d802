import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type BinnedFeatures, GROUP_FEATURES, type GrownTree, type GrowthLimits, TreeGrower } from './tree-grower.ts'

/** Whole numbers up to these are rounded to themselves, where some row has the largest. */
const LARGEST_GRADIENT = 32_766
const HESSIAN = 65_534

const limits: GrowthLimits = { maxLeafCount: 8, maxDepth: 0, minRowCount: 1, minHessian: 0, minGain: 0, l2: HESSIAN }

interface Case {
  /** By row, by feature: a bin; 0 is missing. */
  readonly bins: readonly (readonly number[])[]
  readonly gradients: readonly number[]
  readonly binCount: number
}

function featuresOf({ bins, binCount }: Case): BinnedFeatures {
  const rowCount = bins.length
  const featureCount = bins[0]!.length
  const placed = new Uint8Array(Math.ceil(featureCount / GROUP_FEATURES) * rowCount * GROUP_FEATURES)
  bins.forEach((row, r) => {
    row.forEach((bin, f) => {
      placed[(Math.floor(f / GROUP_FEATURES) * rowCount + r) * GROUP_FEATURES + (f % GROUP_FEATURES)] = bin
    })
  })
  return { rowCount, binCounts: new Int32Array(featureCount).fill(binCount), bins: placed }
}

async function grow(
  sample: Case,
  options: { limits?: Partial<GrowthLimits>; threadCount?: number; monotone?: Int32Array; rowsInBag?: Int32Array } = {},
): Promise<GrownTree> {
  const grower = new TreeGrower(
    featuresOf(sample),
    { ...limits, ...options.limits },
    {
      threadCount: options.threadCount ?? 1,
      ...(options.monotone && { monotone: options.monotone }),
    },
  )
  try {
    const { rowsInBag } = options
    const tree = await grower.grow(
      Float64Array.from(sample.gradients),
      new Float64Array(sample.bins.length).fill(HESSIAN),
      {
        seed: 1,
        ...(rowsInBag && { rowsInBag }),
      },
    )
    return { ...tree, rows: tree.rows.slice() }
  } finally {
    await grower.close()
  }
}

const caseOf = (featureCount: number, rowCount: number, binCount: number): fc.Arbitrary<Case> =>
  fc.record({
    bins: fc.array(
      fc.array(fc.integer({ min: 0, max: binCount - 1 }), { minLength: featureCount, maxLength: featureCount }),
      { minLength: rowCount, maxLength: rowCount },
    ),
    gradients: fc
      .array(fc.integer({ min: -LARGEST_GRADIENT, max: LARGEST_GRADIENT }), {
        minLength: rowCount,
        maxLength: rowCount,
      })
      .map(([, ...rest]) => [LARGEST_GRADIENT, ...rest]),
    binCount: fc.constant(binCount),
  })

/** Every split of a set of rows with its gain, written down from the definition. */
function splitsOf({ bins, gradients, binCount }: Case, rows: readonly number[], { l2, minRowCount }: GrowthLimits) {
  const halfGain = (own: readonly number[]): number =>
    own.reduce((sum, row) => sum + gradients[row]!, 0) ** 2 / (own.length * HESSIAN + l2)
  const splits: { feature: number; bin: number; missingLeft: number; gain: number }[] = []
  for (let feature = 0; feature < bins[0]!.length; feature++) {
    for (const missingLeft of [0, 1]) {
      for (let bin = 1; bin < binCount; bin++) {
        const goesLeft = (row: number): boolean => {
          const own = bins[row]![feature]!
          return own === 0 ? missingLeft === 1 : own <= bin
        }
        const left = rows.filter(goesLeft)
        const right = rows.filter((row) => !goesLeft(row))
        if (left.length < Math.max(1, minRowCount) || right.length < Math.max(1, minRowCount)) continue
        splits.push({ feature, bin, missingLeft, gain: halfGain(left) + halfGain(right) - halfGain(rows) })
      }
    }
  }
  return splits
}

test('every split is the best that its leaf allows, and the leaf is the one that gains most', async () => {
  await fc.assert(
    fc.asyncProperty(caseOf(3, 60, 6), fc.integer({ min: 1, max: 6 }), async (sample, minRowCount) => {
      const ownLimits = { ...limits, minRowCount }
      const tree = await grow(sample, { limits: { minRowCount } })
      // Retraces the growth: node n was made as the n-th, of one of the leaves at that time.
      let leaves = [{ rows: sample.bins.map((_, row) => row), child: 0 }]
      // Sums are whole numbers; what differs is how a gain's three fractions are added, to some last bits of the largest.
      const slack = 1e-10 * 60 * (LARGEST_GRADIENT ** 2 / HESSIAN)
      for (let node = 0; node < tree.features.length; node++) {
        const bestGains = leaves.map(({ rows }) =>
          Math.max(0, ...splitsOf(sample, rows, ownLimits).map(({ gain }) => gain)),
        )
        const split = leaves.find(({ child }) => child === node)!
        const taken = splitsOf(sample, split.rows, ownLimits).find(
          ({ feature, bin, missingLeft }) =>
            feature === tree.features[node] && bin === tree.bins[node] && missingLeft === tree.missingLeft[node],
        )!
        expect(Math.abs(taken.gain - tree.gains[node]!)).toBeLessThan(slack)
        expect(taken.gain).toBeGreaterThan(Math.max(...bestGains) - slack)
        const goesLeft = (row: number): boolean => {
          const bin = sample.bins[row]![taken.feature]!
          return bin === 0 ? taken.missingLeft === 1 : bin <= taken.bin
        }
        leaves = [
          ...leaves.filter((leaf) => leaf !== split),
          { rows: split.rows.filter(goesLeft), child: tree.left[node]! },
          { rows: split.rows.filter((row) => !goesLeft(row)), child: tree.right[node]! },
        ]
      }
      if (leaves.length < limits.maxLeafCount) {
        for (const { rows } of leaves) {
          for (const { gain } of splitsOf(sample, rows, ownLimits)) expect(gain).toBeLessThan(slack)
        }
      }
      for (const { rows, child } of leaves) {
        const start = tree.starts[~child]!
        expect([...tree.rows.subarray(start, start + tree.counts[~child]!)]).toEqual(rows)
      }
    }),
    { numRuns: 40 },
  )
})

test('any number of threads grows the same tree, over blocks of rows too', async () => {
  const rowCount = 70_000
  const bins = Array.from({ length: rowCount }, (_, row) =>
    Array.from({ length: 20 }, (_, feature) => ((row * (feature * 7 + 3)) % 251) % 64),
  )
  const gradients = bins.map((row) => ((row[0]! > 30 ? 9 : -7) + row[3]! * (row[5]! > 12 ? 1 : -1)) % 64)
  const sample = { bins, gradients, binCount: 64 }
  const [one, two, three] = await Promise.all([1, 2, 3].map((threadCount) => grow(sample, { threadCount })))
  expect(one!.features).toHaveLength(7)
  expect(two).toEqual(one)
  expect(three).toEqual(one)
})

test('a tree is grown from the rows in the bag alone', async () => {
  const sample: Case = { bins: [[1], [1], [2], [2]], gradients: [64, 64, -64, 0], binCount: 3 }
  const tree = await grow(sample, { rowsInBag: Int32Array.of(0, 2) })
  expect([...tree.counts]).toEqual([1, 1])
  expect([...tree.rows.subarray(0, 2)].sort()).toEqual([0, 2])
})

test('a feature that may only raise the score never splits the other way', async () => {
  // The smaller bin has the smaller gradient, so the larger score.
  const sample: Case = { bins: [[1], [1], [2], [2]], gradients: [-64, -64, 64, 64], binCount: 3 }
  expect((await grow(sample)).features).toHaveLength(1)
  expect((await grow(sample, { monotone: Int32Array.of(-1) })).features).toHaveLength(1)
  expect((await grow(sample, { monotone: Int32Array.of(1) })).features).toHaveLength(0)
})

test('depth, gain and what nobody differs in end the growth', async () => {
  const sample: Case = {
    bins: Array.from({ length: 64 }, (_, row) => [1 + (row % 8), 1 + Math.floor(row / 8)]),
    gradients: Array.from({ length: 64 }, (_, row) => ((row * 37) % 64) - 32),
    binCount: 9,
  }
  expect((await grow(sample, { limits: { maxDepth: 1 } })).features).toHaveLength(1)
  expect((await grow(sample, { limits: { maxDepth: 2 } })).features.length).toBeLessThanOrEqual(3)
  expect((await grow(sample, { limits: { minGain: 1e9 } })).features).toHaveLength(0)
  expect((await grow({ ...sample, gradients: sample.gradients.map(() => 1) })).features).toHaveLength(0)
})
