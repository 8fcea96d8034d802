import { expect, test } from 'vitest'
import { openTestApp } from '../../test/system.testing.ts'
import { popularity } from '../models/popularity/popularity.ts'
import { readGroupValues } from './group-values.ts'
import { laterInteractions } from './later-interactions.ts'

const source = { source: 'http', where: 'test' }

test('what came after an offset is counted, and groups are what the log says of each entity last', async () => {
  const app = await openTestApp({ trending: popularity() })
  try {
    const timeMs = Date.UTC(2026, 0, 1)
    const view = (n: number) => ({ id: `v${n}`, interaction: 'view', userId: 'u', itemId: 'i', eventTime: timeMs + n })
    const user = (entityId: string, change: 'put' | 'patch' | 'delete', attributes: object, n: number) => ({
      entity: 'user' as const,
      entityId,
      change,
      attributes,
      eventTime: timeMs + n,
    })
    await app.ingest.acceptEvents([view(1), view(2)], source)
    const { nextOffset } = await app.log.bounds()
    const { interactions } = app.plan.data
    expect(await laterInteractions(app.log, interactions, nextOffset)).toEqual({ count: 0, newestMs: undefined })
    await app.ingest.acceptEvents([view(9), view(5)], source)
    expect(await laterInteractions(app.log, interactions, nextOffset)).toEqual({ count: 2, newestMs: timeMs + 9 })
    expect(await laterInteractions(app.log, { purchase: { weight: 1 } }, 0)).toEqual({ count: 0, newestMs: undefined })

    await app.ingest.acceptEntityChanges(
      [
        user('a', 'put', { country: 'DE' }, 10),
        user('a', 'put', { country: 'FR' }, 5),
        user('b', 'put', { country: 'DE' }, 1),
        user('b', 'delete', {}, 2),
        user('c', 'put', { country: 'IT' }, 1),
        user('c', 'patch', {}, 3),
        user('d', 'put', {}, 1),
      ],
      source,
    )
    const groups = await readGroupValues(app.log, ['user.country', 'item popularity'])
    expect([...groups.keys()]).toEqual(['user.country'])
    expect(Object.fromEntries(groups.get('user.country')!)).toEqual({ a: 'DE', c: 'IT' })
  } finally {
    await app.close()
  }
})
