// The neighbour model that every other one is measured against.
import { strongestOfProduct } from '../../kernels/sparse-product.ts'
import { type Csr, transpose } from '../../lib/csr.ts'
import type { GeneratorKind } from '../../ports/candidate-generator.ts'
import { ItemItemGenerator, itemItemArtifacts } from '../item-item/item-item-generator.ts'
import { checkSettings } from '../settings-check.ts'

export type ItemNeighboursSettings = {
  /** At most this many similar items are kept for each item. */
  readonly neighbours: number
  /** Added to the product of the lengths: pairs with few users in common count less. 0 is the plain cosine. */
  readonly shrinkage: number
  /** An interaction counts as its weight to this power, in training and in the history; 0 counts every item alike. */
  readonly weightPower: number
}

/** On Online Retail a validation part liked power 0 best; there weights are repeated purchases. */
const defaults: ItemNeighboursSettings = { neighbours: 300, shrinkage: 10, weightPower: 0 }

const tunable = {
  neighbours: { low: 20, high: 1000, scale: 'integer' },
  shrinkage: { low: 0.1, high: 1000, scale: 'log' },
  weightPower: { low: 0, high: 1, scale: 'linear' },
} as const satisfies GeneratorKind['tunable']

/**
 * A kind of candidate generator: cosine between the items' columns of users, with shrinkage. Sarwar et al., "Item-based collaborative filtering
 * recommendation algorithms", WWW 2001; the shrinkage is that of Bell & Koren, "Improved neighborhood-based collaborative filtering", 2007.
 */
export function itemNeighbours(settings: Partial<ItemNeighboursSettings> = {}): GeneratorKind {
  const options: ItemNeighboursSettings = { ...defaults, ...settings }
  return {
    kind: 'item-neighbours',
    options: { ...options },
    tunable,
    with: (replaced) => itemNeighbours({ ...options, ...replaced }),
    async train({ itemsByUser }, { log }) {
      checkSettings('item-neighbours', options, {
        neighbours: { low: 1, isInteger: true },
        shrinkage: { low: 0 },
        weightPower: { low: 0, high: 1 },
      })
      const similarItems = cosineNeighbours(itemsByUser, options)
      log(`item-neighbours: ${similarItems.columns.length} pairs of similar items`)
      return itemItemArtifacts(similarItems)
    },
    open: (artifacts) => new ItemItemGenerator(artifacts, { historyWeightPower: options.weightPower }),
  }
}

function cosineNeighbours(itemsByUser: Csr, { neighbours, shrinkage, weightPower }: ItemNeighboursSettings): Csr {
  const right: Csr = { ...itemsByUser, values: itemsByUser.values.map((value) => value ** weightPower) }
  const left = transpose(right)
  const lengths = Float64Array.from({ length: left.rowCount }, (_, item) => {
    let squares = 0
    for (let i = left.offsets[item]!; i < left.offsets[item + 1]!; i++) squares += left.values[i]! ** 2
    return Math.sqrt(squares)
  })
  return strongestOfProduct(left, right, {
    keepCount: Math.min(neighbours, left.rowCount),
    scoreOf: (i, j, sum) => sum / (lengths[i]! * lengths[j]! + shrinkage),
  })
}
