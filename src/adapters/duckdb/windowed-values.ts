// Features over the events of a window, family by family.
import type { AttributeKind } from '../../domain/feature.ts'
import { attributeOf, pathName } from './attribute-history.ts'
import { distinctCounts } from './distinct-counts.ts'
import type { EntityScript } from './entity-script.ts'
import { extremes } from './extremes.ts'
import { exactDouble, type FormulaOf, inWindow, microsOf, type Reading, valueColumn, type Windowed } from './reading.ts'
import { neighbours } from './session-neighbours.ts'
import { shares } from './shares.ts'
import { double } from './sql-text.ts'

export const sqlTypes = { text: 'VARCHAR', number: 'DOUBLE', boolean: 'BOOLEAN', tags: 'VARCHAR[]' } as const

export interface WindowedOptions {
  /** Of the attribute that is the value. */
  readonly kind: AttributeKind
  /** The relation of the group's totals, where the family has one. */
  readonly groupTable?: string | undefined
}

/** A feature's value at the probe `p`. */
export function windowedValue(script: EntityScript, formula: Windowed, options: WindowedOptions): Reading {
  const { windowMs, by } = formula
  const source = `f_${by}_e`
  const { sums } = script
  const column = (name: string): string => `f_${by}_s.${name}`
  const matches = script.matches(formula.of)
  const number = (where: string): string => `coalesce(${column(sums.windowed({ source, where }, '1', windowMs))}, 0)`
  const newest = (where: string): string => inWindow(column(sums.maximum({ source, where }, 'c')), windowMs)
  const ifAny = (condition: string, value: string, type: Reading['type'] = 'DOUBLE'): Reading => ({
    value: `case when ${newest(condition)} is not null then ${value} end`,
    newest: newest(condition),
    type,
  })
  switch (formula.family) {
    case 'count':
      return { value: `${number(matches)}::DOUBLE`, newest: newest(matches), type: 'DOUBLE' }
    case 'sum':
    case 'mean': {
      const value = valueColumn(formula.value)
      const having = `${matches} and ${value} is not null`
      const micros = column(sums.windowed({ source, where: having }, microsOf(value), windowMs))
      const sum = `(${exactDouble(`coalesce(${micros}, 0)`)} / 1e6)`
      if (formula.family === 'sum') return { value: sum, newest: newest(having), type: 'DOUBLE' }
      return ifAny(having, `${sum} / ${number(having)}`)
    }
    case 'min':
    case 'max': {
      const having = `${matches} and ${valueColumn(formula.value)} is not null`
      return { value: `${extremes(script, formula, having)}.v`, newest: newest(having), type: 'DOUBLE' }
    }
    case 'rate': {
      const per = script.matches(formula.per)
      const { prior, strength } = formula
      const rate = `(${number(matches)} + ${double(prior * strength)}) / (${number(per)} + ${double(strength)})`
      const value = strength === 0 ? `case when ${number(per)} > 0 then ${rate} end` : rate
      return { value, newest: newest(`${matches} or ${per}`), type: 'DOUBLE' }
    }
    case 'since':
      return ifAny(matches, `(p.t - ${newest(matches)}) / 1000.0::DOUBLE`)
    case 'last':
      return latest(script, formula, options.kind)
    case 'share':
      return ifAny(
        `${matches} and g_${pathName(formula.over)} is not null`,
        `${shares(script, formula)}.shares`,
        'MAP(VARCHAR, DOUBLE)',
      )
    case 'distinct': {
      const having = formula.value ? `${matches} and g_${pathName(formula.value)} is not null` : matches
      return {
        value: `coalesce(${distinctCounts(script, formula)}.estimate, 0)`,
        newest: newest(having),
        type: 'DOUBLE',
      }
    }
    case 'sessionMean': {
      const { total, sessions } = sessionSums(script, formula)
      return ifAny(matches, `${total} / (${number(matches)} - ${sessions})`)
    }
    case 'ratioToGroup':
      return {
        value: ratioToGroup(script, formula, { count: `${number(matches)}::DOUBLE`, table: options.groupTable! }),
        newest: newest(matches),
        type: 'DOUBLE',
      }
  }
}

/** The latest event is the greatest (time, offset) that has come; if it has left the window, so has every other. */
function latest(script: EntityScript, formula: FormulaOf<'last'>, kind: AttributeKind): Reading {
  const { by, windowMs, value: path } = formula
  const matches = script.matches(formula.of)
  const where = path ? `${matches} and g_${pathName(path)} is not null` : matches
  const event = script.sums.maximum({ source: `f_${by}_e`, where }, `{'c': c, 'off': off}`)
  const table = script.table()
  const value = path ? attributeOf('v.v', kind) : 'e.other'
  const values = path ? `join f_v_${pathName(path)} v on v.number = e.g_${pathName(path)}` : ''
  script.statements.push(
    `create temp table ${table} as select s.pid, s.${event}.c as c, ${value} as v from f_${by}_s s join f_${by}_p p using (pid) join f_${by}_e e on e.off = s.${event}.off and e.k = p.k ${values}
     where s.${event} is not null`,
  )
  script.join(table)
  const newest = inWindow(`${table}.c`, windowMs)
  return {
    value: `case when ${newest} is not null then ${table}.v end`,
    newest,
    type: path ? sqlTypes[kind] : 'VARCHAR',
  }
}

/** The sum over all sessions, and how many neighbours are of one session: so many fewer sessions there are than events. */
function sessionSums(script: EntityScript, formula: FormulaOf<'sessionMean'>): { total: string; sessions: string } {
  const { by, windowMs, gapMs } = formula
  const { sums } = script
  const matches = script.matches(formula.of)
  const table = script.table()
  script.early.push(...neighbours(table, { events: `f_${by}_e where ${matches}`, windowMs, gapMs }))
  const column = (x: string): string => `coalesce(f_${by}_s.${sums.changes(table, x)}, 0)`
  if (formula.value === undefined) return { total: `(${column('gap')}::DOUBLE / 1000)`, sessions: column('pairs') }
  const value = valueColumn(formula.value)
  const micros = sums.windowed(
    { source: `f_${by}_e`, where: `${matches} and ${value} is not null` },
    microsOf(value),
    windowMs,
  )
  return { total: `(${exactDouble(`coalesce(f_${by}_s.${micros}, 0)`)} / 1e6)`, sessions: column('pairs') }
}

function ratioToGroup(
  script: EntityScript,
  { by, group }: FormulaOf<'ratioToGroup'>,
  { count, table }: { readonly count: string; readonly table: string },
): string {
  const values = script.joinAttribute({ entity: by, attribute: group })
  // Of several groups it has none. Equalities alone: with a condition beside them DuckDB would compare every pair of rows.
  const own = `case when len(${values}.keys) = 1 then ${values}.keys[1] end`
  script.joinTaken(table, `${table}.g = ${own} and ${table}.t = p.t`)
  return `case when ${table}.n > 0 then ${count} / (${table}.n::DOUBLE / ${table}.members::DOUBLE) end`
}
