// What boosted trees cannot learn from, told before hours are spent.
import { MAX_BIN_COUNT } from '../../kernels/tree-grower.ts'
import { MAX_SCORED_LEAVES } from '../../kernels/tree-scorer.ts'
import { MillraceError, type Problem } from '../../lib/errors.ts'
import { checkSettings } from '../settings-check.ts'
import type { TrainTreesOptions, TreesRows, TreesSettings } from './trees-settings.ts'

/** @throws TRAINING_INPUT_INVALID with every problem at once */
export function checkTrainingRows(rows: TreesRows, settings: TreesSettings, options: TrainTreesOptions): void {
  checkSettings(
    'boosted trees',
    { ...settings },
    {
      trees: { low: 1, isInteger: true },
      leaves: { low: 2, high: MAX_SCORED_LEAVES, isInteger: true },
      maxDepth: { low: 0, isInteger: true },
      learningRate: { low: 1e-6, high: 1 },
      bins: { low: 2, high: MAX_BIN_COUNT - 1, isInteger: true },
      minRows: { low: 1, isInteger: true },
      minHessian: { low: 0 },
      minGain: { low: 0 },
      l2: { low: 0 },
      rowShare: { low: 1e-6, high: 1 },
      featureShare: { low: 1e-6, high: 1 },
      truncation: { low: 1, isInteger: true },
      ndcgAt: { low: 1, isInteger: true },
      patience: { low: 1, isInteger: true },
    },
  )
  const problems = [
    ...rowProblems('training rows', rows, settings, options.featureNames),
    ...(options.validation ? rowProblems('validation rows', options.validation, settings, options.featureNames) : []),
  ]
  if (problems.length === 0) return
  throw new MillraceError('TRAINING_INPUT_INVALID', 'Boosted trees cannot be trained on these rows.', {
    problems,
    fix: 'Look at how the training set was made: its labels, its features and its split.',
  })
}

function rowProblems(
  where: string,
  { columns, labels, weights, queryOffsets }: TreesRows,
  { objective }: TreesSettings,
  featureNames: readonly string[],
): Problem[] {
  const problems: Problem[] = []
  const add = (place: string, message: string): void => {
    problems.push({ where: `${where}: ${place}`, message })
  }
  if (columns.length === 0) add('features', 'found none, expected at least one.')
  if (columns.length !== featureNames.length) {
    add('features', `found ${columns.length} columns and ${featureNames.length} names, expected as many.`)
  }
  if (labels.length === 0) add('labels', 'found no row, expected at least one.')
  for (const [feature, column] of columns.entries()) {
    const name = featureNames[feature] ?? `column ${feature}`
    if (column.length !== labels.length) add(name, `found ${column.length} values and ${labels.length} labels.`)
    const infinite = column.findIndex(
      (value) => value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY,
    )
    if (infinite >= 0)
      add(name, `row ${infinite} is ${column[infinite]}, expected a finite number, or NaN where it is missing.`)
  }
  const unusable = labels.findIndex((label) => !Number.isFinite(label))
  if (unusable >= 0) add('labels', `row ${unusable} is ${labels[unusable]}, expected a finite number.`)
  const badWeight = weights?.findIndex((weight) => !(weight > 0 && Number.isFinite(weight))) ?? -1
  if (badWeight >= 0) add('weights', `row ${badWeight} is ${weights![badWeight]}, expected a finite number above 0.`)
  if (weights && weights.length !== labels.length) {
    add('weights', `found ${weights.length} weights and ${labels.length} labels.`)
  }
  if (unusable < 0 && labels.length > 0) problems.push(...labelProblems(where, labels, queryOffsets, objective))
  return problems
}

function labelProblems(
  where: string,
  labels: Float64Array,
  queryOffsets: Int32Array | undefined,
  objective: TreesSettings['objective'],
): Problem[] {
  const problem = (place: string, message: string): Problem => ({ where: `${where}: ${place}`, message })
  const smallest = labels.reduce((least, label) => Math.min(least, label), Number.POSITIVE_INFINITY)
  const largest = labels.reduce((most, label) => Math.max(most, label), Number.NEGATIVE_INFINITY)
  if (objective === 'logistic' && (smallest < 0 || largest > 1)) {
    return [problem('labels', `found ${smallest} to ${largest}, expected 0 to 1.`)]
  }
  if (objective === 'lambdaMart' && (smallest < 0 || largest > 30)) {
    return [
      problem(
        'labels',
        `found grades from ${smallest} to ${largest}, expected 0 to 30: a grade's gain is 2 ^ grade - 1.`,
      ),
    ]
  }
  if (smallest === largest) {
    return [
      problem(
        'labels',
        `every row has ${smallest}, expected at least two different ones: there is nothing to tell apart.`,
      ),
    ]
  }
  if (objective !== 'lambdaMart') return []
  if (!queryOffsets)
    return [problem('queries', 'found none, expected where each begins: a ranking is learned list by list.')]
  const isAscending = queryOffsets.every((offset, i) => i === 0 || offset > queryOffsets[i - 1]!)
  if (queryOffsets[0] !== 0 || queryOffsets.at(-1) !== labels.length || !isAscending) {
    return [
      problem(
        'queries',
        `they do not cover the rows: found ${queryOffsets[0]} to ${queryOffsets.at(-1)}, expected 0 to ${labels.length}, ascending.`,
      ),
    ]
  }
  return hasPair(labels, queryOffsets)
    ? []
    : [
        problem(
          'queries',
          'in every one all rows have the same grade, expected some list with a better and a worse one.',
        ),
      ]
}

function hasPair(labels: Float64Array, queryOffsets: Int32Array): boolean {
  for (let query = 0; query + 1 < queryOffsets.length; query++) {
    for (let row = queryOffsets[query]! + 1; row < queryOffsets[query + 1]!; row++) {
      if (labels[row] !== labels[row - 1]) return true
    }
  }
  return false
}
