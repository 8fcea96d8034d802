import { expect, it } from 'vitest'
import { Ingest } from './ingest.ts'
import { memoryLog, memoryQuarantine } from './memory-ports.testing.ts'
import { testPlan } from './plan.testing.ts'

const nowMs = Date.UTC(2026, 0, 1)
const origin = { source: 'http', where: 'r1' }
const good = (n: number) => ({ id: `e${n}`, userId: 'u1', itemId: 'i1', interaction: 'view', eventTime: '2025-06-01' })

function newIngest() {
  const log = memoryLog()
  const quarantine = memoryQuarantine()
  const plan = testPlan({ item: { title: { type: 'text', isOptional: false } } })
  return { ingest: new Ingest({ plan, log, quarantine, clock: { now: () => nowMs } }), log, quarantine }
}

it('keeps 9,997 good events of a batch of 10,000 and quarantines 3 bad ones', async () => {
  const { ingest, log, quarantine } = newIngest()
  const rows: unknown[] = Array.from({ length: 10_000 }, (_, n) => good(n))
  rows[5] = { ...good(5), userId: '' }
  rows[5000] = 'no object'
  rows[9999] = { ...good(9999), interaction: 'viw', eventTime: 'now' }
  const result = await ingest.acceptEvents(rows, origin)
  expect(result).toMatchObject({ acceptedCount: 9997, duplicatePositions: [], nextOffset: 9997 })
  expect(result.rejected.map(({ position, reason }) => [position, reason])).toEqual([
    [5, 'MISSING_USER_ID'],
    [5000, 'MALFORMED_ROW'],
    [9999, 'UNKNOWN_INTERACTION'],
  ])
  expect(log.events.length).toBe(9997)
  expect(quarantine.rows[2]).toMatchObject({
    source: 'http',
    where: 'request r1, position 9999',
    payload: JSON.stringify(rows[9999]),
    message: expect.stringMatching(/Did you mean "view"\?.*eventTime: found "now"/),
  })
})

it('tells duplicates by their position among all rows, bad ones included', async () => {
  const { ingest } = newIngest()
  await ingest.acceptEvents([good(1)], origin)
  const result = await ingest.acceptEvents([{}, good(2), good(1), good(2)], origin)
  expect(result).toMatchObject({ acceptedCount: 1, duplicatePositions: [2, 3] })
})

it('takes impressions among interactions, each id once, and lets mended ones out of quarantine', async () => {
  const { ingest, log, quarantine } = newIngest()
  const shown = { kind: 'impression', id: 's1', userId: 'u1', itemIds: ['i2', 'i1'], eventTime: '2025-06-01' }
  const rows = [shown, { ...good(1), kind: 'interaction' }, shown, { ...shown, id: 's2', itemIds: [] }]
  const result = await ingest.acceptEvents(rows, origin)
  expect(result).toMatchObject({ acceptedCount: 2, duplicatePositions: [2] })
  expect(result.rejected).toMatchObject([{ position: 3, reason: 'MISSING_ITEM_ID' }])
  expect(log.events.map(({ kind }) => kind)).toEqual(['impression', 'interaction'])
  const context = { source: 'http', where: () => '', missingTime: 'arrival', nowMs } as const
  const mended = { ...JSON.parse(quarantine.rows[0]!.payload), itemIds: ['i1'] }
  expect(ingest.checkHttpRow(mended, 0, context)).toMatchObject({ kind: 'impression', id: 's2' })
  expect(ingest.checkHttpRow({ ...good(1), kind: 'view' }, 0, context)).toMatchObject({ reason: 'MALFORMED_ROW' })
})

it('takes changes of users and items, in their order with one id each', async () => {
  const { ingest, log } = newIngest()
  const change = (fields: object) => ({
    entity: 'item' as const,
    entityId: 'i1',
    change: 'put' as const,
    attributes: { title: 'Mug' },
    eventTime: undefined,
    ...fields,
  })
  const rows = [
    change({}),
    change({ change: 'delete', attributes: {} }),
    change({}),
    change({ entity: 'user', attributes: {} }),
    change({ attributes: {} }),
  ]
  const result = await ingest.acceptEntityChanges(rows, origin)
  expect(result).toMatchObject({ acceptedCount: 4, rejected: [{ position: 4, reason: 'MISSING_ATTRIBUTE' }] })
  expect(log.events.map((event) => event.kind === 'entity' && [event.entity, event.change, event.eventTimeMs])).toEqual(
    [
      ['item', 'put', nowMs],
      ['item', 'delete', nowMs],
      ['item', 'put', nowMs],
      ['user', 'put', nowMs],
    ],
  )
  expect(new Set(log.events.map(({ id }) => id)).size).toBe(4)
})

it('rejects the whole batch, unacknowledged, where the log does', async () => {
  const { ingest, log, quarantine } = newIngest()
  log.failWith = new Error('disk full')
  await expect(ingest.acceptEvents([good(1), {}], origin)).rejects.toThrow('disk full')
  expect(quarantine.rows).toEqual([])
})

it('keeps a row of 64-bit integers as JSON', async () => {
  const { ingest, quarantine } = newIngest()
  await ingest.acceptEvents([{ ...good(1), userId: '', weight: 5n }], origin)
  expect(JSON.parse(quarantine.rows[0]!.payload)).toMatchObject({ weight: '5' })
})
