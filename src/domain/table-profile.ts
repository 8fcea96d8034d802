import { type ColumnProfile, ColumnProfiler, type ColumnRules, mergeColumnProfiles } from './column-profile.ts'
import { countedTimeMs } from './feature.ts'

/** What a table promises. */
export interface TableRules {
  readonly table: string
  /** Whether rows come all the time, so that the age of the newest one says something. */
  readonly isRealTime: boolean
  readonly owner: string
  readonly columns: Readonly<Record<string, ColumnRules>>
}

/** A batch or partition of a table, summarised. Plain data: survives JSON. */
export interface TableProfile {
  readonly table: string
  readonly rowCount: number
  /** When the newest row happened, as far as it could have: a time after the row became available counts as that moment. Null without rows. */
  readonly newestEventTimeMs: number | null
  /** When the newest row became available. */
  readonly newestAvailableTimeMs: number | null
  readonly columns: Readonly<Record<string, ColumnProfile>>
}

export interface RowTimes {
  readonly eventTimeMs: number
  readonly availableTimeMs: number
}

/** Reads the rows of one batch or partition. */
export class TableProfiler {
  readonly #table: string
  readonly #columns: readonly (readonly [name: string, profiler: ColumnProfiler])[]
  #rowCount = 0
  #newestEventTimeMs: number | null = null
  #newestAvailableTimeMs: number | null = null

  /** @param idsByTable ids of the tables that columns refer to; references to a table that is not there are not checked */
  constructor(rules: TableRules, idsByTable: ReadonlyMap<string, { has(id: string): boolean }> = new Map()) {
    this.#table = rules.table
    this.#columns = Object.entries(rules.columns).map(([name, column]) => {
      const knownIds = column.references === undefined ? undefined : idsByTable.get(column.references)
      return [name, new ColumnProfiler(column, knownIds ? { knownIds } : {})]
    })
  }

  add(row: Readonly<Record<string, unknown>>, times: RowTimes): void {
    this.#rowCount++
    const eventTimeMs = countedTimeMs(times.eventTimeMs, times.availableTimeMs)
    this.#newestEventTimeMs = Math.max(this.#newestEventTimeMs ?? eventTimeMs, eventTimeMs)
    this.#newestAvailableTimeMs = Math.max(this.#newestAvailableTimeMs ?? times.availableTimeMs, times.availableTimeMs)
    for (const [name, profiler] of this.#columns) profiler.add(Object.hasOwn(row, name) ? row[name] : undefined)
  }

  finish(): TableProfile {
    return {
      table: this.#table,
      rowCount: this.#rowCount,
      newestEventTimeMs: this.#newestEventTimeMs,
      newestAvailableTimeMs: this.#newestAvailableTimeMs,
      columns: Object.fromEntries(this.#columns.map(([name, profiler]) => [name, profiler.finish()])),
    }
  }
}

/** The profile of the rows of both. Where one lacks a column, because it is new or gone, its rows count as null in it. */
export function mergeTableProfiles(a: TableProfile, b: TableProfile): TableProfile {
  const columns: Record<string, ColumnProfile> = {}
  for (const name of new Set([...Object.keys(a.columns), ...Object.keys(b.columns)])) {
    const mine = a.columns[name]
    const other = b.columns[name]
    if (mine && other) columns[name] = mergeColumnProfiles(mine, other)
    else columns[name] = withNulls((mine ?? other)!, mine ? b.rowCount : a.rowCount)
  }
  return {
    table: b.table,
    rowCount: a.rowCount + b.rowCount,
    newestEventTimeMs: newer(a.newestEventTimeMs, b.newestEventTimeMs),
    newestAvailableTimeMs: newer(a.newestAvailableTimeMs, b.newestAvailableTimeMs),
    columns,
  }
}

const withNulls = (column: ColumnProfile, count: number): ColumnProfile => ({
  ...column,
  rowCount: column.rowCount + count,
  nullCount: column.nullCount + count,
})

const newer = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.max(a, b)
