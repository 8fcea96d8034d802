// Many that wait at once, none of them for ever. A timer for each would be made and cleared a thousand times a second, and nearly none of them ever fires; so there is one for all.

interface Wait {
  readonly dueMs: number
  giveUp(): void
}

export class Deadlines {
  /** The oldest first. */
  readonly #waits = new Set<Wait>()
  #timer: NodeJS.Timeout | undefined
  /** When the timer fires, if there is one: no later than the first of the waits is due. */
  #firesAtMs = Number.POSITIVE_INFINITY

  /**
   * What the promise comes to, a rejection too; undefined where it takes longer than so many milliseconds, or a millisecond more. It goes on by itself then.
   * The process lives on while somebody waits.
   */
  within<T extends object>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const wait: Wait = { dueMs: performance.now() + timeoutMs, giveUp: () => resolve(undefined) }
      this.#begin(wait)
      promise.then(
        (value) => {
          this.#end(wait)
          resolve(value)
        },
        (error: unknown) => {
          this.#end(wait)
          reject(error)
        },
      )
    })
  }

  #begin(wait: Wait): void {
    this.#waits.add(wait)
    if (wait.dueMs < this.#firesAtMs) this.#arm(wait.dueMs)
    else if (this.#waits.size === 1) this.#timer?.ref()
  }

  #end(wait: Wait): void {
    // The timer stays for whoever comes next.
    if (this.#waits.delete(wait) && this.#waits.size === 0) this.#timer?.unref()
  }

  #arm(dueMs: number): void {
    clearTimeout(this.#timer)
    this.#firesAtMs = dueMs
    this.#timer = setTimeout(() => this.#fire(), Math.max(0, dueMs - performance.now()))
  }

  #fire(): void {
    this.#timer = undefined
    this.#firesAtMs = Number.POSITIVE_INFINITY
    const nowMs = performance.now()
    let nextMs = Number.POSITIVE_INFINITY
    for (const wait of this.#waits) {
      if (wait.dueMs > nowMs) {
        nextMs = Math.min(nextMs, wait.dueMs)
        continue
      }
      this.#waits.delete(wait)
      wait.giveUp()
    }
    if (this.#waits.size > 0) this.#arm(nextMs)
  }
}
