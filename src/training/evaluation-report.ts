// What an evaluation found: every model on the same users and the same held-out items, beside the baselines, with what chance could explain.
import { alignedColumns } from '../lib/aligned-columns.ts'
import { bootstrapMean, type MeanInterval, type PairedComparison } from '../lib/bootstrap.ts'
import type { Csr } from '../lib/csr.ts'
import type { CandidateGenerator } from '../ports/candidate-generator.ts'
import type { ContributionReport } from './contribution.ts'
import {
  compareGenerators,
  type HeldOut,
  type ListMetrics,
  type MetricSummary,
  measureLists,
  measureUsers,
  type RankedLists,
  standardSlices,
  summarize,
  type UserMetricValues,
} from './evaluate.ts'

export type SliceName = 'newUsers' | 'frequentUsers' | 'popularItems' | 'rareItems'

/** In words. */
export const sliceTitles: Readonly<Record<SliceName, string>> = {
  newUsers: 'new users',
  frequentUsers: 'frequent users',
  popularItems: 'popular items',
  rareItems: 'rare items',
}

export interface ModelReport {
  readonly name: string
  readonly kind: string
  /** Means over users with 95 % intervals. */
  readonly metrics: MetricSummary
  readonly lists: ListMetrics
  /** NDCG by slice; a slice without users is missing. */
  readonly ndcgBySlice: Readonly<Partial<Record<SliceName, MeanInterval>>>
  /** NDCG of this model minus popularity's, user by user. */
  readonly overPopularity: PairedComparison
}

export interface EvaluationReport {
  readonly k: number
  /** Everything before this moment was learned from; undefined where the split was given. */
  readonly splitAtMs: number | undefined
  readonly trainPairCount: number
  readonly testPairCount: number
  readonly userCount: number
  /** Of those, users without any history before the split. */
  readonly userCountWithoutHistory: number
  /** The model that serves comes first. */
  readonly models: readonly ModelReport[]
  /** What each generator of the placement adds to its list; left out where there is only one. */
  readonly contribution?: ContributionReport
}

export interface EvaluatedModel {
  readonly name: string
  readonly kind: string
  readonly generator: CandidateGenerator
}

/** A model with the lists that it gave for the users of a split. */
export interface RankedModel {
  readonly name: string
  readonly kind: string
  readonly lists: RankedLists
}

export interface EvaluationOptions {
  readonly k: number
  readonly seed: number
  readonly splitAtMs?: number | undefined
  /** The one that the others are compared with; one of the models' names. */
  readonly baseline: string
}

/** @returns undefined where nobody has anything held out */
export function evaluationReport(
  ranked: readonly RankedModel[],
  heldOut: HeldOut,
  options: EvaluationOptions,
): EvaluationReport | undefined {
  const { trainItemsByUser, testItemsByUser } = heldOut
  const { k, seed } = options
  const measured = new Map(ranked.map(({ name, lists }) => [name, measureUsers(lists, testItemsByUser)]))
  const baseline = measured.get(options.baseline)!
  if (baseline.userIndexes.length === 0) return undefined
  const slices = Object.entries(standardSlices(trainItemsByUser)) as [
    SliceName,
    ReturnType<typeof standardSlices>[SliceName],
  ][]
  return {
    k,
    splitAtMs: options.splitAtMs,
    trainPairCount: trainItemsByUser.columns.length,
    testPairCount: testItemsByUser.columns.length,
    userCount: baseline.userIndexes.length,
    userCountWithoutHistory: countWithoutHistory(baseline, trainItemsByUser),
    models: ranked.map(({ name, kind, lists }) => {
      const values = measured.get(name)!
      const ndcgBySlice: Partial<Record<SliceName, MeanInterval>> = {}
      for (const [sliceName, slice] of slices) {
        const ndcg = bootstrapMean(measureUsers(lists, testItemsByUser, slice).values.ndcg, { seed })
        if (ndcg) ndcgBySlice[sliceName] = ndcg
      }
      return {
        name,
        kind,
        metrics: summarize(values, { seed })!,
        lists: measureLists(lists, trainItemsByUser),
        ndcgBySlice,
        overPopularity: compareGenerators({ challenger: values, champion: baseline }, 'ndcg', { seed })!,
      }
    }),
  }
}

function countWithoutHistory({ userIndexes }: UserMetricValues, trainItemsByUser: Csr): number {
  let count = 0
  for (const user of userIndexes) if (trainItemsByUser.offsets[user] === trainItemsByUser.offsets[user + 1]) count++
  return count
}

/** The report as lines for people. */
export function describeEvaluation(report: EvaluationReport): readonly string[] {
  const { k, splitAtMs, models } = report
  const split =
    splitAtMs === undefined
      ? 'the given split'
      : `learned before ${new Date(splitAtMs).toISOString().slice(0, 16)}Z, asked about what came after`
  const number = (value: number): string => value.toFixed(4)
  const rows = [['', `NDCG@${k}`, '95 %', `Recall@${k}`, `MRR@${k}`, `MAP@${k}`, 'coverage', 'over popularity', 'p']]
  for (const { name, metrics, lists, overPopularity } of models) {
    const [low, high] = metrics.ndcg.interval
    rows.push([
      name,
      number(metrics.ndcg.mean),
      `${number(low)} … ${number(high)}`,
      number(metrics.recall.mean),
      number(metrics.reciprocalRank.mean),
      number(metrics.averagePrecision.mean),
      lists.coverage === undefined ? '' : `${(lists.coverage * 100).toFixed(1)} %`,
      `${number(overPopularity.mean)} [${number(overPopularity.interval[0])}, ${number(overPopularity.interval[1])}]`,
      overPopularity.pValue.toPrecision(2),
    ])
  }
  const sliceRows = [['NDCG by slice', 'new users', 'frequent users', 'popular items', 'rare items']]
  for (const { name, ndcgBySlice } of models) {
    const cell = (slice: SliceName): string => {
      const found = ndcgBySlice[slice]
      return found ? `${number(found.mean)} [${number(found.interval[0])}, ${number(found.interval[1])}]` : 'nobody'
    }
    sliceRows.push([name, cell('newUsers'), cell('frequentUsers'), cell('popularItems'), cell('rareItems')])
  }
  return [
    `${split}; ${report.userCount} users, ${report.userCountWithoutHistory} of them without a history; whole catalogue, seen items left out`,
    ...alignedColumns(rows),
    '',
    ...alignedColumns(sliceRows),
    ...(report.contribution ? ['', ...describeContribution(report.contribution)] : []),
  ]
}

function describeContribution({ k, candidateCount, unionRecall, generators }: ContributionReport): readonly string[] {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
  const loss = ({ mean, interval: [low, high] }: PairedComparison): string =>
    `${mean.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`
  const rows = [['generator', 'places', 'hits', 'hits of its own', 'recall lost without', 'NDCG lost without', '']]
  for (const { name, placeShare, hitShare, ownHitCount, recallLoss, ndcgLoss, isWeak } of generators) {
    const verdict = isWeak ? 'weak: nothing is measurably lost' : ''
    rows.push([
      name,
      percent(placeShare),
      percent(hitShare),
      String(ownHitCount),
      loss(recallLoss),
      loss(ndcgLoss),
      verdict,
    ])
  }
  return [
    `what each generator adds to the list of ${k}; recall is that of all candidates together, ${candidateCount} of each: ${unionRecall.toFixed(4)}`,
    ...alignedColumns(rows),
  ]
}
