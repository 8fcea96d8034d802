// Events of a group, and how many different entities they are of: what one entity's count is compared with.
import { windowStartMs } from '../../domain/feature.ts'
import { groupJoin, pathName } from './attribute-history.ts'
import { MovingSums } from './moving-sums.ts'
import type { FormulaOf } from './reading.ts'
import type { Stage } from './stage.ts'
import { stays } from './stays.ts'

export interface GroupTotalsOptions {
  /** The number of an interaction `e`, as an expression. */
  readonly kind: string
  /** Whether it is counted, as a condition on its `kind`. */
  readonly matches: string
  /** Of the labels. */
  readonly oldestMomentMs: number
  readonly partCount: number
  /** Of the entity's own stage, which takes the totals. */
  readonly entityPartCount: number
}

/** Makes the relation `table`: g, t, n, members, for every group and moment of a label. Its parts are those of the labels' entities. */
export function groupTotals(
  table: string,
  { by, windowMs, group }: FormulaOf<'ratioToGroup'>,
  { kind, matches, oldestMomentMs, partCount, entityPartCount }: GroupTotalsOptions,
): Stage {
  const path = { entity: by, attribute: group }
  const name = pathName(path)
  const [moments, probes, events, members, sums] = ['m', 'p', 'e', 'd', 's'].map((part) => `${table}_${part}`) as [
    string,
    string,
    string,
    string,
    string,
  ]
  const moving = new MovingSums(sums, { probes, keys: ['g'] })
  const n = moving.windowed({ source: events, where: 'true' }, '1', windowMs)
  const memberCount = moving.changes(members, 'delta')
  return {
    partCount,
    inputs: [
      {
        name: moments,
        query: `select distinct v.keys[1] as g, r.t, r.base % ${entityPartCount} as entity_part, v.keys[1] % ${partCount} as part
          from f_${by}_labels r join f_v_${name} v on v.number = r.own_${name} where len(v.keys) = 1`,
      },
      {
        name: events,
        // Only of groups that labels are in, and not of what has left the window before the first of them.
        query: `select v.g, e.${by}_id as member, e.a + 1 as m, e.c, v.g % ${partCount} as part
          from (select *, ${kind} as kind from interactions e where c >= ${windowStartMs(oldestMomentMs, windowMs)}) e ${groupJoin(path)}
          join (select number, g from (select number, unnest(keys) as g from f_v_${name})
            where g in (select v.keys[1] from f_${by}_labels r join f_v_${name} v on v.number = r.own_${name} where len(v.keys) = 1)
          ) v on v.number = g_${name}.number where ${matches}`,
      },
    ],
    statements: [
      `create temp table ${probes} as select row_number() over () as pid, g, t from (select distinct g, t from ${moments})`,
      `create temp table ${members} as select * from ${stays(events, ['g', 'member'], windowMs)}`,
      ...moving.statements(),
    ],
    output: {
      name: table,
      partCount: entityPartCount,
      query: `select m.g, m.t, s.${n}::BIGINT as n, s.${memberCount}::BIGINT as members, m.entity_part as part
        from ${moments} m join ${probes} p using (g, t) join ${sums} s using (pid)`,
    },
  }
}
