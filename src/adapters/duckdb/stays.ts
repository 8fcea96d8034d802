// How many different things are there, as a moving sum.
import { leaveMs } from './moving-sums.ts'

/**
 * The number of different things among the events in a window, as a sum: each is there from its first event until the last one's hop leaves,
 * so overlapping stays are merged, and a thing counts +1 where a merged stay begins and -1 where it ends.
 * @param things relation with m, c and the keys, of which the last ones say which thing it is
 * @returns relation with the keys, moment, delta (1 or -1)
 */
export function stays(things: string, keys: readonly string[], windowMs: number): string {
  const by = keys.join(', ')
  // Events of one hop leave together, so only the first of them matters.
  const byHop = `select ${by}, min(m) as m, ${leaveMs(windowMs)} as e from ${things} where m < ${leaveMs(windowMs)} group by ${by}, e`
  const merged = `select *, max(e) over w as until, max(e) over (w rows between unbounded preceding and 1 preceding) as before,
    lead(m) over w as next from (${byHop}) window w as (partition by ${by} order by m, e)`
  // Of each row the one change, the other, both or none.
  const begins = `case when before is null or m > before then [{'moment': m, 'delta': 1}] else [] end`
  const ends = `case when next is null or next > until then [{'moment': until, 'delta': -1}] else [] end`
  return `(select ${by}, unnest(${begins} || ${ends}, recursive := true) from (${merged}))`
}
