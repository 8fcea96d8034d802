// The rules of a placement: each by itself, then those that cannot hold together.
import { isoTimeMs } from '../domain/iso-time.ts'
import type { RuleFunction } from '../domain/rule-function.ts'
import { checkFilter } from './check-filter.ts'
import { describe, type Inspection } from './inspection.ts'
import type { AttributePlan, AttributeType, RulePlan } from './plan.ts'
import { countableTypes, groupingTypes, nameableTypes, type Rule } from './rules.ts'

/** What a rule may name, and the list it is for. */
export interface RuleNames {
  readonly item: Readonly<Record<string, AttributePlan>>
  readonly interactions: readonly string[]
  /** Of all placements: filled with what is found. */
  readonly ruleFunctions: Record<string, RuleFunction>
  /** Items in an answer where the request does not say. */
  readonly limit: number
}

const functionNames = {
  pattern: /^[A-Za-z][\w-]{0,63}$/,
  expected: 'a letter, followed by up to 63 letters, digits, "_" or "-"',
}

/** How much a boost or bury may do. */
const factorRange = { low: 1, high: 100 }
/** Shown items that are remembered of each user, at most: `rotate` counts among these. */
const ROTATED_COUNT_MAX = 2000
/** Rules of one placement. */
const RULE_COUNT_MAX = 100

type AnyRule = Rule<string, string, string, string, never>

export function checkRules(
  value: unknown,
  where: string,
  inspection: Inspection,
  known: RuleNames,
): readonly RulePlan[] {
  if (value === undefined) return []
  const rules = inspection.list(value, where, 'a list of rules')
  if (rules.length > RULE_COUNT_MAX) {
    inspection.report(where, `found ${rules.length} rules, expected at most ${RULE_COUNT_MAX}.`)
    return []
  }
  const plans: RulePlan[] = []
  for (const [i, rule] of rules.entries()) {
    const plan = checkRule(rule, `${where}[${i}]`, inspection, known)
    if (!plan) continue
    checkBeside(plan, plans, `${where}[${i}]`, inspection)
    plans.push(plan)
  }
  return plans
}

function checkRule(value: unknown, where: string, inspection: Inspection, known: RuleNames): RulePlan | undefined {
  const rule = value as AnyRule
  const filter = (found: unknown, name: string) => checkFilter(found, `${where}.${name}`, inspection, known.item)
  const count = (found: unknown, name: string, high: number) =>
    inspection.number(found, `${where}.${name}`, { low: 1, high, isInteger: true })
  switch (rule?.kind) {
    case 'only':
      return { kind: 'only', filter: filter(rule.filter, 'filter') }
    case 'inStock': {
      const attribute = checkAttribute(rule.attribute, `${where}.attribute`, inspection, known.item, countableTypes)
      // In back quotes, because an attribute may be called "in" or "not".
      return { kind: 'only', filter: `\`${attribute}\` > 0` }
    }
    case 'notInteracted':
      return {
        kind: 'notInteracted',
        interaction: inspection.reference(rule.interaction, `${where}.interaction`, 'interaction', known.interactions),
        withinMs: inspection.duration(rule.within, `${where}.within`),
      }
    case 'atMost':
      return {
        kind: 'atMost',
        count: count(rule.count, 'count', 1_000),
        per: checkAttribute(rule.per, `${where}.per`, inspection, known.item, groupingTypes),
      }
    case 'blocked':
      return checkBlocked(rule, where, inspection, known)
    case 'atLeast':
      return { kind: 'atLeast', count: withinLimit(rule.count, 'count'), of: filter(rule.of, 'of') }
    case 'spread':
      return checkSpread(rule, where, inspection, known)
    case 'boost':
    case 'bury': {
      const factor = inspection.number(rule.factor, `${where}.factor`, factorRange)
      return { kind: 'boost', factor: rule.kind === 'boost' ? factor : 1 / factor, of: filter(rule.of, 'of') }
    }
    case 'pin':
      return {
        kind: 'pin',
        itemId: inspection.text(rule.itemId, `${where}.itemId`, 'the id of an item'),
        at: withinLimit(rule.at, 'at'),
        ...checkPeriod(rule, where, inspection),
      }
    case 'rotate':
      return checkRotate(rule, where, inspection, known)
    case 'explore':
      return {
        kind: 'explore',
        share: inspection.number(rule.share, `${where}.share`, { low: 0, high: 0.5, isLowExcluded: true }),
        ...(rule.among !== undefined && { among: count(rule.among, 'among', 10_000) }),
      }
    case 'function':
      return checkFunction(rule, where, inspection, known)
    default:
      inspection.report(
        where,
        `found ${describe(value)}, expected one of only(), inStock(), notInteracted(), atMost(), blocked(), atLeast(), spread(), boost(), bury(), pin(), rotate(), explore(), rule().`,
      )
      return undefined
  }

  function withinLimit(found: unknown, name: string): number {
    const value = count(found, name, 1_000)
    if (value > known.limit) {
      inspection.report(
        `${where}.${name}`,
        `found ${value}, expected no more than the placement's limit of ${known.limit}.`,
        `Make it smaller, or set the limit to ${value}.`,
      )
    }
    return value
  }
}

