// Point-in-time values of features as DuckDB SQL: a script over three relations, pure text made of the definitions alone.
//
//   interactions  off, interaction, user_id, item_id, user_code, item_code (lib/hyper-log-log.ts), c (counted time), a (available time),
//                 weight (1 where there is none) and a column v_NAME for every value that is asked for (null where it is missing)
//   changes       off, entity, entity_id, change, attributes (JSON), c, a
//   labels        row_id, user_id, item_id, t: for whom, and as of when
//
// Its result is the table `feature_values`: row_id and, for each feature NAME, "NAME", "NAME__status", "NAME__newest_ms".
import type { EntityName } from '../../domain/event.ts'
import {
  type AttributePath,
  type Counted,
  type FeatureDefinition,
  type FeatureFormula,
  hopMsOf,
} from '../../domain/feature.ts'
import { ESTIMATE_NUMERATOR, emptyRegisterTerms, RANK_MAX, REGISTER_COUNT } from '../../lib/hyper-log-log.ts'
import type { AttributeKind } from '../../ports/offline-store.ts'
import {
  attributeOf,
  groupJoin,
  groupTimeline,
  keysOf,
  knownTimeline,
  pathName,
  timeline,
} from './attribute-history.ts'
import { entities, labelTables } from './label-tables.ts'
import { MovingSums, startMs } from './moving-sums.ts'
import { neighbours } from './session-neighbours.ts'
import { double, list, literal, quoted } from './sql-text.ts'
import { stays } from './stays.ts'

export type AttributeKinds = Readonly<Record<EntityName, Readonly<Record<string, AttributeKind>>>>

export interface FeatureScript {
  /** Before the dictionary of group keys is there. */
  readonly before: readonly string[]
  /** All group keys, one a row in the column `key`. Their dictionary is the table `group_keys`: key, rank (ascending in code units, from 0), code. */
  readonly groupKeys: string
  /** With it. */
  readonly after: readonly string[]
}

export function featureScript(definitions: readonly FeatureDefinition[], kinds: AttributeKinds): FeatureScript {
  return new Script(definitions, kinds).compile()
}

type Family = FeatureFormula['family']
type Formula<F extends Family> = Extract<FeatureFormula, { family: F }>
type Windowed = Extract<FeatureFormula, { windowMs: number }>

/** Where a feature's value comes from: an expression over the joined row, null for missing, and its newest event time. */
interface Reading {
  readonly value: string
  readonly newest: string
  readonly type: 'DOUBLE' | 'VARCHAR' | 'BOOLEAN' | 'VARCHAR[]' | 'MAP(VARCHAR, DOUBLE)'
}

const sqlTypes = { text: 'VARCHAR', number: 'DOUBLE', boolean: 'BOOLEAN', tags: 'VARCHAR[]' } as const

class Script {
  readonly #definitions: readonly FeatureDefinition[]
  readonly #kinds: AttributeKinds
  readonly #interactions: readonly string[]
  readonly #sums: Readonly<Record<EntityName, MovingSums>>
  /** Attributes whose history is needed, those of them that events are grouped by, and those that are read at the labels' moments. */
  readonly #paths = new Map<string, AttributePath>()
  readonly #groupPaths = new Map<string, AttributePath>()
  readonly #labelPaths = new Map<string, AttributePath>()
  /** What the sums over an entity's events are made from, beside the events. */
  readonly #early: string[] = []
  /** What comes after those sums. */
  readonly #statements: string[] = []
  /** Tables by entity that have a `pid` of it, joined to every row. */
  readonly #joined: string[] = []
  readonly #shares = new Map<string, string>()
  #tableCount = 0

