// Features, as values of the system file: one constructor per family. They hold what was written; `check-features.ts` judges it together with
// the rest. What each family computes is `FeatureFormula`'s to say (src/domain/feature.ts).
import type { FeatureFamily } from '../domain/feature.ts'
import type { Duration } from '../lib/duration.ts'

/** What a feature names, so that the types can tell which of it the system does not know. */
export interface FeatureReferences {
  /** Interactions, or "any". */
  readonly interaction: string
  /** Values of interactions, or "weight". */
  readonly value: string
  /** Attributes with few values, as "item.category": what events can be grouped by. */
  readonly group: string
  /** Attributes of any type, as "item.price". */
  readonly attribute: string
  /** Other features. */
  readonly feature: string
}

/** A feature, made by `count()`, `rate()`, `share()` and the like. */
export interface Feature<References extends FeatureReferences = FeatureReferences> {
  readonly family: FeatureFamily
  /** As they were written. */
  readonly options: object
  /** Only for the types; never set. */
  readonly references?: References
}

type References<Some extends Partial<FeatureReferences>> = {
  readonly [Kind in keyof FeatureReferences]: Some[Kind] extends string ? Some[Kind] : never
}

interface Described {
  /** Who answers for it. Default: the owner of `data`. */
  readonly owner?: string
  /** What it tells, in a sentence. Default: made from the definition. */
  readonly description?: string
  /** A value whose newest event is older than this is stale. Default: never. */
  readonly ttl?: Duration
}

interface WithNumber extends Described {
  /** Stands in for a missing or stale value. Default: none. */
  readonly default?: number
}

interface WithAny extends Described {
  /** Stands in for a missing or stale value; of the value's own type. Default: none. */
  readonly default?: number | string
}

type Entity = 'user' | 'item'

interface Windowed<Interaction extends string> {
  /** Which interactions count; "any" is all of them. */
  readonly of: Interaction | readonly Interaction[]
  /** Whose feature it is. */
  readonly by: Entity
  /** From 1 minute to 90 days. Its tail moves in steps: 5 minutes (below 12 hours), 1 hour (below 12 days) or 1 day. */
  readonly window: Duration
}

/** How many interactions. 0 where there are none. */
export function count<const Interaction extends string>(
  options: Windowed<Interaction> & WithNumber,
): Feature<References<{ interaction: NoInfer<Interaction> }>> {
  return { family: 'count', options }
}

/** The sum of a value of the interactions, or of their weights. 0 where there are none. */
export function sum<const Interaction extends string, const Value extends string>(
  options: Windowed<Interaction> & WithNumber & { readonly value: Value },
): Feature<References<{ interaction: NoInfer<Interaction>; value: NoInfer<Value> }>> {
  return { family: 'sum', options }
}

/** The mean of a value over the interactions that have it. */
export function mean<const Interaction extends string, const Value extends string>(
  options: Windowed<Interaction> & WithNumber & { readonly value: Value },
): Feature<References<{ interaction: NoInfer<Interaction>; value: NoInfer<Value> }>> {
  return { family: 'mean', options }
}

/** The smallest value of the interactions. */
export function minimum<const Interaction extends string, const Value extends string>(
  options: Windowed<Interaction> & WithNumber & { readonly value: Value },
): Feature<References<{ interaction: NoInfer<Interaction>; value: NoInfer<Value> }>> {
  return { family: 'min', options }
}

/** The largest value of the interactions. */
export function maximum<const Interaction extends string, const Value extends string>(
  options: Windowed<Interaction> & WithNumber & { readonly value: Value },
): Feature<References<{ interaction: NoInfer<Interaction>; value: NoInfer<Value> }>> {
  return { family: 'max', options }
}

/**
 * Interactions of one kind per interaction of another, such as clicks per impression. With few of them a raw rate is mostly noise: `strength`
 * imagined interactions of the rate `prior` are added to what was seen. Default: none of either, so no rate where nothing was seen.
 */
