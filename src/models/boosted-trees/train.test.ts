// Goal: training learns what there is to learn, is repeatable to the bit, and refuses what it cannot learn from. That single trees are right is
// shown beside the kernel.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KernelMemory } from '../../kernels/memory.ts'
import { scoreRows, TreeScorer } from '../../kernels/tree-scores.ts'
import { type Trees, treeCountOf } from '../../kernels/trees.ts'
import { MillraceError } from '../../lib/errors.ts'
import { seededRng } from '../../lib/rng.ts'
import type { FeatureColumn, LabelledRows } from './labelled-rows.ts'
import { type BoostedTreesSettings, boostedTreesSettings } from './settings.ts'
import { type BoostedTreesTraining, type TrainedTrees, trainBoostedTrees } from './train.ts'
import { treeArtifacts, treesOfArtifacts } from './tree-artifacts.ts'
import { validationMetric } from './validation-metric.ts'

type Given = Pick<BoostedTreesSettings, 'objective'> & Partial<BoostedTreesSettings>

const train = (given: Given, rows: LabelledRows, more: Partial<BoostedTreesTraining> = {}): Promise<TrainedTrees> =>
  trainBoostedTrees({ settings: boostedTreesSettings(given), rows, seed: 1, threadCount: 1, ...more })

const columnsOf = (rows: LabelledRows): Float32Array[] => rows.columns.map(({ values }) => values)

const numbers = (name: string, values: ArrayLike<number>, more: Partial<FeatureColumn> = {}): FeatureColumn => ({
  name,
  values: Float32Array.from(values),
  ...more,
})

/** A label of the first feature and the category, with a second feature that means nothing; every fifth value is missing. */
function madeRows(seed: number, rowCount: number, labelOf: (signal: number) => number): LabelledRows {
  const rng = seededRng(seed)
  const first = Array.from({ length: rowCount }, () => rng.normal())
  const category = Array.from({ length: rowCount }, () => rng.integer(12))
  const signals = first.map((value, row) => Math.sin(2 * value) + (category[row]! % 3) - 1 + 0.3 * rng.normal())
  return {
    columns: [
      numbers(
        'signal',
        first.map((value) => (rng.next() < 0.2 ? Number.NaN : value)),
      ),
      numbers(
        'noise',
        first.map(() => rng.next()),
      ),
      numbers('category', category, { kind: 'category' }),
    ],
    labels: Float32Array.from(signals, labelOf),
    querySizes: new Int32Array(rowCount / 10).fill(10),
  }
}

const labelsOf: Readonly<Record<BoostedTreesSettings['objective'], (signal: number) => number>> = {
  squared: (signal) => signal,
  logistic: (signal) => (signal > 0 ? 1 : 0),
  pairwise: (signal) => Math.max(0, Math.min(4, Math.round(signal + 1))),
  lambdaMart: (signal) => Math.max(0, Math.min(4, Math.round(signal + 1))),
}

describe.each(Object.keys(labelsOf) as BoostedTreesSettings['objective'][])('%s', (objective) => {
  const rows = madeRows(1, 2000, labelsOf[objective])
  const validation = madeRows(2, 1000, labelsOf[objective])
  const metric = validationMetric(validation, objective)
  const constant = metric.of(new Float64Array(1000).fill(objective === 'logistic' ? 0 : 0.4))

  test('learns: rows that were not seen are predicted much better than by a constant', async () => {
    const { trees, validation: last } = await train({ objective, trees: 60 }, rows, { validation })
    const value = metric.of(scoreRows(trees, columnsOf(validation)))
    // What training reports is what the finished trees give.
    expect(last).toEqual({ metric: metric.name, value })
    // The best possible is about 0.2 of the constant's error (the signal's variance is 1.2, the noise's and the missing's 0.2), NDCG about 0.9.
    if (metric.name === 'ndcg@10') expect(value).toBeGreaterThan(constant + (1 - constant) / 2)
    else expect(value).toBeLessThan(0.6 * constant)
  })

  test('gives the same bytes again, and with two threads', async () => {
    const given: Given = { objective, trees: 12, rowFraction: 0.8, featureFraction: 0.7, splitFeatureFraction: 0.6 }
    const bytesWith = async (threadCount: number) => treeArtifacts((await train(given, rows, { threadCount })).trees)
    const once = await bytesWith(1)
    expect(await bytesWith(1)).toEqual(once)
    expect(await bytesWith(2)).toEqual(once)
  })
})

