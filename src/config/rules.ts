// Rules of a placement, as values of the system file. What each does to an answer is `RulePlan`'s to say.
import type { Duration } from '../lib/duration.ts'
import type { AttributeType } from './plan.ts'

/** Types of attributes that can be above zero. */
export const countableTypes = ['number', 'integer'] as const satisfies readonly AttributeType[]
/** Types of attributes with few enough values that two items often share one. */
export const groupingTypes = ['category', 'integer', 'boolean'] as const satisfies readonly AttributeType[]

/** Types of attributes that interactions can be grouped by: an interaction counts once for each of an item's tags. */
export const groupTypes = [...groupingTypes, 'tags'] as const satisfies readonly AttributeType[]

export interface OnlyRule {
  readonly kind: 'only'
  readonly filter: string
}

export interface InStockRule<Attribute extends string> {
  readonly kind: 'inStock'
  readonly attribute: Attribute
}

export interface NotInteractedRule<Interaction extends string> {
  readonly kind: 'notInteracted'
  readonly interaction: Interaction
  readonly within: Duration
}

export interface AtMostRule<Attribute extends string> {
  readonly kind: 'atMost'
  readonly count: number
  readonly per: Attribute
}

/** A rule that names only what the system knows. */
export type Rule<Countable extends string, Grouping extends string, Interaction extends string> =
  | OnlyRule
  | InStockRule<Countable>
  | NotInteractedRule<Interaction>
  | AtMostRule<Grouping>

/** Keeps items for which a filter holds, such as `only("category = 'shoes' and price < 20")`. */
export function only(filter: string): OnlyRule {
  return { kind: 'only', filter }
}

/** Keeps items whose stock is above zero. Items of unknown stock are left out. The attribute is `stock` unless another is named. */
export function inStock<const Attribute extends string = 'stock'>(
  options: { readonly attribute: Attribute } = { attribute: 'stock' as Attribute },
): InStockRule<NoInfer<Attribute>> {
  return { kind: 'inStock', attribute: options.attribute }
}

/** Leaves out items that the user had this interaction with lately, such as `notInteracted('purchase', '30 days')`. */
export function notInteracted<const Interaction extends string>(
  interaction: Interaction,
  within: Duration,
): NotInteractedRule<Interaction> {
  return { kind: 'notInteracted', interaction, within }
}

/** Keeps a list diverse: at most `count` items with the same value of an attribute, such as `atMost(4, { per: 'category' })`. */
export function atMost<const Attribute extends string>(
  count: number,
  options: { readonly per: Attribute },
): AtMostRule<Attribute> {
  return { kind: 'atMost', count, per: options.per }
}
