// Whom the labels are about, and when.
import type { EntityName } from '../../domain/event.ts'
import type { AttributePath } from '../../domain/feature.ts'
import { pathName } from './attribute-history.ts'

export const entities: readonly EntityName[] = ['user', 'item']

/** Users' keys leave room for how often a user was deleted: each deletion that becomes known begins another user, who has what it leaves. */
const GENERATION_COUNT = 2 ** 24

const FIRST_MS = '(-9223372036854775807)'
const LAST_MS = '9223372036854775807'

/**
 * Whose labels there are, as f_<entity>_id (id, k), and the generations of users, as f_generation (id, base, k, from_a, until_a, after_off, after_c): one is
 * asked at moments in (from_a, until_a], and has those events of its user that no deletion known by then takes away, which are of greater offset and counted
 * time than all of them. An event that is in several generations has a row in each.
 */
export function labelTables(): string[] {
  return [
    ...entities.map(
      (entity) =>
        `create temp table f_${entity}_id as select id, row_number() over () as k from (select distinct ${entity}_id as id from labels)`,
    ),
    `create temp table f_delete as select entity_id as id, a, lead(a) over w as next_a, row_number() over w as n, max(off) over w as off, max(c) over w as c
     from changes where entity = 'user' and change = 'delete' window w as (partition by entity_id order by a, off)`,
    `create temp table f_generation as select id, u.k as base, u.k * ${GENERATION_COUNT} + g.n as k, from_a, until_a, after_off, after_c from f_user_id u join (
      select id, n, a as from_a, coalesce(next_a, ${LAST_MS}) as until_a, off as after_off, c as after_c from f_delete
      union all select id, 0, ${FIRST_MS}, coalesce(a, ${LAST_MS}), -1, ${FIRST_MS} from f_user_id left join (select id, a from f_delete where n = 1) using (id)
    ) g using (id)`,
    'drop table f_delete',
  ]
}

/**
 * The labels of an entity, f_<entity>_labels: row_id, t, the entity's number (base), the key of its events (k), and of each attribute the value's number
 * (own_<path>) and the counted time of the change that set it (own_c_<path>) at that moment.
 */
export function labelRows(entity: EntityName, paths: readonly AttributePath[]): string {
  const columns = paths.map(pathName).map((name) => `, h_${name}.number as own_${name}, h_${name}.c as own_c_${name}`)
  const joins = paths
    .map(pathName)
    .map((name) => `asof left join f_h_${name} h_${name} on h_${name}.base = l.base and h_${name}.a < l.t`)
  const key = entity === 'item' ? 'i.k' : 'g.k'
  const generation =
    entity === 'item' ? '' : 'join f_generation g on g.id = l.user_id and l.t > g.from_a and l.t <= g.until_a'
  return `create temp table f_${entity}_labels as select l.*${columns.join('')} from (
      select l.row_id, l.t, i.k as base, ${key} as k from labels l join f_${entity}_id i on i.id = l.${entity}_id ${generation}
    ) l ${joins.join(' ')}`
}

/**
 * The distinct moments (probes) of a part's labels, f_<entity>_r, as f_<entity>_p: pid, k, t and what is known of the entity then. The pids of a key follow each
 * other in the order of time and end before `until`.
 */
export function probes(entity: EntityName, paths: readonly AttributePath[]): string {
  const columns = paths.map(pathName).flatMap((name) => [`own_${name}`, `own_c_${name}`])
  return `create temp table f_${entity}_p as select *, max(pid) over (partition by k) + 1 as until from (
    select row_number() over (order by k, t) as pid, k, t${columns.map((name) => `, ${name}`).join('')} from (
      select k, t${columns.map((name) => `, any_value(${name}) as ${name}`).join('')} from f_${entity}_r group by k, t))`
}
