// Places in an order, of which the first one is asked for again and again.
import { grown } from '../../lib/grown.ts'

/** One bit a place. */
export class PlaceSet {
  #words = new Uint32Array(4)
  /** Words before this one are 0, as are those from `#endWord` on. */
  #startWord = 0
  #endWord = 0

  clear(): void {
    for (let w = this.#startWord; w < this.#endWord; w++) this.#words[w] = 0
    this.#startWord = 0
    this.#endWord = 0
  }

  /** Room for places below `placeCount`. */
  reserve(placeCount: number): void {
    const wordCount = (placeCount + 31) >> 5
    if (this.#words.length < wordCount) this.#words = grown(this.#words, wordCount)
  }

  add(place: number): void {
    const w = place >> 5
    this.#words[w]! |= 1 << (place & 31)
    if (w < this.#startWord) this.#startWord = w
    if (w >= this.#endWord) this.#endWord = w + 1
  }

  /** Nothing happens where it is not in. */
  delete(place: number): void {
    const w = place >> 5
    if (w < this.#endWord) this.#words[w]! &= ~(1 << (place & 31))
  }

  /** -1 where it is empty. */
  get first(): number {
    const words = this.#words
    const endWord = this.#endWord
    let w = this.#startWord
    while (w < endWord && words[w] === 0) w++
    this.#startWord = w
    if (w === endWord) return -1
    const word = words[w]!
    return w * 32 + 31 - Math.clz32(word & -word)
  }
}
