// Goal: a model that LightGBM trained scores here as it does there, and is explained as Python's shap explains it. The fixture, a model with LightGBM's own
// scores and the contributions of shap, is made by bench/lightgbm-fixture.py.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { TreeContributions } from '../../kernels/tree-contributions.ts'
import { scoreRows } from '../../kernels/tree-scores.ts'
import { MISSING_GOES_LEFT, PARTS_CATEGORIES, treeCountOf } from '../../kernels/trees.ts'
import type { MillraceError } from '../../lib/errors.ts'
import { parseLightgbmModel } from './lightgbm-model.ts'

const folder = join(import.meta.dirname, 'lightgbm-fixture')
const text = readFileSync(join(folder, 'model.txt'), 'utf8')
const predictions: { columns: (number | null)[][]; scores: number[] } = JSON.parse(
  readFileSync(join(folder, 'predictions.json'), 'utf8'),
)

test('scores are those of LightGBM to the bit', () => {
  const { trees, objective, featureNames } = parseLightgbmModel(text)
  const columns = predictions.columns.map((column) => Float32Array.from(column, (value) => value ?? Number.NaN))
  expect(Array.from(scoreRows(trees, columns))).toEqual(predictions.scores)
  expect(objective).toBe('binary sigmoid:1')
  expect(featureNames).toHaveLength(8)
  // The fixture would show little if it had only one kind of node.
  expect(treeCountOf(trees)).toBe(6)
  expect(new Set(trees.nodeFlags)).toEqual(new Set([0, MISSING_GOES_LEFT, PARTS_CATEGORIES]))
})

test('contributions are those of shap, for missing values and categories too', () => {
  const recorded: { average: number; contributions: number[][] } = JSON.parse(
    readFileSync(join(folder, 'contributions.json'), 'utf8'),
  )
  const { trees } = parseLightgbmModel(text)
  const explainer = new TreeContributions(trees)
  const found = new Float64Array(trees.featureCount)
  expect(Math.abs(explainer.average - recorded.average)).toBeLessThan(1e-12)
  expect(recorded.contributions).toHaveLength(50)
  for (const [r, expected] of recorded.contributions.entries()) {
    explainer.explain(
      predictions.columns.map((column) => column[r] ?? Number.NaN),
      found,
    )
    const largest = found.reduce((most, value, f) => Math.max(most, Math.abs(value - expected[f]!)), 0)
    expect(largest, `row ${r}`).toBeLessThan(1e-12)
  }
})

test('thresholds between two float32 part them as LightGBM does', () => {
  const thresholds = [0.1, -0.1, 1e-50, -1e-50, 1e300, 16_777_217, 0]
  for (const threshold of thresholds) {
    const { trees } = parseLightgbmModel(stump({ threshold: String(threshold) }))
    const near = Math.fround(threshold)
    const step = Math.max(2 ** -149, Math.abs(near) * 2 ** -23)
    const values = Float32Array.of(near, near - step, near + step, 0, -(2 ** -149), 2 ** -149, 3e38).filter(
      (value) => !Number.isNaN(value),
    )
    const expected = Array.from(values, (value) => (value <= threshold ? 1 : 2))
    expect(Array.from(scoreRows(trees, [values])), `threshold ${threshold}`).toEqual(expected)
  }
})

test('where LightGBM saw no missing value, it takes one for 0', () => {
  const scoreOfMissing = (fields: Partial<StumpFields>): number =>
    scoreRows(parseLightgbmModel(stump(fields)).trees, [Float32Array.of(Number.NaN)])[0]!
  expect(scoreOfMissing({ threshold: '0.5', type: '0' })).toBe(1)
  expect(scoreOfMissing({ threshold: '-0.5', type: '2' })).toBe(2)
  expect(scoreOfMissing({ threshold: '0.5', type: '8' })).toBe(2)
  expect(scoreOfMissing({ threshold: '-0.5', type: '10' })).toBe(1)
})

describe('what cannot be used is refused with its place', () => {
  const problemsOf = (model: string): string[] => {
    try {
      parseLightgbmModel(model)
      return []
    } catch (error) {
      expect((error as MillraceError).code).toBe('MODEL_FILE_INVALID')
      return (error as MillraceError).problems.map(({ where, message }) => `${where}: ${message}`)
    }
  }

  test('another file', () => {
    expect(problemsOf('{}')[0]).toMatch(/^line 1: found no header/)
    expect(problemsOf('')[0]).toMatch(/^line 1/)
  })

  test('a file that ends early', () => {
    expect(problemsOf(text.slice(0, text.indexOf('Tree=4')))[0]).toBe(
      'tree_sizes: found 4 trees, expected 6, as the header says: the file ends early.',
    )
    expect(problemsOf(text.slice(0, text.indexOf('leaf_value') + 20))).not.toEqual([])
  })

  test('zeros that count as missing, several classes, forests, linear leaves', () => {
    expect(problemsOf(stump({ type: '6' }))[0]).toMatch(/^Tree=0 decision_type: found zeros/)
    expect(problemsOf(stump().replace('num_tree_per_iteration=1', 'num_tree_per_iteration=3'))).toHaveLength(1)
    expect(problemsOf(stump().replace('tree\n', 'tree\naverage_output\n'))).toHaveLength(1)
    expect(problemsOf(stump().replace('is_linear=0', 'is_linear=1'))).toHaveLength(1)
  })

  test('a tree that leads in a circle, or to a feature that is not there', () => {
    expect(problemsOf(stump({ left: '0' }))).toEqual([
      'Tree=0 left_child[0]: found 0, expected a node below this one, or a leaf, that hangs from no other.',
    ])
    expect(problemsOf(stump({ right: '-1' }))).toHaveLength(1)
    expect(problemsOf(stump({ feature: '3' }))).toEqual([
      'Tree=0 split_feature[0]: found 3, expected a feature from 0 to 0.',
    ])
    expect(problemsOf(stump({ threshold: 'x' }))).toHaveLength(1)
  })
})

interface StumpFields {
  readonly threshold: string
  readonly type: string
  readonly feature: string
  readonly left: string
  readonly right: string
}

/** A model of one node: 1 on the left, 2 on the right. */
function stump(fields: Partial<StumpFields> = {}): string {
  const { threshold, type, feature, left, right } = {
    threshold: '0.5',
    type: '2',
    feature: '0',
    left: '-1',
    right: '-2',
    ...fields,
  }
  return [
    'tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=regression\n',
    `Tree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=${feature}\nthreshold=${threshold}\ndecision_type=${type}`,
    `left_child=${left}\nright_child=${right}\nleaf_value=1 2\nis_linear=0\nshrinkage=1\n\n\nend of trees\n`,
  ].join('\n')
}
