// Stops asking something that keeps failing, and asks again after a while: waiting for it in vain would cost every answer its time.

/** Failures in a row until it is left alone. */
const FAILURES_IN_A_ROW = 5
/** How long it is left alone. Then one request tries again, and another rest follows at once where that fails. */
const REST_MS = 1_000

export class Breaker {
  #failuresInARow = 0
  #restsUntilMs = Number.NEGATIVE_INFINITY

  /** Whether to leave it alone now. Whoever is told no while it recovers is the one who tries: the others go on resting. */
  isResting(nowMs: number): boolean {
    if (this.#failuresInARow < FAILURES_IN_A_ROW) return false
    // A clock that was set back must not make the rest longer.
    const restMs = this.#restsUntilMs - nowMs
    if (restMs > 0 && restMs <= REST_MS) return true
    this.#restsUntilMs = nowMs + REST_MS
    return false
  }

  succeeded(): void {
    this.#failuresInARow = 0
  }

  failed(nowMs: number): void {
    if (++this.#failuresInARow >= FAILURES_IN_A_ROW) this.#restsUntilMs = nowMs + REST_MS
  }
}
