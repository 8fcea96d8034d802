// Arrays that one request after another puts its candidates into. Made anew for each, they would be a hundred kilobytes outside of the heap: V8 counts those against a limit of its own,
// and goes through the whole heap each time that it is reached, which at a thousand requests a second is several times a second.

/** By candidate. */
export interface RankingArrays {
  readonly itemIndexes: Int32Array
  readonly proposers: Uint8Array
  readonly proposedAs: Int32Array
  /** One a column of the ranker; what lies behind the last candidate means nothing. */
  readonly columns: readonly Float32Array[]
  readonly scores: Float64Array
  /** Where in the others the candidate is that comes so far down in the ranker's order; then what is known of it. */
  readonly places: Int32Array
  readonly orderedItems: Int32Array
  readonly orderedScores: Float64Array
  readonly orderedProposers: Uint8Array
}

/** Room for the candidates of one request. */
export class RankingMemory {
  readonly #buffer: ArrayBuffer
  readonly #capacity: number
  readonly #columns: readonly Float32Array[]
  #arrays: RankingArrays | undefined

  constructor(capacity: number, columnCount: number) {
    this.#capacity = capacity
    this.#buffer = new ArrayBuffer(capacity * (2 * 8 + (4 + columnCount) * 4 + 2))
    const firstColumn = capacity * (2 * 8 + 4 * 4)
    this.#columns = Array.from(
      { length: columnCount },
      (_, column) => new Float32Array(this.#buffer, firstColumn + column * capacity * 4, capacity),
    )
  }

  /** All of them so long, but for the columns, with whatever was in them. @param count at most the capacity */
  arrays(count: number): RankingArrays {
    // A view takes a good part of a microsecond to make, and there are some forty columns: they are made once, as long as there is room.
    if (this.#arrays?.itemIndexes.length !== count) this.#arrays = this.#makeArrays(count)
    return this.#arrays
  }

  #makeArrays(count: number): RankingArrays {
    const buffer = this.#buffer
    const capacity = this.#capacity
    const behindColumns = capacity * (2 * 8 + (4 + this.#columns.length) * 4)
    return {
      scores: new Float64Array(buffer, 0, count),
      orderedScores: new Float64Array(buffer, capacity * 8, count),
      itemIndexes: new Int32Array(buffer, capacity * 16, count),
      proposedAs: new Int32Array(buffer, capacity * 20, count),
      places: new Int32Array(buffer, capacity * 24, count),
      orderedItems: new Int32Array(buffer, capacity * 28, count),
      columns: this.#columns,
      proposers: new Uint8Array(buffer, behindColumns, count),
      orderedProposers: new Uint8Array(buffer, behindColumns + capacity, count),
    }
  }
}

/** Beyond those of the requests that are usually under way at once, memory goes back to the system. */
const KEPT_COUNT_MAX = 32

/** Memory of requests that have ended, for those to come. */
export class RankingMemories {
  readonly #free: RankingMemory[] = []
  readonly #capacity: number
  readonly #columnCount: number

  /** @param capacity candidates of one request, at most */
  constructor(capacity: number, columnCount: number) {
    this.#capacity = capacity
    this.#columnCount = columnCount
  }

  take(): RankingMemory {
    return this.#free.pop() ?? new RankingMemory(this.#capacity, this.#columnCount)
  }

  /** The next request may have it. What is never given back is the collector's. */
  give(memory: RankingMemory): void {
    if (this.#free.length < KEPT_COUNT_MAX) this.#free.push(memory)
  }
}
