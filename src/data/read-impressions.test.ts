import { expect, test } from 'vitest'
import type { LogEvent } from '../domain/event.ts'
import { encodedServedRows } from '../domain/served-rows.ts'
import { memoryLog } from './memory-ports.testing.ts'
import { readImpressions } from './read-impressions.ts'

const shown = (n: number, itemIds: readonly string[], served?: Float32Array): LogEvent => ({
  kind: 'impression',
  id: `r${n}`,
  userId: `u${n % 2}`,
  itemIds,
  eventTimeMs: 100 - n,
  modelVersion: `v${n % 3}`,
  ...(served && { served: encodedServedRows(served) }),
})
const view: LogEvent = { kind: 'interaction', id: 'e', interaction: 'view', userId: 'x', itemId: 'y', eventTimeMs: 1 }

test('what was shown comes in the order of the log, and its rows when they are asked for', async () => {
  const log = memoryLog()
  const rows = Float32Array.of(1, Number.NaN, 3, 4)
  await log.append([shown(0, ['a', 'b']), view, shown(1, ['b', 'c'], rows), shown(2, ['a'], Float32Array.of(7))])
  const table = await readImpressions(log)
  expect(table).toMatchObject({ userIds: ['u0', 'u1'], itemIds: ['a', 'b', 'c'], modelVersions: ['v1', 'v2'] })
  expect([...table.userIndexes]).toEqual([0, 1, 0])
  expect([...table.timesMs]).toEqual([100, 99, 98])
  expect([...table.offsets]).toEqual([0, 2, 4, 5])
  expect([...table.itemIndexes]).toEqual([0, 1, 1, 2, 0])
  // Of the first one there are no rows, whatever model made it.
  expect([...table.modelIndexes]).toEqual([-1, 0, 1])
  expect(await table.served.read([2, 1, 0])).toEqual(
    new Map([
      [1, rows],
      [2, Float32Array.of(7)],
    ]),
  )
  expect(await table.served.read([])).toEqual(new Map())
})

test('of a log in which nothing was shown there is nothing', async () => {
  const log = memoryLog()
  await log.append([view])
  expect((await readImpressions(log)).timesMs).toHaveLength(0)
})
