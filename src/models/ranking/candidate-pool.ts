// What all generators propose to one visitor, as one set, with what each of them thought of each candidate: the rows that a ranker orders.
import { generatorColumns, HISTORY_COLUMNS } from '../../domain/ranking-columns.ts'
import type { CandidateGenerator, Candidates, History, ItemSet } from '../../ports/candidate-generator.ts'

/** Of each generator its score and its place, then the history's. */
export const poolColumnNames = (generatorNames: readonly string[]): readonly string[] => [
  ...generatorNames.flatMap(generatorColumns),
  ...HISTORY_COLUMNS,
]

/** One visitor after another, in the same arrays: nothing is allocated per candidate. */
export class CandidatePool {
  readonly generatorNames: readonly string[]
  /** Those of each generator, then the history's, which are known without asking any store. */
  readonly columnNames: readonly string[]
  readonly #generators: readonly CandidateGenerator[]
  readonly #perGenerator: number
  /** Of columns. */
  readonly #width: number
  readonly #proposed: Candidates
  /** By item: its place in the pool, where `#askedAt` says that it was put there for this visitor. */
  readonly #placeOf: Int32Array
  readonly #askedAt: Uint32Array
  #asked = 0
  readonly #itemIndexes: Int32Array
  readonly #values: Float32Array
  #count = 0

  /** @param perGenerator how many candidates each generator is asked for, at least 1 */
  constructor(
    generators: ReadonlyMap<string, CandidateGenerator>,
    { itemCount, perGenerator }: { readonly itemCount: number; readonly perGenerator: number },
  ) {
    this.generatorNames = [...generators.keys()]
    this.columnNames = poolColumnNames(this.generatorNames)
    this.#generators = [...generators.values()]
    this.#perGenerator = perGenerator
    this.#width = this.columnNames.length
    this.#proposed = { itemIndexes: new Int32Array(perGenerator), scores: new Float32Array(perGenerator) }
    this.#placeOf = new Int32Array(itemCount)
    this.#askedAt = new Uint32Array(itemCount)
    const capacity = Math.min(itemCount, perGenerator * this.#generators.length)
    this.#itemIndexes = new Int32Array(capacity)
    this.#values = new Float32Array(capacity * this.columnNames.length)
  }

  /**
   * Asks every generator, and returns how many different candidates there are. What has no such item or no finite score is passed over.
   * @param onFailure told of a generator that throws, which then has proposed nothing; left out, its error is thrown
   */
  gather(
    history: History,
    allowed: ItemSet | undefined,
    onFailure?: (generatorName: string, error: unknown) => void,
  ): number {
    this.#asked++
    this.#count = 0
    for (let g = 0; g < this.#generators.length; g++) {
      try {
        this.#ask(g, history, allowed)
      } catch (error) {
        if (onFailure === undefined) throw error
        onFailure(this.generatorNames[g]!, error)
      }
    }
    this.#fillHistory(history)
    return this.#count
  }

  #ask(g: number, history: History, allowed: ItemSet | undefined): void {
    const generator = this.#generators[g]!
    if (history.itemIndexes.length === 0 && !generator.supportsEmptyHistory) return
    const { itemIndexes, scores } = this.#proposed
    const count = generator.generate(history, this.#perGenerator, allowed, this.#proposed)
    const width = this.#width
    for (let rank = 0; rank < count; rank++) {
      const item = itemIndexes[rank]!
      if (!(item >= 0 && item < this.#placeOf.length && Number.isFinite(scores[rank]!))) continue
      const at = this.#place(item) * width + g * 2
      this.#values[at] = scores[rank]!
      this.#values[at + 1] = rank
    }
  }

  /** Candidates that there can be at most. */
  get capacity(): number {
    return this.#itemIndexes.length
  }

  /** The place of a candidate in the list of a generator, from 0; NaN where that did not propose it. */
  rankOf(place: number, generator: number): number {
    return this.#values[place * this.#width + generator * 2 + 1]!
  }

  /** What is known of one candidate; a view that the next visitor overwrites. */
  rowOf(place: number): Float32Array {
    const width = this.columnNames.length
    return this.#values.subarray(place * width, (place + 1) * width)
  }

  /** The row of an item that no generator proposes to somebody with this history. */
  rowOfNone(history: History): Float32Array {
    const row = new Float32Array(this.columnNames.length).fill(Number.NaN)
    row.set(historyValues(history), this.#generators.length * 2)
    return row
  }

  /** Where the visitor's candidates have an item; -1 where it is none. */
  placeOf(item: number): number {
    return this.#askedAt[item] === this.#asked ? this.#placeOf[item]! : -1
  }

  /** A view that the next visitor overwrites. */
  get itemIndexes(): Int32Array {
    return this.#itemIndexes.subarray(0, this.#count)
  }

  /** Candidates x columns, row-major; a view that the next visitor overwrites. */
  get values(): Float32Array {
    return this.#values.subarray(0, this.#count * this.columnNames.length)
  }

  #place(item: number): number {
    if (this.#askedAt[item] === this.#asked) return this.#placeOf[item]!
    this.#askedAt[item] = this.#asked
    const place = this.#count++
    this.#placeOf[item] = place
    this.#itemIndexes[place] = item
    // A loop: of a few numbers each, `fill` takes longer.
    const scoreCount = this.#generators.length * 2
    for (let at = place * this.#width, n = 0; n < scoreCount; n++) this.#values[at + n] = Number.NaN
    return place
  }

  #fillHistory(history: History): void {
    const [length, distinctCount] = historyValues(history)
    for (let place = 0, at = this.#generators.length * 2; place < this.#count; place++, at += this.#width) {
      this.#values[at] = length
      this.#values[at + 1] = distinctCount
    }
  }
}

/** In the order of `HISTORY_COLUMNS`. */
const historyValues = ({ itemIndexes }: History): readonly [length: number, distinctCount: number] => [
  itemIndexes.length,
  new Set(itemIndexes).size,
]
