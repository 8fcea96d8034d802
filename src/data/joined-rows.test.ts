import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { duckDbOfflineStore } from '../adapters/duckdb/offline-store.ts'
import type { FeatureDefinition, FeatureFormula } from '../domain/feature.ts'
import type { StoredEvent } from '../ports/event-log.ts'
import { joinedRows } from './joined-rows.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-joined-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const DAY_MS = 86_400_000

const definition = (name: string, formula: FeatureFormula): FeatureDefinition => ({
  name,
  formula,
  owner: 'a@b',
  description: name,
  version: name,
})

async function* inOneBatch(events: readonly StoredEvent[]) {
  yield events
}

test('names that plain objects have a meaning for are names like others, as keys of a map, as texts and as tags', async () => {
  const names = ['__proto__', 'constructor', '=', '10', '9']
  const put = (entityId: string, offset: number): StoredEvent => ({
    offset,
    availableTimeMs: 1 + offset,
    event: {
      ...{ kind: 'entity', id: `put ${entityId}`, entity: 'item', entityId, change: 'put', eventTimeMs: 1 + offset },
      attributes: { category: entityId, tags: [entityId, 'x'] },
    },
  })
  const view = (itemId: string, offset: number): StoredEvent => ({
    offset,
    availableTimeMs: 100 + offset,
    event: { kind: 'interaction', id: itemId, interaction: 'view', userId: 'u', itemId, eventTimeMs: 100 + offset },
  })
  const offline = duckDbOfflineStore({ temporaryFolder: join(folder, 'temporary'), threadCount: 1 })
  const events = [...names.map(put), ...names.map((itemId, i) => view(itemId, names.length + i))]
  const written = await offline.writeEvents(inOneBatch(events), join(folder, 'events'))
  const target = join(folder, 'rows.parquet')
  await offline.joinFeatures({
    files: written.map(({ path, table }) => ({ path: join(folder, 'events', path), table })),
    definitions: [
      definition('taste', {
        ...{ family: 'share', by: 'user', of: 'any', windowMs: DAY_MS },
        over: { entity: 'item', attribute: 'category' },
      }),
      definition('category', { family: 'attribute', by: 'item', attribute: 'category' }),
      definition('tags', { family: 'attribute', by: 'item', attribute: 'tags' }),
      definition('price', { family: 'attribute', by: 'item', attribute: 'price' }),
    ],
    attributes: { user: {}, item: { category: 'text', tags: 'tags', price: 'number' } },
    labels: [names.map((itemId) => ({ userId: 'u', itemId, momentMs: 1000 }))],
    target,
  })
  const rows = await joinedRows(target)
  expect(rows).toHaveLength(names.length)
  for (const [i, name] of names.entries()) {
    const row = rows[i]!
    const newestEventTimeMs = 100 + 2 * names.length - 1
    expect(row('taste')).toEqual({
      status: 'present',
      value: new Map(names.toSorted().map((key) => [key, 1 / names.length])),
      newestEventTimeMs,
    })
    expect(row('category')).toEqual({ status: 'present', value: name, newestEventTimeMs: 1 + i })
    expect(row('tags').value).toEqual([name, 'x'])
    expect(row('price')).toEqual({ status: 'missing', value: undefined, newestEventTimeMs: undefined })
  }
})
