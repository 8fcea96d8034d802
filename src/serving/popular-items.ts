// The last rungs, which need no model: whatever is allowed, the most popular first. It is what makes a list full.

import { grown } from '../lib/grown.ts'
import type { Answer } from './answer.ts'
import { Best } from './best.ts'
import type { ContentProfile } from './content-profile.ts'
import { bitCount, type ItemBitmap } from './item-bitmap.ts'
import type { ItemBitmaps } from './item-bitmaps.ts'
import type { ItemIndexes } from './item-indexes.ts'
import type { LivePopularity } from './live-popularity.ts'

/** The names under which they appear in an answer. */
export const POPULAR = 'popular'
export const SIMILAR_ATTRIBUTES = 'attributes'

/** After so many items turned away by rules, the groups that are full are taken out of the bitmap. */
const PATIENCE = 64
/** The most popular items that are compared by attributes. */
const COMPARED_COUNT = 10_000

export class PopularItems {
  readonly #popularity: LivePopularity
  readonly #indexes: ItemIndexes
  readonly #bitmaps: ItemBitmaps
  readonly #best = new Best()
  #places = new Int32Array(0)
  #words = new Uint32Array(0)

  constructor(popularity: LivePopularity, indexes: ItemIndexes, bitmaps: ItemBitmaps) {
    this.#popularity = popularity
    this.#indexes = indexes
    this.#bitmaps = bitmaps
  }

  /** Fills the answer from all allowed items: afterwards it is full, or none is left that the rules let in. */
  fill(answer: Answer, allowed: Pick<ItemBitmap, 'words' | 'count'>): void {
    let words = allowed.words
    let leftCount = allowed.count
    while (leftCount > 0 && !answer.isClosed && !this.#sweep(answer, words, leftCount)) {
      words = this.#withoutFullGroups(answer, words)
      leftCount = bitCount(words)
    }
  }

  /** Fills the answer with items that share words with a profile, most in common first. */
  fillAlike(answer: Answer, allowed: ItemBitmap, profile: ContentProfile, wantedCount: number): void {
    if (profile.isEmpty) return
    this.#best.reset(wantedCount)
    let comparedCount = 0
    for (let place = 0; place < this.#popularity.rowCount && comparedCount < COMPARED_COUNT; place++) {
      const row = this.#popularity.rowAt(place)
      const index = this.#indexes.indexOf(row)
      if (!allowed.has(index)) continue
      comparedCount++
      const overlap = profile.overlap(row)
      if (overlap > 0) this.#best.offer(index, overlap)
    }
    this.#best.drain((index, overlap) => answer.offer(index, overlap, SIMILAR_ATTRIBUTES))
  }

  /** False where it gave up because rules turn too many away. */
  #sweep(answer: Answer, words: Uint32Array, leftCount: number): boolean {
    const itemCount = this.#popularity.rowCount
    // Walking down the list meets an allowed item every itemCount / leftCount steps; the other way is to pick out the allowed and sort them.
    const walkSteps = (itemCount / leftCount) * answer.target
    const isSparse = walkSteps * 3 > words.length + leftCount * 10
    const stepCount = isSparse ? this.#collectPlaces(words) : itemCount
    const blockedBefore = answer.blockedCount
    for (let step = 0; step < stepCount && !answer.isClosed; step++) {
      const row = this.#popularity.rowAt(isSparse ? this.#places[step]! : step)
      const index = this.#indexes.indexOf(row)
      if ((words[index >> 5]! & (1 << (index & 31))) === 0) continue
      answer.offer(index, this.#popularity.countOf(row), POPULAR)
      if (answer.blockedCount - blockedBefore > PATIENCE) return false
    }
    return true
  }

  /** Places in the order of popularity of all items in the bitmap, ascending. */
  #collectPlaces(words: Uint32Array): number {
    let count = 0
    for (let w = 0; w < words.length; w++) {
      let word = words[w]!
      while (word !== 0) {
        const bit = 31 - Math.clz32(word)
        word &= ~(1 << bit)
        this.#places = grown(this.#places, count + 1)
        this.#places[count++] = this.#popularity.placeOf(this.#indexes.rowOf(w * 32 + bit))
      }
    }
    this.#places.subarray(0, count).sort()
    return count
  }

  #withoutFullGroups(answer: Answer, from: Uint32Array): Uint32Array {
    this.#words = grown(this.#words, from.length)
    const words = this.#words.subarray(0, from.length)
    words.set(from)
    answer.forEachFullGroup((attribute, group) => {
      const blocked = this.#bitmaps.group(attribute, group).words
      for (let i = 0; i < Math.min(words.length, blocked.length); i++) words[i]! &= ~blocked[i]!
    })
    return words
  }
}