  constructor(definitions: readonly FeatureDefinition[], kinds: AttributeKinds) {
    this.#definitions = definitions
    this.#kinds = kinds
    this.#interactions = [...new Set(definitions.flatMap(({ formula }) => countedIn(formula)))].sort()
    this.#sums = {
      user: new MovingSums('f_user_s', { probes: 'f_user_p', keys: ['k'] }),
      item: new MovingSums('f_item_s', { probes: 'f_item_p', keys: ['k'] }),
    }
    for (const { formula } of definitions) this.#findPaths(formula)
  }

  compile(): FeatureScript {
    const readings = this.#definitions.map((definition) => this.#reading(definition))
    const families = this.#statements.splice(0)
    const sums = entities.filter((entity) => !this.#sums[entity].isEmpty)
    return {
      before: [...labelTables(), ...[...this.#paths.values()].flatMap((path) => timeline(path))],
      groupKeys: this.#groupKeys(),
      after: [
        ...[...this.#groupPaths.values()].flatMap(groupTimeline),
        ...[...this.#labelPaths.values()].map((path) => this.#atLabels(path)),
        ...entities.map((entity) => this.#events(entity)),
        ...this.#early,
        ...sums.flatMap((entity) => this.#sums[entity].statements()),
        ...families,
        ...this.#result(
          readings,
          sums.map((entity) => ({ entity, table: `f_${entity}_s` })),
        ),
      ],
    }
  }

  #findPaths(formula: FeatureFormula): void {
    const needs = (path: AttributePath | undefined, ...maps: Map<string, AttributePath>[]): void => {
      if (path === undefined) return
      for (const map of [this.#paths, ...maps]) map.set(pathName(path), path)
    }
    if (formula.family === 'attribute') needs({ entity: formula.by, attribute: formula.attribute }, this.#labelPaths)
    else if (formula.family === 'share') needs(formula.over, this.#groupPaths)
    else if (formula.family === 'last' || formula.family === 'distinct') needs(formula.value, this.#groupPaths)
    else if (formula.family === 'cross') needs(formula.attribute, this.#labelPaths, this.#groupPaths)
    else if (formula.family === 'ratioToGroup')
      needs({ entity: formula.by, attribute: formula.group }, this.#groupPaths, this.#labelPaths)
  }

  #groupKeys(): string {
    const queries = [...this.#groupPaths.values()].map(
      (path) => `select unnest(${keysOf('v')}) as key from f_t_${pathName(path)}`,
    )
    return queries.length === 0
      ? `select '' as key where false`
      : `select distinct key from (${queries.join(' union all ')})`
  }

  /** The value that an attribute has at each moment of a label. */
  #atLabels(path: AttributePath): string {
    const { entity } = path
    const name = pathName(path)
    this.#joined.push(`left join f_l_${name} on f_l_${name}.pid = r.${entity}_pid`)
    const isGrouped = this.#groupPaths.has(name)
    return `create temp table f_l_${name} as select p.pid, h.v, h.c${isGrouped ? ', h.keys' : ''} from f_${entity}_p p asof join (
      select i.k as base, t.a, t.c, t.v${isGrouped ? ', f.keys' : ''} from ${knownTimeline(path)} t join f_${entity}_id i on i.id = t.id
      ${isGrouped ? `left join f_k_${name} f on f.v = t.v::VARCHAR` : ''}
    ) h on p.base = h.base and p.t > h.a`
  }

  /** The events of the entities that labels name, with everything that a feature of theirs looks at. */
  #events(entity: EntityName): string {
    const values = new Set<string>()
    const paths = new Map<string, AttributePath>()
    const counted = new Set<string>()
    let isAny = false
    let wantsOther = false
    let wantsCode = false
    for (const { formula } of this.#definitions) {
      if (!('windowMs' in formula) || formula.by !== entity) continue
      for (const name of countedIn(formula)) counted.add(name)
      if (formula.of === 'any' || (formula.family === 'rate' && formula.per === 'any')) isAny = true
      if ('value' in formula && typeof formula.value === 'string') values.add(formula.value)
      if (formula.family === 'share') paths.set(pathName(formula.over), formula.over)
      if (formula.family === 'last' || formula.family === 'distinct') {
        if (formula.value) paths.set(pathName(formula.value), formula.value)
        else if (formula.family === 'last') wantsOther = true
        else wantsCode = true
      }
    }
    const other = entity === 'user' ? 'item' : 'user'
    const columns = [
      'e.off',
      'e.a + 1 as m',
      'e.c',
      `${this.#kind()}::TINYINT as kind`,
      ...[...values].map((name) => (name === 'weight' ? 'e.weight' : `e.${quoted(`v_${name}`)}`)),
      ...(wantsOther ? [`e.${other}_id as other`] : []),
      ...(wantsCode ? [`e.${other}_code as code`] : []),
      ...[...paths.keys()].map((name) => `g_${name}.keys as g_${name}`),
    ]
    const groups = [...paths.values()].map((path) => groupJoin(path)).join(' ')
    const isCounted = isAny
      ? 'true'
      : counted.size === 0
        ? 'false'
        : `e.interaction in (${[...counted].map(literal).join(', ')})`
    if (entity === 'item') {
      return `create temp table f_item_e as select i.k, ${columns.join(', ')} from interactions e join f_item_id i on i.id = e.item_id ${groups} where ${isCounted}`
    }
    const isLeft = 'e.off > i.after_off and e.c > i.after_c and e.a < i.until_a'
    return `create temp table f_user_e as select i.k, ${columns.join(', ')}
      from interactions e join f_generation i on i.id = e.user_id and ${isLeft} ${groups} where ${isCounted}`
  }

  #reading({ formula }: FeatureDefinition): Reading {
    switch (formula.family) {
      case 'attribute':
        return this.#attribute(formula)
      case 'cross':
        return this.#cross(formula)
      case 'similarity':
        return this.#similarity(formula)
      default:
        return this.#windowed(formula)
    }
  }

  #windowed(formula: Windowed): Reading {
    const { windowMs, by } = formula
    const source = `f_${by}_e`
    const sums = this.#sums[by]
    const column = (name: string): string => `f_${by}_s.${name}`
    const matches = this.#matches(formula.of)
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
        const value = valueColumn(formula.value)
        const table = this.#extreme(formula, `${matches} and ${value} is not null`)
        return { value: `${table}.v`, newest: newest(`${matches} and ${value} is not null`), type: 'DOUBLE' }
      }
      case 'rate': {
        const per = this.#matches(formula.per)
        const { prior, strength } = formula
        const rate = `(${number(matches)} + ${double(prior * strength)}) / (${number(per)} + ${double(strength)})`
        const value = strength === 0 ? `case when ${number(per)} > 0 then ${rate} end` : rate
        return { value, newest: newest(`${matches} or ${per}`), type: 'DOUBLE' }
      }
      case 'since':
        return ifAny(matches, `(r.t - ${newest(matches)}) / 1000.0::DOUBLE`)
      case 'last':
        return this.#last(formula, matches)
      case 'share': {
        const table = this.#share(formula)
        const map = `map_from_entries(list_transform(${table}.shares, s -> {'key': s.key, 'value': s.share}))`
        return ifAny(`${matches} and g_${pathName(formula.over)} is not null`, map, 'MAP(VARCHAR, DOUBLE)')
      }
      case 'distinct': {
        const table = this.#distinct(formula, matches)
        const having = formula.value ? `${matches} and g_${pathName(formula.value)} is not null` : matches
        return { value: `coalesce(${table}.estimate, 0)`, newest: newest(having), type: 'DOUBLE' }
      }
      case 'sessionMean': {
        const { total, sessions } = this.#sessions(formula, matches)
        return ifAny(matches, `${total} / (${number(matches)} - ${sessions})`)
      }
      case 'ratioToGroup': {
        const table = this.#ofGroup(formula, matches)
        const path = pathName({ entity: by, attribute: formula.group })
        const average = `(${table}.n::DOUBLE / ${table}.members::DOUBLE)`
        const hasGroup = `len(f_l_${path}.keys) = 1 and ${table}.n > 0`
        return {
          value: `case when ${hasGroup} then ${number(matches)}::DOUBLE / ${average} end`,
          newest: newest(matches),
          type: 'DOUBLE',
        }
      }
    }
  }

  #matches(of: Counted): string {
    if (of === 'any') return 'true'
    return `kind in (${of.map((name) => this.#interactions.indexOf(name) + 1).join(', ')})`
  }

  /** The number of an event's interaction, from 1; 0 for those that no feature names. */
  #kind(): string {
    return `coalesce(list_position(${list(this.#interactions)}, e.interaction), 0)`
  }

  #table(): string {
    return `f_x${this.#tableCount++}`
  }

  #join(table: string, by: EntityName): void {
    this.#joined.push(`left join ${table} on ${table}.pid = r.${by}_pid`)
  }

  #attribute({ by, attribute }: Formula<'attribute'>): Reading {
    const table = `f_l_${pathName({ entity: by, attribute })}`
    const kind = this.#kinds[by][attribute] ?? 'text'
    return {
      value: attributeOf(`${table}.v`, kind),
      newest: `case when ${table}.v is not null then ${table}.c end`,
      type: sqlTypes[kind],
    }
  }

  /** The latest event is the greatest (time, offset) that has come; if it has left the window, so has every other. */
  #last(formula: Formula<'last'>, matches: string): Reading {
    const { by, windowMs, value: path } = formula
    const having = path ? `${matches} and g_${pathName(path)} is not null` : matches
    const latest = this.#sums[by].maximum({ source: `f_${by}_e`, where: having }, `{'c': c, 'off': off}`)
    const table = this.#table()
    const kind = path ? (this.#kinds[path.entity][path.attribute] ?? 'text') : 'text'
    const value = path ? attributeOf('h.v', kind) : 'e.other'
    const history = path
      ? `join interactions i on i.off = s.${latest}.off join f_g_${pathName(path)} h on h.id = i.${path.entity}_id and h.off < i.off and h.next_off >= i.off`
      : `join f_${by}_p p using (pid) join f_${by}_e e on e.off = s.${latest}.off and e.k = p.k`
    this.#statements.push(
      `create temp table ${table} as select s.pid, s.${latest}.c as c, ${value} as v from f_${by}_s s ${history} where s.${latest} is not null`,
    )
    this.#join(table, by)
    const newest = inWindow(`${table}.c`, windowMs)
    return { value: `case when ${newest} is not null then ${table}.v end`, newest, type: sqlTypes[kind] }
  }

  /** A table (pid, shares: list of { key, rank, share } by rank) of the entity's probes. */
  #share(formula: Formula<'share'>): string {
    const { by, windowMs, over } = formula
    const known = this.#shares.get(JSON.stringify(formula))
    if (known !== undefined) return known
    const matches = this.#matches(formula.of)
    const path = `g_${pathName(over)}`
    const table = this.#table()
    const total = this.#sums[by].windowed(
      { source: `f_${by}_e`, where: `${matches} and ${path} is not null` },
      '1',
      windowMs,
    )
    const sums = new MovingSums(`${table}_s`, { probes: `${table}_p`, keys: ['k', 'g'] })
    const events = `(select k, unnest(${path}) as g, m, c from f_${by}_e where ${matches})`
    const count = sums.windowed({ source: events, where: 'true' }, '1', windowMs)
    this.#statements.push(
      `create temp table ${table}_p as select row_number() over () as pid, p.pid as base_pid, p.k, n.g, p.t
       from f_${by}_p p join (select distinct k, g from ${events}) n using (k)`,
      ...sums.statements(),
      `create temp table ${table} as select p.base_pid as pid, list_sort(list({'rank': p.g, 'key': g.key, 'share': s.${count}::DOUBLE / t.${total}::DOUBLE})) as shares
       from ${table}_s s join ${table}_p p using (pid) join f_${by}_s t on t.pid = p.base_pid join group_keys g on g.rank = p.g
       where s.${count} > 0 group by p.base_pid`,
      `drop table ${table}_s`,
      `drop table ${table}_p`,
    )
    this.#join(table, by)
    this.#shares.set(JSON.stringify(formula), table)
    return table
  }

  #shareNamed(name: string): { readonly table: string; readonly by: EntityName; readonly newest: string } {
    const formula = this.#definitions.find((definition) => definition.name === name)!.formula as Formula<'share'>
    return { table: this.#share(formula), by: formula.by, newest: this.#windowed(formula).newest }
  }

  #cross({ share: name, attribute: path }: Formula<'cross'>): Reading {
    const { table, newest } = this.#shareNamed(name)
    const keys = `f_l_${pathName(path)}.keys`
    const shareAt = `coalesce(list_filter(${table}.shares, s -> s.rank = k)[1].share, 0)`
    const value = folded(`list_transform(list_sort(${keys}), k -> ${shareAt})`)
    return { value: `case when ${newest} is not null and len(${keys}) > 0 then ${value} end`, newest, type: 'DOUBLE' }
  }

  #similarity({ user, item }: Formula<'similarity'>): Reading {
    const a = this.#shareNamed(user)
    const b = this.#shareNamed(item)
    const length = (table: string): string =>
      `sqrt(${folded(`list_transform(${table}.shares, s -> s.share * s.share)`)})`
    const products = `list_transform(list_filter(${a.table}.shares, s -> list_contains(list_transform(${b.table}.shares, o -> o.rank), s.rank)), s -> s.share * list_filter(${b.table}.shares, o -> o.rank = s.rank)[1].share)`
    const isThere = `${a.newest} is not null and ${b.newest} is not null`
    return {
      value: `case when ${isThere} then ${folded(products)} / (${length(a.table)} * ${length(b.table)}) end`,
      newest: `least(${a.newest}, ${b.newest})`,
      type: 'DOUBLE',
    }
  }

  #distinct(formula: Formula<'distinct'>, matches: string): string {
    const { by, windowMs, value: path } = formula
    const table = this.#table()
    const codes = path
      ? `(select e.k, g.code, e.m, e.c from (select k, unnest(g_${pathName(path)}) as g, m, c from f_${by}_e where ${matches}) e join group_keys g on g.rank = e.g)`
      : `(select k, code, m, c from f_${by}_e where ${matches})`
    // A register holds its greatest rank; it is at least r where any event of rank r or more is there. Each such level is a thing that is there or not.
    const levels = `(select k, code >> 6 as register, unnest(range(1, (code & 63) + 1)) as level, m, c from ${codes})`
    const sums = new MovingSums(`${table}_s`, { probes: `f_${by}_p`, keys: ['k'] })
    this.#statements.push(
      `create temp table ${table}_d as select * from ${stays(levels, ['k', 'register', 'level'], windowMs)}`,
    )
    const one = 2 ** RANK_MAX
    const used = sums.changes(`${table}_d`, 'case when level = 1 then delta else 0 end')
    const taken = sums.changes(`${table}_d`, `delta * (${one}::BIGINT >> level::BIGINT)`)
    // The sum of 2^-rank over used registers is that of 1 less the halves, quarters ... that its levels take away: exact, in units of 2^-40.
    const inverse = `((used * ${one}::BIGINT - taken)::BIGINT::DOUBLE / ${double(one)})`
    const terms = `[${emptyRegisterTerms.map((term) => (Number.isFinite(term) ? double(term) : 'null')).join(', ')}]`
    this.#statements.push(
      ...sums.statements(),
      `create temp table ${table} as select pid, case when used > 0 then floor(${double(ESTIMATE_NUMERATOR)} / (term + ${inverse}) + 0.5::DOUBLE) else 0 end as estimate
       from (select pid, ${used} as used, ${taken} as taken from ${table}_s) s
       join (select unnest(range(${REGISTER_COUNT + 1})) as empty, unnest(${terms}) as term) t on t.empty = ${REGISTER_COUNT} - s.used`,
      `drop table ${table}_s`,
      `drop table ${table}_d`,
    )
    this.#join(table, by)
    return table
  }

  /** The sum over all sessions, and how many neighbours are of one session: so many fewer sessions there are than events. */
  #sessions(formula: Formula<'sessionMean'>, matches: string): { readonly total: string; readonly sessions: string } {
    const { by, windowMs, gapMs } = formula
    const sums = this.#sums[by]
    const table = this.#table()
    this.#early.push(...neighbours(table, { events: `f_${by}_e where ${matches}`, windowMs, gapMs }))
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

  /** A table (pid of the entity, n, members): events of its group, and how many different entities they are of. */
  #ofGroup(formula: Formula<'ratioToGroup'>, matches: string): string {
    const { by, windowMs, group } = formula
    const table = this.#table()
    const path = { entity: by, attribute: group }
    const name = pathName(path)
    const kind = this.#kind()
    const sums = new MovingSums(`${table}_s`, { probes: `${table}_p`, keys: ['g'] })
    const events = `${table}_e`
    this.#statements.push(
      `create temp table ${table}_m as select p.pid, l.keys[1] as g, p.t from f_${by}_p p join f_l_${name} l using (pid) where len(l.keys) = 1`,
      `create temp table ${table}_p as select row_number() over () as pid, g, t from (select distinct g, t from ${table}_m)`,
      `create temp table ${events} as select unnest(g_${name}.keys) as g, e.${by}_id as member, e.a + 1 as m, e.c
       from (select *, ${kind} as kind from interactions e) e ${groupJoin(path)} where ${matches}`,
      `create temp table ${table}_d as select * from ${stays(events, ['g', 'member'], windowMs)}`,
    )
    const n = sums.windowed({ source: events, where: 'true' }, '1', windowMs)
    const members = sums.changes(`${table}_d`, 'delta')
    this.#statements.push(
      ...sums.statements(),
      `create temp table ${table} as select m.pid, s.${n} as n, s.${members} as members from ${table}_m m join ${table}_p p using (g, t) join ${table}_s s on s.pid = p.pid`,
      ...['m', 'p', 'e', 'd', 's'].map((part) => `drop table ${table}_${part}`),
    )
    this.#join(table, by)
    return table
  }

  /**
   * Smallest or largest value: no sum, so tiles of one hop. A tile whose events came before its end counts for every moment behind it; late events
   * count from when they came; the moment's own hop is read event by event.
   */
  #extreme(formula: Formula<'min' | 'max'>, having: string): string {
    const { by, windowMs, family } = formula
    const table = this.#table()
    const hopMs = hopMsOf(windowMs)
    const value = valueColumn(formula.value)
    // A window touches two neighbouring spans at most, so that the join has an equality to go by.
    const span = Math.ceil(windowMs / hopMs) + 2
    const tile = `c // ${hopMs}`
    this.#statements.push(
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
    this.#join(table, by)
    return table
  }

  #result(
    readings: readonly Reading[],
    sums: readonly { readonly entity: EntityName; readonly table: string }[],
  ): string[] {
    const joins = [
      ...sums.map(({ entity, table }) => `left join ${table} on ${table}.pid = r.${entity}_pid`),
      ...new Set(this.#joined),
    ]
    const raw = readings.map(({ value, newest }, i) => `${value} as v${i}, ${newest} as n${i}`)
    const columns = this.#definitions.map((definition, i) => outcome(definition, readings[i]!.type, i))
    // In two steps: the optimiser would write each value out wherever it is named, some of them pages long.
    return [
      `create temp table f_raw as select r.row_id, r.t${raw.map((column) => `, ${column}`).join('')} from f_row r ${joins.join(' ')}`,
      `create temp table feature_values as select row_id${columns.join('')} from f_raw`,
      'drop table f_raw',
    ]
  }
}

