// Sets of items, one bit each, that come again and again, but for a few items that each time are taken out of the array: what takes a while to work out of one is kept for the next time.

/** What is known of a set beside its array. */
export interface SteadySet {
  /** While the array of the set is the same one and this is the same, so are its items, with those that are withheld counted in. */
  readonly version: number
  /** From the start so many items that are in the set, but for now taken out of the array; some may be beyond those that the reader knows. */
  readonly withheld: Int32Array
  readonly withheldCount: number
}

/** What was worked out of each set, for as long as its array lives. */
export class KeptBySet<T> {
  readonly #kept = new WeakMap<Uint32Array, { readonly version: number; worked: T | undefined }>()

  /**
   * What `work` makes of the set with the withheld items in it. Undefined the first time that a set comes, or has changed: many never come again.
   */
  of(words: Uint32Array, steady: SteadySet, work: (whole: Uint32Array) => T): T | undefined {
    const kept = this.#kept.get(words)
    if (kept?.version !== steady.version) {
      this.#kept.set(words, { version: steady.version, worked: undefined })
      return undefined
    }
    return (kept.worked ??= work(withWithheld(words, steady)))
  }
}

function withWithheld(words: Uint32Array, { withheld, withheldCount }: SteadySet): Uint32Array {
  const whole = words.slice()
  for (let n = 0; n < withheldCount; n++) {
    const item = withheld[n]!
    // Words beyond the last are not there to be written.
    whole[item >> 5]! |= 1 << (item & 31)
  }
  return whole
}
