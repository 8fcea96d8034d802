// Everything that was shown, in columns, with dense indexes: what a ranker's examples are made of.

export interface ImpressionTable {
  readonly userIds: readonly string[]
  /** Also of items that nobody knows, or not any more. */
  readonly itemIds: readonly string[]
  /** By impression, in the order of the log. */
  readonly userIndexes: Int32Array
  /** When it was shown, in milliseconds since 1970. */
  readonly timesMs: Float64Array
  /** Impression n shows the items `itemIndexes[offsets[n] .. offsets[n + 1]]`, in the order shown. */
  readonly offsets: Int32Array
  readonly itemIndexes: Int32Array
  /** By impression, in `modelVersions`; -1 where there are no rows as served. */
  readonly modelIndexes: Int32Array
  readonly modelVersions: readonly string[]
  readonly served: ServedRows
}

/** Rows as they were served, which are too many to be held. */
export interface ServedRows {
  /** @param impressions their numbers; @returns by number the rows, items x columns of the impression's model, row-major, of those that have some */
  read(impressions: readonly number[]): Promise<ReadonlyMap<number, Float32Array>>
}

/** Collects impressions one by one; 16 bytes an impression and 4 for each item, besides the ids. */
export class ImpressionTableBuilder {
  readonly #users = new Indexes()
  readonly #items = new Indexes()
  readonly #models = new Indexes()
  readonly #userIndexes: number[] = []
  readonly #timesMs: number[] = []
  readonly #offsets: number[] = [0]
  readonly #modelIndexes: number[] = []
  #itemIndexes = new Int32Array(1024)
  #itemCount = 0

  /** @param shown `servedBy`: the model whose rows there are */
  add(shown: {
    readonly userId: string
    readonly itemIds: readonly string[]
    readonly timeMs: number
    readonly servedBy?: string | undefined
  }): void {
    this.#userIndexes.push(this.#users.of(shown.userId))
    this.#timesMs.push(shown.timeMs)
    this.#modelIndexes.push(shown.servedBy === undefined ? -1 : this.#models.of(shown.servedBy))
    for (const itemId of shown.itemIds) this.#push(this.#items.of(itemId))
    this.#offsets.push(this.#itemCount)
  }

  build(served: ServedRows): ImpressionTable {
    return {
      userIds: this.#users.ids,
      itemIds: this.#items.ids,
      userIndexes: Int32Array.from(this.#userIndexes),
      timesMs: Float64Array.from(this.#timesMs),
      offsets: Int32Array.from(this.#offsets),
      itemIndexes: this.#itemIndexes.slice(0, this.#itemCount),
      modelIndexes: Int32Array.from(this.#modelIndexes),
      modelVersions: this.#models.ids,
      served,
    }
  }

  #push(item: number): void {
    if (this.#itemCount === this.#itemIndexes.length) {
      const grown = new Int32Array(this.#itemCount * 2)
      grown.set(this.#itemIndexes)
      this.#itemIndexes = grown
    }
    this.#itemIndexes[this.#itemCount++] = item
  }
}

/** Dense indexes in the order of first sight. */
class Indexes {
  readonly ids: string[] = []
  readonly #known = new Map<string, number>()

  of(id: string): number {
    const known = this.#known.get(id)
    if (known !== undefined) return known
    this.#known.set(id, this.ids.length)
    return this.ids.push(id) - 1
  }
}
