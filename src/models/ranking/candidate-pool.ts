// What all generators propose to one visitor, as one set, with what each of them thought of each candidate: the rows that a ranker orders.
import { generatorColumns, HISTORY_COLUMNS } from '../../domain/ranking-columns.ts'
import { SparseTable } from '../../lib/sparse-table.ts'
import type { SteadySet } from '../../lib/steady-sets.ts'
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
  /** The first of the history's columns, which say the same of every candidate. */
  readonly firstOfHistory: number
  readonly #generators: readonly CandidateGenerator[]
  readonly #perGenerator: number
  readonly #proposed: Candidates
  /** One object for all requests. */
  readonly #asked: { readonly headOf: number; steady: SteadySet | undefined }
  readonly #itemCount: number
  /** Places in the pool by item. */
  readonly #places = new SparseTable()
  readonly #itemIndexes: Int32Array
  /** One a column, by place. Side by side they are filled and copied faster than rows. */
  readonly #columns: readonly Float32Array[]
  /** By generator, then by place in its list: the place in the pool; -1 for what is none. */
  readonly #listed: Int32Array
  #longestList = 0
  /** By place, whether it has had its turn. */
  readonly #isTaken: Uint8Array
  #rows = new Float32Array(0)
  #count = 0

  /** @param perGenerator how many candidates each generator is asked for, at least 1 */
  constructor(
    generators: ReadonlyMap<string, CandidateGenerator>,
    { itemCount, perGenerator }: { readonly itemCount: number; readonly perGenerator: number },
  ) {
    this.generatorNames = [...generators.keys()]
    this.columnNames = poolColumnNames(this.generatorNames)
    this.#generators = [...generators.values()]
    this.firstOfHistory = this.#generators.length * 2
    this.#perGenerator = perGenerator
    // Nobody asks for more, in training neither.
    this.#asked = { headOf: perGenerator, steady: undefined }
    this.#proposed = { itemIndexes: new Int32Array(perGenerator), scores: new Float32Array(perGenerator) }
    this.#itemCount = itemCount
    const capacity = Math.min(itemCount, perGenerator * this.#generators.length)
    this.#itemIndexes = new Int32Array(capacity)
    this.#columns = this.columnNames.map(() => new Float32Array(capacity))
    this.#listed = new Int32Array(this.#generators.length * perGenerator)
    this.#isTaken = new Uint8Array(capacity)
  }

  /**
   * Asks every generator, and returns how many different candidates there are. What has no such item or no finite score is passed over.
   * @param onFailure told of a generator that throws, which then has proposed nothing; left out, its error is thrown
   * @param steady of `allowed`, where others have asked with the same set
   */
  gather(
    history: History,
    allowed: ItemSet | undefined,
    onFailure?: (generatorName: string, error: unknown) => void,
    steady?: SteadySet,
  ): number {
    this.#asked.steady = steady
    this.#places.begin(this.capacity)
    this.#count = 0
    for (let column = 0; column < this.firstOfHistory; column++) this.#columns[column]!.fill(Number.NaN)
    this.#listed.fill(-1)
    this.#longestList = 0
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
    const told = generator.generate(history, this.#perGenerator, allowed, this.#proposed, this.#asked)
    const count = Math.min(told, this.#perGenerator)
    const scoreColumn = this.#columns[g * 2]!
    const rankColumn = this.#columns[g * 2 + 1]!
    const listed = this.#listed
    const first = g * this.#perGenerator
    for (let rank = 0; rank < count; rank++) {
      const item = itemIndexes[rank]!
      if (!(item >= 0 && item < this.#itemCount && Number.isFinite(scores[rank]!))) continue
      const place = this.#place(item)
      listed[first + rank] = place
      scoreColumn[place] = scores[rank]!
      rankColumn[place] = rank
    }
    // Not so for NaN.
    if (count > this.#longestList) this.#longestList = count
  }

  /** Candidates that there can be at most. */
  get capacity(): number {
    return this.#itemIndexes.length
  }

  /**
   * The places of the candidates of some generators, ordered by how far up the one of them put it that put it furthest up, then by place.
   * @param generators their numbers, ascending
   * @param countMax so many will do; a few more may be written
   * @param out as long as the pool's capacity; with each place the first generator that put it there
   * @returns how many were written
   */
  bestPlaces(
    generators: readonly number[],
    countMax: number,
    { places, proposers }: { readonly places: Int32Array; readonly proposers: Uint8Array },
  ): number {
    const isTaken = this.#isTaken.fill(0, 0, this.#count)
    const listed = this.#listed
    const longest = this.#longestList
    const generatorCount = generators.length
    let count = 0
    for (let rank = 0; rank < longest && count < countMax; rank++) {
      const first = count
      for (let n = 0; n < generatorCount; n++) {
        const place = listed[generators[n]! * this.#perGenerator + rank]!
        if (place < 0 || isTaken[place] === 1) continue
        isTaken[place] = 1
        // Where a later generator's candidate has been put into the pool by an earlier one, it comes first.
        let at = count++
        for (; at > first && places[at - 1]! > place; at--) {
          places[at] = places[at - 1]!
          proposers[at] = proposers[at - 1]!
        }
        places[at] = place
        proposers[at] = generators[n]!
      }
    }
    return count
  }

  /** What is known of one candidate. */
  rowOf(place: number): Float32Array {
    return Float32Array.from(this.#columns, (column) => column[place]!)
  }

  /** The row of an item that no generator proposes to somebody with this history. */
  rowOfNone(history: History): Float32Array {
    const row = new Float32Array(this.columnNames.length).fill(Number.NaN)
    row.set(historyValues(history), this.firstOfHistory)
    return row
  }

  /** Where the visitor's candidates have an item; -1 where it is none. */
  placeOf(item: number): number {
    return this.#places.find(item)
  }

  /** A view that the next visitor overwrites. */
  get itemIndexes(): Int32Array {
    return this.#itemIndexes.subarray(0, this.#count)
  }

  /** By column, then by place; what lies behind the last candidate is of no meaning. The next visitor overwrites them. */
  get columns(): readonly Float32Array[] {
    return this.#columns
  }

  /** Candidates x columns, row-major; a view that the next call overwrites. */
  rows(): Float32Array {
    const width = this.#columns.length
    if (this.#rows.length < this.#count * width) this.#rows = new Float32Array(this.capacity * width)
    for (let column = 0; column < width; column++) {
      const values = this.#columns[column]!
      for (let place = 0, at = column; place < this.#count; place++, at += width) this.#rows[at] = values[place]!
    }
    return this.#rows.subarray(0, this.#count * width)
  }

  #place(item: number): number {
    const place = this.#places.placeOf(item)
    if (place === this.#count) this.#itemIndexes[this.#count++] = item
    return place
  }

  #fillHistory(history: History): void {
    const [length, distinctCount] = historyValues(history)
    const first = this.firstOfHistory
    this.#columns[first]!.fill(length, 0, this.#count)
    this.#columns[first + 1]!.fill(distinctCount, 0, this.#count)
  }
}

/** In the order of `HISTORY_COLUMNS`. */
const historyValues = ({ itemIndexes }: History): readonly [length: number, distinctCount: number] => [
  itemIndexes.length,
  new Set(itemIndexes).size,
]
