// A placement of the plan, made ready to answer: filters parsed, names replaced by codes and columns.
import assert from 'node:assert/strict'
import type { PlacementPlan, Plan, RulePlan } from '../config/plan.ts'
import type { Filter } from '../domain/filter.ts'
import { parseFilter } from '../domain/filter-parser.ts'
import type { RuleFunction } from '../domain/rule-function.ts'
import { MillraceError } from '../lib/errors.ts'
import type { AtMost } from './group-counts.ts'
import type { LiveState } from './live-state.ts'
import { type ArrangingRules, arrangingRules } from './rules/placement-rules.ts'

/** Items the user had this interaction with are left out for a while. */
export interface NotInteracted {
  readonly interactionCode: number
  readonly withinMs: number
  /** In the placement's rules. */
  readonly position: number
}

/** Items that a rule lets in, whoever asks. */
export interface Only {
  readonly filter: Filter
  readonly position: number
}

export interface Placement {
  readonly name: string
  readonly plan: PlacementPlan
  /** Its `only` rules, and what its `blocked` rules say of attributes. */
  readonly only: readonly Only[]
  readonly filters: readonly Filter[]
  /** Named by its `blocked` rules. */
  readonly blockedIds: ReadonlySet<string>
  /** Equal for placements with equal filters and blocked items. */
  readonly filtersKey: string
  readonly notInteracted: readonly NotInteracted[]
  readonly atMost: readonly AtMost[]
  /** Undefined where the list is the candidates in their order. */
  readonly arranging: ArrangingRules | undefined
}

/** @throws MillraceError of `parseFilter` for the filter of an `only` rule, with the rule's path */
export function placementsOf(
  plan: Plan,
  live: LiveState,
  functions: Readonly<Record<string, RuleFunction>> = {},
): ReadonlyMap<string, Placement> {
  const parts = { plan, live, functions }
  return new Map(
    Object.entries(plan.serving.placements).map(([name, placement]) => [name, ready(name, placement, parts)]),
  )
}

interface Parts {
  readonly plan: Plan
  readonly live: LiveState
  readonly functions: Readonly<Record<string, RuleFunction>>
}

function ready(name: string, placement: PlacementPlan, { plan, live, functions }: Parts): Placement {
  const { rules } = placement
  const said = rules.filter(({ kind }) => kind === 'only' || kind === 'blocked')
  const only = rules.flatMap((rule, position) => [
    ...onlyFilter(rule, `serving.placements.${name}.rules[${position}]`, plan).map((filter) => ({ filter, position })),
    ...unblocked(rule, plan).map((filter) => ({ filter, position })),
  ])
  return {
    name,
    plan: placement,
    only,
    filters: only.map(({ filter }) => filter),
    blockedIds: new Set(rules.flatMap((rule) => (rule.kind === 'blocked' ? rule.items : []))),
    filtersKey: JSON.stringify(said),
    notInteracted: rules.flatMap((rule, position) => notInteracted(rule, live, position)),
    atMost: rules.flatMap((rule, position) => atMost(rule, live, position)),
    arranging: arrangingRules(placement, { plan, catalogue: live.catalogue, functions }),
  }
}

function onlyFilter(rule: RulePlan, where: string, plan: Plan): readonly Filter[] {
  if (rule.kind !== 'only') return []
  try {
    return [parseFilter(rule.filter, plan.data.entities.item)]
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    const { code, fix, problems } = error
    throw new MillraceError(code, `${where}: ${error.message}`, {
      ...(fix === undefined ? {} : { fix }),
      problems,
      cause: error,
    })
  }
}

/** An item without the attribute is none of those that are blocked by it. */
function unblocked(rule: RulePlan, plan: Plan): readonly Filter[] {
  if (rule.kind !== 'blocked' || rule.attribute === undefined) return []
  const { attribute, values = [] } = rule
  const isTags = plan.data.entities.item[attribute]?.type === 'tags'
  return isTags
    ? values.map((tag) => ({ kind: 'not', operand: { kind: 'has', attribute, tag: String(tag) } }))
    : [{ kind: 'not', operand: { kind: 'oneOf', attribute, values } }]
}

// The system file's validation has made sure that the names below exist.

function notInteracted(rule: RulePlan, live: LiveState, position: number): readonly NotInteracted[] {
  if (rule.kind !== 'notInteracted') return []
  const interactionCode = live.interactionCodes.get(rule.interaction)
  assert(interactionCode !== undefined, `no interaction is called "${rule.interaction}"`)
  return [{ interactionCode, withinMs: rule.withinMs, position }]
}

function atMost(rule: RulePlan, live: LiveState, position: number): readonly AtMost[] {
  if (rule.kind !== 'atMost') return []
  const groupOf = live.catalogue.columns.get(rule.per)?.groupOf
  assert(groupOf !== undefined, `items cannot be grouped by "${rule.per}"`)
  return [{ attribute: rule.per, count: rule.count, groupOf, position }]
}
