import { expect, test } from 'vitest'
import { TreeScorer } from '../../kernels/tree-scorer.ts'
import { type Trees, treeCountOf } from '../../kernels/trees.ts'
import { seededRng } from '../../lib/rng.ts'
import { lambdaMartObjective } from './objective.ts'
import { scoreRow } from './score-row.ts'
import { trainTrees } from './train-trees.ts'
import { defaultTreesSettings, type TreesRows, type TreesSettings } from './trees-settings.ts'

const featureNames = ['price', 'age', 'noise']
const options = { featureNames, seed: 1, threadCount: 1 }
const small: TreesSettings = { ...defaultTreesSettings, objective: 'squared', trees: 20, leaves: 8, minRows: 5 }

/** A step in price, a slope in age, which is missing for one in five, and noise that means nothing. */
function madeRows(rowCount: number, seed: number): TreesRows {
  const rng = seededRng(seed)
  const columns = featureNames.map(() => Float32Array.from({ length: rowCount }, () => rng.next()))
  for (let row = 0; row < rowCount; row++) if (rng.integer(5) === 0) columns[1]![row] = Number.NaN
  const labels = Float64Array.from({ length: rowCount }, (_, row) => {
    const age = columns[1]![row]!
    return (columns[0]![row]! > 0.5 ? 2 : 0) + (Number.isNaN(age) ? 3 : age) + 0.1 * rng.next()
  })
  return { columns, labels, weights: undefined, queryOffsets: undefined }
}

/** Grades that follow the price within a query, with what its query adds to all rows left out of them. */
function madeQueries(queryCount: number, seed: number): TreesRows {
  const rng = seededRng(seed)
  const sizes = Array.from({ length: queryCount }, () => 2 + rng.integer(90))
  const queryOffsets = new Int32Array(queryCount + 1)
  for (const [query, size] of sizes.entries()) queryOffsets[query + 1] = queryOffsets[query]! + size
  const rowCount = queryOffsets.at(-1)!
  const columns = featureNames.map(() => Float32Array.from({ length: rowCount }, () => rng.next()))
  const labels = Float64Array.from({ length: rowCount }, (_, row) =>
    Math.min(4, Math.floor(3.5 * columns[0]![row]! + 1.5 * columns[1]![row]! + 0.5 * rng.next())),
  )
  return { columns, labels, weights: undefined, queryOffsets }
}

const rowOf = ({ columns }: TreesRows, row: number): number[] => columns.map((column) => column[row]!)

function squaredErrorOf(trees: Trees, rows: TreesRows): number {
  let sum = 0
  for (const [row, label] of rows.labels.entries()) sum += (scoreRow(trees, rowOf(rows, row)) - label) ** 2
  return sum / rows.labels.length
}

test('what is learned holds for rows that were not seen, missing values included', async () => {
  const trees = await trainTrees(madeRows(2000, 1), { ...small, trees: 60 }, options)
  // Labels vary by 2 or so; what no model can know of them is the noise's variance, 0.01 / 12.
  expect(squaredErrorOf(trees, madeRows(500, 2))).toBeLessThan(0.02)
})

test('the same rows, settings and seed give the same bytes, with one thread and with two', async () => {
  const rows = madeQueries(40, 1)
  const settings = { ...small, objective: 'lambdaMart', rowShare: 0.7, featureShare: 0.7 } as const
  const [first, again, onTwo] = await Promise.all(
    [1, 1, 2].map((threadCount) => trainTrees(rows, settings, { ...options, threadCount })),
  )
  expect(again).toEqual(first)
  expect(onTwo).toEqual(first)
  expect(await trainTrees(rows, settings, { ...options, seed: 2 })).not.toEqual(first)
})