/** Rules that cannot hold together, or of which only one can be meant. */
function checkBeside(plan: RulePlan, before: readonly RulePlan[], where: string, inspection: Inspection): void {
  for (const [i, other] of before.entries()) {
    if (plan.kind === other.kind && (plan.kind === 'spread' || plan.kind === 'explore')) {
      inspection.report(where, `${plan.kind}() is there a second time, after rules[${i}].`, 'Leave one of them out.')
    }
    if (plan.kind === 'function' && other.kind === 'function' && plan.name === other.name) {
      inspection.report(where, `the rule "${plan.name}" is there a second time, after rules[${i}].`, 'Remove it.')
    }
    const [pin, blocked] = plan.kind === 'pin' ? [plan, other] : [other, plan]
    if (pin.kind === 'pin' && blocked.kind === 'blocked' && blocked.items.includes(pin.itemId)) {
      inspection.report(where, `the item "${pin.itemId}" is both pinned and blocked.`, 'Leave one of the two out.')
    }
  }
}

function checkBlocked(
  rule: Extract<AnyRule, { kind: 'blocked' }>,
  where: string,
  inspection: Inspection,
  known: RuleNames,
): RulePlan {
  const items = inspection
    .list(rule.items ?? [], `${where}.items`, 'a list of item ids')
    .map((id, i) => inspection.text(id, `${where}.items[${i}]`, 'the id of an item'))
  if (rule.attribute === undefined && rule.values === undefined) {
    if (items.length === 0) {
      inspection.report(
        where,
        'blocks nothing, expected items, or an attribute with values.',
        `Such as blocked({ items: ['sku-7'] }).`,
      )
    }
    return { kind: 'blocked', items }
  }
  const attribute = checkAttribute(rule.attribute, `${where}.attribute`, inspection, known.item, nameableTypes)
  const values = inspection.list(rule.values, `${where}.values`, `a list of values of "${attribute}"`)
  if (Array.isArray(rule.values) && values.length === 0) {
    inspection.report(`${where}.values`, 'found an empty list, expected at least one value.', 'Leave the rule out.')
  }
  const expected = valueOfType[known.item[attribute]?.type ?? 'text'] ?? 'string'
  for (const [i, value] of values.entries()) {
    const isRight = typeof value === expected && (expected !== 'number' || Number.isInteger(value))
    if (!isRight) {
      const noun = { string: 'a text', number: 'a whole number', boolean: 'true or false' }[expected]
      inspection.report(`${where}.values[${i}]`, `found ${describe(value)}, expected ${noun}.`)
    }
  }
  return { kind: 'blocked', items, attribute, values: values as readonly (string | number | boolean)[] }
}

/** Of the types whose values can be named. */
const valueOfType: Readonly<Partial<Record<AttributeType, 'string' | 'number' | 'boolean'>>> = {
  integer: 'number',
  boolean: 'boolean',
}

