// Rules of a placement, as values of the system file. What each does to an answer is `RulePlan`'s to say.
import type { FilterValue } from '../domain/filter.ts'
import type { RuleFunction } from '../domain/rule-function.ts'
import type { Duration } from '../lib/duration.ts'
import type { Attribute as AttributeOf, ValuesOf } from './attributes.ts'
import type { AttributeType } from './plan.ts'

/** Types of attributes that can be above zero. */
export const countableTypes = ['number', 'integer'] as const satisfies readonly AttributeType[]
/** Types of attributes with few enough values that two items often share one. */
export const groupingTypes = ['category', 'integer', 'boolean'] as const satisfies readonly AttributeType[]

/** Types of attributes whose values can be named one by one. */
export const nameableTypes = [...groupingTypes, 'tags', 'text'] as const satisfies readonly AttributeType[]

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

export interface BlockedRule<Attribute extends string> {
  readonly kind: 'blocked'
  readonly items: readonly string[]
  readonly attribute?: Attribute
  readonly values?: readonly FilterValue[]
}

export interface AtLeastRule {
  readonly kind: 'atLeast'
  readonly count: number
  readonly of: string
}

export interface SpreadRule<Attribute extends string> {
  readonly kind: 'spread'
  readonly strength: number
  readonly by: readonly Attribute[]
}

export interface BoostRule {
  readonly kind: 'boost' | 'bury'
  readonly factor: number
  readonly of: string
}

export interface PinRule {
  readonly kind: 'pin'
  readonly itemId: string
  readonly at: number
  readonly from?: string
  readonly until?: string
}

export interface RotateRule {
  readonly kind: 'rotate'
  readonly shownCount: number
  readonly within: Duration
  readonly to: 'end' | 'out'
}

export interface ExploreRule {
  readonly kind: 'explore'
  readonly share: number
  readonly among?: number
}

export interface FunctionRule<in Values extends object> {
  readonly kind: 'function'
  readonly name: string
  readonly apply: RuleFunction<Values>
}

/** A rule that names only what the system knows. */
export type Rule<
  Countable extends string,
  Grouping extends string,
  Interaction extends string,
  Nameable extends string,
  Values extends object,
> =
  | OnlyRule
  | InStockRule<Countable>
  | NotInteractedRule<Interaction>
  | AtMostRule<Grouping>
  | BlockedRule<Nameable>
  | AtLeastRule
  | SpreadRule<Grouping>
  | BoostRule
  | PinRule
  | RotateRule
  | ExploreRule
  | FunctionRule<Values>

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

/**
 * Items that never appear: by id, and those with certain values of an attribute, such as `blocked({ attribute: 'seller', values: ['shady'] })`. Of tags, those that carry one of
 * them. An item without the attribute is not blocked by it.
 */
export function blocked(what: { readonly items: readonly string[] }): BlockedRule<never>
export function blocked<const Attribute extends string>(what: {
  readonly items?: readonly string[]
  readonly attribute: Attribute
  readonly values: readonly FilterValue[]
}): BlockedRule<Attribute>
export function blocked<const Attribute extends string>(what: {
  readonly items?: readonly string[]
  readonly attribute?: Attribute
  readonly values?: readonly FilterValue[]
}): BlockedRule<Attribute> {
  return { kind: 'blocked', ...what, items: what.items ?? [] }
}

/** At least `count` items of the list pass the filter, as long as there are any, such as `atLeast(3, { of: 'price < 20' })`. What `atMost` says comes first. */
export function atLeast(count: number, { of }: { readonly of: string }): AtLeastRule {
  return { kind: 'atLeast', count, of }
}

/**
 * Spreads the list over different items: one that is like an item already in the list has to be better to follow it. `strength` is from 0 (only what is best) to 1 (only what is
 * different); likeness is the share of the attributes in which two items agree. Such as `spread(0.2, { by: ['category', 'brand'] })`.
 */
export function spread<const Attribute extends string>(
  strength: number,
  { by }: { readonly by: readonly Attribute[] },
): SpreadRule<Attribute> {
  return { kind: 'spread', strength, by }
}

/** Moves items for which the filter holds up: their place among the candidates is divided by `factor`, from 1 to 100. `boost(2, { of: 'isOnSale = true' })` puts the tenth with the fifth. */
export function boost(factor: number, { of }: { readonly of: string }): BoostRule {
  return { kind: 'boost', factor, of }
}

/** Moves items for which the filter holds down: their place among the candidates is multiplied by `factor`, from 1 to 100. */
export function bury(factor: number, { of }: { readonly of: string }): BoostRule {
  return { kind: 'bury', factor, of }
}

/**
 * Puts an item at a place, from 1, if it may be shown; from one moment until before another (ISO 8601) where these are given. Such as
 * `pin('sku-7', { at: 1, until: '2027-01-01' })`.
 */
export function pin(
  itemId: string,
  options: { readonly at: number; readonly from?: string; readonly until?: string },
): PinRule {
  return { kind: 'pin', itemId, ...options }
}

/**
 * Lets go of items that a user was shown `shownCount` times or more during the last `within` without doing anything with them: to the end of the list, or out of it. Needs
 * impressions in the log (`serving.impressions`). Pinned items stay.
 */
export function rotate(
  shownCount: number,
  options: { readonly within: Duration; readonly to?: 'end' | 'out' },
): RotateRule {
  return { kind: 'rotate', shownCount, within: options.within, to: options.to ?? 'end' }
}

/**
 * Gives a share of the places, rounded up and at most half of them, to items drawn at random from the best `among` candidates that the list leaves over, 50 by default. How
 * likely every item was to be shown is kept with the impression.
 */
export function explore(share: number, options: { readonly among?: number } = {}): ExploreRule {
  return { kind: 'explore', share, ...options }
}

/**
 * What the other rules cannot say, as a function of an item: `false` leaves it out, `true` keeps it, a number boosts it by that factor. With the type of the items' attributes
 * these are checked: `rule<typeof item>('fresh', (item) => (item.attributes.price ?? 0) > 3)`. The plan and its hash hold the name, not the code.
 */
export function rule<const Attributes extends Readonly<Record<string, AttributeOf>>>(
  name: string,
  apply: RuleFunction<ValuesOf<Attributes>>,
): FunctionRule<ValuesOf<Attributes>> {
  return { kind: 'function', name, apply }
}
