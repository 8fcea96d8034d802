import { MillraceError, type Problem } from '../../lib/errors.ts'
import { type BoostedTreesObjective, ranksQueries } from './settings.ts'

/** One feature of all rows. */
export interface FeatureColumn {
  readonly name: string
  /** One a row; NaN is missing. Categories are whole numbers from 0, below 2^24. Infinities are numbers like any other. */
  readonly values: Float32Array
  /** Default `number`. */
  readonly kind?: 'number' | 'category'
  /** `rising`: the score may not fall where the value rises, everything else equal; `falling`: it may not rise. For numbers only. */
  readonly direction?: 'rising' | 'falling'
}

/** Rows to learn from, or to watch the learning with. */
export interface LabelledRows {
  readonly columns: readonly FeatureColumn[]
  /** One a row: any number for `squared`, 0 or 1 for `logistic`, grades for the pairwise objectives: whole numbers from 0 to 30, more is better. */
  readonly labels: Float32Array
  /** One a row, above 0; all 1 when absent. */
  readonly weights?: Float32Array
  /** For the pairwise objectives: how many neighbouring rows each query has, in the order of the rows. */
  readonly querySizes?: ArrayLike<number>
}

/** Query q has the rows from offsets[q] to before offsets[q + 1]. */
export function queryOffsetsOf(querySizes: ArrayLike<number>): Int32Array {
  const offsets = new Int32Array(querySizes.length + 1)
  for (let q = 0; q < querySizes.length; q++) offsets[q + 1] = offsets[q]! + querySizes[q]!
  return offsets
}

/**
 * Everything that is wrong with the rows, at once.
 * @param where how to call them: "training" or "validation"
 * @throws TRAINING_INPUT_INVALID
 * @throws NOTHING_TO_TRAIN_ON when nothing is wrong, but nothing can be learned: one class, or no query whose labels differ
 */
export function checkRows(where: string, rows: LabelledRows, objective: BoostedTreesObjective): void {
  const problems = [...columnProblems(rows), ...labelProblems(rows, objective), ...weightProblems(rows)]
  if (ranksQueries(objective)) problems.push(...queryProblems(rows))
  if (problems.length > 0) {
    throw new MillraceError('TRAINING_INPUT_INVALID', `Trees cannot be trained with these ${where} rows.`, {
      problems: problems.map((problem) => ({ ...problem, where: `${where}.${problem.where}` })),
    })
  }
  const lack = whatIsLacking(rows, objective)
  if (lack === undefined) return
  throw new MillraceError('NOTHING_TO_TRAIN_ON', `The ${where} rows teach nothing: ${lack}.`, {
    fix: 'Take more rows, or of a longer time.',
  })
}

function columnProblems({ columns, labels }: LabelledRows): Problem[] {
  const problems: Problem[] = []
  if (columns.length === 0) problems.push({ where: 'columns', message: 'found none, expected at least one feature.' })
  for (const { name, values, kind, direction } of columns) {
    const where = `columns.${name}`
    if (values.length !== labels.length) {
      problems.push({
        where,
        message: `found ${values.length} values, expected one for each of ${labels.length} labels.`,
      })
    }
    if (kind !== 'category') continue
    const wrong = values.findIndex((value) => !Number.isNaN(value) && !isCategory(value))
    if (wrong >= 0) {
      problems.push({
        where: `${where}[${wrong}]`,
        message: `found ${values[wrong]}, expected a category: a whole number from 0 to ${LARGEST_CATEGORY}, or NaN.`,
      })
    }
    if (direction) {
      problems.push({ where, message: 'found a direction, expected none: categories have no order.' })
    }
  }
  return problems
}

/** Whole numbers up to here are float32 exactly. */
const LARGEST_CATEGORY = 2 ** 24 - 1

const isCategory = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= LARGEST_CATEGORY

/** Beyond, 2^grade - 1 leaves float32. */
const LARGEST_GRADE = 30

function labelProblems({ labels }: LabelledRows, objective: BoostedTreesObjective): Problem[] {
  const isRight = {
    squared: (label: number) => Number.isFinite(label),
    logistic: (label: number) => label === 0 || label === 1,
    pairwise: isGrade,
    lambdaMart: isGrade,
  }[objective]
  const expected = {
    squared: 'a finite number',
    logistic: '0 or 1',
    pairwise: `a whole number from 0 to ${LARGEST_GRADE}`,
    lambdaMart: `a whole number from 0 to ${LARGEST_GRADE}`,
  }[objective]
  return firstWrong('labels', labels, isRight, expected)
}

const isGrade = (label: number): boolean => Number.isInteger(label) && label >= 0 && label <= LARGEST_GRADE

function weightProblems({ weights, labels }: LabelledRows): Problem[] {
  if (!weights) return []
  const problems = firstWrong('weights', weights, (w) => Number.isFinite(w) && w > 0, 'a finite number above 0')
  if (weights.length !== labels.length) {
    problems.push({
      where: 'weights',
      message: `found ${weights.length}, expected one for each of ${labels.length} labels.`,
    })
  }
  return problems
}

function firstWrong(
  name: string,
  values: Float32Array,
  isRight: (value: number) => boolean,
  expected: string,
): Problem[] {
  const wrong = values.findIndex((value) => !isRight(value))
  if (wrong < 0) return []
  const wrongCount = values.reduce((count, value) => count + (isRight(value) ? 0 : 1), 0)
  const others = wrongCount > 1 ? `, and ${wrongCount - 1} more that are wrong` : ''
  return [{ where: `${name}[${wrong}]`, message: `found ${values[wrong]}${others}, expected ${expected}.` }]
}

function queryProblems({ querySizes, labels }: LabelledRows): Problem[] {
  if (!querySizes) return [{ where: 'querySizes', message: 'found none, expected the rows of each query.' }]
  let covered = 0
  for (let q = 0; q < querySizes.length; q++) {
    const size = querySizes[q]!
    if (!Number.isInteger(size) || size < 0) {
      return [{ where: `querySizes[${q}]`, message: `found ${size}, expected a whole number from 0.` }]
    }
    covered += size
  }
  if (covered === labels.length) return []
  return [{ where: 'querySizes', message: `found ${covered} rows in all queries, expected all ${labels.length}.` }]
}

/** Why nothing can be learned, or undefined. */
function whatIsLacking({ labels, querySizes }: LabelledRows, objective: BoostedTreesObjective): string | undefined {
  if (labels.length === 0) return 'there are none'
  if (objective === 'squared') return undefined
  if (objective === 'logistic') {
    return labels.every((label) => label === labels[0]) ? `all labels are ${labels[0]}` : undefined
  }
  const offsets = queryOffsetsOf(querySizes!)
  for (let q = 0; q < querySizes!.length; q++) {
    for (let row = offsets[q]! + 1; row < offsets[q + 1]!; row++) {
      if (labels[row] !== labels[row - 1]) return undefined
    }
  }
  return `in none of ${querySizes!.length} queries two rows have different labels`
}
