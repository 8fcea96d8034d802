// All gates over all evidence. Pure: what is measured, and by whom, is `app/gate-evidence.ts`.

import type { FeatureLook } from '../../domain/feature-look.ts'
import { type GateReport, type GateResult, gateTitle } from '../../domain/gate-report.ts'
import type { CardSettings, GateSettings } from '../../domain/gate-settings.ts'
import { alignedColumns } from '../../lib/aligned-columns.ts'
import { type AccuracySettings, accuracyGates, recipeSpread, type Slices } from './accuracy.ts'
import { type ItemGroups, itemBiasGate, type UserGroups, userBiasGate } from './bias.ts'
import { calibrationGate, type Probabilities } from './calibration.ts'
import { type LeakEvidence, leakGate } from './leak.ts'
import { type OverPopularity, popularityGate } from './popularity.ts'
import { type RankedEvidence, rankedLeakGate, rankingGate } from './ranking.ts'
import { cardGate, dataGate, type Freshness, type HeldTable, stalenessGate } from './readiness.ts'
import { featuresGate, type SanityEvidence, sanityGate } from './sanity.ts'
import { latencyGate, memoryGate, type ServingCost } from './serving-cost.ts'

export interface GateEvidence {
  readonly sanity: SanityEvidence
  readonly popularity: OverPopularity
  readonly leak: LeakEvidence
  /** For every leading generator of ranked placements; a sentence where nothing was asked of the ranker. Left out where the model has none. */
  readonly ranking?: readonly RankedEvidence[] | { readonly missing: string }
  /** A sentence where there is nothing to compare with. */
  readonly comparison: Slices | { readonly missing: string }
  /** Of the ranked lists, which take its place: they are what visitors see. Left out where they see none, or the champion has no ranker. */
  readonly rankedComparison?: Slices | { readonly missing: string }
  readonly userGroups: readonly UserGroups[]
  readonly itemGroups: readonly ItemGroups[]
  /** Left out where the model has no features. */
  readonly features?: { readonly now: readonly FeatureLook[]; readonly before: readonly FeatureLook[] | undefined }
  /** Left out where its scores are no probabilities. */
  readonly probabilities?: Probabilities
  readonly cost?: ServingCost
  readonly freshness: Freshness
  readonly heldTables: readonly HeldTable[] | undefined
  readonly card: CardSettings
  readonly seed: number
}

/** One result per gate that is on, several where it looks at several things. */
export function judge(evidence: GateEvidence, settings: GateSettings): readonly GateResult[] {
  const { usersMin } = settings
  const metric = settings.accuracy === false ? 'ndcg' : settings.accuracy.metric
  const results: GateResult[] = []
  if (settings.sanity) results.push(sanityGate(evidence.sanity, { ...settings.sanity, usersMin }))
  if (settings.sanity && evidence.features) results.push(featuresGate(evidence.features))
  if (settings.leak) results.push(leakGate(evidence.leak, { ...settings.leak, metric, usersMin }))
  const ranked = evidence.ranking === undefined || 'missing' in evidence.ranking ? [] : evidence.ranking
  if (settings.leak && ranked.length > 0) results.push(rankedLeakGate(ranked[0]!, { ...settings.leak, usersMin }))
  if (settings.popularity) results.push(popularityGate(evidence.popularity, { metric, usersMin }))
  if (settings.ranking && evidence.ranking) results.push(...rankingResults(evidence.ranking, { usersMin }))
  if (settings.accuracy) results.push(...comparisonResults(evidence, { ...settings.accuracy, usersMin }))
  if (settings.bias) {
    const bias = { ...settings.bias, metric, usersMin }
    results.push(...evidence.userGroups.map((groups) => userBiasGate(groups, bias)))
    results.push(...evidence.itemGroups.map((groups) => itemBiasGate(groups, bias)))
  }
  if (settings.calibration !== false) {
    results.push(calibrationGate(evidence.probabilities, { bound: settings.calibration, seed: evidence.seed }))
  }
  if (settings.latencyMsP99 !== false) results.push(latencyGate(evidence.cost, settings.latencyMsP99))
  if (settings.memoryMb !== false) results.push(memoryGate(evidence.cost, settings.memoryMb))
  if (settings.staleness) results.push(stalenessGate(evidence.freshness, settings.staleness))
  if (settings.dataChecks) results.push(dataGate(evidence.heldTables))
  results.push(cardGate(evidence.card, settings.card))
  return results
}

function comparisonResults(
  { comparison, rankedComparison: ranked }: GateEvidence,
  settings: Omit<AccuracySettings, 'spread'>,
): readonly GateResult[] {
  const subject = 'ranked list'
  if (ranked && !('missing' in ranked)) {
    const results = accuracyGates(ranked, { ...settings, spread: recipeSpread.ranker })
    return results.map((result) => ({ ...result, subject }))
  }
  const missing = (reason: string): GateResult => ({ gate: 'accuracy', verdict: 'notJudged', measured: [], reason })
  const results =
    'missing' in comparison
      ? [missing(comparison.missing)]
      : accuracyGates(comparison, { ...settings, spread: recipeSpread.generators })
  if (!ranked) return results
  const [accuracy, ...slices] = results
  return [accuracy!, { ...missing(ranked.missing), subject }, ...slices]
}

function rankingResults(
  ranking: NonNullable<GateEvidence['ranking']>,
  settings: Parameters<typeof rankingGate>[1],
): readonly GateResult[] {
  const missing = 'missing' in ranking ? ranking.missing : 'no placement is ranked'
  if ('missing' in ranking || ranking.length === 0) {
    return [{ gate: 'ranking', verdict: 'notJudged', measured: [], reason: missing }]
  }
  return ranking.map((evidence) => rankingGate(evidence, settings))
}

const verdictWords = { passed: 'passed', failed: 'FAILED', notJudged: 'not judged' } as const

/** The report as lines for people. */
export function describeGates({ results, comparison, champion, passed }: GateReport): readonly string[] {
  const moment = (timeMs: number): string => `${new Date(timeMs).toISOString().slice(0, 16)}Z`
  const compared = comparison
    ? `Compared with ${comparison.champion} on ${comparison.on === 'fresh' ? 'what came after it had learned' : 'what it was measured on'}: ${moment(comparison.splitAtMs)} to ${moment(comparison.untilMs)}.`
    : `Compared with ${champion ?? 'no model: none is in charge'}${champion === undefined ? '' : ', as far as that is possible'}.`
  const rows = results.map((result) => [verdictWords[result.verdict], gateTitle(result), result.reason])
  const counts = (['passed', 'failed', 'notJudged'] as const)
    .map((verdict) => `${results.filter((result) => result.verdict === verdict).length} ${verdictWords[verdict]}`)
    .join(', ')
  return [compared, ...alignedColumns(rows), `Gates ${passed ? 'passed' : 'not passed'}: ${counts}.`]
}
