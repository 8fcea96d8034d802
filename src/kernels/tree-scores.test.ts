// Goal: fast scores are the plain ones. Method: random trees of every shape are walked down row by row, and the sums must be equal to the bit.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Rng, seededRng } from '../lib/rng.ts'
import { KernelMemory } from './memory.ts'
import { scoreRows, TreeScorer } from './tree-scores.ts'
import { joinTrees, leafOfRow, type TreeNode, type TreeParts, type Trees, treeCountOf } from './trees.ts'

/** Leaves are split at random, until there are enough. */
function madeTree(rng: Rng, leafCount: number, featureCount: number): TreeParts {
  const nodes: { -readonly [K in keyof TreeNode]: TreeNode[K] }[] = []
  const hangers: { node: number; side: 'left' | 'right' }[] = []
  for (let leaf = 1; leaf < leafCount; leaf++) {
    const split = rng.integer(leaf)
    const node = nodes.length
    const hanger = hangers[split]
    if (hanger) nodes[hanger.node]![hanger.side] = node
    const isCategorical = rng.next() < 0.1
    nodes.push({
      feature: rng.integer(featureCount),
      threshold: isCategorical ? 0 : madeValue(rng),
      ...(isCategorical && { categories: [0, 1, 2, 3, 9].filter(() => rng.next() < 0.5) }),
      missingGoesLeft: !isCategorical && rng.next() < 0.5,
      left: -1 - split,
      right: -1 - leaf,
      gain: 1,
      rowCount: 1,
    })
    hangers[split] = { node, side: 'left' }
    hangers[leaf] = { node, side: 'right' }
  }
  return {
    nodes,
    leafOutputs: Float64Array.from({ length: leafCount }, () => rng.normal()),
    leafRowCounts: new Int32Array(leafCount),
  }
}

/** Few different ones, so that values and thresholds are often equal. */
function madeValue(rng: Rng): number {
  const kind = rng.next()
  if (kind < 0.03) return Number.POSITIVE_INFINITY
  if (kind < 0.06) return Number.NEGATIVE_INFINITY
  return kind < 0.6 ? rng.integer(10) : Math.fround(rng.normal())
}

function madeTrees(rng: Rng, size: { leafCounts: readonly number[]; featureCount: number }): Trees {
  const parts = size.leafCounts.map((leafCount) => madeTree(rng, leafCount, size.featureCount))
  return joinTrees(parts, { featureCount: size.featureCount, baseScore: rng.normal() })
}

function madeColumns(rng: Rng, rowCount: number, featureCount: number): Float32Array[] {
  return Array.from({ length: featureCount }, () =>
    Float32Array.from({ length: rowCount }, () => (rng.next() < 0.15 ? Number.NaN : madeValue(rng))),
  )
}

function plainScores(trees: Trees, columns: readonly Float32Array[]): number[] {
  return Array.from(columns[0]!, (_, row) => {
    let score = trees.baseScore
    for (let tree = 0; tree < treeCountOf(trees); tree++) {
      const firstLeaf = trees.nodeOffsets[tree]! + tree
      score += trees.leafOutputs[firstLeaf + leafOfRow(trees, tree, (feature) => columns[feature]![row]!)]!
    }
    return score
  })
}

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
