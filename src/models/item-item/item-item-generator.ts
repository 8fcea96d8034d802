// Answers from a table of similar items: the serving side of every model that learns "who has this also wants that".
import { BestFirst } from '../../lib/best-first.ts'
import type { Csr } from '../../lib/csr.ts'
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
  readonly itemCount: number
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
  /** 0 except while a question is being answered. */
  readonly #sums: Float32Array
  /** By item: its weight in the history; 0 except while a question is being answered. */
  readonly #historyWeights: Float32Array
  readonly #touched: Int32Array
  readonly #best = new BestFirst()

  constructor(artifacts: Artifacts, options: ItemItemOptions) {
    const { similarOffsets, similarIndexes, similarScores } = artifacts as Artifacts & ItemItemArtifacts
    this.#offsets = similarOffsets
    this.#indexes = similarIndexes
    this.#similarities = similarScores
    this.#historyWeightPower = options.historyWeightPower
    this.#historyDecay = options.historyDecay ?? 1
    this.#sums = new Float32Array(options.itemCount)
    this.#historyWeights = new Float32Array(options.itemCount)
    this.#touched = new Int32Array(options.itemCount)
  }

  generate(history: History, k: number, allowed: ItemSet | undefined, out: Candidates): number {
    const touchedCount = this.#addUp(history)
    const sums = this.#sums
    const best = this.#best
    best.reset(k, out)
    for (let t = 0; t < touchedCount; t++) {
      const item = this.#touched[t]!
      if (allowed === undefined || allowed[item >> 5]! & (1 << (item & 31))) best.offer(item, sums[item]!)
    }
    for (let t = 0; t < touchedCount; t++) sums[this.#touched[t]!] = 0
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

  /** Fills `#sums`, and `#touched` with the items whose sum is above 0; returns how many. */
  #addUp(history: History): number {
    const indexes = this.#indexes
    const similarities = this.#similarities
    const sums = this.#sums
    const touched = this.#touched
    // As in training, where an item that was chosen again is one entry with the sum of the weights.
    const historyWeights = this.#historyWeights
    let decay = 1
    for (let h = history.itemIndexes.length - 1; h >= 0; h--) {
      const historyItem = history.itemIndexes[h]!
      historyWeights[historyItem] = historyWeights[historyItem]! + decay * history.weights[h]!
      decay *= this.#historyDecay
    }
    let touchedCount = 0
    for (let h = 0; h < history.itemIndexes.length; h++) {
      const historyItem = history.itemIndexes[h]!
      if (historyWeights[historyItem] === 0) continue
      const weight = historyWeights[historyItem]! ** this.#historyWeightPower
      historyWeights[historyItem] = 0
      const end = this.#offsets[historyItem + 1]!
      for (let i = this.#offsets[historyItem]!; i < end; i++) {
        const item = indexes[i]!
        // Similarities are above 0, so a sum of 0 means that the item is new here.
        if (sums[item] === 0) touched[touchedCount++] = item
        sums[item] = sums[item]! + weight * similarities[i]!
      }
    }
    return touchedCount
  }
}
