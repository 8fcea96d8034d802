// Items that no model knows yet get a share of every list: those that have most in common with what the visitor looked at, else the newest.
import type { Answer } from './answer.ts'
import { Best } from './best.ts'
import type { ContentProfile } from './content-profile.ts'
import type { ItemBitmap } from './item-bitmap.ts'
import type { ItemIndexes } from './item-indexes.ts'

/** The newest allowed items that are looked at; older ones have had their chance. */
const CONSIDERED_COUNT = 500

/** The name under which they appear in an answer. */
export const NEW_ITEMS = 'newItems'

export class NewItems {
  readonly #indexes: ItemIndexes
  readonly #best = new Best()

  constructor(indexes: ItemIndexes) {
    this.#indexes = indexes
  }

  /**
   * Offers new items until `answer` holds `count`.
   * @param profile what the visitor likes; asked for only where there is a new item
   */
  offer(answer: Answer, allowed: ItemBitmap, count: number, profile: () => ContentProfile): void {
    let liked: ContentProfile | undefined
    let consideredCount = 0
    const { words } = allowed
    for (let w = (this.#indexes.indexCount - 1) >> 5; w >= this.#indexes.firstNewIndex >> 5; w--) {
      let word = words[w]!
      while (word !== 0 && consideredCount < CONSIDERED_COUNT) {
        const bit = 31 - Math.clz32(word)
        word &= ~(1 << bit)
        if (liked === undefined) {
          liked = profile()
          // Some to spare: a rule may turn some away.
          this.#best.reset(Math.min(CONSIDERED_COUNT, 4 * count + 16))
        }
        const index = w * 32 + bit
        this.#best.offer(index, liked.overlap(this.#indexes.rowOf(index)))
        consideredCount++
      }
      if (consideredCount >= CONSIDERED_COUNT) break
    }
    if (consideredCount === 0) return
    this.#best.drain((index, overlap) => {
      if (answer.count < count) answer.offer(index, overlap, NEW_ITEMS)
    })
  }
}

/** How many places of a list a share is: rounded up so that short lists show some too, but never more than half of it. */
export function shareOfPlaces(limit: number, share: number): number {
  return Math.min(Math.ceil(limit * share), Math.floor(limit / 2))
}