function checkSpread(
  rule: Extract<AnyRule, { kind: 'spread' }>,
  where: string,
  inspection: Inspection,
  known: RuleNames,
): RulePlan {
  const by = inspection.list(rule.by, `${where}.by`, 'a list of attributes of items')
  if (Array.isArray(rule.by) && by.length === 0) {
    inspection.report(`${where}.by`, 'found an empty list, expected at least one attribute.', 'Leave the rule out.')
  }
  return {
    kind: 'spread',
    strength: inspection.number(rule.strength, `${where}.strength`, { low: 0, high: 1 }),
    by: by.map((name, i) => {
      if (by.indexOf(name) < i) {
        inspection.report(`${where}.by[${i}]`, `names ${describe(name)} a second time.`, 'Remove it.')
      }
      return checkAttribute(name, `${where}.by[${i}]`, inspection, known.item, groupingTypes)
    }),
  }
}

function checkPeriod(
  { from, until }: { readonly from?: unknown; readonly until?: unknown },
  where: string,
  inspection: Inspection,
): { readonly fromMs?: number; readonly untilMs?: number } {
  const moment = (found: unknown, name: string): number | undefined => {
    if (found === undefined) return undefined
    const timeMs = isoTimeMs(found)
    if (timeMs === undefined) {
      inspection.report(`${where}.${name}`, `found ${describe(found)}, expected a moment such as "2026-12-24T18:00Z".`)
    }
    return timeMs
  }
  const fromMs = moment(from, 'from')
  const untilMs = moment(until, 'until')
  if (fromMs !== undefined && untilMs !== undefined && untilMs <= fromMs) {
    inspection.report(
      `${where}.until`,
      `found ${describe(until)}, expected a moment after ${describe(from)}.`,
      'It ends before that moment, so that the pin never holds.',
    )
  }
  return { ...(fromMs !== undefined && { fromMs }), ...(untilMs !== undefined && { untilMs }) }
}

function checkRotate(
  rule: Extract<AnyRule, { kind: 'rotate' }>,
  where: string,
  inspection: Inspection,
  { limit }: RuleNames,
): RulePlan {
  const shownCount = inspection.number(rule.shownCount, `${where}.shownCount`, { low: 1, high: 100, isInteger: true })
  if (shownCount * limit > ROTATED_COUNT_MAX) {
    inspection.report(
      `${where}.shownCount`,
      `found ${shownCount} lists of ${limit} items, and only the newest ${ROTATED_COUNT_MAX} shown items of a user are remembered.`,
      `Take ${Math.max(1, Math.floor(ROTATED_COUNT_MAX / limit))} or less.`,
    )
  }
  return {
    kind: 'rotate',
    shownCount,
    withinMs: inspection.duration(rule.within, `${where}.within`),
    to: inspection.oneOf(rule.to, `${where}.to`, ['end', 'out']),
  }
}

function checkFunction(
  rule: Extract<AnyRule, { kind: 'function' }>,
  where: string,
  inspection: Inspection,
  { ruleFunctions }: RuleNames,
): RulePlan {
  const { name, apply } = rule
  if (typeof apply !== 'function') {
    inspection.report(`${where}.apply`, `found ${describe(apply)}, expected a function of an item.`)
  }
  if (typeof name !== 'string' || !functionNames.pattern.test(name) || name in Object.prototype) {
    inspection.report(`${where}.name`, `found ${describe(name)}, expected ${functionNames.expected}.`)
    return { kind: 'function', name: String(name) }
  }
  const code = apply as unknown as RuleFunction
  if (Object.hasOwn(ruleFunctions, name) && ruleFunctions[name] !== code) {
    inspection.report(
      `${where}.name`,
      `another rule is called "${name}", too.`,
      'Choose another name, or use the same rule in both placements.',
    )
  }
  ruleFunctions[name] = code
  return { kind: 'function', name }
}

function checkAttribute(
  value: unknown,
  where: string,
  inspection: Inspection,
  attributes: Readonly<Record<string, AttributePlan>>,
  types: readonly AttributeType[],
): string {
  const suitable = Object.keys(attributes).filter((name) => types.includes(attributes[name]!.type))
  if (typeof value === 'string' && attributes[value] !== undefined && !suitable.includes(value)) {
    inspection.report(where, `"${value}" is of type ${attributes[value].type}, expected ${types.join(' or ')}.`)
    return value
  }
  return inspection.reference(value, where, 'attribute of items', suitable)
}
