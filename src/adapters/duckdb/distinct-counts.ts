// How many different things, by the registers of lib/hyper-log-log.ts.
import { ESTIMATE_NUMERATOR, emptyRegisterTerms, RANK_MAX, REGISTER_COUNT } from '../../lib/hyper-log-log.ts'
import { pathName } from './attribute-history.ts'
import type { EntityScript } from './entity-script.ts'
import { MovingSums } from './moving-sums.ts'
import type { FormulaOf } from './reading.ts'
import { double } from './sql-text.ts'
import { stays } from './stays.ts'

/** The name of a table (pid, estimate) of all probes. */
export function distinctCounts(script: EntityScript, formula: FormulaOf<'distinct'>): string {
  const { by, windowMs, value: path } = formula
  const table = script.table()
  const matches = script.matches(formula.of)
  const codes = path
    ? `(select e.k, g.code, e.m, e.c from (select e.k, unnest(v.keys) as rank, e.m, e.c from f_${by}_e e join f_v_${pathName(path)} v on v.number = e.g_${pathName(path)} where ${matches}) e
       join group_keys g using (rank))`
    : `(select k, code, m, c from f_${by}_e where ${matches})`
  // A register holds its greatest rank; it is at least r where any event of rank r or more is there. Each such level is a thing that is there or not.
  const levels = `(select k, code >> 6 as register, unnest(range(1, (code & 63) + 1)) as level, m, c from ${codes})`
  const sums = new MovingSums(`${table}_s`, { probes: `f_${by}_p`, keys: ['k'] })
  script.statements.push(
    `create temp table ${table}_d as select * from ${stays(levels, ['k', 'register', 'level'], windowMs)}`,
  )
  const one = 2 ** RANK_MAX
  const used = sums.changes(`${table}_d`, 'case when level = 1 then delta else 0 end')
  const taken = sums.changes(`${table}_d`, `delta * (${one}::BIGINT >> level::BIGINT)`)
  // The sum of 2^-rank over used registers is that of 1 less the halves, quarters ... that its levels take away: exact, in units of 2^-40.
  const inverse = `((used * ${one}::BIGINT - taken)::BIGINT::DOUBLE / ${double(one)})`
  const terms = `[${emptyRegisterTerms.map((term) => (Number.isFinite(term) ? double(term) : 'null')).join(', ')}]`
  script.statements.push(
    ...sums.statements(),
    `create temp table ${table} as select pid, case when used > 0 then floor(${double(ESTIMATE_NUMERATOR)} / (term + ${inverse}) + 0.5::DOUBLE) else 0 end as estimate
     from (select pid, ${used} as used, ${taken} as taken from ${table}_s) s
     join (select unnest(range(${REGISTER_COUNT + 1})) as empty, unnest(${terms}) as term) t on t.empty = ${REGISTER_COUNT} - s.used`,
    `drop table ${table}_s`,
    `drop table ${table}_d`,
  )
  script.join(table)
  return table
}
