/** Where the best are written: the caller's arrays, at least as long as the largest k asked for. */
export interface BestFirstArrays {
  readonly itemIndexes: Int32Array
  readonly scores: Float32Array
}

/**
 * The k highest scored of many offers, kept in the caller's arrays; nothing is allocated per offer. Ties go to the smaller index, so the
 * result does not depend on the order of the offers.
 */
export class BestFirst {
  // While offers come in, the arrays are a heap whose root is the worst one kept.
  #indexes: Int32Array
  #scores: Float32Array
  #k = 0
  #count = 0

  constructor() {
    this.#indexes = new Int32Array(0)
    this.#scores = new Float32Array(0)
  }

  /** Empty again, for the k best from now on. */
  reset(k: number, out: BestFirstArrays): void {
    this.#indexes = out.itemIndexes
    this.#scores = out.scores
    this.#k = Math.min(k, out.itemIndexes.length, out.scores.length)
    this.#count = 0
  }

  /** `score` must be a float32 number, or ties are decided before rounding and shown after it. */
  offer(index: number, score: number): void {
    if (this.#count < this.#k) this.#rise(index, score)
    else if (this.#count > 0 && this.#isWorse(this.#scores[0]!, this.#indexes[0]!, score, index)) {
      this.#sink(this.#count, index, score)
    }
  }

  /** Sorts what was kept, best first, and returns how many there are. */
  finish(): number {
    for (let end = this.#count - 1; end > 0; end--) {
      const index = this.#indexes[0]!
      const score = this.#scores[0]!
      this.#sink(end, this.#indexes[end]!, this.#scores[end]!)
      this.#place(end, index, score)
    }
    return this.#count
  }

  #rise(index: number, score: number): void {
    let at = this.#count++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#isWorse(score, index, this.#scores[parent]!, this.#indexes[parent]!)) break
      this.#place(at, this.#indexes[parent]!, this.#scores[parent]!)
      at = parent
    }
    this.#place(at, index, score)
  }

  /** Puts an offer in the place of the root, in a heap of `count`. */
  #sink(count: number, index: number, score: number): void {
    const indexes = this.#indexes
    const scores = this.#scores
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= count) break
      if (
        child + 1 < count &&
        this.#isWorse(scores[child + 1]!, indexes[child + 1]!, scores[child]!, indexes[child]!)
      ) {
        child++
      }
      if (this.#isWorse(score, index, scores[child]!, indexes[child]!)) break
      this.#place(at, indexes[child]!, scores[child]!)
      at = child
    }
    this.#place(at, index, score)
  }

  #isWorse(score: number, index: number, otherScore: number, otherIndex: number): boolean {
    return score < otherScore || (score === otherScore && index > otherIndex)
  }

  #place(at: number, index: number, score: number): void {
    this.#indexes[at] = index
    this.#scores[at] = score
  }
}
