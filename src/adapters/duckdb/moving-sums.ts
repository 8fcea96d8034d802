// Sums over sliding windows, for millions of (key, moment) probes over tens of millions of events, without ever looking at a pair of them.
//
// An event counts from the moment it is available until its hop leaves the window, and both moments are known from the event alone, however
// late it came: so a windowed sum at T is the sum of all changes up to T, +x when the event comes and -x when it goes. Each change is added to
// the first probe of its key that sees it (an ASOF join and a hash aggregate), and the sums run on over the probes only. A window function over
// the events themselves took three to four times as long.
import { hopMsOf } from '../../domain/feature.ts'

/** When an event of the counted time `c` leaves a window, as SQL: the first moment whose window begins after it. */
export function leaveMs(windowMs: number, c = 'c'): string {
  const hopMs = hopMsOf(windowMs)
  return `(${windowMs + hopMs} + ${c} // ${hopMs} * ${hopMs})`
}

/** The first moment of the window at `t`, as SQL. */
export function startMs(windowMs: number, t = 't'): string {
  const hopMs = hopMsOf(windowMs)
  return `((${t} - ${windowMs}) // ${hopMs} * ${hopMs})`
}

interface Part {
  /** A relation with the keys, and a column or expression `moment`. */
  readonly source: string
  readonly moment: string
  readonly columns: Map<string, string>
  /** Only rows for which one of these holds change anything. */
  readonly conditions: Set<string>
}

/** Which rows of a relation (keys, m, c, ...) count. */
export interface Rows {
  readonly source: string
  /** True or false, never null. */
  readonly where: string
}

/** The sums of one set of probes: a table (pid, the keys ..., t), distinct in keys and t. */
export class MovingSums {
  readonly #table: string
  readonly #probes: string
  readonly #keys: readonly string[]
  readonly #parts: Part[] = []
  /** How each column of the result is made of the columns of parts: a sum of signed ones, or a maximum. */
  readonly #sums = new Map<string, string[]>()
  readonly #maxima: string[] = []
  readonly #known = new Map<string, string>()

  constructor(table: string, { probes, keys }: { readonly probes: string; readonly keys: readonly string[] }) {
    this.#table = table
    this.#probes = probes
    this.#keys = keys
  }

  /** The sum of an integer over the rows in the window. The name of its column. */
  windowed(rows: Rows, x: string, windowMs: number): string {
    return this.#once(JSON.stringify([rows, x, windowMs]), () => {
      const sum = this.#newSum()
      this.#add(sum, '+', { ...rows, moment: 'm', x })
      this.#add(sum, '-', { ...rows, moment: `greatest(m, ${leaveMs(windowMs)})`, x })
      return sum
    })
  }

  /** The sum of `x` over rows of `source` whose `moment` has come. The name of its column. */
  changes(source: string, x: string): string {
    return this.#once(JSON.stringify([source, x]), () => {
      const sum = this.#newSum()
      this.#add(sum, '+', { source, where: 'true', moment: 'moment', x })
      return sum
    })
  }

  /** The maximum of `x` over what has come, null where nothing has. The name of its column. */
  maximum(rows: Rows, x: string): string {
    return this.#once(JSON.stringify(['max', rows, x]), () => {
      const column = this.#columnOf({ ...rows, moment: 'm', aggregate: `max(${x})` })
      this.#maxima.push(column)
      return column
    })
  }

  get isEmpty(): boolean {
    return this.#known.size === 0
  }

  statements(): string[] {
    const on = this.#keys.map((key) => `e.${key} = p.${key}`).join(' and ')
    const statements = this.#parts.map(({ source, moment, columns, conditions }, i) => {
      const aggregates = [...columns].map(([aggregate, name]) => `${aggregate} as ${name}`)
      const rows = `select *, ${moment} as moment from ${source} where ${[...conditions].join(' or ')}`
      return `create temp table ${this.#table}_${i} as select p.pid, ${aggregates.join(', ')}
        from (${rows}) e asof join ${this.#probes} p on ${on} and e.moment <= p.t group by p.pid`
    })
    const columns = [
      ...[...this.#sums].map(([name, terms]) => `sum(${terms.join(' ')}) over w as ${name}`),
      ...this.#maxima.map((name) => `max(${name}) over w as ${name}`),
    ]
    const joins = this.#parts.map((_, i) => `left join ${this.#table}_${i} using (pid)`).join(' ')
    statements.push(
      `create temp table ${this.#table} as select p.pid, ${columns.join(', ')} from ${this.#probes} p ${joins}
       window w as (partition by ${this.#keys.map((key) => `p.${key}`).join(', ')} order by p.t rows between unbounded preceding and current row)`,
      ...this.#parts.map((_, i) => `drop table ${this.#table}_${i}`),
    )
    return statements
  }

  #once(key: string, make: () => string): string {
    let name = this.#known.get(key)
    if (name === undefined) this.#known.set(key, (name = make()))
    return name
  }

  #newSum(): string {
    const name = `s${this.#sums.size}`
    this.#sums.set(name, [])
    return name
  }

  #add(sum: string, sign: '+' | '-', { x, ...rows }: Rows & { readonly moment: string; readonly x: string }): void {
    const column = this.#columnOf({ ...rows, aggregate: `sum(${x})` })
    this.#sums.get(sum)!.push(`${sign} coalesce(${column}, 0)`)
  }

  #columnOf(wanted: Rows & { readonly moment: string; readonly aggregate: string }): string {
    const { source, moment, where } = wanted
    let at = this.#parts.findIndex((part) => part.source === source && part.moment === moment)
    if (at === -1) at = this.#parts.push({ source, moment, columns: new Map(), conditions: new Set() }) - 1
    const { columns, conditions } = this.#parts[at]!
    const aggregate = where === 'true' ? wanted.aggregate : `${wanted.aggregate} filter (where ${where})`
    let name = columns.get(aggregate)
    if (name === undefined) columns.set(aggregate, (name = `c${at}_${columns.size}`))
    conditions.add(where)
    return name
  }
}
