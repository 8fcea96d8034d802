import type { RulePlan } from '../../config/plan.ts'
import { isoTime } from '../../domain/iso-time.ts'

const DAY_MS = 86_400_000

/** A rule in words, for people. */
export function describeRule(rule: RulePlan): string {
  switch (rule.kind) {
    case 'only':
      return `only items with ${rule.filter}`
    case 'notInteracted':
      return `none with a "${rule.interaction}" of this user within ${days(rule.withinMs)}`
    case 'atMost':
      return `at most ${rule.count} of each ${rule.per}`
    case 'blocked':
      return [
        rule.items.length > 0 ? `without ${rule.items.length} named items` : [],
        rule.attribute === undefined ? [] : `without ${rule.attribute} ${rule.values!.join(', ')}`,
      ]
        .flat()
        .join('; ')
    case 'atLeast':
      return `at least ${rule.count} with ${rule.of}`
    case 'spread':
      return `spread by ${rule.by.join(', ')} with strength ${rule.strength}`
    case 'boost':
      return rule.factor >= 1
        ? `boosted ${rule.factor} times: ${rule.of}`
        : `buried ${Number((1 / rule.factor).toPrecision(6))} times: ${rule.of}`
    case 'pin':
      return [
        `${rule.itemId} at place ${rule.at}`,
        rule.fromMs === undefined ? [] : `from ${isoTime(rule.fromMs)}`,
        rule.untilMs === undefined ? [] : `until ${isoTime(rule.untilMs)}`,
      ]
        .flat()
        .join(' ')
    case 'rotate':
      return `shown ${rule.shownCount} times within ${days(rule.withinMs)} without effect: ${rule.to === 'end' ? 'to the end' : 'out'}`
    case 'explore':
      return `${Number((100 * rule.share).toPrecision(3))} % of the places drawn at random`
    case 'function':
      return `the function "${rule.name}"`
  }
}

const days = (ms: number): string => `${Number((ms / DAY_MS).toPrecision(3))} days`
