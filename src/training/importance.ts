// How much a ranker needs each feature, asked in three ways that answer different questions: what its trees gained by it (free, of the training rows), what
// ranking loses when its values are mixed up (of unseen rows, the model as it is), and what training anew without it loses (what the feature is worth keeping for).
import { type Trees, treeCountOf } from '../kernels/trees.ts'
import { alignedColumns } from '../lib/aligned-columns.ts'
import { comparePaired, type PairedComparison } from '../lib/bootstrap.ts'
import { holmAdjusted } from '../lib/holm.ts'
import { seededRng } from '../lib/rng.ts'
import { queryOffsetsOf } from '../models/boosted-trees/labelled-rows.ts'
import { gradedNdcg } from '../models/boosted-trees/validation-metric.ts'

/** What the trees themselves say of a feature. */
export interface TreeImportance {
  readonly featureName: string
  /** Its part of all that splits gained, in [0, 1]; 0 for every feature where an imported model does not tell gains. */
  readonly gainShare: number
  /** Nodes that ask for it. */
  readonly splitCount: number
}

/** Of every feature, the greatest gain first. */
export function treeImportance(trees: Trees, featureNames: readonly string[]): TreeImportance[] {
  const gains = new Float64Array(trees.featureCount)
  const splitCounts = new Int32Array(trees.featureCount)
  for (let node = 0; node < trees.nodeOffsets[treeCountOf(trees)]!; node++) {
    gains[trees.nodeFeatures[node]!]! += trees.nodeGains[node]!
    splitCounts[trees.nodeFeatures[node]!]!++
  }
  const total = gains.reduce((sum, gain) => sum + gain, 0)
  return featureNames
    .map((featureName, f) => ({
      featureName,
      gainShare: total > 0 ? gains[f]! / total : 0,
      splitCount: splitCounts[f]!,
    }))
    .sort((a, b) => b.gainShare - a.gainShare || b.splitCount - a.splitCount)
}

/** What a ranking loses without a feature. */
export interface FeatureLoss {
  readonly featureName: string
  /** The metric with the feature minus without, query by query: above 0 the feature helps. */
  readonly loss: PairedComparison
  /** The loss's p-value, raised for as many features having been looked at (Holm): any one below 0.05 by chance has a probability below 0.05. */
  readonly adjustedPValue: number
}

/** The value of a ranking by scores for each query, more is better; always of the same queries in the same order. */
export type QueryMetric = (scores: ArrayLike<number>) => Float64Array

/** NDCG@k, for the queries in which a grade is above 0. */
export function ndcgByQuery(
  { grades, querySizes }: { readonly grades: ArrayLike<number>; readonly querySizes: ArrayLike<number> },
  k: number,
): QueryMetric {
  const offsets = queryOffsetsOf(querySizes)
  return (scores) => {
    const values: number[] = []
    for (let q = 0; q < querySizes.length; q++) {
      const ndcg = gradedNdcg(scores, grades, offsets[q]!, offsets[q + 1]!, k)
      if (ndcg !== undefined) values.push(ndcg)
    }
    return Float64Array.from(values)
  }
}

export interface PermutedModel {
  readonly featureNames: readonly string[]
  /** Unseen rows: one column a feature. */
  readonly columns: readonly Float32Array[]
  /** One score a row. */
  readonly score: (columns: readonly Float32Array[]) => ArrayLike<number> | Promise<ArrayLike<number>>
  readonly metric: QueryMetric
}

/**
 * The loss when a feature's values are dealt out anew among all rows, the others staying as they are. Breiman, "Random forests", Machine Learning 2001, section
 * 10; Fisher, Rudin & Dominici, "All models are wrong, but many are useful", JMLR 2019.
 *
 * Two features that say the same stand in for each other and both look unimportant; rows may come about that never occur.
 * @param repeatCount a feature's loss in a query is the mean of as many deals, default 5; the time is in proportion
 * @returns the greatest loss first; empty where no query has a value
 */