test('smoothing draws a leaf towards what lies above it, the more the fewer its rows are', async () => {
  // 100 rows of 4 and 300 of 0: the mean, 1, is where the trees start, and the leaves' own outputs are 3 and -1.
  const values = Float32Array.from({ length: 400 }, (_, row) => (row < 100 ? 1 : 0))
  const rows = { columns: [numbers('x', values)], labels: values.map((value) => 4 * value) }
  const { trees } = await train({ objective: 'squared', trees: 1, leaves: 2, learningRate: 1, smoothing: 100 }, rows)
  const [high, low] = scoreRows(trees, [Float32Array.of(1, 0)])
  expect(high).toBeCloseTo(1 + (3 * 100) / (100 + 100), 2)
  expect(low).toBeCloseTo(1 - (1 * 300) / (300 + 100), 2)
})

test('however small the part of the features is by which a leaf may be split, two are left', async () => {
  const rows = madeRows(1, 500, labelsOf.squared)
  const { trees } = await train({ objective: 'squared', trees: 30, splitFeatureFraction: 0.001 }, rows)
  // The one of three that means nothing is never better than the other one that is drawn.
  const roots = Array.from({ length: 30 }, (_, tree) => trees.nodeFeatures[trees.nodeOffsets[tree]!]!)
  expect(new Set(roots)).toEqual(new Set([0, 2]))
})

test('a tree whose drawn features cannot split its root is not the last one', async () => {
  const rng = seededRng(11)
  const made = madeRows(1, 2000, labelsOf.lambdaMart)
  // Set in too few rows to split by, so that most draws of two have nothing else.
  const flags = Array.from({ length: 8 }, (_, f) =>
    numbers(
      `flag ${f}`,
      made.labels.map(() => (rng.next() < 0.004 ? 1 : 0)),
    ),
  )
  const { trees } = await train(
    { objective: 'lambdaMart', trees: 40 },
    { ...made, columns: [...made.columns, ...flags] },
  )
  expect(treeCountOf(trees)).toBe(40)
})

test('rankings have defaults of their own, and what is given comes before them', () => {
  expect(boostedTreesSettings({ objective: 'squared' })).toMatchObject({ splitFeatureFraction: 1, smoothing: 0 })
  for (const objective of ['lambdaMart', 'pairwise'] as const) {
    expect(boostedTreesSettings({ objective })).toMatchObject({ splitFeatureFraction: 0.3, smoothing: 50 })
    expect(boostedTreesSettings({ objective, splitFeatureFraction: 1, smoothing: 0 })).toMatchObject({
      splitFeatureFraction: 1,
      smoothing: 0,
    })
  }
})

test('another seed gives other trees, and about the same quality', async () => {
  const rows = madeRows(1, 2000, labelsOf.squared)
  const validation = madeRows(2, 1000, labelsOf.squared)
  const runs = await Promise.all([1, 2].map((seed) => train({ objective: 'squared' }, rows, { seed, validation })))
  expect(runs[0]!.trees.leafOutputs).not.toEqual(runs[1]!.trees.leafOutputs)
  expect(runs[0]!.validation!.value / runs[1]!.validation!.value).toBeCloseTo(1, 1)
})

test('weights count as repeated rows do', async () => {
  const rows = madeRows(3, 300, labelsOf.squared)
  const twice = Array.from(rows.labels.keys()).flatMap((row) => (row % 2 === 0 ? [row, row] : [row]))
  const repeated: LabelledRows = {
    columns: rows.columns.map((column) => ({
      ...column,
      values: Float32Array.from(twice, (row) => column.values[row]!),
    })),
    labels: Float32Array.from(twice, (row) => rows.labels[row]!),
  }
  const weights = rows.labels.map((_, row) => (row % 2 === 0 ? 2 : 1))
  const given: Given = { objective: 'squared', trees: 30, minRowsPerLeaf: 1, minHessianPerLeaf: 5 }
  const weighted = await train(given, { ...rows, weights })
  const plain = await train(given, repeated)
  const scores = [weighted, plain].map(({ trees }) => scoreRows(trees, columnsOf(rows)))
  // Bins differ by the rare values that are put together, and rounding at random: single rows more, the mean of all less.
  const difference = scores[0]!.reduce((sum, score, row) => sum + Math.abs(score - scores[1]![row]!), 0) / 300
  expect(difference).toBeLessThan(0.1)
})

