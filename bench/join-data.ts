// A made shop of any size, as the files of the offline store and a file of labels: 90 days, a few popular items, users who come in sessions,
// one event in 200 up to two days late.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { checkFeatures, type FeatureContext } from '../src/config/check-features.ts'
import { Inspection } from '../src/config/inspection.ts'
import { shopFeatures } from '../src/config/shop-features.ts'
import type { FeatureDefinition } from '../src/domain/feature.ts'
import { distinctCode } from '../src/lib/hyper-log-log.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 0, 1)

export const joinPaths = (folder: string) => ({
  interactions: join(folder, 'interactions.parquet'),
  changes: join(folder, 'changes.parquet'),
  labels: join(folder, 'labels.parquet'),
})

export interface JoinSizes {
  readonly eventCount: number
  readonly labelCount: number
}

export async function makeJoinData(folder: string, { eventCount, labelCount }: JoinSizes): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const paths = joinPaths(folder)
  const userCount = Math.max(10, Math.ceil(eventCount / 100))
  const itemCount = Math.max(50, Math.ceil(eventCount / 500))
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '2',
    memory_limit: '3GB',
    temp_directory: join(folder, 'temporary'),
  })
  const connection = await instance.connect()
  const codes = async (name: string, count: number): Promise<void> => {
    await connection.run(`create table ${name}s (n INTEGER, id VARCHAR, code INTEGER)`)
    const appender = await connection.createAppender(`${name}s`)
    for (let n = 0; n < count; n++) {
      appender.appendInteger(n)
      appender.appendVarchar(`${name}-${n}`)
      appender.appendInteger(distinctCode(`${name}-${n}`))
      appender.endRow()
    }
    appender.closeSync()
  }
  await codes('user', userCount)
  await codes('item', itemCount)
  const stepMs = (90 * DAY_MS) / eventCount
  await connection.run(`copy (
    select r.off, r.c as event_ms, r.c, r.a, 'event-' || r.off as id, r.interaction, u.id as user_id, i.id as item_id, u.code as user_code, i.code as item_code, 1.0::DOUBLE as weight,
      case when interaction = 'view' then map {'durationSeconds': (hash(r.off * 29) % 600)::DOUBLE}
           when interaction = 'purchase' then map {'revenue': (hash(r.off * 23) % 10000) / 100.0::DOUBLE} end as measures
    from (
      select off, (hash(off // 8) % ${userCount})::INTEGER as user_n, floor(${itemCount} * pow((hash(off * 7 + 1) % 1000000) / 1e6, 3))::INTEGER as item_n,
        case when kind < 60 then 'impression' when kind < 92 then 'view' when kind < 96 then 'cart' else 'purchase' end as interaction,
        a, a - (hash(off * 5) % 3000)::BIGINT - case when hash(off * 17) % 200 = 0 then (hash(off * 19) % ${2 * DAY_MS})::BIGINT else 0 end as c
      from (select ${itemCount} + n as off, hash(n * 3) % 100 as kind, ${START_MS} + floor(n * ${stepMs})::BIGINT as a from range(${eventCount}) r(n))
    ) r join users u on u.n = r.user_n join items i on i.n = r.item_n order by r.off
  ) to '${paths.interactions}' (format parquet)`)
  await connection.run(`copy (
    select n::BIGINT as off, ${START_MS - DAY_MS}::BIGINT as event_ms, ${START_MS - DAY_MS}::BIGINT as c, ${START_MS - DAY_MS}::BIGINT as a, 'change-' || n as id, 'item' as entity, id as entity_id, 'put' as change,
      '{"category":"category-' || (hash(n) % 40) || '","price":' || (hash(n + 1) % 1000) / 10 || '}' as attributes from items order by n
  ) to '${paths.changes}' (format parquet)`)
  await connection.run(`copy (
    select row_number() over (order by off) - 1 as row_id, user_id, item_id, c as t from (
      select * from '${paths.interactions}' where interaction = 'impression' order by hash(off + 1) limit ${labelCount})
  ) to '${paths.labels}' (format parquet)`)
  connection.closeSync()
  instance.closeSync()
}

/** How the attributes that the features name are kept. */
export const joinAttributes = { user: {}, item: { category: 'text', price: 'number' } } as const

/** The features of `millrace init`'s shop. */
export function joinDefinitions(): FeatureDefinition[] {
  const inspection = new Inspection()
  const context: FeatureContext = {
    owner: 'bench@shop.example',
    entities: {
      user: {},
      item: { category: { type: 'category', isOptional: false }, price: { type: 'number', isOptional: false } },
    },
    interactions: {
      impression: { weight: 0.1 },
      view: { weight: 1, values: ['durationSeconds'] },
      cart: { weight: 4 },
      purchase: { weight: 10, values: ['revenue'] },
    },
  }
  const features = shopFeatures({
    impression: 'impression',
    view: 'view',
    cart: 'cart',
    purchase: 'purchase',
    durationSeconds: 'durationSeconds',
    revenue: 'revenue',
    category: 'item.category',
    price: 'item.price',
  })
  return checkFeatures(features, inspection, context)
}
