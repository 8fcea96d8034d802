import { describe, expect, it } from 'vitest'
import type { AttributePlan } from '../config/plan.ts'
import type { EntityEvent } from '../domain/event.ts'
import { MillraceError } from '../lib/errors.ts'
import { silentLogger } from '../lib/logger.ts'
import { seededRng } from '../lib/rng.ts'
import type { PulledBatch, RecordSource } from '../ports/record-source.ts'
import { rowMapper } from './column-mapping.ts'
import { Ingest } from './ingest.ts'
import { memoryLog, memoryQuarantine } from './memory-ports.testing.ts'
import { batchOf, fakeSource, memorySnapshots, memoryStates, VirtualTime } from './memory-sources.testing.ts'
import { testPlan } from './plan.testing.ts'
import { type ScheduledSource, SourceRunner } from './source-runner.ts'
import { entityCheck } from './validate-event.ts'

const startMs = Date.parse('2026-11-24T12:00:00Z')
const minuteMs = 60_000
const hourMs = 3_600_000
const title: AttributePlan = { type: 'text', isOptional: true }
const plan = testPlan({ item: { title } })

function world() {
  const log = memoryLog()
  const quarantine = memoryQuarantine()
  const time = new VirtualTime(startMs)
  const states = memoryStates()
  const parts = {
    ingest: new Ingest({ plan, log, quarantine, clock: time }),
    snapshots: memorySnapshots(),
    states,
    clock: time,
    timers: time,
    rng: seededRng(1),
    logger: silentLogger,
  }
  return {
    log,
    quarantine,
    time,
    states,
    runner: (...sources: ScheduledSource[]) => new SourceRunner(sources, parts),
    /** Titles by item, by the newest event time, as the catalogue reads the log. */
    titles(): Record<string, unknown> {
      const newest = new Map<string, EntityEvent>()
      for (const event of log.events as EntityEvent[]) {
        const known = newest.get(event.entityId)
        if (!known || event.eventTimeMs >= known.eventTimeMs) newest.set(event.entityId, event)
      }
      const present = [...newest].filter(([, { change }]) => change !== 'delete')
      return Object.fromEntries(present.map(([id, { attributes }]) => [id, attributes.title]))
    },
  }
}

const scheduled = (records: RecordSource, changed: Partial<ScheduledSource> = {}): ScheduledSource => ({
  name: 'items',
  records,
  toRow: rowMapper('item', { entityId: 'sku', title: 'name' }),
  check: entityCheck(plan, { entity: 'item' }),
  holds: 'item',
  hasEventTime: false,
  definitionHash: 'd1',
  deletedShareMax: 0.2,
  owner: 'data@shop.example',
  schedule: { everyMs: hourMs },
  freshnessMs: 2 * hourMs,
  ...changed,
})

const item = (sku: string, name = `title of ${sku}`) => ({ sku, name })
const unavailable = new MillraceError('SOURCE_UNAVAILABLE', 'gone')

