import { grown } from '../lib/grown.ts'

/** The k highest scored of many offers, without allocating per offer. Among equal scores the one offered first wins. */
export class Best {
  #k = 0
  #count = 0
  /** A heap whose root is the worst one kept. */
  #scores = new Float64Array(0)
  #orders = new Uint32Array(0)
  #values = new Int32Array(0)
  #offered = 0

  /** Empty again, for the k best from now on. */
  reset(k: number): void {
    this.#k = k
    this.#count = 0
    this.#offered = 0
    this.#scores = grown(this.#scores, k)
    this.#orders = grown(this.#orders, k)
    this.#values = grown(this.#values, k)
  }

  offer(value: number, score: number): void {
    const order = this.#offered++
    if (this.#count < this.#k) this.#rise(this.#count++, value, score, order)
    else if (this.#k > 0 && score > this.#scores[0]!) this.#sink(this.#count, value, score, order)
  }

  /** Empties it, best first. */
  drain(visit: (value: number, score: number) => void): void {
    const count = this.#count
    for (let end = count - 1; end >= 0; end--) {
      const value = this.#values[0]!
      const score = this.#scores[0]!
      const order = this.#orders[0]!
      this.#sink(end, this.#values[end]!, this.#scores[end]!, this.#orders[end]!)
      this.#place(end, value, score, order)
    }
    this.#count = 0
    for (let i = 0; i < count; i++) visit(this.#values[i]!, this.#scores[i]!)
  }

  #rise(at: number, value: number, score: number, order: number): void {
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#isWorse(score, order, parent)) break
      this.#place(at, this.#values[parent]!, this.#scores[parent]!, this.#orders[parent]!)
      at = parent
    }
    this.#place(at, value, score, order)
  }

  /** Puts an entry in the place of the root, in a heap of `count` entries. */
  #sink(count: number, value: number, score: number, order: number): void {
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= count) break
      if (child + 1 < count && this.#isWorse(this.#scores[child + 1]!, this.#orders[child + 1]!, child)) child++
      if (this.#isWorse(score, order, child)) break
      this.#place(at, this.#values[child]!, this.#scores[child]!, this.#orders[child]!)
      at = child
    }
    this.#place(at, value, score, order)
  }

  #isWorse(score: number, order: number, than: number): boolean {
    return score < this.#scores[than]! || (score === this.#scores[than]! && order > this.#orders[than]!)
  }

  #place(at: number, value: number, score: number, order: number): void {
    this.#values[at] = value
    this.#scores[at] = score
    this.#orders[at] = order
  }
}