export function rate<const Interaction extends string, const Per extends string>(
  options: Windowed<Interaction> &
    WithNumber & {
      /** What is divided by. */
      readonly per: Per | readonly Per[]
      /** The rate to be expected of whoever nothing is known of, in [0, 1e6]. Default: 0. */
      readonly prior?: number
      /** What the prior counts against what was seen, as a number of `per` interactions, in [0, 1e9]. Default: 0. */
      readonly strength?: number
    },
): Feature<References<{ interaction: NoInfer<Interaction> | NoInfer<Per> }>> {
  return { family: 'rate', options }
}

/** How the interactions are divided among the values of an attribute, such as a user's among categories: a map from value to share. */
export function share<const Interaction extends string, const Group extends string>(
  options: Windowed<Interaction> & Described & { readonly over: Group },
): Feature<References<{ interaction: NoInfer<Interaction>; group: NoInfer<Group> }>> {
  return { family: 'share', options }
}

/** An attribute of the latest interaction's user or item as it was then or, without `value`, the id of the item (for users) or user (for items). */
export function last<const Interaction extends string, const Group extends string = never>(
  options: Windowed<Interaction> & WithAny & { readonly value?: Group },
): Feature<References<{ interaction: NoInfer<Interaction>; group: NoInfer<Group> }>> {
  return { family: 'last', options }
}

/** Seconds since the latest interaction. Window: 90 days unless given. */
export function since<const Interaction extends string>(
  options: Omit<Windowed<Interaction>, 'window'> & WithNumber & { readonly window?: Duration },
): Feature<References<{ interaction: NoInfer<Interaction> }>> {
  return { family: 'since', options }
}

/** About how many different items (of a user), users (of an item) or values of an attribute: HyperLogLog, 3 % standard error. */
export function distinct<const Interaction extends string, const Group extends string = never>(
  options: Windowed<Interaction> & WithNumber & { readonly value?: Group },
): Feature<References<{ interaction: NoInfer<Interaction>; group: NoInfer<Group> }>> {
  return { family: 'distinct', options }
}

/** The mean over sessions of their length in seconds or, with `value`, of the sum of that value. */
export function sessionMean<const Interaction extends string, const Value extends string = never>(
  options: Windowed<Interaction> &
    WithNumber & {
      readonly value?: Value
      /** A longer silence than this ends a session; at most the window. */
      readonly gap: Duration
    },
): Feature<References<{ interaction: NoInfer<Interaction>; value: NoInfer<Value> }>> {
  return { family: 'sessionMean', options }
}

/** An attribute of a user or an item, such as "item.price", as it was known at the time. */
export function attribute<const Path extends string>(
  path: Path,
  options: WithAny = {},
): Feature<References<{ attribute: NoInfer<Path> }>> {
  return { family: 'attribute', options: { ...options, path } }
}

/** Interactions of one item (or user) per interactions of an average one of its group, such as its category: 2 is twice as many. */
export function ratioToGroup<const Interaction extends string, const Group extends string>(
  options: Windowed<Interaction> &
    WithNumber & {
      /** An attribute of the entity itself, such as "item.category". */
      readonly group: Group
    },
): Feature<References<{ interaction: NoInfer<Interaction>; group: NoInfer<Group> }>> {
  return { family: 'ratioToGroup', options }
}

/** What a `share()` of the one says of an attribute of the other: how much a user likes this item's category. */
export function cross<const Name extends string, const Group extends string>(
  options: WithNumber & { readonly share: Name; readonly attribute: Group },
): Feature<References<{ feature: NoInfer<Name>; group: NoInfer<Group> }>> {
  return { family: 'cross', options }
}

/** How alike a `share()` of the user and one of the item are: the cosine of the two, in [0, 1]. */
export function similarity<const User extends string, const Item extends string>(
  options: WithNumber & { readonly user: User; readonly item: Item },
): Feature<References<{ feature: NoInfer<User> | NoInfer<Item> }>> {
  return { family: 'similarity', options }
}
