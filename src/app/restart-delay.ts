/** A process that did its work for so long did not fail at once. */
const STEADY_MS = 60_000
const FIRST_MS = 200
const LAST_MS = 30_000

/** How often in a row a process has failed soon, after one more end. @param lifeMs for how long it did its work; 0 where it never began */
export const failuresInARow = (before: number, lifeMs: number): number => (lifeMs >= STEADY_MS ? 1 : before + 1)

/** How long to wait before a process is started again: not at all after its first failure, then 200 ms, then twice as long each time, up to 30 s. */
export const restartDelayMs = (failureCount: number): number =>
  failureCount <= 1 ? 0 : Math.min(LAST_MS, FIRST_MS * 2 ** (failureCount - 2))
