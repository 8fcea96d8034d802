// Answers from a table of similar items: the serving side of every model that learns "who has this also wants that".
import { BestFirst } from '../../lib/best-first.ts'
import type { Csr } from '../../lib/csr.ts'
import { grown } from '../../lib/grown.ts'
import { SparseTable } from '../../lib/sparse-table.ts'
import { touchRange } from '../../lib/touch.ts'
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
 * Cost: the similar items of all history entries, one addition each, and a heap of k; independent of the number of items.
 */
export class ItemItemGenerator implements CandidateGenerator {
  readonly supportsEmptyHistory = false
  readonly #offsets: Int32Array
  readonly #indexes: Int32Array
  readonly #similarities: Float32Array
  readonly #historyWeightPower: number
  readonly #historyDecay: number
  /** Places of the items that have a sum, and of those in the history. */
  readonly #places = new SparseTable()
  readonly #historyPlaces = new SparseTable()
  /** What the history says, part by part. */
  #partItems = new Int32Array(0)
  #parts = new Float64Array(0)
  /** By place. */
  #foundItems = new Int32Array(0)
  #sums = new Float32Array(0)
  #historyItems = new Int32Array(0)
  #historyWeights = new Float32Array(0)
  readonly #best = new BestFirst()

  constructor(artifacts: Artifacts, options: ItemItemOptions) {
    const { similarOffsets, similarIndexes, similarScores } = artifacts as Artifacts & ItemItemArtifacts
    this.#offsets = similarOffsets
    this.#indexes = similarIndexes
    this.#similarities = similarScores
    this.#historyWeightPower = options.historyWeightPower
    this.#historyDecay = options.historyDecay ?? 1
  }

  generate(history: History, k: number, allowed: ItemSet | undefined, out: Candidates): number {
    const count = this.#addUp(this.#collect(history, allowed))
    const best = this.#best
    best.reset(k, out)
    best.offerAll(this.#foundItems, this.#sums, count)
    return best.finish()
  }

  similar(itemIndex: number, k: number, allowed: ItemSet | undefined, out: Candidates): number {
    const capacity = Math.min(k, out.itemIndexes.length)
    const end = this.#offsets[itemIndex + 1]!
    let count = 0
    for (let i = this.#offsets[itemIndex]!; i < end && count < capacity; i++) {
      const item = this.#indexes[i]!
      if (allowed !== undefined && !(allowed[item >> 5]! & (1 << (item & 31)))) continue
      out.itemIndexes[count] = item
      out.scores[count] = this.#similarities[i]!
      count++
    }
    return count
  }

  /** Fills `#parts` with what the history's items say of allowed ones, one after another; returns how much there is. */
  #collect(history: History, allowed: ItemSet | undefined): number {
    const offsets = this.#offsets
    const indexes = this.#indexes
    const similarities = this.#similarities
    const historyCount = this.#weighHistory(history)
    const historyItems = this.#historyItems
    const historyWeights = this.#historyWeights
    let length = 0
    for (let h = 0; h < historyCount; h++) length += offsets[historyItems[h]! + 1]! - offsets[historyItems[h]!]!
    // All rows are asked of memory at once.
    for (let h = 0; h < historyCount; h++) {
      const item = historyItems[h]!
      touchRange(indexes, offsets[item]!, offsets[item + 1]!)
      touchRange(similarities, offsets[item]!, offsets[item + 1]!)
    }
    const partItems = (this.#partItems = grown(this.#partItems, length))
    const parts = (this.#parts = grown(this.#parts, length))
    let count = 0
    for (let h = 0; h < historyCount; h++) {
      const weight = historyWeights[h]! ** this.#historyWeightPower
      const end = offsets[historyItems[h]! + 1]!
      for (let i = offsets[historyItems[h]!]!; i < end; i++) {
        const item = indexes[i]!
        // Written anyway, and counted where it is allowed: a filter lets every second one through, which no processor foresees.
        partItems[count] = item
        parts[count] = weight * similarities[i]!
        count += allowed === undefined ? 1 : (allowed[item >> 5]! >>> (item & 31)) & 1
      }
    }
    return count
  }

  /** Fills `#foundItems` and `#sums` with the items of the parts and what these come to; returns how many. */
  #addUp(partCount: number): number {
    const partItems = this.#partItems
    const parts = this.#parts
    const places = this.#places
    places.begin(partCount)
    const items = (this.#foundItems = grown(this.#foundItems, partCount))
    const sums = (this.#sums = grown(this.#sums, partCount))
    let count = 0
    for (let n = 0; n < partCount; n++) {
      const place = places.placeOf(partItems[n]!)
      if (place === count) {
        items[count] = partItems[n]!
        sums[count++] = 0
      }
      sums[place] = sums[place]! + parts[n]!
    }
    return count
  }

  /** As in training, where an item that was chosen again is one entry with the sum of the weights. In the order in which the items came first; returns how many. */
  #weighHistory({ itemIndexes, weights }: History): number {
    const places = this.#historyPlaces
    places.begin(itemIndexes.length)
    const items = (this.#historyItems = grown(this.#historyItems, itemIndexes.length))
    const sums = (this.#historyWeights = grown(this.#historyWeights, itemIndexes.length))
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
    return places.count
  }
}
