// What a request can still afford. Whoever has waited for this thread already has that much less of its time, and a server on which requests wait does better to
// give all of them something less than some of them nothing.

/** In the order of the ladder. */
export type Effort =
  /** Everything. */
  | 'full'
  /** The ranker orders fewer candidates. */
  | 'reduced'
  /** The generators order their own. */
  | 'unranked'
  /** What is stored, or popular. */
  | 'popular'

/** From these shares of the budget on, as it was measured on one core: half of the candidates take a good half of the time, none of them ranked a third. */
const SHARES: readonly (readonly [effort: Effort, waitedShare: number])[] = [
  ['popular', 1],
  ['unranked', 0.6],
  ['reduced', 0.3],
]

/**
 * @param waitedMs how long the request has waited before anybody looked at it
 * @param budgetMs what an answer may take
 */
export function effortOf(waitedMs: number, budgetMs: number): Effort {
  return SHARES.find(([, share]) => waitedMs >= share * budgetMs)?.[0] ?? 'full'
}

/** A reduced answer has the ranker order this share of the placement's candidates. */
export const REDUCED_SHARE = 0.25

/** A request that has waited for so many budgets is turned away, where the caller can try another server: its answer would be late, and those behind it later. */
const TURNED_AWAY_BUDGETS = 10

export const isTooLate = (waitedMs: number, budgetMs: number): boolean => waitedMs >= TURNED_AWAY_BUDGETS * budgetMs
