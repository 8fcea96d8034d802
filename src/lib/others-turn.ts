/** Lets whatever else waits for this thread go first. */
export const othersTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
