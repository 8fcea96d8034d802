export interface BatchLimits {
  readonly countMax: number
  /** A batch is to take no longer than this, judged by how long earlier ones took; one at a time where a single one takes longer. */
  readonly batchMs: number
  /** Where all that wait will take `fromMs` or longer, a batch may take this long: whoever comes last waits less then. */
  readonly backlog?: { readonly fromMs: number; readonly batchMs: number }
  /** A monotonic clock. */
  readonly nowMs?: () => number
}

/** How much the newest batch says of how long the next one takes. */
const NEWEST_SHARE = 0.2

/**
 * Collects what comes within one turn of the event loop and hands it over at the turn's end: so many at once, in order. Between two
 * batches the loop gets its turn, so that others are not kept waiting.
 */
export function inBatches<T>(
  { countMax, batchMs, backlog, nowMs = () => performance.now() }: BatchLimits,
  handle: (batch: readonly T[]) => void,
): (one: T) => void {
  const waiting: T[] = []
  let msPerOne = 0
  const handleNext = (): void => {
    const isLong = backlog !== undefined && waiting.length * msPerOne >= backlog.fromMs
    const count = Math.max(1, Math.min(countMax, Math.floor((isLong ? backlog.batchMs : batchMs) / msPerOne)))
    const batch = waiting.splice(0, count)
    if (waiting.length > 0) setImmediate(handleNext)
    const startMs = nowMs()
    handle(batch)
    msPerOne += NEWEST_SHARE * ((nowMs() - startMs) / batch.length - msPerOne)
  }
  return (one) => {
    if (waiting.push(one) === 1) setImmediate(handleNext)
  }
}
