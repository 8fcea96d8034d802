// Goal: contributions are the Shapley values of the path-dependent game, to rounding. Method: the definition, summed over all sets of features, on
// random trees of every shape; and what must hold whatever the trees: additivity.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { MillraceError } from '../lib/errors.ts'
import { seededRng } from '../lib/rng.ts'
import { TreeContributions } from './tree-contributions.ts'
import { madeColumns, madeTrees, plainScores } from './trees.testing.ts'
import { goesLeft, joinTrees, type TreeNode, type Trees, treeCountOf } from './trees.ts'

type Row = readonly number[]

/** What a row of which only some features are known would score: an unknown one goes both ways, by the training rows. */
function gameValue(trees: Trees, row: Row, isKnown: (feature: number) => boolean): number {
  let value = trees.baseScore
  for (let tree = 0; tree < treeCountOf(trees); tree++) {
    const firstNode = trees.nodeOffsets[tree]!
    const firstLeaf = firstNode + tree
    const countOf = (child: number): number =>
      child >= 0 ? trees.nodeRowCounts[firstNode + child]! : trees.leafRowCounts[firstLeaf - 1 - child]!
    const below = (child: number): number => {
      if (child < 0) return trees.leafOutputs[firstLeaf - 1 - child]!
      const node = firstNode + child
      const [left, right] = [trees.leftChildren[node]!, trees.rightChildren[node]!]
      const feature = trees.nodeFeatures[node]!
      if (isKnown(feature)) return below(goesLeft(trees, node, row[feature]!) ? left : right)
      return (below(left) * countOf(left) + below(right) * countOf(right)) / (countOf(left) + countOf(right))
    }
    value += below(trees.nodeOffsets[tree + 1] === firstNode ? -1 : 0)
  }
  return value
}

/** Shapley, "A value for n-person games", 1953: sum over sets S without i of |S|! (d - |S| - 1)! / d! * (v(S and i) - v(S)). */
function shapleyValues(trees: Trees, row: Row): number[] {
  const d = trees.featureCount
  const values = Array.from({ length: 2 ** d }, (_, set) =>
    gameValue(trees, row, (feature) => ((set >> feature) & 1) === 1),
  )
  const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1))
  const sizeOf = (set: number): number => (set === 0 ? 0 : (set & 1) + sizeOf(set >> 1))
  return Array.from({ length: d }, (_, i) => {
    let sum = 0
    for (let set = 0; set < 2 ** d; set++) {
      if ((set >> i) & 1) continue
      const size = sizeOf(set)
      sum += ((factorial(size) * factorial(d - size - 1)) / factorial(d)) * (values[set | (1 << i)]! - values[set]!)
    }
    return sum
  })
}

function contributionsOf(trees: Trees, row: Row): { contributions: Float64Array; average: number } {
  const contributions = new Float64Array(trees.featureCount)
  const explainer = new TreeContributions(trees)
  explainer.explain(row, contributions)
  return { contributions, average: explainer.average }
}

const rowsOf = (columns: readonly Float32Array[]): Row[] =>
  Array.from(columns[0]!, (_, r) => columns.map((column) => column[r]!))

const shapes = fc.record({
  seed: fc.nat(1_000_000),
  featureCount: fc.integer({ min: 1, max: 10 }),
  leafCounts: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 4 }),
})

describe('contributions', () => {
  test('are the Shapley values of the definition, missing values and categories included', () => {
    fc.assert(
      fc.property(shapes, ({ seed, ...size }) => {
        const rng = seededRng(seed)
        const trees = madeTrees(rng, size)
        const [row] = rowsOf(madeColumns(rng, 1, size.featureCount))
        const { contributions, average } = contributionsOf(trees, row!)
        expect(Math.abs(average - gameValue(trees, row!, () => false))).toBeLessThan(1e-9)
        for (const [feature, expected] of shapleyValues(trees, row!).entries()) {
          expect(Math.abs(contributions[feature]! - expected), `feature ${feature}`).toBeLessThan(1e-9)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('add up to the score', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 60 }), ({ seed, leafCounts }, featureCount) => {
        const rng = seededRng(seed)
        const trees = madeTrees(rng, { leafCounts: [...leafCounts, 300], featureCount })
        const columns = madeColumns(rng, 3, featureCount)
        const scores = plainScores(trees, columns)
        for (const [r, row] of rowsOf(columns).entries()) {
          const { contributions, average } = contributionsOf(trees, row)
          const sum = contributions.reduce((total, contribution) => total + contribution, average)
          expect(Math.abs(sum - scores[r]!)).toBeLessThan(1e-9)
        }
      }),
    )
  })

  test('of one split are the ways its rows went', () => {
    const trees = joinTrees([{ nodes: [node({ rowCount: 4 })], leafOutputs: [8, 0], leafRowCounts: [1, 3] }], {
      featureCount: 2,
      baseScore: 10,
    })
    expect(contributionsOf(trees, [0, 0])).toEqual({ contributions: Float64Array.of(6, 0), average: 12 })
    expect(contributionsOf(trees, [1, 0])).toEqual({ contributions: Float64Array.of(-2, 0), average: 12 })
  })

  test('are those of the definition where no training row went one way', () => {
    const nodes = [
      node({ left: 1, right: -1, rowCount: 9 }),
      node({ feature: 1, left: 2, right: -2, rowCount: 4 }),
      node({ feature: 1, threshold: 0.2, left: -3, right: -4, rowCount: 1 }),
    ]
    const trees = joinTrees([{ nodes, leafOutputs: [1, 2, 4, 8], leafRowCounts: [5, 3, 0, 1] }], {
      featureCount: 2,
      baseScore: 0,
    })
    for (const row of [0, 1].flatMap((first) => [0, 0.3, 1].map((second) => [first, second]))) {
      const { contributions } = contributionsOf(trees, row)
      expect(Array.from(contributions)).toEqual(shapleyValues(trees, row).map((value) => expect.closeTo(value, 12)))
    }
  })

  test('of a constant are nothing', () => {
    const trees = joinTrees([{ nodes: [], leafOutputs: [3], leafRowCounts: [0] }], { featureCount: 1, baseScore: 1 })
    expect(contributionsOf(trees, [5])).toEqual({ contributions: Float64Array.of(0), average: 4 })
  })
})

test('trees without row counts are refused with the place', () => {
  const trees = joinTrees([{ nodes: [node()], leafOutputs: [1, 2], leafRowCounts: [0, 0] }], {
    featureCount: 1,
    baseScore: 0,
  })
  expect(() => new TreeContributions(trees)).toThrowError(
    expect.objectContaining({
      code: 'MODEL_WITHOUT_ROW_COUNTS',
      message: expect.stringContaining('Tree 0'),
    } satisfies Partial<MillraceError>),
  )
})

function node(fields: Partial<TreeNode> = {}): TreeNode {
  return { feature: 0, threshold: 0.5, missingGoesLeft: false, left: -1, right: -2, gain: 1, rowCount: 0, ...fields }
}
