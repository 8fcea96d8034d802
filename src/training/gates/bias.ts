// Does the model serve some group of users much worse than all others, or keep some group of items from being seen? Groups differ by nature too, so the bounds are wide, and a model is
// refused only where chance does not explain that it is beyond them.
import type { GateResult } from '../../domain/gate-report.ts'
import type { GateMetric } from '../../domain/gate-settings.ts'
import { holmAdjusted } from '../../lib/holm.ts'
import { FALSE_REFUSALS_PER_FAMILY, type MeanTest, meanTest, pValueBelowZero } from './mean-test.ts'
import { figure, metricNames, percent, users } from './wording.ts'

/** Groups of users by an attribute, such as "user.country". */
export interface UserGroups {
  readonly attribute: string
  /** The metric of every user of each group; users of whom the attribute is not known are in none. */
  readonly valuesByGroup: ReadonlyMap<string, ArrayLike<number>>
}

/** Groups of items by an attribute, such as "item.category", or by how popular they are. */
export interface ItemGroups {
  readonly attribute: string
  /** For every group, user by user: how many places of the list it has, and how many of the items that the user chose. */
  readonly countsByGroup: ReadonlyMap<string, { readonly shown: ArrayLike<number>; readonly chosen: ArrayLike<number> }>
}

export interface BiasSettings {
  readonly gap: number
  readonly exposureGap: number
  readonly metric: GateMetric
  readonly usersMin: number
}

interface Group {
  readonly name: string
  readonly userCount: number
  /** What the group gets, as a share of what it would get without a gap. */
  readonly ratio: number
  readonly ratioError: number
  /** Of what the group gets beyond the least that is tolerated. */
  readonly test: MeanTest
  readonly words: string
}

/** Quality: the mean of the metric of a group, as a share of the mean of everybody else. */
export function userBiasGate({ attribute, valuesByGroup }: UserGroups, settings: BiasSettings): GateResult {
  const { gap, usersMin } = settings
  const all = [...valuesByGroup]
  const groups = all.flatMap(([name, values]): Group[] => {
    const others = all.filter(([other]) => other !== name).flatMap(([, other]) => Array.from(other))
    if (values.length < usersMin || others.length < usersMin) return []
    const [own, rest] = [meanTest(values), meanTest(others)]
    if (rest.mean === 0) return []
    const ratio = own.mean / rest.mean
    // At the bound a group's values are like the others', scaled: a group that is all zeros must not look certain of itself because zeros do not vary.
    const scaledSpread = (1 - gap) * rest.standardError * Math.sqrt(rest.count)
    const ownError = Math.max(own.standardError, scaledSpread / Math.sqrt(own.count))
    const standardError = Math.hypot(ownError, (1 - gap) * rest.standardError)
    return [
      {
        name,
        userCount: own.count,
        ratio,
        ratioError: Math.hypot(own.standardError, ratio * rest.standardError) / rest.mean,
        test: { mean: own.mean - (1 - gap) * rest.mean, standardError, count: own.count },
        words: `${metricNames[settings.metric]} ${figure(own.mean)} for ${name} (${users(own.count)}), ${figure(rest.mean)} for all others`,
      },
    ]
  })
  return resultOf(attribute, groups, { kind: 'quality', gap, groupCount: all.length, usersMin })
}

/** Exposure: the share of all lists that a group of items has, as a share of its part in what users chose. */
export function itemBiasGate({ attribute, countsByGroup }: ItemGroups, settings: BiasSettings): GateResult {
  const { exposureGap: gap, usersMin } = settings
  const all = [...countsByGroup]
  const shownPerUser = totals(all.map(([, { shown }]) => shown))
  const chosenPerUser = totals(all.map(([, { chosen }]) => chosen))
  const [shownMean, chosenMean] = [meanTest(shownPerUser).mean, meanTest(chosenPerUser).mean]
  const groups = all.flatMap(([name, { shown, chosen }]): Group[] => {
    const choosers = Array.from(chosen).filter((count) => count > 0).length
    if (choosers < usersMin || shownMean === 0) return []
    const shownShare = meanTest(shown).mean / shownMean
    const chosenShare = meanTest(chosen).mean / chosenMean
    // Both shares are ratios of sums over users; their errors follow by linearising them (the delta method).
    const shownError = (user: number) => (shown[user]! - shownShare * shownPerUser[user]!) / shownMean
    const chosenError = (user: number) => (chosen[user]! - chosenShare * chosenPerUser[user]!) / chosenMean
    const ratio = shownShare / chosenShare
    const errorOf = (scale: number): number =>
      meanTest(shownPerUser.map((_, user) => shownError(user) - scale * chosenError(user))).standardError
    return [
      {
        name,
        userCount: choosers,
        ratio,
        ratioError: errorOf(ratio) / chosenShare,
        test: {
          mean: shownShare - (1 - gap) * chosenShare,
          standardError: errorOf(1 - gap),
          count: shownPerUser.length,
        },
        words: `${name}: ${percent(shownShare)} of the lists, ${percent(chosenShare)} of what ${users(choosers)} chose`,
      },
    ]
  })
  return resultOf(attribute, groups, { kind: 'exposure', gap, groupCount: all.length, usersMin })
}

function resultOf(
  attribute: string,
  groups: readonly Group[],
  {
    kind,
    gap,
    groupCount,
    usersMin,
  }: { kind: 'quality' | 'exposure'; gap: number; groupCount: number; usersMin: number },
): GateResult {
  const smallCount = groupCount - groups.length
  const small = smallCount === 0 ? '' : `; ${smallCount} of ${groupCount} groups with fewer than ${users(usersMin)}`
  if (groups.length === 0) {
    const reason = `no group has ${users(usersMin)} to compare${small}`
    return { gate: 'bias', subject: attribute, verdict: 'notJudged', measured: [], bound: gap, reason }
  }
  const pValues = holmAdjusted(groups.map(({ test }) => ({ pValue: pValueBelowZero(test), weight: 1 })))
  const failed = groups.filter((_, i) => pValues[i]! <= FALSE_REFUSALS_PER_FAMILY)
  const worstFirst = [...groups].sort((a, b) => a.ratio - b.ratio)
  const worst = worstFirst[0]!
  const shown = failed.length > 0 ? failed : [worst]
  const gapOf = ({ ratio, ratioError }: Group): string =>
    `a gap of ${percent(1 - ratio)} [${percent(1 - ratio - 1.96 * ratioError)}, ${percent(1 - ratio + 1.96 * ratioError)}]`
  const judgement = failed.length > 0 ? 'beyond' : 'within'
  return {
    gate: 'bias',
    subject: attribute,
    verdict: failed.length > 0 ? 'failed' : 'passed',
    measured: worstFirst.map(({ name, userCount, ratio, ratioError }) => ({
      name: `gap in ${kind}, ${name}`,
      value: 1 - ratio,
      interval: [1 - ratio - 1.96 * ratioError, 1 - ratio + 1.96 * ratioError],
      count: userCount,
    })),
    bound: gap,
    userCount: shown[0]!.userCount,
    reason: `${shown.map((group) => `${group.words}: ${gapOf(group)}`).join('; ')}; ${judgement} the bound of ${percent(gap)}${small}`,
  }
}

function totals(columns: readonly ArrayLike<number>[]): Float64Array {
  const sums = new Float64Array(columns[0]?.length ?? 0)
  for (const column of columns) for (let user = 0; user < sums.length; user++) sums[user]! += column[user]!
  return sums
}
