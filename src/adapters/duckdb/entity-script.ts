// The features of one kind of entity: from its events, in parts by entity, to a row of values for each label.
import type { EntityName } from '../../domain/event.ts'
import type { AttributePath, Counted, FeatureDefinition } from '../../domain/feature.ts'
import { groupJoin, pathName } from './attribute-history.ts'
import { probes } from './label-tables.ts'
import { MovingSums } from './moving-sums.ts'
import { countedIn } from './reading.ts'
import { list, literal, quoted } from './sql-text.ts'
import type { Stage } from './stage.ts'

export interface EntityScriptOptions {
  readonly partCount: number
  /** Labels whose values are kept together: rows of one part of the result. */
  readonly rangeRowCount: number
  readonly rangeCount: number
  /** Whose value at the labels' moments is wanted. */
  readonly labelPaths: readonly AttributePath[]
}

/** What features add to it: sums over the entity's events, tables of their own, and values of each probe. */
export class EntityScript {
  readonly entity: EntityName
  /** Over the events f_<entity>_e and the probes f_<entity>_p: the table f_<entity>_s. */
  readonly sums: MovingSums
  /** What those sums are made from, beside the events. */
  readonly early: string[] = []
  /** What comes after them. */
  readonly statements: string[] = []
  readonly #definitions: readonly FeatureDefinition[]
  readonly #interactions: readonly string[]
  readonly #options: EntityScriptOptions
  readonly #joins = new Set<string>()
  readonly #taken = new Set<string>()
  readonly #values = new Map<string, string>()
  readonly #known = new Map<string, string>()
  #tableCount = 0

  constructor(entity: EntityName, definitions: readonly FeatureDefinition[], options: EntityScriptOptions) {
    this.entity = entity
    this.sums = new MovingSums(`f_${entity}_s`, { probes: `f_${entity}_p`, keys: ['k'] })
    this.#definitions = definitions
    this.#interactions = interactionsIn(definitions)
    this.#options = options
  }

  /** A name for a table of the feature's own. */
  table(): string {
    return `f_${this.entity}_x${this.#tableCount++}`
  }

  /** Makes a table that several features need once. Its name. */
  once(key: string, make: () => string): string {
    let name = this.#known.get(key)
    if (name === undefined) this.#known.set(key, (name = make()))
    return name
  }

  /** A table with the probes' `pid` is read beside them. */
  join(table: string): void {
    this.#joins.add(`left join ${table} on ${table}.pid = p.pid`)
  }

  /** The entity's own attribute at the probe: the table of its values, read beside the probe, as columns v and keys. */
  joinAttribute(path: AttributePath): string {
    const name = pathName(path)
    this.#joins.add(`left join f_v_${name} on f_v_${name}.number = p.own_${name}`)
    return `f_v_${name}`
  }

  /** A relation of an earlier stage is read beside the probes. */
  joinTaken(table: string, condition: string): void {
    this.#taken.add(table)
    this.#joins.add(`left join ${table} on ${condition}`)
  }

  /** A value of each label, made of the probe `p` and what is read beside it. The name it has in the result. */
  value(expression: string): string {
    let name = this.#values.get(expression)
    if (name === undefined) this.#values.set(expression, (name = `x${this.#values.size}`))
    return `f_${this.entity}_v.${name}`
  }

