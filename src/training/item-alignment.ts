// The same items under the indexes of a table and under those of a model that was trained on another one.
import type { History } from '../ports/candidate-generator.ts'

export interface ItemAlignment {
  /** By index of the table: the model's, -1 for an item that the model does not know. */
  readonly toModel: Int32Array
  /** By index of the model: the table's, -1 for an item that the table does not have. */
  readonly fromModel: Int32Array
}

export function itemAlignment(tableItemIds: readonly string[], modelItemIds: readonly string[]): ItemAlignment {
  const indexOf = new Map(modelItemIds.map((itemId, index) => [itemId, index]))
  const toModel = Int32Array.from(tableItemIds, (itemId) => indexOf.get(itemId) ?? -1)
  const fromModel = new Int32Array(modelItemIds.length).fill(-1)
  toModel.forEach((modelItem, item) => {
    if (modelItem >= 0) fromModel[modelItem] = item
  })
  return { toModel, fromModel }
}

/** A history in the table's items as the model knows it: what it does not know is left out. */
export function historyOfModel({ itemIndexes, weights }: History, { toModel }: ItemAlignment): History {
  const known = Array.from(itemIndexes.keys()).filter((place) => toModel[itemIndexes[place]!]! >= 0)
  return {
    itemIndexes: Int32Array.from(known, (place) => toModel[itemIndexes[place]!]!),
    weights: Float32Array.from(known, (place) => weights[place]!),
  }
}
