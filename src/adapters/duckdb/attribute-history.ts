// What attributes were, as the log came to know them: relations that events and labels look them up in.
import type { AttributePath } from '../../domain/feature.ts'
import type { AttributeKind } from '../../ports/offline-store.ts'
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
export const knownTimeline = (path: AttributePath): string =>
  `(select id, a, c, v from (
    select * from f_t_${pathName(path)} qualify coalesce({'c': c, 'off': off} > max({'c': c, 'off': off}) over (
      partition by id order by a, off rows between unbounded preceding and 1 preceding), true)
  ) qualify coalesce(lead(a) over (partition by id order by a, off) > a, true))`

/**
 * For each value its group keys, as ranks in the dictionary: (v, keys). And what an attribute was by offsets, for events: (id, off, next_off, v, keys),
 * whenever its changes became available, without the times at which there is no key.
 */
export function groupTimeline(path: AttributePath): string[] {
  const name = pathName(path)
  return [
    `create temp table f_k_${name} as select v, list(g.rank order by g.rank) as keys
     from (select v::VARCHAR as v, unnest(${keysOf('v')}) as key from (select distinct v from f_t_${name} where v is not null)) k join group_keys g using (key) group by v`,
    `create temp table f_g_${name} as select id, off, next_off, t.v, f.keys from (
      select id, off, v, coalesce(lead(off) over (partition by id order by off), 9223372036854775807) as next_off from (
        select *, lag(v::VARCHAR) over (partition by id order by off) as before, row_number() over (partition by id order by off) as n from (
          select * from f_t_${name}
          qualify c >= coalesce(max(c) over (partition by id order by off rows between unbounded preceding and 1 preceding), c)
        )
      ) where n = 1 or before is distinct from v::VARCHAR
    ) t join f_k_${name} f on f.v = t.v::VARCHAR`,
  ]
}

/** The keys of an interaction `e`, as `g_<path>.keys`. */
export const groupJoin = (path: AttributePath): string => {
  const name = pathName(path)
  return `left join f_g_${name} g_${name} on g_${name}.id = e.${path.entity}_id and g_${name}.off < e.off and g_${name}.next_off >= e.off`
}

/** Group keys of a JSON value, as `groupKeysOf`. */
export const keysOf = (
  v: string,
): string => `case json_type(${v}) when 'VARCHAR' then [${v} ->> '$'] when 'ARRAY' then list_distinct((${v})::VARCHAR[])
  when 'NULL' then []::VARCHAR[] else [(${v})::VARCHAR] end`

/** A JSON value as SQL has it. */
export function attributeOf(v: string, kind: AttributeKind): string {
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
