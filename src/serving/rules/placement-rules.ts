// The rules of a placement that arrange its list, made ready: filters parsed, names replaced by columns and functions. Those that only say what may be shown at all, and
// `atMost`, are the placement's own.
import assert from 'node:assert/strict'
import type { PlacementPlan, Plan, RulePlan } from '../../config/plan.ts'
import type { Filter } from '../../domain/filter.ts'
import { parseFilter } from '../../domain/filter-parser.ts'
import type { RuleFunction } from '../../domain/rule-function.ts'
import type { Catalogue } from '../catalogue.ts'

/** `position` is the rule's place in the placement's `rules`, from 0. */
interface Placed {
  readonly position: number
}

/** Items for which a filter holds. */
interface Filtered extends Placed {
  readonly filter: Filter
  /** Equal for equal filters. */
  readonly key: string
}

export interface Boost extends Filtered {
  readonly factor: number
}

export interface Minimum extends Filtered {
  readonly count: number
}

export interface Spread extends Placed {
  readonly strength: number
  /** Of each attribute. */
  readonly groupsOf: readonly ((row: number) => number)[]
}

export interface Pin extends Placed {
  readonly itemId: string
  readonly at: number
  readonly fromMs: number
  readonly untilMs: number
}

export interface Rotation extends Placed {
  readonly shownCount: number
  readonly withinMs: number
  readonly to: 'end' | 'out'
}

export interface Exploration extends Placed {
  readonly share: number
  readonly among: number
}

/** Candidates below the list that are drawn from where the rule does not say: near enough to the top to be worth a place. */
const EXPLORED_AMONG = 50

export interface NamedFunction extends Placed {
  readonly name: string
  readonly apply: RuleFunction
}

export interface ArrangingRules {
  readonly boosts: readonly Boost[]
  readonly functions: readonly NamedFunction[]
  readonly pins: readonly Pin[]
  readonly minima: readonly Minimum[]
  readonly spread: Spread | undefined
  readonly rotations: readonly Rotation[]
  readonly exploration: Exploration | undefined
}

export interface RuleParts {
  readonly plan: Pick<Plan, 'data'>
  readonly catalogue: Pick<Catalogue, 'columns'>
  readonly functions: Readonly<Record<string, RuleFunction>>
}

/** Undefined where the placement has none: its list is the candidates in their order, then. */
export function arrangingRules(placement: PlacementPlan, parts: RuleParts): ArrangingRules | undefined {
  const rules = placement.rules.map((rule, position) => ({ ...rule, position }))
  const of = <Kind extends RulePlan['kind']>(kind: Kind) =>
    rules.filter((rule): rule is Extract<RulePlan, { kind: Kind }> & Placed => rule.kind === kind)
  const filtered = ({ of: text }: { readonly of: string }) => ({
    filter: parseFilter(text, parts.plan.data.entities.item),
    key: JSON.stringify([text]),
  })
  const ready: ArrangingRules = {
    boosts: of('boost').map((rule) => ({ ...filtered(rule), factor: rule.factor, position: rule.position })),
    functions: of('function').map(({ name, position }) => ({ name, position, apply: functionOf(name, parts) })),
    pins: of('pin').map(({ itemId, at, fromMs = -Infinity, untilMs = Infinity, position }) => ({
      itemId,
      at,
      fromMs,
      untilMs,
      position,
    })),
    minima: of('atLeast').map((rule) => ({ ...filtered(rule), count: rule.count, position: rule.position })),
    spread: of('spread').map(({ strength, by, position }) => ({
      strength,
      position,
      groupsOf: by.map((name) => groupOf(name, parts)),
    }))[0],
    rotations: of('rotate'),
    exploration: of('explore').map(({ share, among = EXPLORED_AMONG, position }) => ({ share, among, position }))[0],
  }
  const isPlain = Object.values(ready).every((some) => some === undefined || (Array.isArray(some) && some.length === 0))
  return isPlain ? undefined : ready
}

// The system file's validation has made sure that the names below exist.

function groupOf(name: string, { catalogue }: RuleParts): (row: number) => number {
  const column = catalogue.columns.get(name)
  assert(column?.groupOf !== undefined, `items cannot be grouped by "${name}"`)
  return column.groupOf
}

/** A program that was given a plan without its system file has no code: a rule that fails, and is counted, says so. */
function functionOf(name: string, { functions }: RuleParts): RuleFunction {
  if (Object.hasOwn(functions, name)) return functions[name]!
  return () => {
    throw new Error(`the code of the rule "${name}" is not here`)
  }
}
