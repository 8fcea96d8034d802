// Random walks of three steps, from a user to items to users to items, with popular ends made less likely.
import { strongestOfProduct } from '../../kernels/sparse-product.ts'
import { type Csr, transpose } from '../../lib/csr.ts'
import type { GeneratorKind } from '../../ports/candidate-generator.ts'
import { ItemItemGenerator, itemItemArtifacts } from '../item-item/item-item-generator.ts'
import { checkSettings } from '../settings-check.ts'

export type Rp3betaSettings = {
  /** Power of every transition probability of the walk. */
  readonly alpha: number
  /** A candidate's score is divided by its number of users to this power; 0 is P3alpha. */
  readonly beta: number
  /** At most this many similar items are kept for each item. */
  readonly neighbours: number
  /** An interaction counts as its weight to this power, in training and in the history; 0 counts every item alike. */
  readonly weightPower: number
}

/** On Online Retail a validation part liked power 0 best; there weights are repeated purchases. */
const defaults: Rp3betaSettings = { alpha: 0.6, beta: 0.4, neighbours: 500, weightPower: 0 }

const tunable = {
  alpha: { low: 0.2, high: 1.6, scale: 'linear' },
  beta: { low: 0, high: 1, scale: 'linear' },
  neighbours: { low: 20, high: 1000, scale: 'integer' },
  weightPower: { low: 0, high: 1, scale: 'linear' },
} as const satisfies GeneratorKind['tunable']

/**
 * A kind of candidate generator. Paudel, Christoffel, Newell & Bernstein, "Updatable, accurate, diverse, and scalable recommendations for
 * interactive applications", TiiS 2016, equations 2 and 4. We differ: the first step, from the user to the items of the history, is the history's
 * weights and not their powered share, so that a request needs no normalisation; it changes no user's order of candidates when weights are equal.
 */
export function rp3beta(settings: Partial<Rp3betaSettings> = {}): GeneratorKind {
  const options: Rp3betaSettings = { ...defaults, ...settings }
  return {
    kind: 'rp3beta',
    options: { ...options },
    tunable,
    with: (replaced) => rp3beta({ ...options, ...replaced }),
    async train({ itemsByUser }, { log }) {
      checkSettings('rp3beta', options, {
        alpha: { low: 0, high: 4 },
        beta: { low: -4, high: 4 },
        neighbours: { low: 1, isInteger: true },
        weightPower: { low: 0, high: 1 },
      })
      const similarItems = walkNeighbours(itemsByUser, options)
      log(`rp3beta: ${similarItems.columns.length} pairs of similar items`)
      return itemItemArtifacts(similarItems)
    },
    open: (artifacts) => new ItemItemGenerator(artifacts, { historyWeightPower: options.weightPower }),
  }
}

function walkNeighbours(itemsByUser: Csr, { alpha, beta, neighbours, weightPower }: Rp3betaSettings): Csr {
  const weighted: Csr = { ...itemsByUser, values: itemsByUser.values.map((value) => value ** weightPower) }
  const usersByItem = transpose(weighted)
  const penalties = Float64Array.from(
    { length: usersByItem.rowCount },
    (_, item) => Math.max(1, usersByItem.offsets[item + 1]! - usersByItem.offsets[item]!) ** beta,
  )
  return strongestOfProduct(transitions(usersByItem, alpha), transitions(weighted, alpha), {
    keepCount: Math.min(neighbours, usersByItem.rowCount),
    scoreOf: (_, candidate, sum) => sum / penalties[candidate]!,
  })
}

/** Each value's share of its row, to the power alpha. */
function transitions(matrix: Csr, alpha: number): Csr {
  const values = new Float32Array(matrix.values.length)
  for (let row = 0; row < matrix.rowCount; row++) {
    let sum = 0
    for (let i = matrix.offsets[row]!; i < matrix.offsets[row + 1]!; i++) sum += matrix.values[i]!
    for (let i = matrix.offsets[row]!; i < matrix.offsets[row + 1]!; i++) values[i] = (matrix.values[i]! / sum) ** alpha
  }
  return { ...matrix, values }
}
