// Many ascending lists of small numbers in one array: hundreds of thousands of them, most with one or two entries, without an object for each.
type Words = Uint32Array<ArrayBuffer>

/** A list's room is a power of two; room that a list has outgrown goes to the next list of that size. */
export class SortedLists {
  #pool: Words = new Uint32Array(1024)
  #end = 0
  /** By list. */
  #starts = new Float64Array(0)
  #counts = new Uint32Array(0)
  /** By list: the base-2 logarithm of its room; meaningless while it has none. */
  #sizes = new Uint8Array(0)
  /** By size: where room of it lies free. */
  readonly #free: number[][] = []

  countOf(list: number): number {
    return this.#counts[list] ?? 0
  }

  /** A view that is good until the next change of any list. */
  entriesOf(list: number): Uint32Array {
    const start = this.#starts[list] ?? 0
    return this.#pool.subarray(start, start + this.countOf(list))
  }

  /** Keeps the order; an entry that is there already is not added again. Cost: the entries behind it, and nothing for the largest one. */
  add(list: number, entry: number): void {
    this.#reserve(list)
    const count = this.#counts[list]!
    const at = this.#placeOf(list, entry)
    if (at < count && this.#pool[this.#starts[list]! + at] === entry) return
    if (count === 0 || count === 1 << this.#sizes[list]!) this.#enlarge(list)
    const start = this.#starts[list]!
    this.#pool.copyWithin(start + at + 1, start + at, start + count)
    this.#pool[start + at] = entry
    this.#counts[list] = count + 1
  }

  /** Nothing happens where it is not there. */
  remove(list: number, entry: number): void {
    const count = this.countOf(list)
    const at = this.#placeOf(list, entry)
    const start = this.#starts[list] ?? 0
    if (at >= count || this.#pool[start + at] !== entry) return
    this.#pool.copyWithin(start + at, start + at + 1, start + count)
    this.#counts[list] = count - 1
    if (count === 1) this.#release(list)
  }

  /** Empties the list and takes these entries, ascending and none twice. */
  replace(list: number, entries: ArrayLike<number>): void {
    this.#reserve(list)
    if (this.#counts[list]! > 0) this.#release(list)
    const count = entries.length
    this.#counts[list] = count
    if (count === 0) return
    this.#sizes[list] = sizeFor(count)
    this.#starts[list] = this.#take(this.#sizes[list]!)
    this.#pool.set(entries, this.#starts[list])
  }

  get byteLength(): number {
    return this.#pool.byteLength + this.#starts.byteLength + this.#counts.byteLength + this.#sizes.byteLength
  }

  /** Of the first entry that is not smaller. */
  #placeOf(list: number, entry: number): number {
    const start = this.#starts[list] ?? 0
    let low = 0
    let high = this.countOf(list)
    if (high > 0 && this.#pool[start + high - 1]! < entry) return high
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#pool[start + middle]! < entry) low = middle + 1
      else high = middle
    }
    return low
  }

  #reserve(list: number): void {
    if (list < this.#counts.length) return
    const length = Math.max(list + 1, Math.ceil(this.#counts.length * 1.5), 16)
    const starts = new Float64Array(length)
    const counts = new Uint32Array(length)
    const sizes = new Uint8Array(length)
    starts.set(this.#starts)
    counts.set(this.#counts)
    sizes.set(this.#sizes)
    this.#starts = starts
    this.#counts = counts
    this.#sizes = sizes
  }

  #enlarge(list: number): void {
    const count = this.#counts[list]!
    const size = sizeFor(count + 1)
    const from = this.#starts[list]!
    const to = this.#take(size)
    this.#pool.copyWithin(to, from, from + count)
    if (count > 0) this.#release(list)
    this.#starts[list] = to
    this.#sizes[list] = size
  }

  #release(list: number): void {
    ;(this.#free[this.#sizes[list]!] ??= []).push(this.#starts[list]!)
  }

  #take(size: number): number {
    const free = this.#free[size]?.pop()
    if (free !== undefined) return free
    const start = this.#end
    this.#end += 1 << size
    if (this.#end > this.#pool.length) {
      const larger = new Uint32Array(Math.max(this.#end, Math.ceil(this.#pool.length * 1.5)))
      larger.set(this.#pool)
      this.#pool = larger
    }
    return start
  }
}

/** Of the smallest power of two that holds so many. */
const sizeFor = (count: number): number => (count <= 1 ? 0 : 32 - Math.clz32(count - 1))
