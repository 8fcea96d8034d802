// Why an answer that went out is as it is, item by item.
import type { Rung } from './recommendation.ts'

/** What one generator said of one item. */
export interface Proposal {
  readonly generator: string
  /** In its list, from 1. */
  readonly rank: number
  readonly score: number
}

/** What moved a score: the mean score of training rows, and what each feature added. */
export interface ScoreExplanation {
  readonly score: number
  readonly averageScore: number
  /** The largest first, whichever its sign; together score - averageScore. */
  readonly contributions: readonly {
    readonly featureName: string
    /** Null where missing. */
    readonly value: number | string | null
    readonly contribution: number
  }[]
}

/** What keeps an item out whatever its score. */
const obstacles = [
  'UNKNOWN',
  'DELETED',
  'ASKED_ABOUT',
  'EXCLUDED',
  'SHOWN_BEFORE',
  'FILTER',
  'RULE',
  'SEEN',
  'NEWER_THAN_MODEL',
] as const

/** Why an item is where it is, or is not there. */
export const itemReasons = [...obstacles, 'SHOWN', 'TOO_LOW', 'CUT', 'NO_CANDIDATE', 'NOT_REPEATABLE'] as const

/** Why an item could not be shown whatever its score. */
export interface Obstacle {
  readonly reason: (typeof obstacles)[number]
  /** The rule's place in the placement's `rules`, from 0. */
  readonly rule?: number
  readonly message: string
}

export interface ExplainedItem {
  readonly itemId: string
  /** In the list that went out, from 1. */
  readonly place: number
  readonly score: number
  readonly generator: string
  /** Recomputed: who proposed it, at which place of its own list. Empty for what is new, or popular. */
  readonly proposals: readonly Proposal[]
  /** Recomputed: its place among the candidates, from 1, before they were ranked. */
  readonly candidatePlace?: number
  /** Its place in the order of the ranker, from 1, before rules and new items; recomputed where the candidates were not recorded. */
  readonly rankedPlace?: number
  /** From the row as it was served: what moved the score. Undefined where the ranker did not order it, or has no trees. */
  readonly explanation?: ScoreExplanation
}

/** What a rule of the placement kept out of the list, of the candidates that stood above the last one shown. */
export interface RuleRemovals {
  /** The rule's place in the placement's `rules`, from 0. */
  readonly position: number
  readonly kind: string
  readonly description: string
  readonly removed: readonly string[]
}

/** Why an item is where it is, or is not there. */
export interface ItemVerdict {
  readonly itemId: string
  readonly reason: (typeof itemReasons)[number]
  readonly message: string
  /** The place of the rule that kept it out, from 0. */
  readonly rule?: number
  readonly proposals: readonly Proposal[]
  readonly candidatePlace?: number
  readonly rankedPlace?: number
  readonly score?: number
}

export interface ExplainedAnswer {
  readonly requestId: string
  readonly placement: string
  readonly userId?: string
  /** When it was asked for; milliseconds since 1970. */
  readonly atMs: number
  readonly latencyMs: number
  readonly modelVersion: string
  readonly rung: Rung
  /** The best one that it was allowed, because requests waited; left out where it was allowed all. */
  readonly bestRung?: Rung
  readonly rankingFailure?: string
  /** The page before. */
  readonly after?: string
  /** Recomputed: how many candidates there were; undefined where it could not be computed again. */
  readonly candidateCount?: number
  /** Whether rows of all candidates were kept as served; else order and scores beyond the list are recomputed. */
  readonly isRecordedWhole: boolean
  readonly recomputed: {
    /** Whether it came out as it was: where not, what is recomputed here may not be what was. */
    readonly isSame: boolean
    /** Why it could not be computed again. */
    readonly failure?: string
    readonly caveats: readonly string[]
  }
  readonly items: readonly ExplainedItem[]
  readonly rules: readonly RuleRemovals[]
  /** Of the item that was asked about. */
  readonly asked?: ItemVerdict
}

/** The same over HTTP. */
export interface ToldAnswer extends Omit<ExplainedAnswer, 'atMs'> {
  /** When it was asked for, ISO 8601. */
  readonly at: string
}