test('LambdaMART brings better rows of lists that it has not seen to the front', async () => {
  const losses: number[] = []
  const onTree = ({ validationLoss }: { validationLoss: number | undefined }): void => {
    losses.push(validationLoss!)
  }
  const settings = { ...small, objective: 'lambdaMart' } as const
  const held = madeQueries(40, 2)
  await trainTrees(madeQueries(120, 1), settings, { ...options, validation: held, onTree })
  expect(losses.at(-1)).toBeLessThan(losses[0]!)
  // Of the order that the rows came in, which says nothing of them.
  const unlearned = lambdaMartObjective(held, settings).loss(new Float64Array(held.labels.length))
  expect(losses.at(-1)).toBeLessThan(unlearned / 4)
})

test('logistic trees give the odds of what was seen', async () => {
  const rng = seededRng(5)
  const columns = featureNames.map(() => Float32Array.from({ length: 4000 }, () => rng.next()))
  const labels = Float64Array.from({ length: 4000 }, (_, row) =>
    Number(rng.next() < (columns[0]![row]! > 0.5 ? 0.8 : 0.1)),
  )
  const rows = { columns, labels, weights: undefined, queryOffsets: undefined }
  const trees = await trainTrees(rows, { ...small, objective: 'logistic', trees: 40, leaves: 2 }, options)
  const probability = (price: number): number => 1 / (1 + Math.exp(-scoreRow(trees, [price, 0.5, 0.5])))
  // About 2,000 rows on each side: a standard error below 0.01.
  expect(probability(0.9)).toBeCloseTo(0.8, 1)
  expect(probability(0.1)).toBeCloseTo(0.1, 1)
})

test('a row of twice the weight counts as two rows', async () => {
  const rows = madeRows(300, 1)
  // Few values, so that twice the rows have the same bins.
  for (const column of rows.columns)
    for (const [row, value] of column.entries()) column[row] = Math.floor(8 * value) / 8
  const doubled = Array.from({ length: 600 }, (_, i) => Math.floor(i / 2))
  const repeated = {
    ...rows,
    columns: rows.columns.map((column) => Float32Array.from(doubled, (row) => column[row]!)),
    labels: Float64Array.from(doubled, (row) => rows.labels[row]!),
  }
  const settings = { ...small, trees: 1, learningRate: 1, minRows: 1, minHessian: 10 }
  const weighted = await trainTrees({ ...rows, weights: new Float64Array(300).fill(2) }, settings, options)
  const copied = await trainTrees(repeated, settings, options)
  for (let row = 0; row < 50; row++) {
    expect(scoreRow(weighted, rowOf(rows, row))).toBeCloseTo(scoreRow(copied, rowOf(rows, row)), 1)
  }
})

test('training ends when the validation loss stops falling, and keeps the trees up to its best', async () => {
  const losses: number[] = []
  const trees = await trainTrees(
    madeRows(60, 1),
    { ...small, trees: 500, learningRate: 1, minRows: 1, patience: 5 },
    {
      ...options,
      validation: madeRows(200, 2),
      onTree: ({ validationLoss }) => losses.push(validationLoss!),
    },
  )
  const best = losses.indexOf(Math.min(...losses)) + 1
  expect(treeCountOf(trees)).toBe(best)
  expect(losses).toHaveLength(best + 5)
})

test('the score never falls along a feature that may only raise it', async () => {
  const rng = seededRng(3)
  const columns = featureNames.map(() => Float32Array.from({ length: 1500 }, () => rng.next()))
  const labels = Float64Array.from(
    { length: 1500 },
    (_, row) => Math.sin(9 * columns[0]![row]!) + columns[1]![row]! + rng.next(),
  )
  const rows = { columns, labels, weights: undefined, queryOffsets: undefined }
  const trees = await trainTrees(rows, small, { ...options, monotone: Int32Array.of(1, 0, -1) })
  for (let i = 0; i < 200; i++) {
    const others = [rng.next(), rng.next()]
    const along = Array.from({ length: 40 }, (_, step) => scoreRow(trees, [step / 40, others[0]!, others[1]!]))
    expect(along).toEqual([...along].sort((a, b) => a - b))
    const down = Array.from({ length: 40 }, (_, step) => scoreRow(trees, [others[0]!, others[1]!, step / 40]))
    expect(down).toEqual([...down].sort((a, b) => b - a))
  }
})

