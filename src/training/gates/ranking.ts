// Is the ranked list worth showing? It stands in for the order of the placement's leading generator, so that is what it is held against, on the same moments of the same users.
import type { GateResult } from '../../domain/gate-report.ts'
import { type LeakSettings, leakGate } from './leak.ts'
import { FALSE_REFUSALS_PER_FAMILY, intervalOf, meanTest, pairedTest, pValueBelowZero } from './mean-test.ts'
import { figure, range, signed, tooFew, users } from './wording.ts'

export interface RankedEvidence {
  readonly k: number
  /** NDCG of the ranked list, one value per user. */
  readonly ranked: ArrayLike<number>
  /** Of each generator's own list, the same users in the same order. */
  readonly generators: Readonly<Record<string, ArrayLike<number>>>
  /** The generator whose list it stands in for. */
  readonly leadingName: string
  readonly questionCount: number
  /** Questions that a candidate got a score of that is no finite number. */
  readonly notFiniteCount: number
  /** Questions with several candidates, and those of them that all got one score. */
  readonly comparedCount: number
  readonly constantCount: number
}

/** A loss that would still be called no worse, as a share of the leading generator's mean. */
const TOLERATED = 0.05
/** A ranker that gives one score to all candidates of more lists than this puts nothing in order. */
const CONSTANT_SHARE_MAX = 0.9

/** Putting together what several generators know may well give twice what the best of them gives alone: more than a jump between models of one kind. */
const JUMPS = 2

/** Whether the ranked list is too good to be true, as a feature that knows what is asked about would make it. */
export function rankedLeakGate(
  { ranked, generators }: RankedEvidence,
  settings: Omit<LeakSettings, 'metric'>,
): GateResult {
  const leak = { ...settings, jump: JUMPS * settings.jump, metric: 'ndcg' } as const
  return { ...leakGate({ model: ranked, baselines: generators }, leak), subject: 'ranked list' }
}

export function rankingGate(evidence: RankedEvidence, { usersMin }: { readonly usersMin: number }): GateResult {
  const { k, ranked, generators, leadingName, questionCount, notFiniteCount, comparedCount, constantCount } = evidence
  const userCount = ranked.length
  if (notFiniteCount > 0 || (comparedCount > 0 && constantCount > CONSTANT_SHARE_MAX * comparedCount)) {
    const [count, what] =
      notFiniteCount > 0
        ? [notFiniteCount, 'scores that are no finite numbers']
        : [constantCount, 'one score for all their candidates']
    return {
      gate: 'ranking',
      verdict: 'failed',
      measured: [
        { name: `lists with ${what}`, value: count, count: notFiniteCount > 0 ? questionCount : comparedCount },
      ],
      bound: 0,
      reason: `the ranker gave ${count} of ${questionCount} lists ${what}`,
    }
  }
  if (userCount < usersMin) {
    return { gate: 'ranking', verdict: 'notJudged', measured: [], userCount, reason: tooFew(userCount, usersMin) }
  }
  const leading = generators[leadingName]!
  const test = pairedTest(ranked, leading)
  const interval = intervalOf(test)
  const reference = meanTest(leading).mean
  const isWorse = pValueBelowZero(pairedTest(ranked, leading, 1 - TOLERATED)) < FALSE_REFUSALS_PER_FAMILY
  // Where neither finds anything there is nothing to be compared.
  const isNoWorse = interval[0] >= -TOLERATED * reference && (reference > 0 || test.mean > 0)
  const meaning = isWorse
    ? 'worse; the order of the generator would serve users better'
    : interval[0] > 0
      ? 'better'
      : isNoWorse
        ? 'no worse'
        : 'too few to tell'
  return {
    gate: 'ranking',
    verdict: isWorse ? 'failed' : isNoWorse ? 'passed' : 'notJudged',
    measured: [{ name: `NDCG@${k} over ${leadingName}'s`, value: test.mean, interval, count: userCount }],
    bound: 0,
    userCount,
    reason: `the ranked list's NDCG@${k} ${signed(test.mean)} ${range(interval)} over the ${figure(reference)} of ${leadingName}, ${users(userCount)}: ${meaning}`,
  }
}
