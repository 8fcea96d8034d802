import { expect, test } from 'vitest'
import { joinTrees } from '../kernels/trees.ts'
import { describeExplanation, rowExplainer } from './explanation.ts'

/** Two trees of one split each: of `rate` (-1 or 3, half the rows each way) and of `colour`, category 1 against the others (2, or -0.5 for four in five). */
const trees = joinTrees(
  [
    { nodes: [node(0, { threshold: 0.5 })], leafOutputs: [-1, 3], leafRowCounts: [5, 5] },
    { nodes: [node(2, { threshold: 0, categories: [1] })], leafOutputs: [2, -0.5], leafRowCounts: [2, 8] },
  ],
  { featureCount: 3, baseScore: 0.25 },
)
const explain = rowExplainer(trees)
const featureNames = ['rate', 'age', 'colour']

test('contributions lead from the average to the score, the largest first', () => {
  const explanation = explain({ featureNames, values: [0.2, Number.NaN, 1], valueTexts: [undefined, undefined, 'red'] })
  expect(explanation).toEqual({
    averageScore: 1.25,
    score: 1.25,
    contributions: [
      { featureName: 'rate', value: 0.2, contribution: -2 },
      { featureName: 'colour', value: 'red', contribution: 2 },
      { featureName: 'age', value: null, contribution: 0 },
    ],
  })
  expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation)
})

test('people see the value, what it usually is, and what it adds', () => {
  const usualValues = [0.4, 33.33333, Number.NaN]
  const explanation = explain({ featureNames, values: [0.9, Number.NaN, 4], usualValues })
  expect(describeExplanation(explanation, { featureCount: 2 })).toEqual([
    'score 2.7500 = average 1.2500 + 1.5000',
    'feature  value  usually  adds',
    'rate     0.9    0.4      +2.0000',
    'colour   4               -0.5000',
    '1 other                  +0.0000',
  ])
  expect(describeExplanation(explain({ featureNames, values: [0.2, Number.NaN, 4] }))).toEqual([
    'score -1.2500 = average 1.2500 - 2.5000',
    'feature  value    adds',
    'rate     0.2      -2.0000',
    'colour   4        -0.5000',
    'age      missing  +0.0000',
  ])
})

function node(feature: number, split: { threshold: number; categories?: number[] }) {
  return { feature, ...split, missingGoesLeft: false, left: -1, right: -2, gain: 1, rowCount: 10 }
}
