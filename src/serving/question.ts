// What the funnel is asked, and what follows from it alone.
import type { RecommendRequest, Rung } from '../domain/recommendation.ts'
import type { Rng } from '../lib/rng.ts'
import type { ParsedFilter } from './parsed-filters.ts'
import type { Placement } from './placement.ts'

export interface Question {
  readonly requestId: string
  readonly request: RecommendRequest
  readonly placement: Placement
  readonly filter: ParsedFilter | undefined
  /** The row of the item to find others like. */
  readonly similarRow: number | undefined
  /** Where others for a set of items are asked for, the set's other ones. */
  readonly otherSimilarRows: readonly number[]
  readonly limit: number
  readonly nowMs: number
  /** The best one that the answer may stand on. */
  readonly bestRung: Rung
  /** Of what is left to chance. */
  readonly rng: () => Rng
  /** What to tell of the rules; left out where nobody asks. */
  readonly trace?: TraceQuestion | undefined
}

/** A wish to know what the rules did. */
export interface TraceQuestion {
  /** Items to tell of why they may not be shown; those that some rule had its hands on are told of anyway. */
  readonly itemIds: readonly string[]
}

/** The generators that fill a list; none where it was made before: for a batch placement, and where there is no time for them. */
export const askedNow = ({ placement: { plan }, bestRung }: Question): readonly string[] =>
  plan.pattern === 'batch' || bestRung === 'stored' ? [] : plan.candidates

/** Rows of the items to find others like. */
export const askedRows = ({ similarRow, otherSimilarRows }: Question): readonly number[] =>
  similarRow === undefined ? [] : [similarRow, ...otherSimilarRows]
