// The whole funnel, measured as it serves: users asked about at moments after the split, with the history they had then, and every list held against what they chose
// soon after. The ranked list, each generator's own list and the whole set of candidates are judged on the same questions.

import { REDUCED_SHARE } from '../domain/recommendation.ts'
import { alignedColumns } from '../lib/aligned-columns.ts'
import {
  type BootstrapOptions,
  bootstrapMean,
  comparePaired,
  type MeanInterval,
  meanOf,
  type PairedComparison,
} from '../lib/bootstrap.ts'
import { columnPicker } from '../models/ranking/column-picker.ts'
import type { Ranker } from '../ports/ranker.ts'
import type { UserMetricValues } from './evaluate.ts'
import type { QuestionRows } from './question-rows.ts'
import type { RankingQuestion } from './ranking-questions.ts'
import { UserMeans } from './user-means.ts'

/** Candidates that a placement asks for where it says nothing. */
const USUAL_CANDIDATES = 500

export interface FunnelMeasurement {
  readonly k: number
  readonly questionCount: number
  readonly ranked: UserMetricValues
  /** The ranked list of the first quarter of 500 candidates, as answers have it that stand on the rung `reduced`. */
  readonly reduced: UserMetricValues
  /** The list of each generator alone. */
  readonly generators: Readonly<Record<string, UserMetricValues>>
  /** Of all candidates together, whatever their order: what no ranker can lift. */
  readonly candidateRecall: Float64Array
  /** Of the first 500 of them, the best of every generator first. */
  readonly candidateRecallAt500: Float64Array
  readonly candidateCountMean: number
  /** Questions that a candidate got a score of that is no finite number. */
  readonly notFiniteCount: number
  /** Questions with several candidates, and those of them that all got one score. */
  readonly comparedCount: number
  readonly constantCount: number
}

/**
 * One value per user, the mean over the user's questions.
 * @param questions by moment
 */
export async function measureFunnel(
  questions: readonly RankingQuestion[],
  rows: QuestionRows,
  ranker: Ranker,
  k: number,
): Promise<FunnelMeasurement> {
  const { generatorNames } = rows.pool
  const width = rows.columnNames.length
  const columnOf = columnPicker(rows.columnNames, ranker.featureNames)
  const ranked = new UserMeans(k)
  const reduced = new UserMeans(k)
  const byGenerator = generatorNames.map(() => new UserMeans(k))
  const candidates = new UserMeans(Number.POSITIVE_INFINITY, ['recall'])
  const first500 = new UserMeans(USUAL_CANDIDATES, ['recall'])
  let candidateCount = 0
  let notFiniteCount = 0
  let comparedCount = 0
  let constantCount = 0
  for (const question of questions) {
    const asked = await rows.ask(question)
    const relevant = new Set(question.relevantItems)
    const items = asked.itemIndexes
    candidateCount += items.length
    candidates.add(question.userIndex, items, relevant)
    const bestRanks = bestRankOf(asked.rows, width, items.length, generatorNames.length)
    const places = Array.from(items.keys())
    const byRank = places.toSorted((a, b) => bestRanks[a]! - bestRanks[b]! || a - b)
    const inOrder = byRank.map((place) => items[place]!)
    first500.add(question.userIndex, inOrder, relevant)
    const scores = new Float64Array(items.length)
    await ranker.score(columnOf(asked.rows, width, items.length), items.length, scores)
    if (!scores.every(Number.isFinite)) notFiniteCount++
    if (scores.length > 1) comparedCount++
    if (scores.length > 1 && scores.every((score) => score === scores[0])) constantCount++
    const judge = (means: UserMeans, order: readonly number[]): void => {
      const shown = order.map((place) => items[place]!)
      means.add(question.userIndex, shown, relevant)
    }
    judge(
      ranked,
      bestFirst(places, (place) => scores[place]!, k),
    )
    judge(
      reduced,
      bestFirst(byRank.slice(0, USUAL_CANDIDATES * REDUCED_SHARE), (place) => scores[place]!, k),
    )
    for (const [g, means] of byGenerator.entries()) {
      const rankOf = (place: number): number => asked.rows[place * width + 2 * g + 1]!
      const own = places.filter((place) => rankOf(place) < k)
      judge(
        means,
        own.sort((a, b) => rankOf(a) - rankOf(b)),
      )
    }
  }
  return {
    k,
    questionCount: questions.length,
    ranked: ranked.values(),
    reduced: reduced.values(),
    generators: Object.fromEntries(generatorNames.map((name, g) => [name, byGenerator[g]!.values()])),
    candidateRecall: candidates.values().values.recall,
    candidateRecallAt500: first500.values().values.recall,
    candidateCountMean: questions.length === 0 ? 0 : candidateCount / questions.length,
    notFiniteCount,
    comparedCount,
    constantCount,
  }
}

