// The Plan: what a system file says, as plain data with every default filled in. Its hash identifies the system that trained a model.
import type { CheckSettings } from '../domain/check-settings.ts'
import type { EntityName } from '../domain/event.ts'
import type { FeatureDefinition } from '../domain/feature.ts'
import type { CardSettings, GateSettings } from '../domain/gate-settings.ts'
import type { Retention } from '../ports/event-log.ts'

export type AttributeType = 'category' | 'tags' | 'text' | 'number' | 'integer' | 'boolean' | 'timestamp'

export interface AttributePlan {
  readonly type: AttributeType
  /** Whether a row without it is still accepted. */
  readonly isOptional: boolean
}

export interface InteractionPlan {
  /** What one such interaction counts in training and in a user's history; above 0. */
  readonly weight: number
  /** What else is measured of it, by name, such as "durationSeconds". Left out where there is nothing. */
  readonly values?: readonly string[]
}

/** Which column holds what. A column's name, or its 0-based number for files without a header. */
export type ColumnName = string | number

/**
 * From when on rows of history could have been known, as whoever imports them vouches: each from when it happened, or all of them since a moment (those
 * that happened later, since then).
 */
export type KnownPlan = 'when-it-happened' | { readonly sinceMs: number }

export interface FileSourcePlan {
  readonly kind: 'file'
  /** Relative to the system file's folder. */
  readonly path: string
  readonly format: 'csv' | 'tsv' | 'jsonl' | 'parquet'
  readonly hasHeader: boolean
  readonly holds: 'interactions' | 'impressions' | 'user' | 'item'
  /** For interactions: userId, itemId, eventTime and, where present, knownTime, id, interaction, weight and values by name. For impressions: userId, itemIds, eventTime and, where present, what else goes with them. For an entity: entityId, eventTime, knownTime, and its attributes by name. */
  readonly columns: Readonly<Record<string, ColumnName>>
  /** The interaction of every row, where no column says it. */
  readonly interaction?: string
  /** How times are written: ISO 8601 (without a zone: UTC), or a number since 1970. */
  readonly timeFormat: 'iso' | 'seconds' | 'milliseconds'
  /** Left out: rows without a knownTime are known from when they are read. */
  readonly known?: KnownPlan
}

/** Of users and items there are states; what happened and what was shown has moments only. */
export const holdsEntities = (holds: FileSourcePlan['holds']): holds is EntityName =>
  holds === 'user' || holds === 'item'

export interface HttpSourcePlan {
  readonly kind: 'http'
}

/** When a source is read: so long after the last run began, or by a cron pattern of five fields in UTC. */
export type SchedulePlan = { readonly everyMs: number } | { readonly cron: string }

/** What sources that are read by a schedule have in common. */
export interface ScheduledSourcePlan
  extends Pick<FileSourcePlan, 'holds' | 'columns' | 'interaction' | 'timeFormat' | 'known'> {
  readonly owner: string
  readonly schedule: SchedulePlan
  /** The target: how old the last success may be. */
  readonly freshnessMs: number
}

export interface PostgresSourcePlan extends ScheduledSourcePlan {
  readonly kind: 'postgres'
  /** The environment variable that holds the address. */
  readonly urlVariable: string
  readonly query: string
  readonly pull:
    | { readonly mode: 'snapshot'; readonly deletedShareMax: number }
    /** One of the overlaps holds, by what the column is: a time or a number. */
    | {
        readonly mode: 'incremental'
        readonly by: string
        readonly overlapMs: number
        readonly overlapCount: number
      }
}

export type PagingPlan =
  | { readonly kind: 'none' }
  | { readonly kind: 'cursor'; readonly parameter: string; readonly field: string }
  | { readonly kind: 'page'; readonly parameter: string; readonly first: number }
  | { readonly kind: 'link' }

export interface CatalogueApiPlan extends ScheduledSourcePlan {
  readonly kind: 'catalogue-api'
  readonly url: string
  readonly paging: PagingPlan
  /** Where in the body the rows lie; left out where the body is the list. */
  readonly rowsAt?: string
  /** The header that carries the secret of the environment variable, behind its scheme. */
  readonly authorization?: { readonly header: string; readonly scheme: string; readonly variable: string }
  readonly pull: { readonly mode: 'snapshot'; readonly deletedShareMax: number } | { readonly mode: 'changes' }
  readonly requestsPerSecond: number
  readonly timeoutMs: number
}

