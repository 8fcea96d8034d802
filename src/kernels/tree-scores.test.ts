// Goal: fast scores are the plain ones. Method: random trees of every shape are walked down row by row, and the sums must be equal to the bit.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededRng } from '../lib/rng.ts'
import { KernelMemory } from './memory.ts'
import { scoreRows, TreeScorer } from './tree-scores.ts'
import { madeColumns, madeTrees, plainScores } from './trees.testing.ts'
import { joinTrees } from './trees.ts'

describe('against walking down every tree', () => {
  test('scores are equal to the bit', () => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.nat(1_000_000),
          rowCount: fc.integer({ min: 1, max: 700 }),
          featureCount: fc.integer({ min: 1, max: 6 }),
          leafCounts: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 12 }),
        }),
        ({ seed, rowCount, ...size }) => {
          const rng = seededRng(seed)
          const trees = madeTrees(rng, size)
          const columns = madeColumns(rng, rowCount, size.featureCount)
          expect(Array.from(scoreRows(trees, columns))).toEqual(plainScores(trees, columns))
        },
      ),
    )
  })

  test('so are those of trees with more leaves, and features with more thresholds, than a byte has numbers', () => {
    const rng = seededRng(3)
    const trees = madeTrees(rng, { leafCounts: [700, 256, 255, 257], featureCount: 2 })
    expect(new Set(trees.nodeThresholds).size).toBeGreaterThan(256)
    const columns = madeColumns(rng, 500, 2)
    expect(Array.from(scoreRows(trees, columns))).toEqual(plainScores(trees, columns))
  })
})

test('so are those where one feature of categories has more nodes than a table has bits in a few bytes', () => {
  const rng = seededRng(5)
  const setOf = (): number[] => Array.from({ length: 40 }, (_, category) => category).filter(() => rng.next() < 0.5)
  // Stumps, so that every bit shows by itself in the score.
  const parts = Array.from({ length: 150 }, (_, tree) => ({
    nodes: [
      {
        feature: 1,
        threshold: 0,
        categories: setOf(),
        missingGoesLeft: false,
        left: -1,
        right: -2,
        gain: 1,
        rowCount: 2,
      },
    ],
    leafOutputs: [2 ** -(tree % 20), rng.normal()],
    leafRowCounts: [1, 1],
  }))
  const trees = joinTrees(parts, { featureCount: 3, baseScore: 0.5 })
  const categories = [...Array(45).keys(), Number.NaN, 0.5, -1, 1e9, Number.POSITIVE_INFINITY]
  const columns = [0, 1, 2].map(() =>
    Float32Array.from({ length: 530 }, (_, row) => categories[row % categories.length]!),
  )
  expect(Array.from(scoreRows(trees, columns))).toEqual(plainScores(trees, columns))
  expect(new TreeScorer(new KernelMemory(), trees, 1).usedFeatures).toEqual([1])
})

test('a scorer can be used again, for fewer rows too, and keeps its inputs', () => {
  const rng = seededRng(4)
  const trees = madeTrees(rng, { leafCounts: [31, 31, 8], featureCount: 4 })
  const scorer = new TreeScorer(new KernelMemory(), trees, 100)
  for (const rowCount of [100, 7, 0, 65]) {
    const columns = madeColumns(rng, Math.max(1, rowCount), 4).map((column) => column.subarray(0, rowCount))
    for (const [feature, input] of scorer.inputs.entries()) input.set(columns[feature]!)
    const scores = Array.from(scorer.score(rowCount))
    expect(scores).toEqual(plainScores(trees, columns))
    expect(Array.from(scorer.score(rowCount))).toEqual(scores)
  }
})
