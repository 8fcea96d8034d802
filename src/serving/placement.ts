// A placement of the plan, made ready to answer: filters parsed, names replaced by codes and columns.
import assert from 'node:assert/strict'
import type { PlacementPlan, Plan, RulePlan } from '../config/plan.ts'
import type { Filter } from '../domain/filter.ts'
import { parseFilter } from '../domain/filter-parser.ts'
import { MillraceError } from '../lib/errors.ts'
import type { AtMost } from './answer.ts'
import type { LiveState } from './live-state.ts'

/** Items the user had this interaction with are left out for a while. */
export interface NotInteracted {
  readonly interactionCode: number
  readonly withinMs: number
}

export interface Placement {
  readonly name: string
  readonly plan: PlacementPlan
  /** The filters of its `only` rules. */
  readonly filters: readonly Filter[]
  /** Equal for placements with equal filters. */
  readonly filtersKey: string
  readonly notInteracted: readonly NotInteracted[]
  readonly atMost: readonly AtMost[]
}

/** @throws MillraceError of `parseFilter` for the filter of an `only` rule, with the rule's path */
export function placementsOf(plan: Plan, live: LiveState): ReadonlyMap<string, Placement> {
  return new Map(
    Object.entries(plan.serving.placements).map(([name, placement]) => [name, ready(name, placement, plan, live)]),
  )
}

function ready(name: string, placement: PlacementPlan, plan: Plan, live: LiveState): Placement {
  const texts = placement.rules.flatMap((rule) => (rule.kind === 'only' ? [rule.filter] : []))
  return {
    name,
    plan: placement,
    filters: placement.rules.flatMap((rule, i) => onlyFilter(rule, `serving.placements.${name}.rules[${i}]`, plan)),
    filtersKey: JSON.stringify(texts),
    notInteracted: placement.rules.flatMap((rule) => notInteracted(rule, live)),
    atMost: placement.rules.flatMap((rule) => atMost(rule, live)),
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

// The system file's validation has made sure that the names below exist.

function notInteracted(rule: RulePlan, live: LiveState): readonly NotInteracted[] {
  if (rule.kind !== 'notInteracted') return []
  const interactionCode = live.interactionCodes.get(rule.interaction)
  assert(interactionCode !== undefined, `no interaction is called "${rule.interaction}"`)
  return [{ interactionCode, withinMs: rule.withinMs }]
}

function atMost(rule: RulePlan, live: LiveState): readonly AtMost[] {
  if (rule.kind !== 'atMost') return []
  const groupOf = live.catalogue.columns.get(rule.per)?.groupOf
  assert(groupOf !== undefined, `items cannot be grouped by "${rule.per}"`)
  return [{ attribute: rule.per, count: rule.count, groupOf }]
}
