/** How often the loop is asked whether it is in time. */
const EVERY_MS = 5

export interface LoopLag {
  /**
   * How long whatever has just arrived has had to wait for this thread, about, in milliseconds: by how much a timer is late now, or was last. 0 where nothing waits.
   */
  readonly ms: () => number
  stop(): void
}

/**
 * Watches the event loop. Requests wait unseen in the sockets' buffers for as long as one turn of the loop takes, and so does a timer.
 * @param nowMs a monotonic clock
 */
export function watchLoopLag(nowMs: () => number = () => performance.now()): LoopLag {
  let dueMs = nowMs() + EVERY_MS
  let lastMs = 0
  const timer = setInterval(() => {
    const now = nowMs()
    lastMs = Math.max(0, now - dueMs)
    dueMs = now + EVERY_MS
  }, EVERY_MS)
  timer.unref()
  return {
    ms: () => Math.max(lastMs, nowMs() - dueMs, 0),
    stop: () => clearInterval(timer),
  }
}