test('the kernel scores as node by node, to the last bit, with any number of rows', async () => {
  const rows = madeRows(500, 1)
  const trees = await trainTrees(rows, { ...small, leaves: 32 }, options)
  const scorer = new TreeScorer(trees, 500)
  for (const [feature, column] of rows.columns.entries()) scorer.columns[feature]!.set(column)
  for (const count of [1, 15, 16, 17, 500]) {
    const scores = scorer.score(count)
    for (let row = 0; row < count; row++) expect(scores[row]).toBe(scoreRow(trees, rowOf(rows, row)))
  }
})

const refused: readonly (readonly [
  what: string,
  rows: () => TreesRows,
  settings: Partial<TreesSettings>,
  said: RegExp,
])[] = [
  [
    'labels that are all alike',
    () => ({ ...madeRows(50, 1), labels: new Float64Array(50).fill(1) }),
    {},
    /every row has 1/,
  ],
  [
    'a label that is not a number',
    () => ({ ...madeRows(3, 1), labels: Float64Array.of(1, Number.NaN, 2) }),
    {},
    /row 1 is NaN/,
  ],
  ['no rows', () => ({ ...madeRows(0, 1) }), {}, /found no row/],
  [
    'an infinite value',
    () => ({ ...madeRows(1, 1), columns: featureNames.map(() => Float32Array.of(1 / 0)) }),
    {},
    /row 0 is Infinity/,
  ],
  ['ranking without queries', () => madeRows(50, 1), { objective: 'lambdaMart' }, /where each begins/],
  [
    'queries that do not cover the rows',
    () => ({ ...madeQueries(3, 1), queryOffsets: Int32Array.of(0, 2) }),
    { objective: 'lambdaMart' },
    /do not cover/,
  ],
  [
    'lists in which nothing is better',
    () => ({ ...madeRows(4, 1), labels: Float64Array.of(0, 0, 1, 1), queryOffsets: Int32Array.of(0, 2, 4) }),
    { objective: 'lambdaMart' },
    /better and a worse/,
  ],
  [
    'grades below 0',
    () => ({ ...madeRows(2, 1), labels: Float64Array.of(-1, 1), queryOffsets: Int32Array.of(0, 2) }),
    { objective: 'lambdaMart' },
    /0 to 30/,
  ],
  [
    'a probability above 1',
    () => ({ ...madeRows(2, 1), labels: Float64Array.of(0, 2) }),
    { objective: 'logistic' },
    /0 to 1/,
  ],
  ['a weight of 0', () => ({ ...madeRows(2, 1), weights: Float64Array.of(0, 1) }), {}, /above 0/],
]

test.each(refused)('%s: refused, and told where', async (_what, rows, settings, said) => {
  const error = await trainTrees(rows(), { ...small, ...settings }, options).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'TRAINING_INPUT_INVALID' })
  expect(JSON.stringify((error as { problems: unknown }).problems)).toMatch(said)
})

test('settings outside their ranges are refused, all at once', async () => {
  const settings = { ...small, leaves: 64, learningRate: 0 }
  await expect(trainTrees(madeRows(50, 1), settings, options)).rejects.toMatchObject({
    problems: [{ where: 'boosted trees.leaves' }, { where: 'boosted trees.learningRate' }],
  })
})

test('a feature that is missing everywhere, or the same everywhere, is never used', async () => {
  const rows = madeRows(300, 1)
  rows.columns[0]!.fill(Number.NaN)
  rows.columns[2]!.fill(7)
  const trees = await trainTrees(rows, small, options)
  expect(new Set(trees.features)).toEqual(new Set([1]))
})
