/**
 * Collects what comes within one turn of the event loop and hands it over at the turn's end: at most `countMax` at once, in order. Between two
 * batches the loop gets its turn, so that others are not kept waiting.
 */
export function inBatches<T>(countMax: number, handle: (batch: readonly T[]) => void): (one: T) => void {
  const waiting: T[] = []
  const handleNext = (): void => {
    const batch = waiting.splice(0, countMax)
    if (waiting.length > 0) setImmediate(handleNext)
    handle(batch)
  }
  return (one) => {
    if (waiting.push(one) === 1) setImmediate(handleNext)
  }
}
