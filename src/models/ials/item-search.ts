// Where `ials` finds items near a vector: an `ItemIndex` for the answer to a visitor, every item's score for similar items, which are asked for
// more rarely and would need an index of their own.
import { ExactSearch } from '../../kernels/exact-search.ts'
import type { KernelMemory } from '../../kernels/memory.ts'
import type { Candidates, ItemSet } from '../../ports/candidate-generator.ts'

/** Finds the items whose vectors have the largest inner products with a query. */
export interface ItemSearch {
  /**
   * Up to k allowed items (undefined: all), best first, ties by the smaller item index.
   * @returns how many were written into `out`
   */
  search(query: ArrayLike<number>, k: number, allowed: ItemSet | undefined, out: Candidates): number
}

/** @param vectors items x width, in `memory` */
export function exactItemSearch(memory: KernelMemory, vectors: Float32Array, width: number): ItemSearch {
  const exact = new ExactSearch(memory, vectors, width)
  return { search: (query, k, allowed, out) => selectBest(exact.scores(query), k, allowed, out) }
}

/**
 * The k best of all scores, written into `out` best first, ties by the smaller index. `out` serves as a heap with the worst on top while it
 * fills, so nothing is allocated. Cost: one comparison for most scores, log k for those that enter.
 */
function selectBest(scores: Float32Array, k: number, allowed: ItemSet | undefined, out: Candidates): number {
  const { itemIndexes, scores: outScores } = out
  const capacity = Math.min(k, scores.length)
  let count = 0
  if (capacity <= 0) return 0
  for (let item = 0; item < scores.length; item++) {
    if (allowed && !(allowed[item >> 5]! & (1 << (item & 31)))) continue
    const score = scores[item]!
    if (count < capacity) {
      siftUp(itemIndexes, outScores, count++, item, score)
    } else if (score > outScores[0]!) {
      siftDown(itemIndexes, outScores, count, item, score)
    }
  }
  for (let end = count - 1; end > 0; end--) {
    const item = itemIndexes[end]!
    const score = outScores[end]!
    itemIndexes[end] = itemIndexes[0]!
    outScores[end] = outScores[0]!
    siftDown(itemIndexes, outScores, end, item, score)
  }
  return count
}

const isWorse = (scoreA: number, itemA: number, scoreB: number, itemB: number): boolean =>
  scoreA < scoreB || (scoreA === scoreB && itemA > itemB)

/** Adds an entry at the end of a heap with the worst on top. */
function siftUp(items: Int32Array, scores: Float32Array, end: number, item: number, score: number): void {
  let hole = end
  while (hole > 0) {
    const parent = (hole - 1) >> 1
    if (!isWorse(score, item, scores[parent]!, items[parent]!)) break
    items[hole] = items[parent]!
    scores[hole] = scores[parent]!
    hole = parent
  }
  items[hole] = item
  scores[hole] = score
}

/** Replaces the top of a heap of `count` entries with the worst on top. */
function siftDown(items: Int32Array, scores: Float32Array, count: number, item: number, score: number): void {
  let hole = 0
  for (;;) {
    let child = 2 * hole + 1
    if (child >= count) break
    const right = child + 1
    if (right < count && isWorse(scores[right]!, items[right]!, scores[child]!, items[child]!)) child = right
    if (!isWorse(scores[child]!, items[child]!, score, item)) break
    items[hole] = items[child]!
    scores[hole] = scores[child]!
    hole = child
  }
  items[hole] = item
  scores[hole] = score
}
