// Why a row got its score, for people and as JSON.
import { TreeContributions } from '../kernels/tree-contributions.ts'
import type { Trees } from '../kernels/trees.ts'
import { alignedColumns } from '../lib/aligned-columns.ts'

export interface ExplainedRow {
  readonly featureNames: readonly string[]
  /** One a feature, NaN where missing. */
  readonly values: ArrayLike<number>
  /** What a feature is in training rows on average, to compare the value with; NaN where that says nothing, as of categories. */
  readonly usualValues?: ArrayLike<number>
  /** How to write a value where its number says nothing: a category's name. */
  readonly valueTexts?: readonly (string | undefined)[]
}

export interface Explanation {
  readonly score: number
  /** The mean score of training rows, from which the contributions lead to the score. */
  readonly averageScore: number
  /** The largest first, whichever its sign; together score - averageScore. */
  readonly contributions: readonly FeatureContribution[]
}

export interface FeatureContribution {
  readonly featureName: string
  /** Null where missing. */
  readonly value: number | string | null
  readonly usualValue?: number
  /** How far it moved the score: its SHAP value. */
  readonly contribution: number
}

export interface RankedItem {
  readonly itemId: string
  readonly score: number
  /** By generator: the item's place in its list, from 1; those that did not propose it are missing. */
  readonly ranks: Readonly<Record<string, number>>
}

export interface ExplainedRecommendation {
  readonly version: string
  readonly userId: string
  readonly momentMs: number
  /** Interactions of the user. */
  readonly historyLength: number
  readonly candidateCount: number
  /** Best first. */
  readonly items: readonly RankedItem[]
  readonly explained: { readonly itemId: string; readonly place: number; readonly explanation: Explanation }
}

/**
 * Explains rows of one model; the trees are laid out once.
 * @throws MODEL_WITHOUT_ROW_COUNTS
 */
export function rowExplainer(trees: Trees): (row: ExplainedRow) => Explanation {
  const explainer = new TreeContributions(trees)
  const found = new Float64Array(trees.featureCount)
  return ({ featureNames, values, usualValues, valueTexts }) => {
    explainer.explain(values, found)
    const contributions = featureNames.map((featureName, f): FeatureContribution => {
      const value = Number.isNaN(values[f]!) ? null : (valueTexts?.[f] ?? values[f]!)
      const usualValue = usualValues?.[f]
      const isUsualKnown = usualValue !== undefined && !Number.isNaN(usualValue)
      return { featureName, value, ...(isUsualKnown && { usualValue }), contribution: found[f]! }
    })
    return {
      score: found.reduce((sum, contribution) => sum + contribution, explainer.average),
      averageScore: explainer.average,
      contributions: contributions.sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution)),
    }
  }
}

/** The explanation as lines for people, the features beyond the first few together. */
export function describeExplanation(
  { score, averageScore, contributions }: Explanation,
  { featureCount = 10 }: { readonly featureCount?: number } = {},
): readonly string[] {
  const shown = contributions.slice(0, featureCount)
  const others = contributions.slice(featureCount)
  const isUsualShown = shown.some(({ usualValue }) => usualValue !== undefined)
  const row = (name: string, value: string, usual: string, adds: string): string[] =>
    isUsualShown ? [name, value, usual, adds] : [name, value, adds]
  const rows = [row('feature', 'value', 'usually', 'adds')]
  for (const { featureName, value, usualValue, contribution } of shown) {
    const usual = usualValue === undefined ? '' : numberText(usualValue)
    rows.push(row(featureName, valueText(value), usual, signed(contribution)))
  }
  if (others.length > 0) {
    const rest = others.reduce((sum, { contribution }) => sum + contribution, 0)
    rows.push(row(others.length === 1 ? '1 other' : `${others.length} others`, '', '', signed(rest)))
  }
  return [
    `score ${score.toFixed(4)} = average ${averageScore.toFixed(4)} ${signed(score - averageScore).replace(/^./, '$& ')}`,
    ...alignedColumns(rows),
  ]
}

const signed = (value: number): string => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(4)}`

const numberText = (value: number): string => String(Number(value.toPrecision(4)))

function valueText(value: FeatureContribution['value']): string {
  if (value === null) return 'missing'
  return typeof value === 'number' ? numberText(value) : value
}
