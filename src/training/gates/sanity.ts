// Is the model whole? Scores that are no numbers, scores that tell nothing apart, empty lists, one list for everyone; and features that went missing.
import type { FeatureLook } from '../../domain/feature-look.ts'
import type { GateResult } from '../../domain/gate-report.ts'
import { percent, users } from './wording.ts'

/** The scores that one part of the model gave, list by list: a generator, or a ranker. */
export interface Scores {
  readonly part: string
  /** Empty where it had nothing to propose. */
  readonly lists: readonly ArrayLike<number>[]
}

export interface SanityEvidence {
  readonly scores: readonly Scores[]
  /** How many users with a history were asked for, and how many of them got no list. */
  readonly withHistory: { readonly userCount: number; readonly emptyCount: number }
  /** How many different lists as many users got, with nothing left out because they have seen it; undefined where the system file asks for what is popular first. */
  readonly lists: { readonly userCount: number; readonly distinctCount: number } | undefined
}

export interface SanitySettings {
  readonly emptyShare: number
  readonly usersMin: number
}

export function sanityGate({ scores, withHistory, lists }: SanityEvidence, settings: SanitySettings): GateResult {
  const { emptyShare, usersMin } = settings
  const problems: string[] = []
  for (const { part, lists: scored } of scores) {
    const badCount = scored.filter((list) => Array.from(list).some((score) => !Number.isFinite(score))).length
    if (badCount > 0)
      problems.push(`${part} gave scores that are no finite numbers in ${badCount} of ${scored.length} lists`)
    // One item, or two lists, may have equal scores by chance.
    const telling = scored.filter((list) => list.length > 1)
    if (telling.length >= usersMin && telling.every((list) => Array.from(list).every((score) => score === list[0]))) {
      problems.push(`${part} gave every item of a list the same score, in all of ${telling.length} lists`)
    }
    if (scored.length >= usersMin && scored.every((list) => list.length === 0)) {
      problems.push(`${part} proposed nothing to any of ${users(scored.length)}`)
    }
  }
  const empty = withHistory.userCount === 0 ? 0 : withHistory.emptyCount / withHistory.userCount
  const isEnough = withHistory.userCount >= usersMin
  if (isEnough && empty > emptyShare) {
    problems.push(
      `${percent(empty)} of ${users(withHistory.userCount)} with a history got no list, at most ${percent(emptyShare)} expected`,
    )
  }
  if (lists && lists.userCount >= usersMin && lists.distinctCount === 1) {
    problems.push(`all of ${users(lists.userCount)} got the same list`)
  }
  const verdict = problems.length > 0 ? 'failed' : isEnough ? 'passed' : 'notJudged'
  const sound = `finite scores, ${percent(empty)} empty lists for ${users(withHistory.userCount)} with a history${lists ? `, ${lists.distinctCount} different lists for ${users(lists.userCount)}` : ''}`
  return {
    gate: 'sanity',
    verdict,
    measured: [{ name: 'empty lists of users with a history', value: empty, count: withHistory.userCount }],
    bound: emptyShare,
    userCount: withHistory.userCount,
    reason: problems.length > 0 ? problems.join('; ') : isEnough ? sound : `${sound}; ${usersMin} needed`,
  }
}

/** @param features.before of the champion; undefined where it had no features, or there is none */
export function featuresGate(features: {
  readonly now: readonly FeatureLook[]
  readonly before: readonly FeatureLook[] | undefined
}): GateResult {
  const before = new Map(features.before?.map((look) => [look.name, look]))
  const isDead = ({ missingShare, isConstant }: FeatureLook): boolean => missingShare === 1 || isConstant
  const dead = features.now.filter(isDead)
  // One that was dead before is no news.
  const died = dead.filter(({ name }) => before.has(name) && !isDead(before.get(name)!))
  const names = new Set(features.now.map(({ name }) => name))
  const gone = [...before.keys()].filter((name) => !names.has(name))
  const words = (look: FeatureLook): string =>
    look.missingShare === 1 ? `${look.name} is missing in every row` : `${look.name} has one value only`
  const told = dead.length === 0 ? 'none is missing everywhere or constant' : dead.map(words).join(', ')
  const removed = gone.length === 0 ? '' : `; the champion had ${gone.join(', ')} too`
  return {
    gate: 'features',
    verdict: died.length > 0 ? 'failed' : 'passed',
    measured: [{ name: 'features that went missing or constant', value: died.length, count: features.now.length }],
    bound: 0,
    reason:
      died.length > 0
        ? `${died.map(words).join(', ')}, which it was not for the champion`
        : `${features.now.length} features: ${told}${removed}`,
  }
}