describe('a source with a schedule', () => {
  it('runs at once, then at each interval, and tells what it did', async () => {
    const { runner, time, titles } = world()
    let count = 0
    const source = fakeSource(() => [batchOf([item(`i${++count}`)], { cursor: String(count), isLast: true })])
    const sources = runner(scheduled(source))
    await sources.start()
    await time.moveTo(startMs + 2.5 * hourMs)
    expect(source.cursors).toEqual([undefined, '1', '2'])
    expect(titles()).toEqual({ i1: 'title of i1', i2: 'title of i2', i3: 'title of i3' })
    const [status] = await sources.status()
    expect(status).toMatchObject({
      source: 'items',
      owner: 'data@shop.example',
      freshness: 'fresh',
      ageMs: hourMs / 2,
      lagMs: hourMs / 2,
      isRunning: false,
      state: {
        cursor: '3',
        runCount: 3,
        rowCount: 3,
        consecutiveFailureCount: 0,
        lastRun: {
          readCount: 1,
          acceptedCount: 1,
          unchangedCount: 0,
          quarantinedCount: 0,
          deletedCount: 0,
          pageCount: 1,
        },
        nextRunMs: startMs + 3 * hourMs,
      },
    })
    await sources.stop()
  })

  it('goes on behind the last batch that is durable, and takes no row twice', async () => {
    const { runner, time, log, states } = world()
    const source = fakeSource((cursor) =>
      cursor === undefined
        ? [
            batchOf([item('a')], { cursor: '1', versionOf: () => 'v' }),
            batchOf([item('b')], { cursor: '2', versionOf: () => 'v' }),
            unavailable,
          ]
        : [batchOf([item('b'), item('c')], { cursor: '3', versionOf: () => 'v', isLast: true })],
    )
    const sources = runner(scheduled(source))
    await sources.start()
    await time.moveTo(startMs + minuteMs)
    expect(source.cursors).toEqual([undefined, '2'])
    expect((log.events as EntityEvent[]).map(({ entityId }) => entityId)).toEqual(['a', 'b', 'c'])
    expect((await states.load('items'))?.state).toMatchObject({
      rowCount: 3,
      lastFailure: { code: 'SOURCE_UNAVAILABLE' },
    })
    await sources.stop()
  })

  it('does not remember a batch that the log did not take', async () => {
    const { runner, time, log, states } = world()
    const source = fakeSource(() => [batchOf([item('a')], { cursor: '1', isLast: true })])
    log.failWith = new MillraceError('EVENT_LOG_FULL', 'full')
    const sources = runner(scheduled(source))
    await sources.start()
    await time.moveTo(startMs + 1)
    expect((await states.load('items'))?.state.cursor).toBeUndefined()
    log.failWith = undefined
    await time.moveTo(startMs + minuteMs)
    expect(source.cursors).toEqual([undefined, undefined])
    expect(log.events).toHaveLength(1)
    await sources.stop()
  })

  it('is tried again sooner than its schedule says, then less and less often', async () => {
    const { runner, time, states } = world()
    const source = fakeSource(() => [unavailable])
    const sources = runner(scheduled(source, { schedule: { everyMs: 24 * hourMs } }))
    await sources.start()
    await time.moveTo(startMs + hourMs)
    // 0, 0.5, 1.5, 3.5, 7.5, 15.5, 30.5, 45.5 and 60.5 minutes at the latest; half of the waits at the earliest.
    expect(source.cursors.length).toBeGreaterThanOrEqual(8)
    expect(source.cursors.length).toBeLessThanOrEqual(13)
    expect((await states.load('items'))?.state).toMatchObject({ consecutiveFailureCount: source.cursors.length })
    expect((await sources.status())[0]).toMatchObject({ freshness: 'never' })
    await sources.stop()
  })

  it('keeps no other one waiting when it fails or hangs', async () => {
    const { runner, time, titles } = world()
    const failing = fakeSource(() => [new Error('a bug')])
    const hanging = fakeSource(async function* (_, signal) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    })
    let count = 0
    const working = fakeSource(() => [batchOf([item(`i${++count}`)], { isLast: true })])
    const sources = runner(
      scheduled(failing, { name: 'failing' }),
      scheduled(hanging, { name: 'hanging' }),
      scheduled(working, { name: 'working' }),
    )
    await sources.start()
    await time.moveTo(startMs + 3.5 * hourMs)
    expect(Object.keys(titles())).toHaveLength(4)
    const byName = new Map((await sources.status()).map((status) => [status.source, status]))
    expect(byName.get('failing')).toMatchObject({
      state: { lastFailure: { code: 'INTERNAL', message: 'Error: a bug' } },
    })
    expect(byName.get('hanging')).toMatchObject({ isRunning: true, freshness: 'never' })
    expect(byName.get('working')).toMatchObject({ freshness: 'fresh' })
    await sources.stop()
  })

  it('finishes the batch at hand when it is stopped, and begins no other', async () => {
    const { runner, states, titles, time } = world()
    let release: () => void = () => {}
    const source = fakeSource(async function* () {
      await new Promise<void>((resolve) => {
        release = resolve
      })
      yield batchOf([item('a')], { cursor: '1' })
      yield batchOf([item('b')], { cursor: '2', isLast: true })
    })
    const sources = runner(scheduled(source))
    await sources.start()
    await time.moveTo(startMs)
    const stopped = sources.stop()
    release()
    await stopped
    expect(titles()).toEqual({ a: 'title of a' })
    expect((await states.load('items'))?.state).toMatchObject({ cursor: '1' })
    await time.moveTo(startMs + 5 * hourMs)
    expect(source.cursors).toEqual([undefined])
  })

  it('reads everything again when its definition has changed', async () => {
    const { runner, time } = world()
    const source = fakeSource(() => [batchOf([], { cursor: 'old', isLast: true })])
    const first = runner(scheduled(source))
    await first.start()
    await time.moveTo(startMs + 1)
    await first.stop()
    const second = runner(scheduled(source, { definitionHash: 'd2' }))
    await second.start()
    await time.moveTo(startMs + 2)
    expect(source.cursors).toEqual([undefined, undefined])
    await second.stop()
  })

  it('waits for its time after a restart', async () => {
    const { runner, time } = world()
    const source = fakeSource(() => [batchOf([], { isLast: true })])
    const first = runner(scheduled(source))
    await first.start()
    await time.moveTo(startMs + hourMs / 2)
    await first.stop()
    const second = runner(scheduled(source))
    await second.start()
    await time.moveTo(startMs + hourMs - 1)
    expect(source.cursors).toHaveLength(1)
    await time.moveTo(startMs + hourMs)
    expect(source.cursors).toHaveLength(2)
    await second.stop()
  })

  it('is run once where it is asked for twice at a time, and not at all under an unknown name', async () => {
    const { runner } = world()
    const source = fakeSource(() => [batchOf([item('a')], { isLast: true })])
    const sources = runner(scheduled(source))
    await Promise.all([sources.runNow('items'), sources.runNow('items')])
    expect(source.cursors).toHaveLength(1)
    await expect(sources.runNow('itms')).rejects.toMatchObject({
      code: 'SOURCE_UNKNOWN',
      fix: expect.stringContaining('"items"'),
    })
    await sources.stop()
  })

  it('forgets nothing, and does not spin, while its state cannot be read', async () => {
    const { runner, time, states } = world()
    const source = fakeSource(() => [batchOf([], { cursor: 'kept', isLast: true })])
    const sources = runner(scheduled(source, { schedule: { everyMs: minuteMs } }))
    await sources.start()
    await time.moveTo(startMs + 1)
    states.failWith = new Error('the disk is gone')
    await time.moveTo(startMs + hourMs)
    expect(source.cursors).toHaveLength(1)
    states.failWith = undefined
    await time.moveTo(startMs + 2 * hourMs)
    expect(source.cursors[1]).toBe('kept')
    await sources.stop()
  })
})