describe('missing values', () => {
  test('go to the side where they belong', async () => {
    // The missing are like the low values in one feature, like the high ones in the other.
    for (const like of [0, 1]) {
      const values = Array.from({ length: 400 }, (_, row) => (row % 4 === 0 ? Number.NaN : row % 2))
      const labels = Float32Array.from(values, (value) => (Number.isNaN(value) ? like : value))
      const { trees } = await train(
        { objective: 'squared', trees: 50, leaves: 2 },
        { columns: [numbers('x', values)], labels },
      )
      const [missing, low, high] = scoreRows(trees, [Float32Array.of(Number.NaN, 0, 1)])
      expect([Math.round(missing!), Math.round(low!), Math.round(high!)]).toEqual([like, 0, 1])
    }
  })

  test('are a side of their own where only they differ', async () => {
    const values = Array.from({ length: 400 }, (_, row) => (row % 4 === 0 ? Number.NaN : row))
    const labels = Float32Array.from(values, (value) => (Number.isNaN(value) ? 1 : 0))
    const { trees } = await train(
      { objective: 'squared', trees: 50, leaves: 2 },
      { columns: [numbers('x', values)], labels },
    )
    const [missing, low, high] = scoreRows(trees, [Float32Array.of(Number.NaN, -1e9, 1e9)])
    expect([missing, low, high].map((score) => Math.round(score!))).toEqual([1, 0, 0])
  })
})

test('a feature with a direction never leads the other way, whatever the others are', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(1_000_000),
      fc.constantFrom('squared' as const, 'logistic' as const),
      fc.constantFrom(0, 50),
      async (seed, objective, smoothing) => {
        const rng = seededRng(seed)
        const x = Array.from({ length: 600 }, () => rng.next())
        const y = Array.from({ length: 600 }, () => rng.next())
        const z = Array.from({ length: 600 }, () => rng.next())
        // Against the directions in places, so that free trees would break them.
        const signals = x.map((value, row) => value - y[row]! + Math.sin(20 * value * z[row]!) + Math.cos(9 * y[row]!))
        const rows: LabelledRows = {
          columns: [
            numbers('x', x, { direction: 'rising' }),
            numbers('y', y, { direction: 'falling' }),
            numbers('z', z),
          ],
          labels: Float32Array.from(signals, labelsOf[objective]),
        }
        const { trees } = await train({ objective, trees: 20, minRowsPerLeaf: 5, smoothing }, rows)
        const grid = Float32Array.from({ length: 25 }, (_, i) => i / 24)
        const scorer = new TreeScorer(new KernelMemory(), trees, grid.length)
        const along = (feature: number, others: readonly number[]): number[] => {
          for (const [f, input] of scorer.inputs.entries()) {
            if (f === feature) input.set(grid)
            else input.fill(others[f]!)
          }
          return Array.from(scorer.score(grid.length))
        }
        for (let i = 0; i < 40; i++) {
          const others = [rng.next(), rng.next(), rng.next()]
          const rising = along(0, others)
          const falling = along(1, others)
          // Sums of float64 in one order: a sum of terms none of which falls does not fall.
          for (let at = 1; at < 25; at++) {
            expect(rising[at]!).toBeGreaterThanOrEqual(rising[at - 1]!)
            expect(falling[at]!).toBeLessThanOrEqual(falling[at - 1]!)
          }
        }
      },
    ),
    { numRuns: 5 },
  )
})

