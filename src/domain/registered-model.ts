// What the registry knows of a model: where it comes from, what became of it, which aliases name it, and who or what decided that.

/** What a figure of the evaluation says, as far as it is kept with the model. */
export interface ModelMetric {
  readonly name: string
  readonly value: number
  /** 95 % interval over users. */
  readonly interval: readonly [number, number]
}

/** Users or items for which an evaluation's lists were worse than for the rest, beyond what looking at so many slices explains. */
export interface ModelWeakSlice {
  readonly of: 'users' | 'items'
  /** That hold together, such as "user.country = DE" and "items in history <= 3". */
  readonly conditions: readonly string[]
  readonly unitCount: number
  /** NDCG of users, recall of items. */
  readonly mean: number
  /** The slice's mean minus that of all others of its kind. */
  readonly difference: number
  /** 95 %, of the difference, for this slice alone. */
  readonly interval: readonly [number, number]
  readonly adjustedPValue: number
}

/** Where a model comes from: enough to train it again. */
export interface Lineage {
  readonly planHash: string
  /** The commit of the project's repository; undefined outside one. */
  readonly commit: string | undefined
  readonly millraceVersion: string
  readonly seed: number
  /** Everything in the log before this offset was learned from. */
  readonly nextOffset: number
  readonly interactionCount: number
  readonly trainedAtMs: number
  readonly asOfMs: number
  /** When the newest interaction happened that was learned from; models of earlier versions do not tell. */
  readonly newestInteractionMs?: number
}

/** What is worth knowing of a model when its bundle is gone. */
export interface ModelSummary {
  readonly version: string
  readonly lineage: Lineage
  readonly userCount: number
  readonly itemCount: number
  readonly metrics: readonly ModelMetric[]
  /** NDCG of slices of the users and items, by their names; models of earlier versions have none. */
  readonly slices?: readonly ModelMetric[]
  /** The lowest mean first, users before items; left out where nobody has searched. */
  readonly weakSlices?: readonly ModelWeakSlice[]
  readonly generators: readonly { readonly name: string; readonly kind: string }[]
  /** Of all files of the bundle, the manifest apart. */
  readonly bundleBytes: number
}

/**
 * `registered`: its bundle was whole when it was registered, and an alias may name it. `retired`: it is being deleted, and no alias may name it any more.
 * `deleted`: its bundle is gone, and what is known of it stays.
 */
export type ModelStatus = 'registered' | 'retired' | 'deleted'

export interface RegisteredModel extends ModelSummary {
  readonly status: ModelStatus
  readonly registeredAtMs: number
  /** Undefined while it is registered. */
  readonly retiredAtMs?: number
  /** Undefined unless it is deleted. */
  readonly deletedAtMs?: number
}

/** `champion`: the model in charge. `challenger`: the one on trial. `previous`: the one that was in charge before, which rolling back returns to. */
export const modelAliases = ['champion', 'challenger', 'previous'] as const
export type ModelAlias = (typeof modelAliases)[number]

/** The version that each alias names; left out where it names none. */
export type ModelAliases = Readonly<Partial<Record<ModelAlias, string>>>

/** Who or what moved an alias, how, and why. */
export interface ModelDecision {
  /** A person, the name of a key, or what decided in their place, such as "train" or "gates". */
  readonly by: string
  /** What was run or called, such as "millrace promote" or "POST /v1/models/promote". */
  readonly command: string
  /** Of the gates that let it through, or that were overridden; left out where none ran. */
  readonly gateRunId?: string
  /** Why a model that no gates let through was given an alias nevertheless. */
  readonly override?: string
  readonly why: string
}

/** One entry of the audit log. Those of one decision have the same moment, and consecutive numbers. */
export interface AliasMove {
  /** 1, 2, 3 ... in the order in which they were made. */
  readonly number: number
  readonly alias: ModelAlias
  /** Left out where it named none. */
  readonly from?: string
  /** Left out where it names none from then on. */
  readonly to?: string
  readonly atMs: number
  readonly decision: ModelDecision
}

/** A process that has a model loaded. One process may be several users. */
export interface ModelUser {
  /** Unique for ever. */
  readonly id: string
  readonly pid: number
  /** When the process was started, in words of the system, since numbers are given again. */
  readonly startedAt: string
}

export interface ModelUse {
  readonly user: ModelUser
  readonly version: string
}
