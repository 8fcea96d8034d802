// What attributes were, as the log came to know them: relations that events and labels look them up in. A value is spoken of by its number.
import type { AttributeKind, AttributePath } from '../../domain/feature.ts'
import { literal } from './sql-text.ts'

/** Part of the names of tables and columns that are about this attribute. */
export const pathName = ({ entity, attribute }: AttributePath): string => `${entity}_${attribute}`

/** What was said of an attribute: one row for each change. v is null where it says that there is no value. */
export function timeline(path: AttributePath): string[] {
  const { entity, attribute } = path
  return [
    `create temp table f_t_${pathName(path)} as select id, off, a, c, case when json_type(v) <> 'NULL' then v end as v from (
      select entity_id as id, off, a, c, change, json_extract(attributes, ${literal(`$."${attribute}"`)}) as v from changes where entity = '${entity}'
    ) where change <> 'patch' or v is not null`,
  ]
}

/** What an attribute was at each moment: (id, a, c, v), from the first moment after a on, until that of the next row. */
const knownTimeline = (path: AttributePath): string =>
  `(select id, a, c, v from (
    select * from f_t_${pathName(path)} qualify coalesce({'c': c, 'off': off} > max({'c': c, 'off': off}) over (
      partition by id order by a, off rows between unbounded preceding and 1 preceding), true)
  ) qualify coalesce(lead(a) over (partition by id order by a, off) > a, true))`

/**
 * The different values: f_v_<path> (number, v, keys, key_texts), the keys as ranks in the dictionary and as they are, ascending by rank; none where
 * nothing is grouped by the attribute.
 */
export function values(path: AttributePath, { isGrouped }: { readonly isGrouped: boolean }): string {
  const name = pathName(path)
  const distinct = `select row_number() over () as number, v from (select distinct v::VARCHAR as v from f_t_${name} where v is not null)`
  if (!isGrouped)
    return `create temp table f_v_${name} as select number, v::JSON as v, []::INTEGER[] as keys, []::VARCHAR[] as key_texts from (${distinct})`
  return `create temp table f_v_${name} as select d.number, any_value(d.v)::JSON as v, coalesce(list(g.rank order by g.rank) filter (where g.rank is not null), []) as keys,
      coalesce(list(g.key order by g.rank) filter (where g.rank is not null), []) as key_texts
    from (select number, v, unnest(case when len(k) = 0 then [null] else k end) as key from (select *, ${keysOf('v::JSON')} as k from (${distinct}))) d
    left join group_keys g using (key) group by d.number`
}

/** What an attribute was for labels: f_h_<path> (base of the label's entity, a, c, number), one row for each moment at which it changed. */
export function labelTimeline(path: AttributePath): string {
  const name = pathName(path)
  return `create temp table f_h_${name} as select i.k as base, t.a, case when t.v is not null then t.c end as c, v.number
    from ${knownTimeline(path)} t join f_${path.entity}_id i on i.id = t.id left join f_v_${name} v on v.v::VARCHAR = t.v::VARCHAR`
}

/**
 * What an attribute was for events, by offsets, whenever its changes became available: f_g_<path> (id, off, next_off, number), without the times at which
 * there was no key.
 */
export function groupTimeline(path: AttributePath): string {
  const name = pathName(path)
  return `create temp table f_g_${name} as select id, off, next_off, v.number from (
      select id, off, v, coalesce(lead(off) over (partition by id order by off), 9223372036854775807) as next_off from (
        select *, lag(v::VARCHAR) over (partition by id order by off) as before, row_number() over (partition by id order by off) as n from (
          select * from f_t_${name}
          qualify c >= coalesce(max(c) over (partition by id order by off rows between unbounded preceding and 1 preceding), c)
        )
      ) where n = 1 or before is distinct from v::VARCHAR
    ) t join f_v_${name} v on v.v::VARCHAR = t.v::VARCHAR where len(v.keys) > 0`
}

/** The value of an interaction `e`, as `g_<path>.number`. */
export const groupJoin = (path: AttributePath): string => {
  const name = pathName(path)
  return `left join f_g_${name} g_${name} on g_${name}.id = e.${path.entity}_id and g_${name}.off < e.off and g_${name}.next_off >= e.off`
}

/** Group keys of a JSON value, as `groupKeysOf`. */
export const keysOf = (
  v: string,
): string => `case json_type(${v}) when 'VARCHAR' then [${v} ->> '$'] when 'ARRAY' then list_distinct((${v})::VARCHAR[])
  when 'NULL' then []::VARCHAR[] else [(${v})::VARCHAR] end`

/** A JSON value as SQL has it; null where it is of another kind, as `isOfKind` says. */
export function attributeOf(v: string, kind: AttributeKind): string {
  return `case when json_type(${v}) in (${jsonTypes[kind]}) then ${typedValue(v, kind)} end`
}

const jsonTypes: Readonly<Record<AttributeKind, string>> = {
  number: "'BIGINT', 'UBIGINT', 'HUGEINT', 'UHUGEINT', 'DOUBLE'",
  boolean: "'BOOLEAN'",
  tags: "'ARRAY'",
  text: "'VARCHAR'",
}

function typedValue(v: string, kind: AttributeKind): string {
  switch (kind) {
    case 'number':
      return `(${v})::DOUBLE`
    case 'boolean':
      return `(${v})::BOOLEAN`
    case 'tags':
      return `(${v})::VARCHAR[]`
    case 'text':
      return `(${v} ->> '$')`
  }
}
