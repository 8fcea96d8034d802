// The system file's one function: types that guide whoever writes it, and a check at run time for what types cannot see.
import type { RankingColumnName } from '../domain/ranking-columns.ts'
import type { Named } from '../domain/system-names.ts'
import type { Duration } from '../lib/duration.ts'
import type { GeneratorKind } from '../ports/candidate-generator.ts'
import type { RankerKind } from '../ports/ranker.ts'
import type { Attribute, ValuesOf } from './attributes.ts'
import type { CheckOptions } from './check-checks.ts'
import type { CardOptions, GateOptions, POPULARITY_GROUPS } from './check-gates.ts'
import { checkSystem } from './check-system.ts'
import type { Feature } from './features.ts'
import type { AttributeType, PlacementPlan } from './plan.ts'
import type { countableTypes, groupingTypes, groupTypes, nameableTypes, Rule } from './rules.ts'
import type { CronPattern, Source } from './sources.ts'
import type { System } from './system.ts'

type Attributes = Readonly<Record<string, Attribute>>
type NameOf<T> = keyof T & string

/** Names of the attributes that have one of the given types. */
type NameOfType<A extends Attributes, Type extends AttributeType> = {
  [Name in NameOf<A>]: A[Name]['type'] extends Type ? Name : never
}[NameOf<A>]

type Interactions = Readonly<Record<string, InteractionOptions>>

/** What a kind of interaction counts, and what is measured of it. */
export interface InteractionOptions {
  /** How much one of them counts; above 0. */
  readonly weight: number
  /** Names of numbers that an event of this kind may carry in `values`, such as "durationSeconds" or "revenue". Default: none. */
  readonly values?: readonly string[]
}

/** Names of all values that interactions declare. */
type ValueOf<I extends Interactions> = {
  [Name in keyof I]: I[Name] extends { readonly values: readonly (infer Value extends string)[] } ? Value : never
}[keyof I]

/** `item.category`, for every attribute that has one of the given types. */
type PathOf<User extends Attributes, Item extends Attributes, Type extends AttributeType = AttributeType> =
  | `user.${NameOfType<User, Type>}`
  | `item.${NameOfType<Item, Type>}`

/** A place in the shop that shows recommendations. */
export interface PlacementOptions<Generator extends string, PlacementRule> {
  /**
   * `realtime`: for a user or session, the default. `embedding`: items like a given one. `batch`: for users, made ahead of time by `millrace batch` and looked up.
   * `hybrid`: made ahead of time by all of `candidates`, and merged in every answer with what those of `live` propose now.
   */
  readonly pattern?: PlacementPlan['pattern']
  /** Generators of a hybrid placement that are asked in every answer, such as the one that follows the session; some of `candidates`. `hybrid` needs it. */
  readonly live?: readonly Generator[]
  /**
   * How often the lists of all users are made while `millrace dev` runs: an interval, or a cron pattern in UTC such as "0 4 * * *". A realtime placement with such
   * lists answers from them where its generators fail. Default: when asked to.
   */
  readonly every?: Duration | CronPattern
  /** Which generators propose items, the leading one first. Default: all, in the order of `training.candidates`. */
  readonly candidates?: readonly Generator[]
  /**
   * How many candidates the ranker puts in order, the best of every generator first; without a ranker, how many items each generator proposes. In [1, 10000] and no
   * less than `limit`. Default: 500, or `limit` where that is more.
   */
  readonly candidateCount?: number
  /** Whether the ranker puts the candidates in order. Default: where there is a ranker, for all patterns but `embedding`, with more than one generator. */
  readonly ranked?: boolean
  /** Items in an answer where the request does not say, in [1, 1000]. Default: 20. */
  readonly limit?: number
  /** Share of the list given to items that are newer than the model, in [0, 0.5]. Default: 0.1, and 0 for `embedding`. */
  readonly newItemShare?: number
  /** Whether items that the user has interacted with may come again, unless the request says otherwise. Default: false. */
  readonly includeSeen?: boolean
  /** All of them hold for every answer; the guide says in which order they act. Default: none. */
  readonly rules?: readonly PlacementRule[]
}

