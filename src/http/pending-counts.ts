/** Counts by two names, until the metrics library is told of them: asking it for every answer costs more than counting. */
export class PendingCounts {
  readonly #counts = new Map<string, Map<string, number>>()

  add(first: string, second: string, count: number): void {
    let bySecond = this.#counts.get(first)
    if (bySecond === undefined) this.#counts.set(first, (bySecond = new Map()))
    bySecond.set(second, (bySecond.get(second) ?? 0) + count)
  }

  /** Calls back with each pair that was counted since the last time. */
  drain(visit: (first: string, second: string, count: number) => void): void {
    for (const [first, bySecond] of this.#counts) {
      for (const [second, count] of bySecond) visit(first, second, count)
      bySecond.clear()
    }
  }
}
