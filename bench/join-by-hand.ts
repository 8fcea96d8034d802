// The same sixteen features, as somebody who knows SQL, DuckDB and the rules of time writes them for this shop alone: users' events are few, so each
// label looks at those of its user; items' events are many, so their counts run on over what arrives and what leaves, and labels look them up.
// It may take what it likes for granted (no deletions, no changed categories, sessions in order), and says neither status nor newest event.

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Hops as the definitions have them. */
const startOf = (windowMs: number, hopMs: number): string => `((t - ${windowMs}) // ${hopMs} * ${hopMs})`
const leaveOf = (windowMs: number, hopMs: number): string =>
  `greatest(a + 1, ${windowMs + hopMs} + c // ${hopMs} * ${hopMs})`

const start1d = startOf(DAY_MS, HOUR_MS)
const start7d = startOf(7 * DAY_MS, HOUR_MS)
const start30d = startOf(30 * DAY_MS, DAY_MS)
const start90d = startOf(90 * DAY_MS, DAY_MS)

/** A running count of each kind of interaction over what comes to and leaves a window of items, then a look-up for each label. */
function itemCounts(table: string, leave: string, kinds: readonly string[]): string[] {
  const named = kinds.map((kind) => `'${kind}'`).join(', ')
  const counts = kinds.map((kind) => `sum(d) filter (where interaction = '${kind}') over w as ${kind}s`)
  return [
    `create temp table ${table}_running as select item_id, moment, ${counts.join(', ')} from (
       select item_id, a + 1 as moment, interaction, 1 as d from interactions where interaction in (${named})
       union all select item_id, ${leave}, interaction, -1 from interactions where interaction in (${named})
     ) window w as (partition by item_id order by moment)`,
    `create temp table ${table} as select row_id, ${kinds.map((kind) => `coalesce(${kind}s, 0) as ${kind}s`).join(', ')}
     from labels l asof left join (select item_id, moment, ${kinds.map((kind) => `any_value(${kind}s) as ${kind}s`).join(', ')} from ${table}_running group by all) r
     on l.item_id = r.item_id and l.t >= r.moment`,
    `drop table ${table}_running`,
  ]
}

/** Views `interactions`, `changes` and `labels` are there; `by_hand` is what comes of it. */
export const joinByHand: readonly string[] = [
  `create temp table catalogue as select entity_id as item_id, attributes ->> '$.category' as category, (attributes -> '$.price')::DOUBLE as price from changes where entity = 'item'`,
  // Users: what each label's user did in the 90 days before it.
  `create temp table acts as select user_id, item_id, interaction, c, a, item_code, measures['revenue'] as revenue, measures['durationSeconds'] as seconds, category,
     c - lag(c) over (partition by user_id, interaction order by c, off) as since_last
   from interactions join catalogue using (item_id) where interaction <> 'impression'`,
  `create temp table of_user as select row_id,
     count(*) filter (where interaction = 'view' and c >= ${start1d}) as user_views_1d,
     count(*) filter (where interaction = 'purchase') as user_purchases_90d,
     sum(round(revenue * 1e6)::BIGINT) filter (where interaction = 'purchase')::DOUBLE / 1e6 as user_spend_90d,
     (any_value(t) - max(c)) / 1000 as session_recency,
     sum(round(seconds * 1e6)::BIGINT) filter (where interaction = 'view' and c >= ${start30d})::DOUBLE / 1e6
       / (1 + count(*) filter (where interaction = 'view' and since_last > 1800000 and c - since_last >= ${start30d})) as session_duration_avg,
     count(distinct e.item_id) filter (where interaction = 'view' and c >= ${start7d}) as user_items_seen_7d,
     arg_max(category, c) filter (where interaction = 'view' and c >= ${start30d}) as user_last_category
   from labels l join acts e on e.user_id = l.user_id and e.a < l.t and e.c >= ${start90d} group by row_id`,
  `create temp table affinity as select row_id, map(list(category order by category), list(n / total order by category)) as category_affinity from (
     select row_id, category, count(*)::DOUBLE as n, sum(count(*)) over (partition by row_id)::DOUBLE as total
     from labels l join acts e on e.user_id = l.user_id and e.a < l.t and e.c >= ${start30d} group by row_id, category) group by row_id`,
  // Items.
  ...itemCounts('item_1h', leaveOf(HOUR_MS, 300_000), ['view']),
  ...itemCounts('item_7d', leaveOf(7 * DAY_MS, HOUR_MS), ['view', 'impression']),
  ...itemCounts('item_30d', leaveOf(30 * DAY_MS, DAY_MS), ['view', 'purchase']),
  // Categories: views in the window, and items that have one, which come and go too.
  `create temp table views as select category, item_id, a + 1 as come, ${leaveOf(7 * DAY_MS, HOUR_MS)} as leave from interactions join catalogue using (item_id) where interaction = 'view'`,
  `create temp table stays as select *, max(leave) over (w rows between unbounded preceding and 1 preceding) as before, max(leave) over w as until, lead(come) over w as next
   from (select category, item_id, min(come) as come, leave from views group by all) window w as (partition by category, item_id order by come, leave)`,
  `create temp table category_running as select category, moment, sum(n) over w as views, sum(member) over w as members from (
     select category, moment, sum(n) as n, sum(member) as member from (
       select category, come as moment, 1 as n, 0 as member from views union all select category, leave, -1, 0 from views
       union all select category, come, 0, 1 from stays where before is null or come > before
       union all select category, until, 0, -1 from stays where next is null or next > until) group by all
   ) window w as (partition by category order by moment)`,
  `create temp table of_category as select row_id, views, members from (select row_id, t, category from labels join catalogue using (item_id)) l
   asof left join category_running r on l.category = r.category and l.t >= r.moment`,
  `create temp table by_hand as select row_id,
     (i7.views + 1.0::DOUBLE) / (i7.impressions + 20::DOUBLE) as click_rate_7d, f.category_affinity, u.session_duration_avg, u.session_recency,
     i1.views as item_views_1h, i7.views as item_views_7d, i30.purchases as item_purchases_30d, (i30.purchases + 1.0::DOUBLE) / (i30.views + 50::DOUBLE) as item_purchase_rate_30d,
     i7.views::DOUBLE / (g.views::DOUBLE / g.members::DOUBLE) as item_views_to_category_7d, p.price as item_price,
     coalesce(u.user_views_1d, 0) as user_views_1d, coalesce(u.user_purchases_90d, 0) as user_purchases_90d, coalesce(u.user_spend_90d, 0) as user_spend_90d,
     coalesce(u.user_items_seen_7d, 0) as user_items_seen_7d, u.user_last_category,
     case when f.category_affinity is not null then coalesce(f.category_affinity[p.category], 0) end as category_match
   from labels l left join of_user u using (row_id) left join affinity f using (row_id) left join item_1h i1 using (row_id) left join item_7d i7 using (row_id)
   left join item_30d i30 using (row_id) left join of_category g using (row_id) left join catalogue p on p.item_id = l.item_id`,
]