describe('a source of snapshots', () => {
  /** Gives what `rows` holds, two at a time. */
  const snapshot = (rows: () => readonly unknown[], options: { breakAfter?: () => number | undefined } = {}) =>
    fakeSource(
      function* () {
        const now = rows()
        const batchCount = Math.max(1, Math.ceil(now.length / 2))
        for (let n = 0; n < batchCount; n++) {
          if (options.breakAfter?.() === n) yield unavailable as Error | PulledBatch
          yield batchOf(now.slice(2 * n, 2 * n + 2), { isLast: n === batchCount - 1 })
        }
      },
      { isSnapshot: true },
    )

  it('tells what is new, changed and gone, and nothing else', async () => {
    const { runner, log, titles, time } = world()
    let rows = [item('a'), item('b'), item('c'), item('d'), item('e')]
    const sources = runner(scheduled(snapshot(() => rows)))
    await sources.runNow('items')
    rows = [item('a'), item('b', 'new title'), item('c'), item('d'), item('f')]
    await time.moveTo(startMs + hourMs / 2)
    const outcome = await sources.runNow('items')
    expect(outcome?.run).toMatchObject({ readCount: 5, acceptedCount: 2, unchangedCount: 3, deletedCount: 1 })
    expect((log.events as EntityEvent[]).slice(5).map(({ entityId, change }) => `${change} ${entityId}`)).toEqual([
      'put b',
      'put f',
      'delete e',
    ])
    expect(titles()).toEqual(Object.fromEntries(rows.map(({ sku, name }) => [sku, name])))
    await sources.stop()
  })

  it('tells a row again that comes back as it was, or changes back', async () => {
    const { runner, titles } = world()
    const versions = [
      [item('a', '1'), item('b')],
      [item('a', '2'), item('b')],
      [item('a', '1')],
      [item('a', '1'), item('b')],
    ]
    let rows: readonly unknown[] = []
    const sources = runner(
      scheduled(
        snapshot(() => rows),
        { deletedShareMax: 1 },
      ),
    )
    for (rows of versions) {
      await sources.runNow('items')
      expect(titles()).toEqual(
        Object.fromEntries((rows as ReturnType<typeof item>[]).map(({ sku, name }) => [sku, name])),
      )
    }
    await sources.stop()
  })

  it('tells a row that changes back under one and the same time of its own', async () => {
    const { runner, titles } = world()
    let name = '1'
    const sources = runner(
      scheduled(
        snapshot(() => [{ ...item('a', name), created: '2026-01-01T00:00:00Z' }]),
        { hasEventTime: true, toRow: rowMapper('item', { entityId: 'sku', title: 'name', eventTime: 'created' }) },
      ),
    )
    for (name of ['1', '2', '1']) {
      await sources.runNow('items')
      expect(titles()).toEqual({ a: name })
    }
    await sources.stop()
  })

  it('deletes nothing for one that broke off', async () => {
    const { runner, log } = world()
    let rows = Array.from({ length: 10 }, (_, n) => item(`i${n}`))
    let breakAfter: number | undefined
    const sources = runner(
      scheduled(
        snapshot(() => rows, { breakAfter: () => breakAfter }),
        { deletedShareMax: 1 },
      ),
    )
    await sources.runNow('items')
    rows = rows.slice(1)
    breakAfter = 3
    await expect(sources.runNow('items')).rejects.toThrow('gone')
    expect(log.events.length).toBe(10)
    breakAfter = undefined
    expect((await sources.runNow('items'))?.run?.deletedCount).toBe(1)
    await sources.stop()
  })

  it('deletes nothing for one that is not modified', async () => {
    const { runner, log } = world()
    const source = fakeSource(
      (cursor) => [
        batchOf(cursor === undefined ? [item('a')] : [], {
          cursor: 'etag',
          isLast: true,
          isNotModified: cursor !== undefined,
        }),
      ],
      { isSnapshot: true },
    )
    const sources = runner(scheduled(source, { deletedShareMax: 1 }))
    await sources.runNow('items')
    expect((await sources.runNow('items'))?.run).toMatchObject({ isNotModified: true, deletedCount: 0 })
    expect(log.events).toHaveLength(1)
    await sources.stop()
  })

  it('holds a deletion of too many until somebody allows it, and asks for everything again meanwhile', async () => {
    const { runner, titles, states } = world()
    let rows = [item('a'), item('b'), item('c')]
    const source = fakeSource(() => [batchOf(rows, { cursor: 'etag', isLast: true })], { isSnapshot: true })
    const sources = runner(scheduled(source))
    await sources.runNow('items')
    rows = [item('a', 'changed')]
    await expect(sources.runNow('items')).rejects.toMatchObject({ code: 'SOURCE_DELETES_HELD' })
    expect(titles()).toEqual({ a: 'changed', b: 'title of b', c: 'title of c' })
    expect((await states.load('items'))?.state).toMatchObject({ lastFailure: { code: 'SOURCE_DELETES_HELD' } })
    expect((await sources.runNow('items', { allowDeletes: true }))?.run?.deletedCount).toBe(2)
    expect(titles()).toEqual({ a: 'changed' })
    await sources.stop()
  })

  it('sends rows that cannot be accepted to quarantine, once', async () => {
    const { runner, quarantine } = world()
    const rows = [item('a'), item(''), { sku: 'b', name: 7 }, 'no row', null]
    const sources = runner(scheduled(snapshot(() => rows)))
    const first = await sources.runNow('items')
    expect(first?.run).toMatchObject({ readCount: 5, acceptedCount: 1, quarantinedCount: 4 })
    await sources.runNow('items')
    expect(quarantine.rows.map(({ reason }) => reason)).toEqual([
      'MISSING_ENTITY_ID',
      'MALFORMED_ATTRIBUTE',
      'MALFORMED_ROW',
      'MALFORMED_ROW',
    ])
    await sources.stop()
  })
})
