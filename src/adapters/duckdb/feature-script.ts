// Point-in-time values of features as DuckDB SQL: a script over three relations, pure text made of the definitions alone.
//
//   interactions  off, interaction, user_id, item_id, user_code, item_code (lib/hyper-log-log.ts), c (counted time), a (available time),
//                 weight (1 where there is none) and a column v_NAME for every value that is asked for (null where it is missing)
//   changes       off, entity, entity_id, change, attributes (JSON), c, a
//   labels        row_id (from 0), user_id, item_id, t: for whom, and as of when
//
// What is small (ids, attributes, deletions) is made once. What grows with history is worked on in parts that have nothing to do with each other:
// by group, then by entity, then by ranges of labels.
import type { EntityName } from '../../domain/event.ts'
import type { AttributeKind, AttributePath, FeatureDefinition, FeatureFormula } from '../../domain/feature.ts'
import { attributeOf, groupTimeline, keysOf, labelTimeline, pathName, timeline, values } from './attribute-history.ts'
import { EntityScript, interactionsIn, kindOf, matchesKind } from './entity-script.ts'
import { groupTotals } from './group-totals.ts'
import { entities, labelRows } from './label-tables.ts'
import { type FormulaOf, folded, outcome, type Reading } from './reading.ts'
import type { Stage } from './stage.ts'
import { sqlTypes, windowedValue } from './windowed-values.ts'

export type AttributeKinds = Readonly<Record<EntityName, Readonly<Record<string, AttributeKind>>>>

export interface FeatureScriptOptions {
  readonly kinds: AttributeKinds
  /** Of the labels. */
  readonly oldestMomentMs: number
  readonly partCounts: Readonly<Record<EntityName | 'group', number>>
  readonly rangeRowCount: number
  readonly rangeCount: number
}

export interface FeatureScript {
  /** Before the dictionary of group keys is there. Needs f_user_id, f_item_id and f_generation (label-tables.ts). */
  readonly before: readonly string[]
  /** All group keys, one a row in the column `key`. Their dictionary is the table `group_keys`: key, rank (ascending in code units, from 0), code. */
  readonly groupKeys: string
  /** With it. */
  readonly after: readonly string[]
  readonly stages: readonly Stage[]
  /** What a range of labels is joined to: relations of the stages, in parts by range. */
  readonly taken: readonly string[]
  /** The rows of a range: rowId, userId, itemId, momentMs and for each feature NAME, "NAME", "NAME__status", "NAME__newest_ms"; by rowId. */
  readonly rows: (range: number) => string
}

export function featureScript(definitions: readonly FeatureDefinition[], options: FeatureScriptOptions): FeatureScript {
  return new Script(definitions, options).compile()
}

class Script {
  readonly #definitions: readonly FeatureDefinition[]
  readonly #options: FeatureScriptOptions
  readonly #interactions: readonly string[]
  readonly #paths: Paths
  readonly #entities: Readonly<Record<EntityName, EntityScript>>
  readonly #groupStages: Stage[] = []

  constructor(definitions: readonly FeatureDefinition[], options: FeatureScriptOptions) {
    this.#definitions = definitions
    this.#options = options
    this.#interactions = interactionsIn(definitions)
    this.#paths = pathsIn(definitions)
    const script = (entity: EntityName): EntityScript =>
      new EntityScript(entity, definitions, {
        partCount: options.partCounts[entity],
        rangeRowCount: options.rangeRowCount,
        rangeCount: options.rangeCount,
        labelPaths: this.#labelPathsOf(entity),
      })
    this.#entities = { user: script('user'), item: script('item') }
  }

  compile(): FeatureScript {
    const readings = this.#definitions.map((definition) => this.#reading(definition))
    const { all, grouped, atLabels } = this.#paths
    const used = entities.filter((entity) => !this.#entities[entity].isEmpty)
    return {
      before: [...all.values()].flatMap((path) => timeline(path)),
      groupKeys: this.#groupKeys(),
      after: [
        ...[...all].map(([name, path]) => values(path, { isGrouped: grouped.has(name) })),
        ...[...grouped.values()].map(groupTimeline),
        ...[...atLabels.values()].map(labelTimeline),
        ...[...all.keys()].map((name) => `drop table f_t_${name}`),
        ...used.map((entity) => labelRows(entity, this.#labelPathsOf(entity))),
        ...[...atLabels.keys()].map((name) => `drop table f_h_${name}`),
      ],
      stages: [...this.#groupStages, ...used.map((entity) => this.#entities[entity].stage())],
      taken: used.map((entity) => `f_${entity}_v`),
      rows: (range) => this.#rows(readings, used, range),
    }
  }

  #labelPathsOf(entity: EntityName): AttributePath[] {
    return [...this.#paths.atLabels.values()].filter((path) => path.entity === entity)
  }

  #groupKeys(): string {
    const queries = [...this.#paths.grouped.values()].map(
      (path) => `select unnest(${keysOf('v')}) as key from f_t_${pathName(path)}`,
    )
    return queries.length === 0
      ? `select '' as key where false`
      : `select distinct key from (${queries.join(' union all ')})`
  }

  /** Of the row that a label is joined to. */
  #reading({ formula }: FeatureDefinition): Reading {
    switch (formula.family) {
      case 'cross':
        return this.#cross(formula)
      case 'similarity':
        return this.#similarity(formula)
      default:
        return this.#carried(formula.by, this.#atProbe(formula))
    }
  }

  #carried(entity: EntityName, { value, newest, type }: Reading): Reading {
    const script = this.#entities[entity]
    return { value: script.value(value), newest: script.value(newest), type }
  }

  #atProbe(formula: Exclude<FeatureFormula, { by: 'pair' }>): Reading {
    const script = this.#entities[formula.by]
    if (formula.family === 'attribute') {
      const path = { entity: formula.by, attribute: formula.attribute }
      const kind = this.#kindOf(path)
      return {
        value: attributeOf(`${script.joinAttribute(path)}.v`, kind),
        newest: `p.own_c_${pathName(path)}`,
        type: sqlTypes[kind],
      }
    }
    const path = formula.family === 'last' ? formula.value : undefined
    return windowedValue(script, formula, {
      kind: path ? this.#kindOf(path) : 'text',
      groupTable: formula.family === 'ratioToGroup' ? this.#groupTotals(formula) : undefined,
    })
  }

