// Whom the labels are about, and the moments (probes) at which values are wanted of each.
import type { EntityName } from '../../domain/event.ts'

export const entities: readonly EntityName[] = ['user', 'item']

/** Users' keys leave room for how often a user was deleted: each deletion that becomes known begins another user, who has what it leaves. */
const GENERATION_COUNT = 2 ** 24

const FIRST_MS = '(-9223372036854775807)'
const LAST_MS = '9223372036854775807'

/**
 * Whose labels there are, the generations of users, and the distinct moments (probes) of each. A generation (id, k, from_a, until_a, after_off, after_c)
 * is asked at moments in (from_a, until_a], and has those events of its user that no deletion known by then takes away: of greater offset and counted
 * time than all of them. An event that is in several generations has a row in each.
 */
export function labelTables(): string[] {
  return [
    ...entities.map(
      (entity) =>
        `create temp table f_${entity}_id as select id, row_number() over () as k from (select distinct ${entity}_id as id from labels where ${entity}_id is not null)`,
    ),
    `create temp table f_delete as select entity_id as id, a, lead(a) over w as next_a, row_number() over w as n, max(off) over w as off, max(c) over w as c
     from changes where entity = 'user' and change = 'delete' window w as (partition by entity_id order by a, off)`,
    `create temp table f_generation as select id, u.k * ${GENERATION_COUNT} + g.n as k, from_a, until_a, after_off, after_c from f_user_id u join (
      select id, n, a as from_a, coalesce(next_a, ${LAST_MS}) as until_a, off as after_off, c as after_c from f_delete
      union all select id, 0, ${FIRST_MS}, coalesce(a, ${LAST_MS}), -1, ${FIRST_MS} from f_user_id left join (select id, a from f_delete where n = 1) using (id)
    ) g using (id)`,
    `create temp table f_row_k as select l.row_id, l.t, u.k as user_base, i.k as item_base, i.k as item_k, g.k as user_k
     from labels l left join f_user_id u on u.id = l.user_id left join f_item_id i on i.id = l.item_id
     left join f_generation g on g.id = l.user_id and l.t > g.from_a and l.t <= g.until_a`,
    ...entities.map(
      (entity) => `create temp table f_${entity}_p as select row_number() over () as pid, k, base, t
      from (select distinct ${entity}_k as k, ${entity}_base as base, t from f_row_k where ${entity}_k is not null)`,
    ),
    `create temp table f_row as select r.row_id, r.t, u.pid as user_pid, i.pid as item_pid from f_row_k r
     left join f_user_p u on u.k = r.user_k and u.t = r.t left join f_item_p i on i.k = r.item_k and i.t = r.t`,
    'drop table f_row_k',
  ]
}
