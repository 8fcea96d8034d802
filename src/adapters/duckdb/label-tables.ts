// Whom the labels are about, and the moments (probes) at which values are wanted of each.
import type { EntityName } from '../../domain/event.ts'

export const entities: readonly EntityName[] = ['user', 'item']

/** Users' keys leave room for how often a user was deleted: what happened before a deletion belongs to somebody else. */
export const GENERATION_COUNT = 2 ** 24

/** Whose labels there are, their deletions, and the distinct moments (probes) of each. */
export function labelTables(): string[] {
  return [
    ...entities.map(
      (entity) =>
        `create temp table f_${entity}_id as select id, row_number() over () as k from (select distinct ${entity}_id as id from labels where ${entity}_id is not null)`,
    ),
    `create temp table f_delete as select entity_id as id, list(off order by off) as offs, list(a order by off) as "as", list(c order by off) as cs
     from changes where entity = 'user' and change = 'delete' group by entity_id`,
    `create temp table f_row_k as select l.row_id, l.t, u.k as user_base, i.k as item_base, i.k as item_k,
     u.k * ${GENERATION_COUNT} + coalesce(len(list_filter(d."as", a -> a < l.t)), 0) as user_k
     from labels l left join f_user_id u on u.id = l.user_id left join f_item_id i on i.id = l.item_id left join f_delete d on d.id = l.user_id`,
    ...entities.map(
      (entity) => `create temp table f_${entity}_p as select row_number() over () as pid, k, base, t
      from (select distinct ${entity}_k as k, ${entity}_base as base, t from f_row_k where ${entity}_k is not null)`,
    ),
    `create temp table f_row as select r.row_id, r.t, u.pid as user_pid, i.pid as item_pid from f_row_k r
     left join f_user_p u on u.k = r.user_k and u.t = r.t left join f_item_p i on i.k = r.item_k and i.t = r.t`,
    'drop table f_row_k',
  ]
}
