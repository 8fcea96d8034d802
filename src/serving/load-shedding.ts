// What a request can still afford. Whoever has waited for this thread already has that much less of its time, and a server on which requests wait does better to
// give all of them something less than some of them nothing.
import type { Rung } from '../domain/recommendation.ts'

/** From these shares of the budget on an answer begins on a lower rung. */
const SHARES: readonly (readonly [rung: Rung, waitedShare: number])[] = [
  ['stored', 1],
  ['unranked', 0.6],
  ['reduced', 0.3],
]

/** A request that has waited for so many budgets is turned away, so that its caller can try another server: its answer would be late, and those behind it later. */
const TURNED_AWAY_BUDGETS = 10

/**
 * The best rung that an answer may stand on.
 * @param waitedMs how long requests wait before anybody looks at them
 * @param budgetMs what an answer may take
 * @returns undefined where requests are to be turned away
 */
export function bestRungAfter(waitedMs: number, budgetMs: number): Rung | undefined {
  if (waitedMs >= TURNED_AWAY_BUDGETS * budgetMs) return undefined
  return SHARES.find(([, share]) => waitedMs >= share * budgetMs)?.[0] ?? 'full'
}
