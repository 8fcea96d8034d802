// Where the values of features come from: SQL expressions, and what time to live and defaults make of them.
import { type FeatureDefinition, type FeatureFormula, windowStartMs } from '../../domain/feature.ts'
import { startMs } from './moving-sums.ts'
import { double, literal, quoted } from './sql-text.ts'

export type FormulaOf<F extends FeatureFormula['family']> = Extract<FeatureFormula, { family: F }>
export type Windowed = Extract<FeatureFormula, { windowMs: number }>

/** Where a feature's value comes from: an expression, null for missing, and the newest event time behind it. */
export interface Reading {
  readonly value: string
  readonly newest: string
  readonly type: 'DOUBLE' | 'VARCHAR' | 'BOOLEAN' | 'VARCHAR[]' | 'MAP(VARCHAR, DOUBLE)'
}

/** Names of the interactions that a formula counts one by one. */
export function countedIn(formula: FeatureFormula): readonly string[] {
  if (!('of' in formula)) return []
  const per = formula.family === 'rate' && formula.per !== 'any' ? formula.per : []
  return [...(formula.of === 'any' ? [] : formula.of), ...per]
}

/** What is older by counted time has no part in any value at `momentMs` or later. Undefined where no feature has a window. */
export function oldestCountedMs(definitions: readonly FeatureDefinition[], momentMs: number): number | undefined {
  const starts = definitions.flatMap(({ formula }) =>
    'windowMs' in formula ? [windowStartMs(momentMs, formula.windowMs)] : [],
  )
  return starts.length === 0 ? undefined : Math.min(...starts)
}

/** A value, its status and its newest event, from the columns v<i> and n<i> and the moment t. */
export function outcome(
  { name, ttlMs, default: standIn }: FeatureDefinition,
  type: Reading['type'],
  i: number,
): string {
  const stale = ttlMs === undefined ? 'false' : `coalesce(t - n${i} > ${ttlMs}, false)`
  const instead =
    standIn === undefined ||
    (typeof standIn === 'number') !== (type === 'DOUBLE') ||
    !['DOUBLE', 'VARCHAR'].includes(type)
      ? 'null'
      : typeof standIn === 'number'
        ? double(standIn)
        : literal(standIn)
  const status = (word: string): string => (standIn === undefined ? `'${word}'` : `'default'`)
  return `
    case when v${i} is null or ${stale} then ${instead} else v${i} end as ${quoted(name)},
    case when v${i} is null then ${status('missing')} when ${stale} then ${status('stale')} else 'present' end as ${quoted(`${name}__status`)},
    case when v${i} is not null then n${i} end as ${quoted(`${name}__newest_ms`)}`
}

/** The column of events that holds a value. */
export const valueColumn = (name: string): string => (name === 'weight' ? 'weight' : quoted(`v_${name}`))

export const microsOf = (value: string): string => `round(${value} * 1e6::DOUBLE)::BIGINT`

/** Of a HUGEINT, to the nearest: DuckDB's own cast rounds its halves one by one, the reader of text does not. */
export const exactDouble = (integer: string): string => `(${integer})::VARCHAR::DOUBLE`

/** A counted time, where it lies in the window of the probe `p`. */
export const inWindow = (c: string, windowMs: number): string =>
  `case when ${c} >= ${startMs(windowMs, 'p.t')} then ${c} end`

/** The sum from the left, beginning with 0. */
export const folded = (values: string): string => `list_reduce(list_prepend(0::DOUBLE, ${values}), (x, y) -> x + y)`
