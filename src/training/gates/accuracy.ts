// Is the model worse than the one in charge? Over all users, and on each slice of them. A loss refuses it where chance does not explain it and it is larger than the margin: the first
// keeps a small shop's noise from refusing, the second a large shop's trifles, such as those of another seed.
import type { GateResult } from '../../domain/gate-report.ts'
import type { GateMetric } from '../../domain/gate-settings.ts'
import { holmAdjusted } from '../../lib/holm.ts'
import {
  FALSE_REFUSALS_PER_FAMILY,
  intervalOf,
  type MeanTest,
  meanTest,
  pairedTest,
  pValueBelowZero,
} from './mean-test.ts'
import { figure, metricNames, percent, range, signed, tooFew, users } from './wording.ts'

/** One value per user of the metric, the same users in the same order. */
export interface PairedValues {
  readonly candidate: ArrayLike<number>
  readonly champion: ArrayLike<number>
}

export interface Slices {
  readonly all: PairedValues
  /** By name, such as "new users" or "user.country = DE". */
  readonly slices: Readonly<Record<string, PairedValues>>
}

export interface AccuracySettings {
  readonly metric: GateMetric
  readonly margin: number
  readonly usersMin: number
  /** Of what is compared. */
  readonly spread: RecipeSpread
}

/**
 * Users are not all that varies: the same recipe with another seed shifts the mean of all of them together. By how much the errors of a comparison are widened for that, which is the
 * standard deviation of t between trainings that differ in their seed alone: lists of generators between 20 seeds of `ials` on Online Retail; ranked lists between 7 seeds on
 * RetailRocket (2.4, 672 users) and on Online Retail (2.2, 1,782 users), whose rankers learn from some two thousand questions: docs/decisions/0023.
 */
export const recipeSpread = { generators: 1.2, ranker: 2.4 } as const
export type RecipeSpread = (typeof recipeSpread)[keyof typeof recipeSpread]

interface Judged {
  readonly name: string
  readonly test: MeanTest
  readonly championMean: number
  /** The loss that is tolerated, in the unit of the metric. */
  readonly margin: number
  /** Of being worse by chance, corrected for all slices together. */
  readonly pValue: number
  readonly verdict: GateResult['verdict']
}

/** The gates `accuracy`, of all users, and `slices`, of all slices together. */
export function accuracyGates({ all, slices }: Slices, settings: AccuracySettings): readonly GateResult[] {
  const { usersMin } = settings
  const named = [['all users', all] as const, ...Object.entries(slices)]
  const large = named.filter(([, { candidate }]) => candidate.length >= usersMin)
  const tests = large.map(([, { candidate, champion }]) => {
    const test = pairedTest(candidate, champion)
    return { ...test, standardError: settings.spread * test.standardError }
  })
  // All users together have as much of the error to spend as all slices.
  const weightOf = (name: string): number => (name === 'all users' ? Math.max(1, large.length - 1) : 1)
  const pValues = holmAdjusted(
    tests.map((test, i) => ({ pValue: pValueBelowZero(test), weight: weightOf(large[i]![0]) })),
  )
  const judged = large.map(([name, { champion }], i) =>
    judge({ name, test: tests[i]!, championMean: meanTest(champion).mean, pValue: pValues[i]! }, settings),
  )
  const smallCount = Object.keys(slices).length - judged.filter(({ name }) => name !== 'all users').length
  return [accuracyResult(judged[0], all, settings), slicesResult(judged.slice(1), smallCount, settings)]
}

function judge(found: Omit<Judged, 'margin' | 'verdict'>, settings: AccuracySettings): Judged {
  const margin = settings.margin * found.championMean
  const isWorse = found.pValue <= FALSE_REFUSALS_PER_FAMILY && found.test.mean < -margin
  const isNotWorse = intervalOf(found.test)[0] >= -margin
  return { ...found, margin, verdict: isWorse ? 'failed' : isNotWorse ? 'passed' : 'notJudged' }
}

function accuracyResult(judged: Judged | undefined, all: PairedValues, settings: AccuracySettings): GateResult {
  const userCount = all.candidate.length
  if (judged?.name !== 'all users') {
    return {
      gate: 'accuracy',
      verdict: 'notJudged',
      measured: [],
      userCount,
      reason: tooFew(userCount, settings.usersMin),
    }
  }
  return {
    gate: 'accuracy',
    verdict: judged.verdict,
    measured: [measureOf(judged, settings)],
    bound: -judged.margin,
    userCount,
    reason: reasonOf(judged, settings),
  }
}

function slicesResult(judged: readonly Judged[], smallCount: number, settings: AccuracySettings): GateResult {
  const order = { failed: 0, notJudged: 1, passed: 2 }
  const worstFirst = [...judged].sort(
    (a, b) => order[a.verdict] - order[b.verdict] || a.test.mean / a.championMean - b.test.mean / b.championMean,
  )
  const worst = worstFirst[0]
  const small = smallCount === 0 ? '' : ` ${smallCount} with fewer than ${users(settings.usersMin)}.`
  if (!worst) {
    return { gate: 'slices', verdict: 'notJudged', measured: [], reason: `no slice has ${settings.usersMin} users` }
  }
  const failed = worstFirst.filter(({ verdict }) => verdict === 'failed')
  const shown = failed.length > 0 ? failed : [worst]
  const undecided = judged.filter(({ verdict }) => verdict === 'notJudged').length
  // Some slice is always too small to tell; that is no reason to call all of them undecided.
  const verdict =
    failed.length > 0 ? 'failed' : judged.some((slice) => slice.verdict === 'passed') ? 'passed' : 'notJudged'
  const counts = `${judged.length} slices, ${failed.length} worse, ${undecided} undecided.${small}`
  return {
    gate: 'slices',
    verdict,
    measured: worstFirst.map((slice) => measureOf(slice, settings)),
    bound: -worst.margin,
    userCount: worst.test.count,
    reason: `${counts} ${failed.length > 0 ? '' : 'Lowest: '}${shown.map((slice) => `${slice.name}: ${reasonOf(slice, settings)}`).join('; ')}`,
  }
}

const measureOf = ({ name, test }: Judged, { metric }: AccuracySettings) => ({
  name: `${metricNames[metric]} over the champion's, ${name}`,
  value: test.mean,
  interval: intervalOf(test),
  count: test.count,
})

function reasonOf({ test, championMean, margin, verdict }: Judged, settings: AccuracySettings): string {
  const name = metricNames[settings.metric]
  const interval = intervalOf(test)
  const found = `${name} ${signed(test.mean)} ${range(interval)} against the champion's ${figure(championMean)}, ${users(test.count)}`
  const tolerated = `a loss of ${figure(margin)} (${percent(settings.margin)})`
  if (verdict === 'failed') return `${found}: worse, by more than ${tolerated}`
  if (verdict === 'passed') return `${found}: ${tolerated} or more is ruled out`
  // The half-width shrinks with the root of the number of users.
  const needed = Math.ceil(test.count * ((test.mean - interval[0]) / Math.max(margin, 1e-12)) ** 2)
  const more = margin > 0 && needed > test.count && needed < 1e9 ? `; about ${users(needed)} would tell` : ''
  return `${found}: too few to tell ${tolerated}${more}`
}