/** Examples for a ranker: users at moments of the past, the candidates of models that knew only what came before, or what they were shown, and what was chosen soon after. */
export interface ExampleOptions {
  /**
   * `history`: moments at which users chose something, with the candidates of then. `impressions`: lists that were shown, with what became of them. Default: "history",
   * which needs no log of what was shown; nothing corrects yet for what stood on top being chosen for standing there.
   */
  readonly from?: 'history' | 'impressions' | 'both'
  /** Newest windows of time that are asked about, in [1, 100]; the candidates of each are proposed by models trained for it. Default: 4. */
  readonly windows?: number
  /** Length of each. Default: 7 days, and less where the history is shorter than twice all of them. */
  readonly window?: Duration
  /** How long after the moment, or after an impression, a choice still counts. Default: 1 day. */
  readonly attribution?: Duration
  /** Moments of each user in a window, and as many impressions, in [1, 1000]. Default: 3. */
  readonly questionsPerUser?: number
  /** Candidates of each generator, in [1, 10000]. Default: 200. */
  readonly candidates?: number
  /** How many of the candidates, or of the shown items, that were not chosen are learned from, in [1, 10000]. Default: 200. */
  readonly wrongPerQuestion?: number
}

/** What a system file says: the four components of a recommender, each with its owner. */
export interface SystemOptions<
  User extends Attributes,
  Item extends Attributes,
  Kinds extends Interactions,
  Generators extends Readonly<Record<string, GeneratorKind>>,
  Patterns extends Readonly<Record<string, unknown>>,
  FeatureName extends string = never,
