// Arrays that one request after another puts its candidates into. Made anew for each, they would be a hundred kilobytes outside of the heap: V8 counts those against a limit of its own,
// and goes through the whole heap each time that it is reached, which at a thousand requests a second is several times a second.

/** By candidate. */
export interface RankingArrays {
  readonly itemIndexes: Int32Array
  readonly proposers: Uint8Array
  readonly proposedAs: Int32Array
  /** One a column of the ranker. */
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
  readonly #columnCount: number
  #arrays: RankingArrays | undefined

  constructor(capacity: number, columnCount: number) {
    this.#capacity = capacity
    this.#columnCount = columnCount
    this.#buffer = new ArrayBuffer(capacity * (2 * 8 + (4 + columnCount) * 4 + 2))
  }

  /** All of them so long, with whatever was in them. @param count at most the capacity */
  arrays(count: number): RankingArrays {
    // Most requests have as many candidates as are wanted, and making forty views takes microseconds.
    if (this.#arrays?.itemIndexes.length !== count) this.#arrays = this.#makeArrays(count)
    return this.#arrays
  }

  #makeArrays(count: number): RankingArrays {
    let at = 0
    const next = <A>(Kind: new (buffer: ArrayBuffer, at: number, length: number) => A, size: number): A => {
      const array = new Kind(this.#buffer, at, count)
      at += this.#capacity * size
      return array
    }
    return {
      scores: next(Float64Array, 8),
      orderedScores: next(Float64Array, 8),
      itemIndexes: next(Int32Array, 4),
      proposedAs: next(Int32Array, 4),
      places: next(Int32Array, 4),
      orderedItems: next(Int32Array, 4),
      columns: Array.from({ length: this.#columnCount }, () => next(Float32Array, 4)),
      proposers: next(Uint8Array, 1),
      orderedProposers: next(Uint8Array, 1),
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