test('early stopping keeps the trees up to the best, and no more are grown than it waits for', async () => {
  const rows = madeRows(5, 300, labelsOf.squared)
  const validation = madeRows(6, 1000, labelsOf.squared)
  const values: number[] = []
  const given: Given = { objective: 'squared', trees: 400, learningRate: 0.3, earlyStoppingTrees: 10 }
  const { trees, validation: kept } = await train(given, rows, {
    validation,
    onTree: (progress) => void values.push(progress.validation!.value),
  })
  const best = values.indexOf(Math.min(...values))
  expect(treeCountOf(trees)).toBe(best + 1)
  expect(values.length).toBe(best + 1 + 10)
  expect(values.length).toBeLessThan(400)
  expect(kept!.value).toBe(values[best])
  const metric = validationMetric(validation, 'squared')
  expect(metric.of(scoreRows(trees, columnsOf(validation)))).toBe(values[best])
})

test('trees come out of a bundle as they went in', async () => {
  const { trees } = await train({ objective: 'squared', trees: 5 }, madeRows(7, 500, labelsOf.squared))
  expect(treesOfArtifacts(treeArtifacts(trees))).toEqual(trees)
  const damaged = { ...treeArtifacts(trees), leafOutputs: trees.leafOutputs.slice(1) }
  expect(() => treesOfArtifacts(damaged)).toThrow(/do not belong together: 5 trees should have/)
  const { nodeGains: _, ...incomplete } = treeArtifacts(trees)
  expect(() => treesOfArtifacts(incomplete)).toThrow(/nodeGains is missing/)
})

describe('what cannot be learned from is refused', () => {
  const rows = madeRows(8, 100, labelsOf.lambdaMart)

  async function refusal(given: Given, wrong: LabelledRows, more: Partial<BoostedTreesTraining> = {}): Promise<string> {
    const error = await train(given, wrong, more).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    if (!(error instanceof MillraceError)) throw error ?? new Error('nothing was refused')
    return [error.code, error.message, ...error.problems.map(({ where, message }) => `${where}: ${message}`)].join('\n')
  }

  test('labels that are no numbers, or not of the objective', async () => {
    const labels = rows.labels.slice()
    labels[3] = Number.NaN
    labels[7] = Number.NaN
    expect(await refusal({ objective: 'squared' }, { ...rows, labels })).toContain(
      'training.labels[3]: found NaN, and 1 more that are wrong, expected a finite number.',
    )
    expect(await refusal({ objective: 'logistic' }, rows)).toContain('expected 0 or 1')
    const half = rows.labels.map((label) => label / 2)
    expect(await refusal({ objective: 'lambdaMart' }, { ...rows, labels: half })).toContain('expected a whole number')
  })

  test('one class, no rows, no query with different labels', async () => {
    const zeros = new Float32Array(100)
    const none = { columns: [numbers('x', [])], labels: new Float32Array(0), querySizes: [] }
    expect(await refusal({ objective: 'logistic' }, { ...rows, labels: zeros })).toContain('all labels are 0')
    expect(await refusal({ objective: 'lambdaMart' }, { ...rows, labels: zeros })).toContain(
      'in none of 10 queries two rows have different labels',
    )
    expect(await refusal({ objective: 'lambdaMart' }, none)).toMatch(/^NOTHING_TO_TRAIN_ON/)
    expect(await refusal({ objective: 'squared' }, { ...none, columns: [] })).toContain('at least one feature')
  })

  test('one query is enough, if its labels differ', async () => {
    expect(
      treeCountOf((await train({ objective: 'lambdaMart', trees: 3 }, { ...rows, querySizes: [100] })).trees),
    ).toBe(3)
  })

  test('queries that do not cover the rows', async () => {
    const wrong = (querySizes: number[]) => refusal({ objective: 'lambdaMart' }, { ...rows, querySizes })
    expect(await wrong([50, 49])).toContain('training.querySizes: found 99 rows in all queries, expected all 100.')
    expect(await wrong([101, -1])).toContain('training.querySizes[1]: found -1')
    const { querySizes: _, ...without } = rows
    expect(await refusal({ objective: 'pairwise' }, without)).toContain('training.querySizes: found none')
  })

  test('columns of another length, categories that are none, weights of 0', async () => {
    const columns = [
      numbers('short', [1, 2]),
      numbers('wrong', new Float32Array(100).fill(0.5), { kind: 'category', direction: 'rising' }),
    ]
    const found = await refusal({ objective: 'squared' }, { ...rows, columns, weights: new Float32Array(99) })
    expect(found).toContain('training.columns.short: found 2 values, expected one for each of 100 labels.')
    expect(found).toContain('training.columns.wrong[0]: found 0.5, expected a category')
    expect(found).toContain('training.columns.wrong: found a direction')
    expect(found).toContain('training.weights: found 99')
    expect(found).toContain('training.weights[0]: found 0, and 98 more that are wrong')
  })

  test('features that never differ', async () => {
    const columns = [
      numbers('gone', new Float32Array(100).fill(Number.NaN)),
      numbers('one', new Float32Array(100).fill(7)),
    ]
    expect(await refusal({ objective: 'squared' }, { ...rows, columns })).toContain('None of 2 features')
  })

  test('validation rows with other columns, and stopping early without any', async () => {
    const validation = { ...rows, columns: rows.columns.slice(1) }
    expect(await refusal({ objective: 'squared' }, rows, { validation })).toContain(
      'The validation rows have the columns noise',
    )
    expect(await refusal({ objective: 'squared', earlyStoppingTrees: 5 }, rows)).toContain('no validation rows')
  })

  test('settings out of their ranges', () => {
    expect(() => boostedTreesSettings({ objective: 'squared', leaves: 1, learningRate: 0 })).toThrow(MillraceError)
    expect(() => boostedTreesSettings({ objective: 'huber' as 'squared' })).toThrow(/squared, logistic/)
    const isNormalized = 'yes' as unknown as boolean
    expect(() => boostedTreesSettings({ objective: 'lambdaMart', isNormalized })).toThrow(
      /"yes", expected true or false/,
    )
    expect(() => boostedTreesSettings({ objective: 'lambdaMart', smoothing: Number.NaN })).toThrow(MillraceError)
  })
})

