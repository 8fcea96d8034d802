import type { CandidateGenerator, History, ItemSet } from '../ports/candidate-generator.ts'

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
  const indexOf = new Map(items.to.map((itemId, index) => [itemId, index]))
  const toModel = Int32Array.from(items.from, (itemId) => indexOf.get(itemId) ?? -1)
  const fromModel = new Int32Array(items.to.length).fill(-1)
  toModel.forEach((modelItem, item) => {
    if (modelItem >= 0) fromModel[modelItem] = item
  })
  return {
    supportsEmptyHistory: generator.supportsEmptyHistory,
    generate(history, k, allowed, out) {
      const count = generator.generate(historyIn(history, toModel), k, allowedIn(allowed, fromModel), out)
      for (let place = 0; place < count; place++) out.itemIndexes[place] = fromModel[out.itemIndexes[place]!]!
      return count
    },
  }
}

function historyIn({ itemIndexes, weights }: History, toModel: Int32Array): History {
  const known = Array.from(itemIndexes.keys()).filter((place) => toModel[itemIndexes[place]!]! >= 0)
  return {
    itemIndexes: Int32Array.from(known, (place) => toModel[itemIndexes[place]!]!),
    weights: Float32Array.from(known, (place) => weights[place]!),
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