export interface FolderSourcePlan extends ScheduledSourcePlan {
  readonly kind: 'folder'
  /** Relative to the system file's folder. */
  readonly path: string
  /** Files whose name matches; `*` stands for any characters. */
  readonly files: string
  /** A file counts as complete once it was left alone this long. */
  readonly settleMs: number
  readonly format: FileSourcePlan['format']
  readonly hasHeader: boolean
}

export type SourcePlan = FileSourcePlan | HttpSourcePlan | PostgresSourcePlan | CatalogueApiPlan | FolderSourcePlan

export interface GeneratorPlan {
  readonly kind: string
  readonly options: Readonly<Record<string, number | string | boolean>>
}

/** What orders the candidates of all generators. */
export interface RankerPlan {
  readonly kind: string
  readonly options: Readonly<Record<string, number | string | boolean>>
  /**
   * Of a model that was trained elsewhere: its file, relative to the system file's folder; its columns in order; and of those whose values are texts, the texts that it knows
   * as 0, 1, … All three are left out of a kind that learns here.
   */
  readonly path?: string
  readonly features?: readonly string[]
  readonly categories?: Readonly<Record<string, readonly string[]>>
}

/** How a ranker's examples are made of what happened. */
export interface ExamplePlan {
  /** `history`: moments at which users chose something, with the candidates of then. `impressions`: lists that were shown. */
  readonly from: 'history' | 'impressions' | 'both'
  /** Newest windows of time that are asked about; the last one decides how long the ranker is trained. At least 1. */
  readonly windowCount: number
  readonly windowMs: number
  /** How long after the moment of a question, or after an impression, a choice still counts as an answer. */
  readonly attributionMs: number
  /** Moments of each user in a window, and as many impressions. */
  readonly questionsPerUser: number
  /** Candidates of each generator. */
  readonly perGenerator: number
  /** Of the candidates, or of the shown items, that were not chosen, so many are learned from. */
  readonly wrongPerQuestion: number
}

/** A rule, as data. Every rule is applied to every answer of its placement; in which order, `docs/decisions/0029-rules.md` says. */
export type RulePlan =
  /** Keeps items for which the filter expression holds. */
  | { readonly kind: 'only'; readonly filter: string }
  /** Drops items the user had this interaction with, during the last `withinMs`. */
  | { readonly kind: 'notInteracted'; readonly interaction: string; readonly withinMs: number }
  /** At most `count` items with the same value of the attribute. */
  | { readonly kind: 'atMost'; readonly count: number; readonly per: string }
  /** Drops these items, and those with one of the values of the attribute. */
  | {
      readonly kind: 'blocked'
      readonly items: readonly string[]
      readonly attribute?: string
      readonly values?: readonly (string | number | boolean)[]
    }
  /** At least `count` items for which the filter expression holds, as far as there are any. */
  | { readonly kind: 'atLeast'; readonly count: number; readonly of: string }
  /** Items that share values of these attributes with the list so far have to be better; `strength` in [0, 1]. */
  | { readonly kind: 'spread'; readonly strength: number; readonly by: readonly string[] }
  /** Divides the place among the candidates by the factor, which is below 1 for what was buried. */
  | { readonly kind: 'boost'; readonly factor: number; readonly of: string }
  /** The item at a place, from 1, from one moment until before another. */
  | {
      readonly kind: 'pin'
      readonly itemId: string
      readonly at: number
      readonly fromMs?: number
      readonly untilMs?: number
    }
  /** Items shown that often during the last `withinMs` without an interaction since go to the end or out. */
  | { readonly kind: 'rotate'; readonly shownCount: number; readonly withinMs: number; readonly to: 'end' | 'out' }
  /** A share of the places for items drawn at random from the best `among` candidates that are left; 50 where it is left out. */
  | { readonly kind: 'explore'; readonly share: number; readonly among?: number }
  /** Code of the system file, by its name: the plan's hash does not cover what it does. */
  | { readonly kind: 'function'; readonly name: string }