  /** Whether an event (with its `kind`) is counted, as a condition. */
  matches(of: Counted): string {
    return matchesKind(of, this.#interactions)
  }

  get isEmpty(): boolean {
    return this.#values.size === 0
  }

  /** Makes f_<entity>_v: row_id and the values, in parts by ranges of row_id. */
  stage(): Stage {
    const { entity } = this
    const { partCount, rangeCount, rangeRowCount, labelPaths } = this.#options
    const values = [...this.#values].map(([expression, name]) => `, ${expression} as ${name}`)
    const sums = this.sums.isEmpty ? [] : [`left join f_${entity}_s on f_${entity}_s.pid = p.pid`]
    return {
      partCount,
      inputs: [
        { name: `f_${entity}_r`, query: `select *, base % ${partCount} as part from f_${entity}_labels` },
        ...(this.#hasEvents ? [{ name: `f_${entity}_e`, query: this.#events() }] : []),
      ],
      taken: [...this.#taken],
      statements: [
        probes(entity, labelPaths),
        ...this.early,
        ...(this.sums.isEmpty ? [] : this.sums.statements()),
        ...this.statements,
      ],
      output: {
        name: `f_${entity}_v`,
        partCount: rangeCount,
        query: `select r.row_id, r.row_id // ${rangeRowCount} as part${values.join('')}
          from f_${entity}_r r join f_${entity}_p p using (k, t) ${[...sums, ...this.#joins].join(' ')}`,
      },
    }
  }

  get #windowed(): FeatureDefinition['formula'][] {
    return this.#definitions
      .map(({ formula }) => formula)
      .filter((formula) => 'windowMs' in formula && formula.by === this.entity)
  }

  get #hasEvents(): boolean {
    return this.#windowed.length > 0
  }

  /** The events of the entities that labels name, with everything that a feature of theirs looks at. */
  #events(): string {
    const { entity } = this
    const { partCount } = this.#options
    const wanted = columnsWanted(this.#windowed)
    const other = entity === 'user' ? 'item' : 'user'
    const columns = [
      'e.off',
      'e.a + 1 as m',
      'e.c',
      `${kindOf(this.#interactions)}::TINYINT as kind`,
      ...[...wanted.values].map((name) => (name === 'weight' ? 'e.weight' : `e.${quoted(`v_${name}`)}`)),
      ...(wanted.hasOther ? [`e.${other}_id as other`] : []),
      ...(wanted.hasCode ? [`e.${other}_code as code`] : []),
      ...[...wanted.paths.keys()].map((name) => `g_${name}.number as g_${name}`),
      `${entity === 'item' ? 'i.k' : 'i.base'} % ${partCount} as part`,
    ]
    const groups = [...wanted.paths.values()].map((path) => groupJoin(path)).join(' ')
    const isCounted = wanted.isAny
      ? 'true'
      : wanted.counted.size === 0
        ? 'false'
        : `e.interaction in (${[...wanted.counted].map(literal).join(', ')})`
    if (entity === 'item') {
      return `select i.k, ${columns.join(', ')} from interactions e join f_item_id i on i.id = e.item_id ${groups} where ${isCounted}`
    }
    const isLeft = 'e.off > i.after_off and e.c > i.after_c and e.a < i.until_a'
    return `select i.k, ${columns.join(', ')} from interactions e join f_generation i on i.id = e.user_id and ${isLeft} ${groups} where ${isCounted}`
  }
}

/** Those that features name, in an order of their own: an event's `kind` is the place of its interaction among them, from 1. */
export function interactionsIn(definitions: readonly FeatureDefinition[]): readonly string[] {
  return [...new Set(definitions.flatMap(({ formula }) => countedIn(formula)))].sort()
}

/** The kind of an interaction `e`; 0 for those that no feature names. */
export function kindOf(interactions: readonly string[]): string {
  return `coalesce(list_position(${list(interactions)}, e.interaction), 0)`
}

export function matchesKind(of: Counted, interactions: readonly string[]): string {
  if (of === 'any') return 'true'
  return `kind in (${of.map((name) => interactions.indexOf(name) + 1).join(', ')})`
}

function columnsWanted(formulas: readonly FeatureDefinition['formula'][]) {
  const values = new Set<string>()
  const paths = new Map<string, AttributePath>()
  const counted = new Set<string>()
  let isAny = false
  let hasOther = false
  let hasCode = false
  for (const formula of formulas) {
    if (!('windowMs' in formula)) continue
    for (const name of countedIn(formula)) counted.add(name)
    if (formula.of === 'any' || (formula.family === 'rate' && formula.per === 'any')) isAny = true
    if ('value' in formula && typeof formula.value === 'string') values.add(formula.value)
    if (formula.family === 'share') paths.set(pathName(formula.over), formula.over)
    if (formula.family === 'last' || formula.family === 'distinct') {
      if (formula.value) paths.set(pathName(formula.value), formula.value)
      else if (formula.family === 'last') hasOther = true
      else hasCode = true
    }
  }
  return { values, paths, counted, isAny, hasOther, hasCode }
}
