interface Kept<Value> {
  readonly value: Value
  size: number
  lastUse: number
}

/** Values by key: those used last, as many as fit. A use writes a number down; nothing is moved or allocated for it. */
export class RecentlyUsed<Value> {
  readonly #maxSize: number
  readonly #kept = new Map<string, Kept<Value>>()
  #size = 0
  #useCount = 0

  /** @param maxSize of all values together, in the unit of the sizes given to `set` */
  constructor(maxSize: number) {
    this.#maxSize = maxSize
  }

  /** Of all values kept: never above the limit, unless one alone is. */
  get size(): number {
    return this.#size
  }

  has(key: string): boolean {
    return this.#kept.has(key)
  }

  /** Undefined for a value that was never set or let go. Counts as a use. */
  get(key: string): Value | undefined {
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    kept.lastUse = this.#useCount++
    return kept.value
  }

  /** Keeps a value, or says that a kept one has another size now. Counts as a use. */
  set(key: string, value: Value, size: number): void {
    this.#size += size - (this.#kept.get(key)?.size ?? 0)
    this.#kept.set(key, { value, size, lastUse: this.#useCount++ })
    if (this.#size > this.#maxSize) this.#dropOldest(key)
  }

  /** An eighth at once, because finding the oldest takes looking at all. */
  #dropOldest(newestKey: string): void {
    const oldestFirst = [...this.#kept].sort(([, a], [, b]) => a.lastUse - b.lastUse)
    for (const [key, { size }] of oldestFirst) {
      if (this.#size <= this.#maxSize * 0.875 || key === newestKey) return
      this.#kept.delete(key)
      this.#size -= size
    }
  }
}
