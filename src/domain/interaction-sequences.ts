// Who did what in which order: what models of sessions learn from, and what a history is asked with.
import { groupByBucket } from '../lib/counting-sort.ts'

/** Every user's interactions, oldest first; one entry per interaction, so an item may occur more than once. */
export interface InteractionSequences {
  /** User u has the entries `offsets[u] .. offsets[u + 1]`. */
  readonly offsets: Int32Array
  readonly itemIndexes: Int32Array
  /** Above 0. */
  readonly weights: Float32Array
  /** Milliseconds since 1970, ascending within a user; undefined where only the order is known. */
  readonly timesMs: Float64Array | undefined
}

/** One entry per interaction, in any order. */
interface InteractionColumns {
  readonly userIndexes: Int32Array
  readonly itemIndexes: Int32Array
  readonly weights: Float32Array
  readonly eventTimesMs: Float64Array
}

/** Interactions of the same moment keep the columns' order. Linear, besides sorting the users whose interactions are out of order. */
export function sequencesOf(columns: InteractionColumns, userCount: number): InteractionSequences {
  const { userIndexes, itemIndexes, weights, eventTimesMs } = columns
  const { offsets, order } = groupByBucket(userIndexes, userCount)
  for (let user = 0; user < userCount; user++) {
    const own = order.subarray(offsets[user]!, offsets[user + 1]!)
    const isLate = own.some((entry, i) => i > 0 && eventTimesMs[entry]! < eventTimesMs[own[i - 1]!]!)
    if (isLate) own.sort((a, b) => eventTimesMs[a]! - eventTimesMs[b]! || a - b)
  }
  return {
    offsets,
    itemIndexes: order.map((entry) => itemIndexes[entry]!),
    weights: Float32Array.from(order, (entry) => weights[entry]!),
    timesMs: Float64Array.from(order, (entry) => eventTimesMs[entry]!),
  }
}
