// A question to the recommendation service and its answer, in the words of the HTTP API.

/** Something a visitor did just now, given with the request instead of through the log. */
export interface RecentInteraction {
  readonly itemId: string
  /** One of the system's interactions; the one with the smallest weight where it is left out. */
  readonly interaction?: string
}

export interface RecommendRequest {
  readonly placement: string
  /** A known or new user; left out for an anonymous visitor. */
  readonly userId?: string
  /** Oldest first. Added after what is known of the user. */
  readonly recent?: readonly RecentInteraction[]
  /** The item to find others like, for placements of the pattern "embedding". */
  readonly itemId?: string
  /** Instead of `itemId`: 1 to 100 items to find others for, such as a basket or a wish list, each once; none of them is in the answer. */
  readonly itemIds?: readonly string[]
  /** Such as `category = 'shoes' and price < 20`. */
  readonly filter?: string
  readonly exclude?: readonly string[]
  /** How many items; the placement's own limit where it is left out. */
  readonly limit?: number
  /** Whether items the user has interacted with may come again; as the placement says where it is left out, and that is false by default. */
  readonly includeSeen?: boolean
  /** The request id of the page before: what it and the pages before it showed does not come again. */
  readonly after?: string
  /** Items of those pages; put in by whoever looks `after` up, never by the sender. */
  readonly alreadyShown?: readonly string[]
}

export interface RecommendedItem {
  readonly itemId: string
  /** The ranker's where it had a say, else the generator's: comparable within one of them only. */
  readonly score: number
  /** The candidate generator that proposed it first. */
  readonly generator: string
}

/** Why an answer holds fewer items than were asked for. */
export interface Shortfall {
  readonly askedCount: number
  readonly reason: 'CATALOGUE_TOO_SMALL' | 'FILTER_TOO_NARROW' | 'RULES_TOO_STRICT' | 'EVERYTHING_EXCLUDED'
  readonly message: string
}

/**
 * The rung of the fallback ladder that an answer stands on: everything had its part; the ranker put fewer candidates in order than the placement says, since
 * requests had to wait; it had no say, because it failed or for lack of time, so that the candidates are in the order of their generators; the list was made ahead of time by a batch, which is all that a placement of the pattern "batch" has, and else what is left where there is no model,
 * generators failed, or there is no time for them; or there is no such list either, so that what is popular fills it.
 */
export type Rung = 'full' | 'reduced' | 'unranked' | 'stored' | 'popular'

/** Of a placement's candidates, as many as the ranker puts in order for the rung `reduced`. */
export const REDUCED_SHARE = 0.25

/** Of a list that was made ahead of time. */
export interface StoredOrigin {
  /** The id of the run that made it. */
  readonly batchId: string
  /** The moment that it is of, ISO 8601. */
  readonly madeAt: string
  readonly ageSeconds: number
}

export interface RecommendResponse {
  readonly requestId: string
  readonly placement: string
  readonly modelVersion: string
  readonly rung: Rung
  readonly items: readonly RecommendedItem[]
  /** Where a list that was made ahead of time has a part in the answer. */
  readonly stored?: StoredOrigin
  readonly shortfall?: Shortfall
}

/** A list that somebody else made, to be put in order for a user. */
export interface RankRequest {
  /** 1 to 1,000, each once. */
  readonly itemIds: readonly string[]
  /** A known or new user; left out for an anonymous visitor. */
  readonly userId?: string
  /** Oldest first. Added after what is known of the user. */
  readonly recent?: readonly RecentInteraction[]
}

export interface RankedListItem {
  readonly itemId: string
  /** What it was ordered by, comparable within one answer only; left out where nothing could be said of the item. */
  readonly score?: number
}

export interface RankResponse {
  readonly requestId: string
  readonly modelVersion: string
  /** `full`: in the order of the ranker; `unranked`: of the generators, one after the other; `popular`: of what is popular. */
  readonly rung: Rung
  /** All that were given, best first; those that nothing could be said of keep their order behind the others, unknown ones last. */
  readonly items: readonly RankedListItem[]
  /** Of those: unknown to the catalogue, or deleted. */
  readonly unknown: readonly string[]
}
