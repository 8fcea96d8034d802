// Answers from a table of similar items: the serving side of every model that learns "who has this also wants that".
import { KernelMemory } from '../../kernels/memory.ts'
import { SimilarItems } from '../../kernels/similar-items.ts'
import type { Csr } from '../../lib/csr.ts'
import { grown } from '../../lib/grown.ts'
import { SparseTable } from '../../lib/sparse-table.ts'
import type { Artifacts, CandidateGenerator, Candidates, History, ItemSet } from '../../ports/candidate-generator.ts'

/** The names under which a table of similar items is stored in a bundle. */
export interface ItemItemArtifacts {
  readonly similarOffsets: Int32Array
  readonly similarIndexes: Int32Array
  readonly similarScores: Float32Array
}

/** @param similarItems items x items, values above 0, best first within a row */
export function itemItemArtifacts(similarItems: Csr): Artifacts & ItemItemArtifacts {
  return {
    similarOffsets: similarItems.offsets,
    similarIndexes: similarItems.columns,
    similarScores: similarItems.values,
  }
}

export interface ItemItemOptions {
  /** A history entry counts as its weight to this power: 1 takes weights as they are, 0 counts every item alike. */
  readonly historyWeightPower: number
  /** A history entry counts this much of what the one after it counts, in (0, 1]; 1, the default: their order does not matter. */
  readonly historyDecay?: number
}

/**
 * Scores a candidate by the sum, over the items of the history, of weight ^ historyWeightPower * similarity(history item, candidate); an item that
 * occurs several times counts once, with the sum of its weights.
 * Cost: the similar items of all history entries, one addition each, and a sort of k; of the number of items only a bit each.
 */
export class ItemItemGenerator implements CandidateGenerator {
  readonly supportsEmptyHistory = false
  /** The only copy of the artifacts that stays. */
  readonly #table: SimilarItems
  readonly #historyWeightPower: number
  readonly #historyDecay: number
  /** Places of the items of the history, in the order in which they came first. */
  readonly #historyPlaces = new SparseTable()
  /** By place. */
  #historyItems = new Int32Array(0)
  #historySums = new Float32Array(0)
  /** The sums to their power. */
  #historyWeights = new Float64Array(0)

  constructor(artifacts: Artifacts, options: ItemItemOptions) {
    const { similarOffsets, similarIndexes, similarScores } = artifacts as Artifacts & ItemItemArtifacts
    this.#table = new SimilarItems(new KernelMemory(), similarOffsets, similarIndexes, similarScores)
    this.#historyWeightPower = options.historyWeightPower
    this.#historyDecay = options.historyDecay ?? 1
  }

  generate(history: History, k: number, allowed: ItemSet | undefined, out: Candidates): number {
    const count = this.#weighHistory(history)
    return this.#table.bestSums(this.#historyItems, this.#historyWeights, count, k, allowed, out)
  }

  similar(itemIndex: number, k: number, allowed: ItemSet | undefined, out: Candidates): number {
    const capacity = Math.min(k, out.itemIndexes.length)
    const { offsets, indexes, similarities } = this.#table
    const end = offsets[itemIndex + 1]!
    let count = 0
    for (let i = offsets[itemIndex]!; i < end && count < capacity; i++) {
      const item = indexes[i]!
      if (allowed !== undefined && !(allowed[item >> 5]! & (1 << (item & 31)))) continue
      out.itemIndexes[count] = item
      out.scores[count] = similarities[i]!
      count++
    }
    return count
  }

  /** As in training, where an item that was chosen again is one entry with the sum of the weights. In the order in which the items came first; returns how many. */
  #weighHistory({ itemIndexes, weights }: History): number {
    const places = this.#historyPlaces
    places.begin(itemIndexes.length)
    const items = (this.#historyItems = grown(this.#historyItems, itemIndexes.length))
    const sums = (this.#historySums = grown(this.#historySums, itemIndexes.length))
    const weightsByPlace = (this.#historyWeights = grown(this.#historyWeights, itemIndexes.length))
    for (let h = 0; h < itemIndexes.length; h++) {
      const place = places.placeOf(itemIndexes[h]!)
      items[place] = itemIndexes[h]!
      sums[place] = 0
    }
    let decay = 1
    for (let h = itemIndexes.length - 1; h >= 0; h--) {
      const place = places.find(itemIndexes[h]!)
      sums[place] = sums[place]! + decay * weights[h]!
      decay *= this.#historyDecay
    }
    let count = 0
    for (let place = 0; place < places.count; place++) {
      const weight = sums[place]! ** this.#historyWeightPower
      // What is no number, as a root of what is below 0, says nothing; added up, it would come before all that does.
      if (Number.isNaN(weight)) continue
      items[count] = items[place]!
      weightsByPlace[count++] = weight
    }
    return count
  }
}
