// Goal: where an attribute's type has changed, the stream engine, the SQL and the oracle agree about what was said before, and nothing fails. Method: a history in
// which every attribute says values of every kind, read by both engines at its end.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { duckDbOfflineStore } from '../adapters/duckdb/offline-store.ts'
import type { AttributeType } from '../config/plan.ts'
import type { AttributeValue, LogEvent } from '../domain/event.ts'
import type { AttributeKind, FeatureDefinition } from '../domain/feature.ts'
import { definitionOf } from '../domain/feature-corpus.contract.ts'
import { readFeature } from '../domain/feature-oracle.contract.ts'
import type { StoredEvent } from '../ports/event-log.ts'
import { earlierFeatures } from './earlier-features.ts'
import { expectOracle, growingLog } from './feature-engine.testing.ts'
import { openFeatureEngine } from './feature-engine.ts'
import { featureReader } from './feature-reader.ts'
import { memoryOnlineStore } from './online-store.testing.ts'
import { testPlan } from './plan.testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-attribute-type-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const DAY_MS = 86_400_000
const typeOf: Readonly<Record<AttributeKind, AttributeType>> = {
  text: 'category',
  number: 'number',
  boolean: 'boolean',
  tags: 'tags',
}
const kinds = Object.keys(typeOf) as AttributeKind[]
const said: readonly AttributeValue[] = ['lamps', '5', 5, 0.1, true, false, ['lamps', '5'], [], null]

const definitions: FeatureDefinition[] = kinds.flatMap((kind) => [
  definitionOf(`own_${kind}`, { family: 'attribute', by: 'item', attribute: kind, kind }),
  definitionOf(`last_${kind}`, {
    ...{ family: 'last', by: 'user', of: 'any', windowMs: DAY_MS, kind },
    value: { entity: 'item', attribute: kind },
  }),
  definitionOf(`share_${kind}`, {
    ...{ family: 'share', by: 'user', of: 'any', windowMs: DAY_MS },
    over: { entity: 'item', attribute: kind },
  }),
])

/** An item for each value, and a user who looked at it last. */
function history(): StoredEvent[] {
  const events = said.flatMap((value, i): LogEvent[] => [
    {
      ...{ kind: 'entity', id: `put ${i}`, entity: 'item', entityId: `i${i}`, change: 'put', eventTimeMs: DAY_MS },
      attributes: Object.fromEntries(kinds.map((kind) => [kind, value])),
    },
    ...[0, i].map(
      (item, n): LogEvent => ({
        ...{ kind: 'interaction', id: `view ${i} ${n}`, interaction: 'view', userId: `u${i}`, itemId: `i${item}` },
        eventTimeMs: DAY_MS + 1 + n,
      }),
    ),
  ])
  return events.map((event, offset) => ({ offset, availableTimeMs: 2 * DAY_MS - 100 + offset, event }))
}

test('what an attribute said before its type changed is no value of it, online and offline alike', async () => {
  const events = history()
  const log = growingLog(events)
  log.length = events.length
  const store = memoryOnlineStore()
  const clock = { now: () => 2 * DAY_MS }
  await (await openFeatureEngine({ log, store, definitions, clock })).catchUp()
  const entities = said.map((_, i) => ({ userId: `u${i}`, itemId: `i${i}` }))
  const asOfMs = 2 * DAY_MS
  const reader = featureReader({ store, clock })
  await expectOracle({ reader, definitions, events, entities, asOfMs, label: 'attribute types' })

  const item = Object.fromEntries(kinds.map((kind) => [kind, { type: typeOf[kind], isOptional: true }]))
  const base = testPlan({ user: {}, item })
  const plan = { ...base, data: { ...base.data, features: definitions } }
  const offlineStore = duckDbOfflineStore({ temporaryFolder: join(folder, 'temporary'), threadCount: 1 })
  for (const entity of entities) {
    const parts = { plan, log, offlineStore, folder: join(folder, 'questions'), clock }
    const { rows } = await earlierFeatures(parts, { features: definitions, entity, asOfMs })
    for (const [f, { name }] of definitions.entries()) {
      expect(rows[0]![f], `${name} of ${entity.itemId}`).toEqual(
        readFeature(definitions, events, { name, entity, asOfMs }),
      )
    }
  }
  const readings = kinds.map((kind) =>
    entities.map((entity) => readFeature(definitions, events, { name: `own_${kind}`, entity, asOfMs }).value),
  )
  expect(readings).toEqual([
    ['lamps', '5', ...Array(7)],
    [...Array(2), 5, 0.1, ...Array(5)],
    [...Array(4), true, false, ...Array(3)],
    [...Array(6), ['lamps', '5'], [], undefined],
  ])
})
