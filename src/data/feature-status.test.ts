import { expect, test } from 'vitest'
import { growingLog } from './feature-engine.testing.ts'
import { featureStatus } from './feature-status.ts'
import { memoryOnlineStore } from './online-store.testing.ts'

test('lag is counted from when the log took an event, not from when it was declared known', async () => {
  const log = growingLog([
    {
      offset: 0,
      availableTimeMs: 1000,
      appendedTimeMs: 50_000,
      event: {
        ...{ kind: 'interaction', id: 'old', interaction: 'view', userId: 'u', itemId: 'i' },
        ...{ eventTimeMs: 1000, knownTimeMs: 1000 },
      },
    },
  ])
  log.length = 1
  const clock = { now: () => 50_300 }
  expect(await featureStatus([], { log, store: memoryOnlineStore(), clock })).toMatchObject({
    lagEventCount: 1,
    lagMs: 300,
  })
})
