// Items like an item, or for a set of them such as a basket.
import type { RecommendRequest } from '../domain/recommendation.ts'
import type { CandidateGenerator, Candidates, ItemSet } from '../ports/candidate-generator.ts'

/** Those that others like are asked for; none where the question is another. */
export const askedItems = ({ itemId, itemIds }: RecommendRequest): readonly string[] =>
  itemIds ?? (itemId === undefined ? [] : [itemId])

export interface AlikeOptions {
  readonly k: number
  readonly headOf?: number
  /** Without the items asked about. */
  readonly allowed: ItemSet
  readonly out: Candidates
}

/**
 * What a generator with a notion of likeness finds; nothing where it has none, or knows none of the items.
 * A set is a history without an order: measured on baskets, what a generator makes of it as a whole is as good as the sum of what is like each item, or better.
 * @param known those of the items that the model has learned, by their indexes
 * @param isSet whether more than one was asked about
 */
export function proposeAlike(
  generator: CandidateGenerator,
  known: readonly number[],
  isSet: boolean,
  { k, headOf = k, allowed, out }: AlikeOptions,
): number {
  if (generator.similar === undefined || known.length === 0) return 0
  if (!isSet) return generator.similar(known[0]!, k, allowed, out)
  const history = { itemIndexes: Int32Array.from(known), weights: new Float32Array(known.length).fill(1) }
  return generator.generate(history, k, allowed, out, { headOf })
}