  #kindOf({ entity, attribute }: AttributePath): AttributeKind {
    return this.#options.kinds[entity][attribute] ?? 'text'
  }

  #groupTotals(formula: FormulaOf<'ratioToGroup'>): string {
    const table = `f_group_x${this.#groupStages.length}`
    const { partCounts, oldestMomentMs } = this.#options
    this.#groupStages.push(
      groupTotals(table, formula, {
        kind: kindOf(this.#interactions),
        matches: matchesKind(formula.of, this.#interactions),
        oldestMomentMs,
        partCount: partCounts.group,
        entityPartCount: partCounts[formula.by],
      }),
    )
    return table
  }

  /** A share as computed: before its own time to live and default. */
  #shareNamed(name: string): Reading {
    const formula = this.#definitions.find((definition) => definition.name === name)!.formula as FormulaOf<'share'>
    return this.#carried(formula.by, this.#atProbe(formula))
  }

  #cross({ share: name, attribute: path }: FormulaOf<'cross'>): Reading {
    const share = this.#shareNamed(name)
    const script = this.#entities[path.entity]
    // Texts, ascending as the shares' keys are.
    const keys = script.value(`${script.joinAttribute(path)}.key_texts`)
    const value = folded(`list_transform(${keys}, k -> coalesce(${share.value}[k], 0))`)
    return {
      value: `case when ${share.newest} is not null and len(${keys}) > 0 then ${value} end`,
      newest: share.newest,
      type: 'DOUBLE',
    }
  }

  #similarity({ user, item }: FormulaOf<'similarity'>): Reading {
    const a = this.#shareNamed(user)
    const b = this.#shareNamed(item)
    const length = ({ value }: Reading): string => `sqrt(${folded(`list_transform(map_values(${value}), s -> s * s)`)})`
    // A product of 0 changes no sum.
    const products = `list_transform(map_keys(${a.value}), k -> ${a.value}[k] * coalesce(${b.value}[k], 0))`
    return {
      value: `case when ${a.newest} is not null and ${b.newest} is not null then ${folded(products)} / (${length(a)} * ${length(b)}) end`,
      newest: `least(${a.newest}, ${b.newest})`,
      type: 'DOUBLE',
    }
  }

  #rows(readings: readonly Reading[], used: readonly EntityName[], range: number): string {
    const { rangeRowCount } = this.#options
    const raw = readings.map(({ value, newest }, i) => `, ${value} as v${i}, ${newest} as n${i}`)
    const columns = this.#definitions.map((definition, i) => outcome(definition, readings[i]!.type, i))
    const joins = used.map((entity) => `left join f_${entity}_v on f_${entity}_v.row_id = l.row_id`)
    // In two steps: the optimiser would write each value out wherever it is named, some of them pages long.
    return `with raw as materialized (select l.*${raw.join('')} from labels l ${joins.join(' ')}
        where l.row_id between ${range * rangeRowCount} and ${(range + 1) * rangeRowCount - 1})
      select row_id as "rowId", user_id as "userId", item_id as "itemId", t as "momentMs"${columns.map((column) => `, ${column}`).join('')}
      from raw order by row_id`
  }
}

interface Paths {
  /** Whose history is needed, by name. */
  readonly all: ReadonlyMap<string, AttributePath>
  /** Those of them that events are grouped by, or that are compared with such. */
  readonly grouped: ReadonlyMap<string, AttributePath>
  /** Those that are read at the labels' moments. */
  readonly atLabels: ReadonlyMap<string, AttributePath>
}

function pathsIn(definitions: readonly FeatureDefinition[]): Paths {
  const all = new Map<string, AttributePath>()
  const grouped = new Map<string, AttributePath>()
  const atLabels = new Map<string, AttributePath>()
  const needs = (path: AttributePath | undefined, ...maps: Map<string, AttributePath>[]): void => {
    if (path === undefined) return
    for (const map of [all, ...maps]) map.set(pathName(path), path)
  }
  for (const { formula } of definitions) {
    if (formula.family === 'attribute') needs({ entity: formula.by, attribute: formula.attribute }, atLabels)
    else if (formula.family === 'share') needs(formula.over, grouped)
    else if (formula.family === 'last' || formula.family === 'distinct') needs(formula.value, grouped)
    else if (formula.family === 'cross') needs(formula.attribute, atLabels, grouped)
    else if (formula.family === 'ratioToGroup')
      needs({ entity: formula.by, attribute: formula.group }, grouped, atLabels)
  }
  return { all, grouped, atLabels }
}
