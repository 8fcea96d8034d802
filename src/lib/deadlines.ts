// Many that wait at once, none of them for ever. A timer for each would be made and cleared a thousand times a second, and nearly none of them ever fires; so there is one for all.

interface Wait {
  readonly dueMs: number
  giveUp(): void
}

export class Deadlines {
  /** In no order, undefined at places that are free. Not a set: what waited would outlive its answer (docs/decisions/0041-young-objects.md). */
  readonly #waits: (Wait | undefined)[] = []
  readonly #freePlaces: number[] = []
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
      const place = this.#begin(wait)
      promise.then(
        (value) => {
          this.#end(place, wait)
          resolve(value)
        },
        (error: unknown) => {
          this.#end(place, wait)
          reject(error)
        },
      )
    })
  }

  get #isAnyWaiting(): boolean {
    return this.#freePlaces.length < this.#waits.length
  }

  #begin(wait: Wait): number {
    if (wait.dueMs < this.#firesAtMs) this.#arm(wait.dueMs)
    else if (!this.#isAnyWaiting) this.#timer?.ref()
    const place = this.#freePlaces.pop() ?? this.#waits.length
    this.#waits[place] = wait
    return place
  }

  #end(place: number, wait: Wait): void {
    // It was given up before, and another may wait there.
    if (this.#waits[place] !== wait) return
    this.#free(place)
    // The timer stays for whoever comes next.
    if (!this.#isAnyWaiting) this.#timer?.unref()
  }

  #free(place: number): void {
    this.#waits[place] = undefined
    this.#freePlaces.push(place)
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
    for (const [place, wait] of this.#waits.entries()) {
      if (wait === undefined) continue
      if (wait.dueMs > nowMs) {
        nextMs = Math.min(nextMs, wait.dueMs)
        continue
      }
      this.#free(place)
      wait.giveUp()
    }
    if (this.#isAnyWaiting) this.#arm(nextMs)
  }
}