function outcome({ name, ttlMs, default: standIn }: FeatureDefinition, type: Reading['type'], i: number): string {
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
  return `,
    case when v${i} is null or ${stale} then ${instead} else v${i} end as ${quoted(name)},
    case when v${i} is null then ${status('missing')} when ${stale} then ${status('stale')} else 'present' end as ${quoted(`${name}__status`)},
    case when v${i} is not null then n${i} end as ${quoted(`${name}__newest_ms`)}`
}

function countedIn(formula: FeatureFormula): readonly string[] {
  if (!('of' in formula)) return []
  const per = formula.family === 'rate' && formula.per !== 'any' ? formula.per : []
  return [...(formula.of === 'any' ? [] : formula.of), ...per]
}

const valueColumn = (name: string): string => (name === 'weight' ? 'weight' : quoted(`v_${name}`))

const microsOf = (value: string): string => `round(${value} * 1e6::DOUBLE)::BIGINT`

/** Of a HUGEINT, to the nearest: DuckDB's own cast rounds its halves one by one, the reader of text does not. */
const exactDouble = (integer: string): string => `(${integer})::VARCHAR::DOUBLE`

const inWindow = (c: string, windowMs: number): string => `case when ${c} >= ${startMs(windowMs, 'r.t')} then ${c} end`

/** From the left, beginning with 0. */
const folded = (values: string): string => `list_reduce(list_prepend(0::DOUBLE, ${values}), (x, y) -> x + y)`