> {
  /** Lower-case letters, digits and hyphens. */
  readonly name: string
  readonly data: {
    /** Who is responsible for this component: a person, a team or an address. */
    readonly owner: string
    readonly entities: {
      /** Attributes of users; `{}` where nothing is known of them. */
      readonly user: User
      /** Attributes of items. */
      readonly item: Item
    }
    /** What users do with items, how much each kind counts, and what is measured of it. */
    readonly interactions: Kinds
    /** Where the data comes from. */
    readonly sources: Readonly<
      Record<
        string,
        Source<NameOf<NoInfer<User>>, NameOf<NoInfer<Item>>, NameOf<NoInfer<Kinds>>, ValueOf<NoInfer<Kinds>>>
      >
    >
    /** What is computed of users and items, for models and rules: defined once, the same in training and in answers. Default: none. */
    readonly features?: Readonly<
      Record<
        FeatureName,
        Feature<{
          interaction: NameOf<NoInfer<Kinds>> | 'any'
          value: ValueOf<NoInfer<Kinds>> | 'weight'
          group: PathOf<NoInfer<User>, NoInfer<Item>, (typeof groupTypes)[number]>
          attribute: PathOf<NoInfer<User>, NoInfer<Item>>
          feature: NoInfer<FeatureName>
        }>
      >
    >
    /**
     * Of how large a share of the keys (users, items, pairs of them) the features are kept as they were served, for `millrace skew`, and how many
     * bytes that may take. Default: 0.01 and 100 MB; a share of 0 keeps none.
     */
    readonly skew?: { readonly sampleShare?: number; readonly maxBytes?: number }
    /** What `millrace checks` looks at, and how strictly. */
    readonly checks?: CheckOptions
    /** How long events are kept. Default: for ever. */
    readonly retention?: { readonly maxAge?: Duration; readonly maxBytes?: number }
    /** An event whose time lies further ahead than this is rejected. Default: 5 minutes, for clocks that run fast. */
    readonly futureTolerance?: Duration
  }
  readonly training: {
    readonly owner: string
    /** Of all randomness in training, so that it can be repeated. Default: 1. */
    readonly seed?: number
    /** The models that propose items, by the name that placements and answers use. */
    readonly candidates: Generators
    /** What orders the candidates of all generators, by their scores and `data.features`. Default: none; the leading generator orders the list. */
    readonly ranker?: RankerKind<RankingColumnName<NameOf<NoInfer<Generators>>, NoInfer<FeatureName>>>
    /** How its examples are made of history. */
    readonly examples?: ExampleOptions
    /** How often a model is trained while `millrace dev` runs: an interval, or a cron pattern in UTC such as "0 4 * * *". Nothing new, no training. Default: when asked to. */
    readonly every?: Duration | CronPattern
    /** What begins a training beside that. Default: nothing. */
    readonly retrainOn?: {
      /** A further whole day of data was found good by the checks. */
      readonly newDay?: boolean
      /** A check has found that the data drifts. */
      readonly drift?: boolean
      /** The last training is older than this, and there is something new. */
      readonly staleAfter?: Duration
    }
    /** What a training may take that runs in a process of its own; beyond memory or time it is ended. Default: all processors but one, and no other limit. */
    readonly limits?: { readonly memoryMb?: number; readonly threads?: number; readonly time?: Duration }
    /** What a model must hold before it is put in charge. Default: every gate, with bounds that sound models keep. `false` turns all of them off. */
    readonly gates?:
      | false
      | GateOptions<PathOf<NoInfer<User>, NoInfer<Item>, 'category' | 'boolean'> | typeof POPULARITY_GROUPS>
    /** What only people know of the models: the model card tells it. */
    readonly card?: CardOptions
  }
  readonly serving: {
    readonly owner: string
    readonly placements: {
      readonly [Name in keyof Patterns]: PlacementOptions<
        NameOf<NoInfer<Generators>>,
        Rule<
          NameOfType<NoInfer<Item>, (typeof countableTypes)[number]>,
          NameOfType<NoInfer<Item>, (typeof groupingTypes)[number]>,
          NameOf<NoInfer<Kinds>>,
          NameOfType<NoInfer<Item>, (typeof nameableTypes)[number]>,
          ValuesOf<NoInfer<Item>>
        >
      > & {
        // Which of them show items like a given one is read off here, for the types of a client.
        readonly pattern?: Patterns[Name]
      }
    }
    /** How long an answer may wait for its ranker and for what that looks at, in milliseconds; then it is made without it. Default: 100. */
    readonly budgetMs?: number
    /**
     * Whether what was shown to users goes to the log, for a ranker to learn from (`training.examples.from`); `servedShare` is the share of the answers, in [0, 1], whose
     * rows are kept as the ranker saw them, 1 by default. Default: false; a list of 20 takes half a kilobyte, its rows of 30 columns some four.
     */
    readonly impressions?: boolean | { readonly servedShare?: number }
    /**
     * A record of every answer, for the next page, for `millrace explain --request` and for `millrace replay`. `candidateShare` of those that were ranked, in [0, 1], 0.01 by default, are kept
     * with all that the ranker saw, some 40 KB with 500 candidates of 20 columns; the others take some two. Records go after `maxAge`, "7 days" by default, and where all are larger than
     * `maxBytes`, 1e9 by default. Default: true, which means these. With false nothing is kept, and there are no further pages.
     */
    readonly answers?:
      | boolean
      | { readonly candidateShare?: number; readonly maxAge?: Duration; readonly maxBytes?: number }
  }
  readonly monitoring: { readonly owner: string }
}

/**
 * Describes a whole recommender. Everything is checked at once.
 * @throws MillraceError CONFIG_INVALID with every problem, each with its path and the nearest valid name
 */
export function defineSystem<
  const User extends Attributes,
  const Item extends Attributes,
  const Kinds extends Interactions,
  const Generators extends Readonly<Record<string, GeneratorKind>>,
  const Patterns extends Readonly<Record<string, unknown>>,
  const FeatureName extends string = never,
>(
  options: SystemOptions<User, Item, Kinds, Generators, Patterns, FeatureName>,
): System &
  Named<{
    placement: NameOf<Patterns>
    itemPlacement: { [Name in NameOf<Patterns>]: Patterns[Name] extends 'embedding' ? Name : never }[NameOf<Patterns>]
    interaction: NameOf<Kinds>
    generator: NameOf<Generators>
    user: ValuesOf<User>
    item: ValuesOf<Item>
  }> {
  return checkSystem(options)
}
