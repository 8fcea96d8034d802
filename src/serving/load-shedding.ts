// What a request can still afford. Whoever has waited for this thread already has that much less of its time, and a server on which requests wait does better to
// give all of them something less than some of them nothing.
import type { Rung } from '../domain/recommendation.ts'
import { MillraceError } from '../lib/errors.ts'

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

/** The best rung that answers may stand on now; undefined where requests are to be turned away. */
export type BestRung = () => Rung | undefined

/** @param bestRung left out: all of them may be stood on @throws MillraceError SERVER_OVERLOADED */
export function allowedRung(bestRung: BestRung | undefined): Rung {
  const rung = bestRung === undefined ? 'full' : bestRung()
  if (rung !== undefined) return rung
  throw new MillraceError('SERVER_OVERLOADED', 'More is asked of this server than it can answer in time.', {
    fix: 'Ask again after the time in Retry-After, or start more workers or servers.',
  })
}
