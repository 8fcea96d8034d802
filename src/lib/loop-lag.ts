// How late an event loop is. Work that has arrived waits unseen in the sockets' buffers for as long as one turn of the loop takes, and so does a timer.

/** How often the loop is asked whether it is in time. */
const EVERY_MS = 5
/** One late turn is a pause, such as a collection of garbage; so many in a row are a queue that does not get shorter. */
const TURN_COUNT = 3

export interface LoopLag {
  /** How long whatever has just arrived has had to wait for this thread, at least, in milliseconds: the least by which the last turns were late. 0 where nothing waits. */
  readonly ms: () => number
  stop(): void
}

/** @param nowMs a monotonic clock */
export function watchLoopLag(nowMs: () => number = () => performance.now()): LoopLag {
  const lags = new Float64Array(TURN_COUNT)
  let turn = 0
  let dueMs = nowMs() + EVERY_MS
  const timer = setInterval(() => {
    const now = nowMs()
    lags[turn++ % TURN_COUNT] = Math.max(0, now - dueMs)
    dueMs = now + EVERY_MS
  }, EVERY_MS)
  timer.unref()
  return {
    ms: () => Math.min(...lags),
    stop: () => clearInterval(timer),
  }
}
