// What a model's ranker makes of each feature and would lose without it, with what that was measured on.
import type { MeanInterval } from '../lib/bootstrap.ts'
import { describeImportance, type FeatureLoss, type TreeImportance } from './importance.ts'

/** What losses were measured on. */
export interface ImportanceBasis {
  /** The registered ranker as it is, or one of the same settings that was trained on what came before. */
  readonly ranker: 'registered' | 'trainedAnew'
  /** It has learned from nothing that happened from then on, and is asked about nothing before. */
  readonly fromMs: number
  readonly k: number
  readonly questionCount: number
  readonly userCount: number
  /** Of the whole ranker. */
  readonly ndcg: MeanInterval
}

export interface MeasuredLosses extends ImportanceBasis {
  /** NDCG@k with the feature minus without, user by user; the greatest loss first. */
  readonly losses: readonly FeatureLoss[]
}

export interface MeasuredImportance {
  readonly version: string
  readonly gain: readonly TreeImportance[]
  readonly permutation?: MeasuredLosses
  readonly leftOut?: MeasuredLosses
}

/** The report as lines for people. */
export function describeMeasuredImportance(measured: MeasuredImportance): readonly string[] {
  const { version, gain, permutation, leftOut } = measured
  const lines = describeImportance({
    gain,
    ...(permutation && { permutation: permutation.losses }),
    ...(leftOut && { leftOut: leftOut.losses }),
  })
  return [
    ...(permutation ? [`mixed up: ${basisText(version, permutation)}`] : []),
    ...(leftOut ? [`trained without: ${basisText(version, leftOut)}`] : []),
    ...(permutation || leftOut
      ? ['losses are of NDCG, user by user, with 95 % intervals; p is corrected for the number of features', '']
      : []),
    ...lines,
  ]
}

function basisText(version: string, { ranker, fromMs, k, questionCount, userCount, ndcg }: ImportanceBasis): string {
  const who = ranker === 'registered' ? `model ${version} as it is` : `trained anew with the settings of ${version}`
  const [low, high] = ndcg.interval.map((bound) => bound.toFixed(4))
  const from = `${new Date(fromMs).toISOString().slice(0, 16)}Z`
  return `${who}, which learned before ${from}; ${questionCount} later moments of ${userCount} users, NDCG@${k} ${ndcg.mean.toFixed(4)} [${low}, ${high}]`
}
