import { expect, test } from 'vitest'
import { joinTrees } from '../kernels/trees.ts'
import { seededRng } from '../lib/rng.ts'
import {
  describeImportance,
  leaveOneFeatureOut,
  ndcgByQuery,
  permutationImportance,
  treeImportance,
} from './importance.ts'

test('gains and splits of a feature are added up over all trees', () => {
  const node = (feature: number, gain: number) => ({
    feature,
    gain,
    threshold: 0,
    missingGoesLeft: false,
    left: -1,
    right: -2,
    rowCount: 2,
  })
  const parts = [node(2, 1), node(0, 6), node(2, 1)].map((root) => ({
    nodes: [root],
    leafOutputs: [0, 1],
    leafRowCounts: [1, 1],
  }))
  const trees = joinTrees(parts, { featureCount: 3, baseScore: 0 })
  expect(treeImportance(trees, ['a', 'b', 'c'])).toEqual([
    { featureName: 'a', gainShare: 0.75, splitCount: 1 },
    { featureName: 'c', gainShare: 0.25, splitCount: 2 },
    { featureName: 'b', gainShare: 0, splitCount: 0 },
  ])
})

test('NDCG by query leaves queries without a relevant row out', () => {
  const metric = ndcgByQuery({ grades: [0, 1, 0, 0, 1, 0], querySizes: [2, 2, 2] }, 10)
  expect(Array.from(metric([1, 0, 1, 0, 1, 0]))).toEqual([1 / Math.log2(3), 1])
})

// The score is 3 a + b, the metric of a row minus its squared error: mixing a up loses (3 (a - a'))^2 a row, 18 on average for standard normal a, mixing b up 2.
// (a - a')^2 has variance 8, so the mean of 1,000 has a standard deviation below sqrt(8 / 1000) = 0.09; six of them fail fewer than two in 10^8 seeds.
test('permuting a feature loses what the model took from it, and nothing where it took nothing', async () => {
  const rng = seededRng(11)
  const rowCount = 1000
  const columns = Array.from({ length: 3 }, () => Float32Array.from({ length: rowCount }, () => rng.normal()))
  const score = ([a, b]: readonly Float32Array[]) => Float64Array.from(a!, (value, r) => 3 * value + b![r]!)
  const truth = score(columns)
  const model = {
    featureNames: ['a', 'b', 'unused'],
    columns,
    score,
    metric: (scores: ArrayLike<number>) => Float64Array.from(truth, (value, r) => -((scores[r]! - value) ** 2)),
  }
  const losses = await permutationImportance(model, { seed: 3 })
  expect(losses.map(({ featureName }) => featureName)).toEqual(['a', 'b', 'unused'])
  const [a, b, unused] = losses
  const tolerance = 6 * Math.sqrt(8 / rowCount)
  expect(Math.abs(a!.loss.mean - 18)).toBeLessThan(9 * tolerance)
  expect(Math.abs(b!.loss.mean - 2)).toBeLessThan(tolerance)
  expect(b!.loss.interval[0]).toBeGreaterThan(0)
  expect(b!.adjustedPValue).toBeLessThan(0.05)
  expect(unused!.loss).toMatchObject({ mean: 0, interval: [0, 0], pValue: 1 })
  expect(await permutationImportance(model, { seed: 3 })).toEqual(losses)
})

test('leaving a feature out trains without it, and compares query by query', async () => {
  const trained: string[] = []
  const worth: Readonly<Record<string, number>> = { a: 0.3, b: -0.1, c: 0 }
  const queries = Float64Array.from({ length: 50 }, (_, q) => q / 100)
  const losses = await leaveOneFeatureOut(
    ['a', 'b', 'c'],
    async (featureNames) => {
      trained.push(featureNames.join(''))
      return queries.map((value) => featureNames.reduce((sum, name) => sum + worth[name]!, value))
    },
    { seed: 1 },
  )
  expect(trained).toEqual(['abc', 'bc', 'ac', 'ab'])
  expect(losses.map(({ featureName, loss }) => [featureName, Number(loss.mean.toFixed(9))])).toEqual([
    ['a', 0.3],
    ['c', 0],
    ['b', -0.1],
  ])
})

test('people see one line a feature, whatever was asked', () => {
  const gain = [
    { featureName: 'a', gainShare: 0.75, splitCount: 1 },
    { featureName: 'b', gainShare: 0.25, splitCount: 2 },
  ]
  expect(describeImportance({ gain })).toEqual(['feature  gain    splits', 'a        75.0 %  1', 'b        25.0 %  2'])
  const loss = { mean: 0.0312, interval: [0.01, 0.05], count: 9, pValue: 0.001 } as const
  const permutation = [{ featureName: 'b', loss, adjustedPValue: 0.002 }]
  expect(describeImportance({ gain, permutation })).toEqual([
    'feature  gain    splits  lost when mixed up       p',
    'a        75.0 %  1',
    'b        25.0 %  2       0.0312 [0.0100, 0.0500]  0.0020',
  ])
})

test('without a query that can be judged there is nothing to report', async () => {
  const none = async () => new Float64Array(0)
  expect(await leaveOneFeatureOut(['a'], none, { seed: 1 })).toEqual([])
})
