/** Where waiting comes from, so that tests can move through hours in no time. */
export interface Timers {
  /**
   * Calls back once, after at least this time. A wait longer than a day may end after a day: look at the clock and wait again.
   * @returns forgets it, where it has not been called back yet
   */
  after(delayMs: number, callback: () => void): () => void
}

/** A longer delay would overflow `setTimeout` and fire at once. */
const DELAY_MS_MAX = 86_400_000

export const systemTimers: Timers = {
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), DELAY_MS_MAX))
    return () => clearTimeout(timer)
  },
}
