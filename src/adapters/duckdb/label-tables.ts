// Whom the labels are about, and when.
import type { EntityName } from '../../domain/event.ts'
import type { AttributePath } from '../../domain/feature.ts'
import { pathName } from './attribute-history.ts'

export const entities: readonly EntityName[] = ['user', 'item']

/** Users' keys leave room for how often a user was deleted: what happened before a deletion belongs to somebody else. */
export const GENERATION_COUNT = 2 ** 24

/** Whose labels there are, as f_<entity>_id (id, k), and users' deletions. */
export function labelTables(): string[] {
  return [
    ...entities.map(
      (entity) =>
        `create temp table f_${entity}_id as select id, row_number() over () as k from (select distinct ${entity}_id as id from labels)`,
    ),
    `create temp table f_delete as select entity_id as id, list(off order by off) as offs, list(a order by off) as "as", list(c order by off) as cs
     from changes where entity = 'user' and change = 'delete' group by entity_id`,
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
  const key =
    entity === 'item' ? 'i.k' : `i.k * ${GENERATION_COUNT} + coalesce(len(list_filter(d."as", a -> a < l.t)), 0)`
  const deletions = entity === 'item' ? '' : 'left join f_delete d on d.id = l.user_id'
  return `create temp table f_${entity}_labels as select l.*${columns.join('')} from (
      select l.row_id, l.t, i.k as base, ${key} as k from labels l join f_${entity}_id i on i.id = l.${entity}_id ${deletions}
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