export interface PlacementPlan {
  /**
   * `realtime`: for a user or session. `embedding`: items like a given one. `batch`: for a user, made ahead of time and looked up. `hybrid`: made ahead of time, and
   * merged with what some generators propose now.
   */
  readonly pattern: 'realtime' | 'embedding' | 'batch' | 'hybrid'
  /** Generators of a hybrid placement that are asked in every answer; left out for other patterns. */
  readonly liveCandidates?: readonly string[]
  /** When its lists are made; left out where only people make them. */
  readonly batches?: SchedulePlan
  /** How many candidates the ranker puts in order; where it has no say, how many each generator is asked for. */
  readonly candidateCount: number
  /** Items in an answer where the request does not say. */
  readonly limit: number
  /** Generator names, the leading one first: without a ranker it orders the list, and those after it fill what it leaves open. */
  readonly candidates: readonly string[]
  /** Whether the ranker puts the candidates in order. */
  readonly isRanked: boolean
  /** Share of the list given to items that are newer than the model, in [0, 0.5]. */
  readonly newItemShare: number
  /** Whether seen items may come again where the request does not say. */
  readonly includeSeen: boolean
  readonly rules: readonly RulePlan[]
}

/** What makes a training begin by itself, beside its schedule. */
export interface RetrainPlan {
  /** A further whole day of data was found good by the checks. */
  readonly newDay: boolean
  /** A check has found that the data drifts. */
  readonly drift: boolean
  /** The last training is older than this, and there is something new. */
  readonly staleMs?: number
}

/** What the process of a queued run may take; left out where there is no limit. */
export interface RunLimitsPlan {
  readonly memoryMb?: number
  readonly threadCount?: number
  readonly wallSeconds?: number
}

export interface AnswersPlan {
  /** Of the ranked answers, in [0, 1], that are kept with all of their candidates as the ranker saw them. */
  readonly candidateShare: number
  readonly maxAgeMs: number
  readonly maxBytes: number
}

export interface SkewPlan {
  /** Share of the keys (a user, an item, or both) whose features are kept as served, in [0, 1]. */
  readonly sampleShare: number
  /** What they may take on disk; the oldest go first. */
  readonly maxBytes: number
}

export interface Plan {
  readonly name: string
  /** SHA-256 over everything else in the plan, in canonical JSON, as 64 hexadecimal digits. */
  readonly hash: string
  readonly data: {
    readonly owner: string
    readonly entities: {
      readonly user: Readonly<Record<string, AttributePlan>>
      readonly item: Readonly<Record<string, AttributePlan>>
    }
    readonly interactions: Readonly<Record<string, InteractionPlan>>
    readonly sources: Readonly<Record<string, SourcePlan>>
    readonly checks: CheckSettings
    /** By ascending name. */
    readonly features: readonly FeatureDefinition[]
    readonly retention: Retention
    /** Of the features that are served, what is kept to be compared with the offline store. */
    readonly skew: SkewPlan
    /** An event whose time lies further ahead than this is rejected. */
    readonly futureToleranceMs: number
  }
  readonly training: {
    readonly owner: string
    readonly seed: number
    readonly candidates: Readonly<Record<string, GeneratorPlan>>
    /** Both left out where there is no ranker. */
    readonly ranker?: RankerPlan
    readonly examples?: ExamplePlan
    /** Left out where only people and signals begin a training. */
    readonly schedule?: SchedulePlan
    readonly retrainOn?: RetrainPlan
    readonly limits?: RunLimitsPlan
    readonly gates: GateSettings
    readonly card: CardSettings
  }
  readonly serving: {
    readonly owner: string
    readonly placements: Readonly<Record<string, PlacementPlan>>
    /** How long an answer may wait for its ranker and for what that looks at, in milliseconds. */
    readonly budgetMs: number
    /** What was shown goes to the log, with the ranker's rows for a share of the answers, in [0, 1]; left out, nothing is kept of answers. */
    readonly impressions?: { readonly servedShare: number }
    /** Records of answers; left out, none are kept. */
    readonly answers?: AnswersPlan
  }
  readonly monitoring: { readonly owner: string }
}
