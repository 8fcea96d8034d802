/** Where a client's time comes from, so that tests can move it. */
export interface ClientTime {
  /** Milliseconds since 1970, UTC. */
  now(): number
  /** Runs something once, later. @returns what takes that back; calling it again, or too late, is harmless */
  after(durationMs: number, run: () => void): () => void
}

/** A timer that is longer fires at once; nothing here waits for 24 days. */
const TIMER_MS_MAX = 2 ** 31 - 1

export const platformTime: ClientTime = {
  now: () => Date.now(),
  after(durationMs, run) {
    const timer = setTimeout(run, Math.min(durationMs, TIMER_MS_MAX))
    return () => clearTimeout(timer)
  },
}

/** Resolves after this time, or as soon as the signal says stop. */
export function pauseUnless(signal: AbortSignal, durationMs: number, time: ClientTime): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = () => {
      cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const cancel = time.after(durationMs, done)
    signal.addEventListener('abort', done)
  })
}
