// Smallest and largest values.
import { hopMsOf } from '../../domain/feature.ts'
import type { EntityScript } from './entity-script.ts'
import { startMs } from './moving-sums.ts'
import { type FormulaOf, valueColumn } from './reading.ts'

/**
 * No sum, so tiles of one hop. A tile whose events came before its end counts for every moment behind it; late events count from when they came; the
 * moment's own hop is read event by event.
 * @param having which events, as a condition
 * @returns the name of a table (pid, v) of the probes that have one
 */
export function extremes(script: EntityScript, formula: FormulaOf<'min' | 'max'>, having: string): string {
  const { by, windowMs, family } = formula
  const table = script.table()
  const hopMs = hopMsOf(windowMs)
  const value = valueColumn(formula.value)
  // A window touches two neighbouring spans at most, so that the join has an equality to go by.
  const span = Math.ceil(windowMs / hopMs) + 2
  const tile = `c // ${hopMs}`
  script.statements.push(
    `create temp table ${table}_t as select k, ${tile} as tile, greatest(m, (${tile} + 1) * ${hopMs}) as since, ${family}(${value}) as v
     from f_${by}_e where ${having} group by k, tile, since`,
    `create temp table ${table}_x as
     select p.pid, t.v from (select pid, k, t, ${startMs(windowMs)} // ${hopMs} as first, unnest([t // ${hopMs} // ${span}, t // ${hopMs} // ${span} - 1]) as span from f_${by}_p) p
     join (select *, tile // ${span} as span from ${table}_t) t on t.k = p.k and t.span = p.span and t.tile >= p.first and t.since <= p.t
     union all select p.pid, e.${value} from f_${by}_p p join (select * from f_${by}_e where ${having}) e
     on e.k = p.k and e.c // ${hopMs} = p.t // ${hopMs} and e.m <= p.t`,
    `create temp table ${table} as select pid, ${family}(v) as v from ${table}_x group by pid`,
    `drop table ${table}_t`,
    `drop table ${table}_x`,
  )
  script.join(table)
  return table
}