/** By place: the best place that any generator gave it. */
function bestRankOf(rows: Float32Array, width: number, rowCount: number, generatorCount: number): Float32Array {
  const best = new Float32Array(rowCount).fill(Number.POSITIVE_INFINITY)
  for (let row = 0; row < rowCount; row++) {
    for (let g = 0; g < generatorCount; g++) {
      const rank = rows[row * width + 2 * g + 1]!
      if (rank < best[row]!) best[row] = rank
    }
  }
  return best
}

/** The k best places; among equals the one that was proposed first. */
export function bestFirst(places: readonly number[], scoreOf: (place: number) => number, k: number): readonly number[] {
  return places.toSorted((a, b) => scoreOf(b) - scoreOf(a) || a - b).slice(0, k)
}

export interface ListReport {
  readonly ndcg: MeanInterval
  readonly recall: number
}

export interface FunnelReport {
  readonly k: number
  readonly userCount: number
  readonly questionCount: number
  readonly candidateRecall: MeanInterval
  readonly candidateRecallAt500: MeanInterval
  readonly candidateCountMean: number
  readonly ranked: ListReport
  readonly reduced: ListReport
  readonly generators: Readonly<Record<string, ListReport>>
  /** The generator with the best list of its own, chosen on the same questions: in its favour. */
  readonly bestGenerator: string
  /** NDCG of the ranked list minus that of the best generator, user by user. */
  readonly overBestGenerator: PairedComparison
  /** NDCG of the ranked list minus that of the reduced one, user by user. */
  readonly overReduced: PairedComparison
}

/** @returns undefined where nobody was asked about */
export function funnelReport(measured: FunnelMeasurement, options: BootstrapOptions): FunnelReport | undefined {
  const { k, questionCount, ranked, reduced, generators, candidateRecall, candidateRecallAt500, candidateCountMean } =
    measured
  if (ranked.userIndexes.length === 0) return undefined
  const reportOf = ({ values }: UserMetricValues): ListReport => ({
    ndcg: bootstrapMean(values.ndcg, options)!,
    recall: meanOf(values.recall),
  })
  const reports = Object.fromEntries(Object.entries(generators).map(([name, values]) => [name, reportOf(values)]))
  const [bestGenerator] = Object.entries(reports).reduce((best, other) =>
    other[1].ndcg.mean > best[1].ndcg.mean ? other : best,
  )
  return {
    k,
    userCount: ranked.userIndexes.length,
    questionCount,
    candidateRecall: bootstrapMean(candidateRecall, options)!,
    candidateRecallAt500: bootstrapMean(candidateRecallAt500, options)!,
    candidateCountMean,
    ranked: reportOf(ranked),
    reduced: reportOf(reduced),
    generators: reports,
    bestGenerator,
    overBestGenerator: comparePaired(
      { challenger: ranked.values.ndcg, champion: generators[bestGenerator]!.values.ndcg },
      options,
    )!,
    overReduced: comparePaired({ challenger: ranked.values.ndcg, champion: reduced.values.ndcg }, options)!,
  }
}

/** The report as lines for people. */
export function describeFunnel({
  splitAtMs,
  report,
}: {
  readonly splitAtMs: number
  readonly report: FunnelReport
}): readonly string[] {
  const { k, ranked, generators, bestGenerator, overBestGenerator, candidateRecall, candidateCountMean } = report
  const number = (value: number): string => value.toFixed(4)
  const row = (name: string, { ndcg, recall }: ListReport): string[] => [
    name,
    number(ndcg.mean),
    `${number(ndcg.interval[0])} … ${number(ndcg.interval[1])}`,
    number(recall),
  ]
  const [low, high] = overBestGenerator.interval
  return [
    `whole funnel, learned before ${new Date(splitAtMs).toISOString().slice(0, 16)}Z: ${report.questionCount} moments of ${report.userCount} users, each with the history it had, held against what they chose soon after`,
    ...alignedColumns([
      ['', `NDCG@${k}`, '95 %', `Recall@${k}`],
      row('ranked list', ranked),
      ...Object.entries(generators).map(([name, list]) => row(name, list)),
    ]),
    `ranked list - ${bestGenerator}, user by user: ${number(overBestGenerator.mean)} [${number(low)}, ${number(high)}], p ${overBestGenerator.pValue.toPrecision(2)}; ` +
      `${candidateCountMean.toFixed(0)} candidates hold ${(100 * candidateRecall.mean).toFixed(1)} % of what was chosen`,
  ]
}
