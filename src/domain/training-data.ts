import type { Csr } from '../lib/csr.ts'
import type { InteractionSequences } from './interaction-sequences.ts'
import type { ItemAttributes } from './item-attributes.ts'

/**
 * The interactions a model learns from, with outside ids already replaced by dense indexes.
 * Whoever builds it has applied the time split: nothing in here happened, or became available, after `asOfMs`.
 */
export interface TrainingData {
  /** The outside id of each user index. */
  readonly userIds: readonly string[]
  /** The outside id of each item index. */
  readonly itemIds: readonly string[]
  /** users x items; the value is the sum of the weights of that user's interactions with that item, above 0. */
  readonly itemsByUser: Csr
  /** The same interactions one by one, in order; left out where the data has no order. */
  readonly sequences?: InteractionSequences
  /** Event time of the newest interaction behind each entry of `itemsByUser`, in its order; undefined where the data has no times. */
  readonly newestTimesMs: Float64Array | undefined
  /** What was known of the items before `asOfMs`, of the attributes that a generator asks for; left out where none does. */
  readonly itemAttributes?: ItemAttributes
  /** The moment that the data is as of, in milliseconds since 1970; 0 where the data has no times. */
  readonly asOfMs: number
}
