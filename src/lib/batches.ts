export interface BatchLimits {
  readonly countMax: number
  /** A batch is to take no longer than this, judged by how long earlier ones took; one at a time where a single one takes longer. */
  readonly batchMs: number
  /** Where all that wait will take `fromMs` or longer, a batch may take this long: whoever comes last waits less then. */
  readonly backlog?: { readonly fromMs: number; readonly batchMs: number }
  /**
   * Counts what the loop takes in one at a time, once a turn, such as connections: while it still rises from turn to turn, the next batch waits, for some turns at most. More than one a batch could not come in
   * otherwise, however short a turn without a batch is.
   */
  readonly arrivalCount?: () => number
  /** A monotonic clock. */
  readonly nowMs?: () => number
}

/** A batch is put off by so many turns, which take some tens of microseconds each. */
const PUT_OFF_MAX = 32
/** How much the newest batch says of how long the next one takes. */
const NEWEST_SHARE = 0.2

/**
 * Collects what comes within one turn of the event loop and hands it over at the turn's end: so many at once, in order. Between two
 * batches the loop gets its turn, so that others are not kept waiting.
 */
export function inBatches<T>(
  { countMax, batchMs, backlog, arrivalCount = () => 0, nowMs = () => performance.now() }: BatchLimits,
  handle: (batch: readonly T[]) => void,
): (one: T) => void {
  const waiting: T[] = []
  let msPerOne = 0
  let putOffCount = 0
  let arrivedBefore = 0
  const handleNext = (): void => {
    const arrived = arrivalCount()
    const isArriving = arrived !== arrivedBefore
    arrivedBefore = arrived
    if (isArriving && putOffCount < PUT_OFF_MAX) {
      putOffCount++
      setImmediate(handleNext)
      return
    }
    putOffCount = 0
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