test('features without use, and categories without a bin, are noted and do no harm', async () => {
  const rng = seededRng(9)
  const rowCount = 3000
  const signal = Array.from({ length: rowCount }, () => rng.next())
  const rows: LabelledRows = {
    columns: [
      numbers('gone', new Float32Array(rowCount).fill(Number.NaN)),
      numbers('one', new Float32Array(rowCount).fill(-3)),
      numbers(
        'ids',
        signal.map((_, row) => row * 300),
        { kind: 'category' },
      ),
      numbers(
        'endless',
        signal.map((value) => (value > 0.9 ? Number.POSITIVE_INFINITY : value)),
      ),
    ],
    labels: Float32Array.from(signal),
  }
  const { trees, notes } = await train({ objective: 'squared', trees: 40 }, rows)
  expect(notes).toEqual([
    'gone is missing in every row and has no part in the model.',
    'one has one value in every row and has no part in the model.',
    'ids has 3000 categories: the 255 most frequent are told apart, the others count as missing.',
  ])
  expect(usedFeatures(trees)).not.toContain(0)
  expect(usedFeatures(trees)).not.toContain(1)
  const scores = scoreRows(trees, columnsOf(rows))
  expect(scores.every(Number.isFinite)).toBe(true)
  expect(validationMetric(rows, 'squared').of(scores)).toBeLessThan(0.01)
})

const usedFeatures = (trees: Trees): number[] => [...new Set(trees.nodeFeatures)].sort((a, b) => a - b)

// A million in `npm run test:deep`.
const categoryCount = Number(process.env.MILLRACE_TREE_CATEGORIES ?? 100_000)

test(`${categoryCount} categories take seconds, not memory`, async () => {
  const rowCount = categoryCount
  const ids = Float32Array.from({ length: rowCount }, (_, row) => row)
  const rows: LabelledRows = {
    columns: [
      { name: 'id', values: ids, kind: 'category' },
      numbers(
        'x',
        ids.map((row) => row % 10),
      ),
    ],
    labels: ids.map((row) => row % 10),
  }
  const { notes } = await train({ objective: 'squared', trees: 2 }, rows)
  expect(notes).toEqual([
    `id has ${categoryCount} categories: the 255 most frequent are told apart, the others count as missing.`,
  ])
})
