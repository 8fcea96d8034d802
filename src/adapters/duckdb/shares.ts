// Shares of the values of an attribute among the events in a window.
import { pathName } from './attribute-history.ts'
import type { EntityScript } from './entity-script.ts'
import { leaveMs } from './moving-sums.ts'
import type { FormulaOf } from './reading.ts'

/**
 * A table (pid, shares: map from key to share, ascending by key) of the probes that have any. A key's count changes at few of the probes, so only
 * changes are summed; then each state is written out for the probes it lasts for.
 * @returns the table's name
 */
export function shares(script: EntityScript, formula: FormulaOf<'share'>): string {
  return script.once(JSON.stringify(formula), () => {
    const { by, windowMs, over } = formula
    const table = script.table()
    const number = `g_${pathName(over)}`
    const having = `${script.matches(formula.of)} and ${number} is not null`
    const total = script.sums.windowed({ source: `f_${by}_e`, where: having }, '1', windowMs)
    const changes = (moment: string, n: string): string =>
      `select p.pid, e.number, ${n} as n from (select k, ${number} as number, ${moment} as moment from f_${by}_e where ${having}) e
       asof join f_${by}_p p on p.k = e.k and e.moment <= p.t group by p.pid, e.number`
    script.statements.push(
      `create temp table ${table}_c as select pid, rank, sum(n)::BIGINT as n from (
         select pid, unnest(v.keys) as rank, n from (
           ${changes('m', 'count(*)')} union all ${changes(`greatest(m, ${leaveMs(windowMs)})`, '-count(*)')}
         ) join f_v_${pathName(over)} v using (number)
       ) group by pid, rank having sum(n) <> 0`,
      `create temp table ${table}_s as select pid, rank, sum(n) over w as n, coalesce(lead(pid) over w, p.until) as until
       from ${table}_c c join f_${by}_p p using (pid) window w as (partition by p.k, rank order by pid)`,
      `drop table ${table}_c`,
      `create temp table ${table} as select pid, map_from_entries(list_transform(list_sort(list({'rank': rank, 'key': g.key, 'share': n::DOUBLE / t.${total}::DOUBLE})),
         s -> {'key': s.key, 'value': s.share})) as shares
       from (select unnest(range(pid, until)) as pid, rank, n from ${table}_s where n > 0) s join f_${by}_s t using (pid) join group_keys g using (rank)
       group by pid`,
      `drop table ${table}_s`,
    )
    script.join(table)
    return table
  })
}
