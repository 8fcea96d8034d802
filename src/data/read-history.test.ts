import { expect, test } from 'vitest'
import { openTestApp } from '../../test/system.testing.ts'
import { popularity } from '../models/popularity/popularity.ts'
import { readHistory } from './read-history.ts'

test('a history is what the log holds of that user alone, and a deletion takes away what came before it', async () => {
  const app = await openTestApp({ trending: popularity() })
  try {
    const source = { source: 'http', where: 'test' }
    const timeMs = Date.UTC(2026, 0, 1)
    const event = (userId: string, itemId: string, n: number, interaction = 'view') => ({
      interaction,
      userId,
      itemId,
      eventTime: timeMs + n,
    })
    const history = (userId: string) => readHistory(app.log, app.plan.data.interactions, userId)
    await app.ingest.acceptEvents([event('a', 'x', 2), event('b', 'y', 1), event('a', 'z', 1, 'purchase')], source)
    expect(await history('a')).toEqual({
      isKnown: true,
      itemIds: ['x', 'z'],
      weights: Float32Array.of(1, 5),
      eventTimesMs: Float64Array.of(timeMs + 2, timeMs + 1),
    })
    expect((await readHistory(app.log, { view: { weight: 1 } }, 'a')).itemIds).toEqual(['x'])
    const change = (entityId: string, kind: 'put' | 'delete', n: number) => ({
      entity: 'user' as const,
      entityId,
      change: kind,
      attributes: {},
      eventTime: timeMs + n,
    })
    await app.ingest.acceptEntityChanges(
      [change('a', 'delete', 1), change('b', 'delete', 9), change('c', 'put', 1)],
      source,
    )
    expect((await history('a')).itemIds).toEqual(['x'])
    for (const [userId, isKnown] of [
      ['b', false],
      ['c', true],
      ['nobody', false],
    ] as const) {
      expect(await history(userId), userId).toMatchObject({ isKnown, itemIds: [] })
    }
  } finally {
    await app.close()
  }
})
