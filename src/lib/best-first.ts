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
  readonly #floors = new Floors()
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

  /** The first `count` of both arrays, one after another; all scores are numbers, none is -0. Most of many are turned away by one look at their highest bits. */
  offerAll(indexes: Int32Array, scores: Float32Array, count: number): void {
    const floor = count > FLOOR_FROM * this.#k && this.#k > 0 ? this.#floors.floorOf(scores, count, this.#k) : -Infinity
    for (let n = 0; n < count; n++) if (scores[n]! >= floor) this.offer(indexes[n]!, scores[n]!)
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

/** Finding a floor pays where there are so many times as many offers as are kept. */
const FLOOR_FROM = 1.5
/** Sign, exponent and three bits of the fraction: scores of one group differ by an eighth at most. */
const GROUP_SHIFT = 20
const GROUP_COUNT = 2 ** (32 - GROUP_SHIFT)

/** Scores that as many reach as are wanted, and seldom many more. */
class Floors {
  readonly #counts = new Int32Array(GROUP_COUNT)
  #scores: Float32Array = new Float32Array(0)
  /** The same bytes. */
  #bits: Int32Array = new Int32Array(0)

  /** At least `wanted` of the first `count` scores are no less, `wanted` being no more than `count`. */
  floorOf(scores: Float32Array, count: number, wanted: number): number {
    if (scores !== this.#scores) {
      this.#scores = scores
      this.#bits = new Int32Array(scores.buffer, scores.byteOffset, scores.length)
    }
    const counts = this.#counts.fill(0)
    const bits = this.#bits
    for (let n = 0; n < count; n++) counts[groupOf(bits[n]!)]!++
    let group = GROUP_COUNT
    for (let above = 0; above < wanted; ) above += counts[--group]!
    return lowestOf(group)
  }
}

/** Groups are in the order of their scores: of negative ones, which the larger bits are farther below 0, all but the sign is turned round. */
const groupOf = (bits: number): number => ((bits ^ ((bits >> 31) & 0x7fffffff)) >> GROUP_SHIFT) + GROUP_COUNT / 2

const oneScore = new Float32Array(1)
const itsBits = new Int32Array(oneScore.buffer)

/** The lowest score of a group. */
function lowestOf(group: number): number {
  const ordered = (group - GROUP_COUNT / 2) << GROUP_SHIFT
  itsBits[0] = ordered ^ ((ordered >> 31) & 0x7fffffff)
  // The lowest group holds -Infinity, and what is below it is not a number.
  return Number.isNaN(oneScore[0]) ? Number.NEGATIVE_INFINITY : oneScore[0]!
}