export async function permutationImportance(
  { featureNames, columns, score, metric }: PermutedModel,
  { seed, repeatCount = 5 }: { readonly seed: number; readonly repeatCount?: number },
): Promise<FeatureLoss[]> {
  const whole = metric(await score(columns))
  const losses: { featureName: string; without: Float64Array }[] = []
  for (const [f, featureName] of featureNames.entries()) {
    const rng = seededRng(seed).fork(`permutation of ${featureName}`)
    const without = new Float64Array(whole.length)
    for (let repeat = 0; repeat < repeatCount; repeat++) {
      const dealt = columns.with(f, shuffled(columns[f]!, rng.integer))
      for (const [q, value] of metric(await score(dealt)).entries()) without[q]! += value / repeatCount
    }
    losses.push({ featureName, without })
  }
  return lossesOf(whole, losses, seed)
}

/** Fisher & Yates. */
function shuffled(values: Float32Array, integer: (bound: number) => number): Float32Array {
  const copy = values.slice()
  for (let i = copy.length - 1; i > 0; i--) {
    const other = integer(i + 1)
    const value = copy[i]!
    copy[i] = copy[other]!
    copy[other] = value
  }
  return copy
}

/**
 * The loss when the model is trained anew without a feature. It takes as many trainings as there are features, and one more.
 * @param trainAndMeasure trains with these features alone and gives the metric of each query of unseen rows, always the same queries. With the same seed
 *   every time: what remains of chance beyond the queries, such as rows drawn otherwise, is not in the interval.
 * @returns the greatest loss first; empty where no query has a value
 */
export async function leaveOneFeatureOut(
  featureNames: readonly string[],
  trainAndMeasure: (featureNames: readonly string[]) => Promise<Float64Array>,
  { seed }: { readonly seed: number },
): Promise<FeatureLoss[]> {
  const whole = await trainAndMeasure(featureNames)
  const losses: { featureName: string; without: Float64Array }[] = []
  for (const featureName of featureNames) {
    losses.push({ featureName, without: await trainAndMeasure(featureNames.filter((name) => name !== featureName)) })
  }
  return lossesOf(whole, losses, seed)
}

function lossesOf(
  whole: Float64Array,
  losses: readonly { readonly featureName: string; readonly without: Float64Array }[],
  seed: number,
): FeatureLoss[] {
  const compared = losses.flatMap(({ featureName, without }) => {
    const loss = comparePaired({ challenger: whole, champion: without }, { seed })
    return loss ? [{ featureName, loss }] : []
  })
  const adjusted = holmAdjusted(compared.map(({ loss }) => ({ pValue: loss.pValue, weight: 1 })))
  return compared.map((of, i) => ({ ...of, adjustedPValue: adjusted[i]! })).sort((a, b) => b.loss.mean - a.loss.mean)
}

export interface ImportanceReport {
  readonly gain: readonly TreeImportance[]
  readonly permutation?: readonly FeatureLoss[]
  readonly leftOut?: readonly FeatureLoss[]
}

/** The report as lines for people, a feature a line, in the order of the gains. */
export function describeImportance({ gain, permutation, leftOut }: ImportanceReport): readonly string[] {
  const asked = [
    { title: 'lost when mixed up', losses: permutation },
    { title: 'lost when trained without', losses: leftOut },
  ].filter(({ losses }) => losses !== undefined)
  const rows = [['feature', 'gain', 'splits', ...asked.flatMap(({ title }) => [title, 'p'])]]
  for (const { featureName, gainShare, splitCount } of gain) {
    const losses = asked.flatMap(({ losses }) => lossCells(losses!.find((of) => of.featureName === featureName)))
    rows.push([featureName, `${(100 * gainShare).toFixed(1)} %`, String(splitCount), ...losses])
  }
  return alignedColumns(rows)
}

function lossCells(found: FeatureLoss | undefined): [string, string] {
  if (!found) return ['', '']
  const [mean, low, high] = [found.loss.mean, ...found.loss.interval].map((value) => value.toFixed(4))
  return [`${mean} [${low}, ${high}]`, found.adjustedPValue.toPrecision(2)]
}
