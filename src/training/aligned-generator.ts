import type { CandidateGenerator, ItemSet } from '../ports/candidate-generator.ts'
import { historyOfModel, itemAlignment } from './item-alignment.ts'

/**
 * A generator of a model that was trained with other item indexes, asked with those of today. Items that the model does not know are left out of histories, and
 * never proposed. Costs a look at every item per question.
 * @param items.from the ids by today's indexes
 * @param items.to the ids by the model's indexes
 */
export function alignedGenerator(
  generator: CandidateGenerator,
  items: { readonly from: readonly string[]; readonly to: readonly string[] },
): CandidateGenerator {
  const alignment = itemAlignment(items.from, items.to)
  const { fromModel } = alignment
  return {
    supportsEmptyHistory: generator.supportsEmptyHistory,
    generate(history, k, allowed, out) {
      const count = generator.generate(historyOfModel(history, alignment), k, allowedIn(allowed, fromModel), out)
      for (let place = 0; place < count; place++) out.itemIndexes[place] = fromModel[out.itemIndexes[place]!]!
      return count
    },
  }
}

/** Items that only the model knows are not allowed: there is nobody to show them to. */
function allowedIn(allowed: ItemSet | undefined, fromModel: Int32Array): ItemSet {
  const bits = new Uint32Array(Math.ceil(fromModel.length / 32))
  for (let modelItem = 0; modelItem < fromModel.length; modelItem++) {
    const item = fromModel[modelItem]!
    const isAllowed = item >= 0 && (allowed === undefined || (allowed[item >> 5]! & (1 << (item & 31))) !== 0)
    if (isAllowed) bits[modelItem >> 5]! |= 1 << (modelItem & 31)
  }
  return bits
}
