// A search of the catalogue and its answer, in the words of the HTTP API.
import type { Shortfall } from './recommendation.ts'

export interface SearchRequest {
  /** At most 512 characters, of which the first 32 words are read. */
  readonly query: string
  /** Such as `category = 'shoes' and price < 20`. */
  readonly filter?: string
  readonly exclude?: readonly string[]
  /** How many items, from 1 to 1,000; 20 where it is left out. */
  readonly limit?: number
  /** Whose taste moves items that fit equally well; nobody's where it is left out. */
  readonly userId?: string
}

export interface FoundItem {
  readonly itemId: string
  /** More is better; comparable within one answer only. */
  readonly score: number
  /** Words of the item that the query has, as the item has them; none where it is only alike. */
  readonly matched: readonly string[]
}

/** What became of a word of the query. */
export interface SearchedWord {
  /** In lower case. */
  readonly word: string
  /** Words of items that it was read as, singular, the likeliest first; none where no item has anything like it. */
  readonly readAs: readonly {
    readonly word: string
    /** As it is; as the beginning of it; with one letter wrong; or in one word or in two. */
    readonly by: 'word' | 'prefix' | 'spelling' | 'compound'
  }[]
}

export interface SearchResponse {
  readonly requestId: string
  /** Best first. */
  readonly items: readonly FoundItem[]
  /** In the order of the query. */
  readonly words: readonly SearchedWord[]
  /** Why there are fewer items than were asked for, where every item that may be in the answer is; left out where others do not fit the query. */
  readonly shortfall?: Shortfall
}

/** The same words in whatever order, case and number; the same letters with spaces elsewhere; or all the same but for a letter of a word that few items have. */
export type SameBy = 'words' | 'letters' | 'spelling'

export interface DuplicateItem {
  readonly itemId: string
  readonly by: SameBy
  /** Attributes in which the two differ all the same, in the order of the system file: another price or size may be why there are two. */
  readonly differing: readonly string[]
}

/** Items whose texts say the same as those of one item. */
export interface DuplicatesResponse {
  readonly itemId: string
  /** In the order in which the catalogue heard of them. */
  readonly duplicates: readonly DuplicateItem[]
}
