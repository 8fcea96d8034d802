// A small map from whole numbers to places, for what touches a few thousand of a million numbers: it stays in the processor's nearest caches, where an array with a place
// for each number does not, and a look into memory costs as much as fifty additions.

const EMPTY = -1
/** Of 2^32, the golden section: numbers that follow each other go far apart (Knuth, "The Art of Computer Programming", vol. 3, 6.4). */
const SPREAD = 0x9e3779b1
const SIZE_MIN = 64

/** Numbers from 0 on have places from 0 on, in the order in which they come. Not for two uses at once. */
export class SparseTable {
  /** Slot by slot a number, then its place. */
  #slots = new Int32Array(2 * SIZE_MIN).fill(EMPTY)
  #shift = 32 - Math.log2(SIZE_MIN)
  #mask = SIZE_MIN - 1
  #count = 0

  /** Empty again. @param countMax how many different numbers may come */
  begin(countMax: number): void {
    this.#count = 0
    let size = SIZE_MIN
    // Half of the slots stay free, so that searches are short.
    while (size < 2 * countMax) size *= 2
    if (2 * size > this.#slots.length) this.#slots = new Int32Array(2 * size)
    this.#mask = size - 1
    this.#shift = 32 - Math.log2(size)
    this.#slots.fill(EMPTY, 0, 2 * size)
  }

  /** How many different numbers there are. */
  get count(): number {
    return this.#count
  }

  /** The number's place; a new number gets the next one, which is the count before. */
  placeOf(number: number): number {
    const slots = this.#slots
    let slot = Math.imul(number, SPREAD) >>> this.#shift
    for (;;) {
      const found = slots[2 * slot]!
      if (found === number) return slots[2 * slot + 1]!
      if (found === EMPTY) break
      slot = (slot + 1) & this.#mask
    }
    slots[2 * slot] = number
    slots[2 * slot + 1] = this.#count
    return this.#count++
  }

  /** The number's place; -1 where it has none. */
  find(number: number): number {
    const slots = this.#slots
    let slot = Math.imul(number, SPREAD) >>> this.#shift
    for (;;) {
      const found = slots[2 * slot]!
      if (found === number) return slots[2 * slot + 1]!
      if (found === EMPTY) return -1
      slot = (slot + 1) & this.#mask
    }
  }
}
