// Sessions as a moving sum.
import { leaveMs } from './moving-sums.ts'

/** In which order events became available, as one number: by the moment, then by the offset, of which there are fewer than 2^40. */
const CAME = '(m::HUGEINT * 1099511627776 + off)'

/**
 * Statements that make a table (k, moment, pairs, gap) of changes: how many neighbours at most `gapMs` apart there are, and how many milliseconds
 * lie between them in all. Sessions are one fewer than events for every such pair. An event that comes parts its neighbours (among those that
 * came earlier) and joins each of them; a pair is gone when the earlier one leaves the window.
 * @param rows of events (k, off, m, c), as a FROM clause with its WHERE
 */
export function neighbours(
  table: string,
  { events: rows, windowMs, gapMs }: { readonly events: string; readonly windowMs: number; readonly gapMs: number },
): string[] {
  const events = `${table}_e`
  return [
    // In the order of time, with the neighbour to the left, and whether anything to the right came earlier.
    `create temp table ${events} as select k, came, m, c, lag(c) over w as left_c, lag(came) over w as left_came,
     coalesce(min(came) over (w rows between 1 following and unbounded following) < came, false) as has_right
     from (select k, ${CAME} as came, m, c from ${rows}) window w as (partition by k order by c, came)`,
    // Only events that did not come in the order of time have to look further.
    `create temp table ${table}_l as select e.k, e.came, max(o.c) as c from ${events} e join ${events} o
     on o.k = e.k and o.came < e.came and o.c <= e.c and o.c >= e.c - ${gapMs} where e.left_came > e.came group by all`,
    `create temp table ${table}_r as select e.k, e.came, min(o.c) as c from ${events} e join ${events} o
     on o.k = e.k and o.came < e.came and o.c > e.c and o.c <= e.c + ${gapMs} where e.has_right group by all`,
    // l and r: counted times of the neighbours within the gap.
    `create temp table ${table}_n as select e.k, e.m, e.c, case when e.left_came < e.came and e.c - e.left_c <= ${gapMs} then e.left_c else l.c end as l, r.c as r
     from ${events} e left join ${table}_l l using (k, came) left join ${table}_r r using (k, came)`,
    `drop table ${events}`,
    `drop table ${table}_l`,
    `drop table ${table}_r`,
    `create temp table ${table} as
     select k, m as moment, (l is not null)::INT + (r is not null)::INT - (r - l <= ${gapMs} and r is not null and l is not null)::INT as pairs,
       coalesce(c - l, 0) + coalesce(r - c, 0) - case when r - l <= ${gapMs} then r - l else 0 end as gap from ${table}_n where l is not null or r is not null
     union all select k, greatest(m, ${leaveMs(windowMs)}), -1, c - r from ${table}_n where r is not null
     union all select k, greatest(m, ${leaveMs(windowMs, 'l')}), coalesce((r - l <= ${gapMs})::INT, 0) - 1,
       case when r - l <= ${gapMs} then r - l else 0 end - (c - l) from ${table}_n where l is not null`,
    `drop table ${table}_n`,
  ]
}
