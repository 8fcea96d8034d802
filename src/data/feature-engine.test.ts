// Goal: what the online store answers is what the naive oracle computes from the raw events, for every family, whatever the history, however the
// engine was interrupted. Method: random histories, read by the engine in random batches with restarts in between; at random moments all features of
// a random user and item are compared; now and then by a reader that has been there all along and asks often enough to keep what it reads, at moments before,
// after and between. MILLRACE_FEATURE_CASES sets the number of (history, moment) cases, MILLRACE_FEATURE_SEED the histories.
import { describe, expect, test } from 'vitest'
import type { LogEvent } from '../domain/event.ts'
import type { FeatureDefinition } from '../domain/feature.ts'
import { corpusDefinitions, definitionOf, randomCorpus } from '../domain/feature-corpus.contract.ts'
import { seededRng } from '../lib/rng.ts'
import type { EventLog, StoredEvent } from '../ports/event-log.ts'
import { expectOracle, growingLog, momentAfter, someDefinitions, someEntity } from './feature-engine.testing.ts'
import { openFeatureEngine } from './feature-engine.ts'
import { MANIFEST_KEY, MANIFEST_SPACE } from './feature-manifest.ts'
import { featureReader } from './feature-reader.ts'
import { featureStatus } from './feature-status.ts'
import { type MemoryRecords, memoryOnlineStore, memoryRecords } from './online-store.testing.ts'

const CASE_COUNT = Number(process.env.MILLRACE_FEATURE_CASES ?? 1000)
const MOMENTS_PER_HISTORY = 8
const SEED = Number(process.env.MILLRACE_FEATURE_SEED ?? 20_261_125)
const clock = { now: () => 0 }

async function compareHistory(seed: string): Promise<number> {
  const rng = seededRng(seed)
  const corpus = randomCorpus(rng.fork('corpus'), { eventCount: 20 + rng.integer(100) })
  const log = growingLog(corpus.events)
  const records = memoryRecords()
  let definitions = someDefinitions(rng, corpusDefinitions, 12)
  const open = (store = memoryOnlineStore(records)) =>
    openFeatureEngine({
      log,
      store,
      definitions,
      clock,
      batchLength: 1 + rng.integer(40),
      cachedGroupCount: 1 + rng.integer(8),
    })
  let engine = await open()
  const lasting = featureReader({ store: memoryOnlineStore(records), clock, keepFromRows: 1 })
  for (let moment = 0; moment < MOMENTS_PER_HISTORY; moment++) {
    log.length = Math.min(corpus.events.length, log.length + rng.integer(corpus.events.length / 3))
    await engine.catchUp()
    if (rng.integer(3) === 0) {
      // Killed: what was in memory is gone, and the right to write is free again. Sometimes other features are wanted from now on.
      records.holder = undefined
      if (rng.integer(3) === 0) definitions = someDefinitions(rng, corpusDefinitions, 12)
      engine = await open()
      await engine.catchUp()
    }
    const events = corpus.events.slice(0, log.length)
    await expectOracle({
      reader: featureReader({ store: memoryOnlineStore(records), clock }),
      definitions,
      events,
      entities: [someEntity(rng, corpus)],
      asOfMs: momentAfter(rng, { events, definitions }),
      label: `seed ${seed}`,
    })
    if (moment % 2 === 1) continue
    const entities = [someEntity(rng, corpus), someEntity(rng, corpus)]
    const features = definitions.map(({ name }) => name)
    const first = momentAfter(rng, { events, definitions })
    for (let n = 0; n < 2; n++) await lasting.read({ features, entities, asOfMs: first })
    for (const asOfMs of [
      first,
      momentAfter(rng, { events, definitions }),
      momentAfter(rng, { events, definitions }),
    ]) {
      await expectOracle({ reader: lasting, definitions, events, entities, asOfMs, label: `seed ${seed}, kept` })
    }
  }
  return MOMENTS_PER_HISTORY
}

test(`answers equal the oracle's in ${CASE_COUNT} cases of a history and a moment`, {
  timeout: 60_000 + CASE_COUNT * 20,
}, async () => {
  let caseCount = 0
  for (let history = 0; caseCount < CASE_COUNT; history++) caseCount += await compareHistory(`${SEED}/${history}`)
  expect(caseCount).toBeGreaterThanOrEqual(CASE_COUNT)
})

const NOON_MS = Date.UTC(2026, 5, 1, 12)
const MINUTE_MS = 60_000

function views(count: number, change: Partial<LogEvent> = {}): StoredEvent[] {
  return Array.from({ length: count }, (_, offset) => ({
    offset,
    availableTimeMs: NOON_MS + offset,
    event: {
      kind: 'interaction',
      id: `e${offset}`,
      interaction: 'view',
      userId: 'u',
      itemId: 'i',
      eventTimeMs: NOON_MS + offset,
      ...change,
    } as LogEvent,
  }))
}

const viewsIn = (minutes: number, name = 'views') =>
  definitionOf(name, { family: 'count', by: 'user', of: ['view'], windowMs: minutes * MINUTE_MS })

/** An engine over these events, all of them read, and a reader beside it. */
async function settled(
  events: readonly StoredEvent[],
  definitions: readonly FeatureDefinition[],
  records: MemoryRecords = memoryRecords(),
) {
  const log = growingLog(events)
  log.length = events.length
  const store = memoryOnlineStore(records)
  const engine = await openFeatureEngine({ log, store, definitions, clock, batchLength: 10 })
  await engine.catchUp()
  return { log, engine, records, reader: featureReader({ store, clock }) }
}

describe('a changed definition', () => {
  const viewsOf = async (records: MemoryRecords) => {
    const { rows } = await featureReader({ store: memoryOnlineStore(records), clock }).read({
      features: ['views'],
      entities: [{ userId: 'u' }],
      asOfMs: NOON_MS + 70 * MINUTE_MS,
    })
    return rows[0]![0]!.value
  }

  test('is built beside the old one, which answers until the new one has caught up', async () => {
    const events = views(35)
    const { log, engine, records } = await settled(events, [viewsIn(60)])
    await engine.stop()
    const changed = await openFeatureEngine({
      log,
      store: memoryOnlineStore(records),
      definitions: [viewsIn(120)],
      clock,
      batchLength: 10,
    })
    const values: unknown[] = []
    const backfills: unknown[] = []
    do {
      values.push(await viewsOf(records))
      backfills.push((await statusOf([viewsIn(120)], { log, records })).backfill)
    } while (await changed.step())
    // 60 minutes before 13:10 the window begins at 12:10, after the views; 120 minutes before, it holds them all.
    expect(values.slice(0, 4)).toEqual([0, 0, 0, 0])
    expect(values.at(-1)).toBe(35)
    expect(backfills[1]).toEqual({ readCount: 10, eventCount: 35, names: ['views'] })
    expect(backfills.at(-1)).toBeUndefined()
  })

  test('goes on where it was when the engine is killed in mid-backfill', async () => {
    const { log, records } = await settled(views(35), [viewsIn(60)])
    records.holder = undefined
    const options = { log, definitions: [viewsIn(120)], clock, batchLength: 10 }
    const killed = await openFeatureEngine({ ...options, store: memoryOnlineStore(records) })
    await killed.step()
    records.holder = undefined
    const next = await openFeatureEngine({ ...options, store: memoryOnlineStore(records) })
    expect((await statusOf([viewsIn(120)], { log, records })).backfill).toMatchObject({ readCount: 10 })
    await next.catchUp()
    expect(await viewsOf(records)).toBe(35)
  })

  test('leaves nothing of the old one behind', async () => {
    const { log, engine, records } = await settled(views(35), [viewsIn(60)])
    await engine.stop()
    const next = await openFeatureEngine({ log, store: memoryOnlineStore(records), definitions: [viewsIn(120)], clock })
    await next.catchUp()
    const sizes = [...records.bySpace].map(([space, known]) => [space, known.size])
    expect(Object.fromEntries(sizes)).toEqual({ features: 2, 'features-1': 0, 'features-2': 2 })
  })

  test('that changes its time to live, default or name alone needs no backfill', async () => {
    const { log, engine, records } = await settled(views(35), [viewsIn(120, 'other')])
    await engine.stop()
    const renamed = { ...viewsIn(120), ttlMs: MINUTE_MS, default: -5 }
    await openFeatureEngine({ log, store: memoryOnlineStore(records), definitions: [renamed], clock })
    expect(await viewsOf(records)).toBe(-5)
  })

  test('after several changes everything lies in one layer again', async () => {
    const { log, engine, records } = await settled(views(35), [viewsIn(60, 'a0')])
    await engine.stop()
    const definitions = [viewsIn(60, 'a0')]
    for (let n = 1; n <= 4; n++) {
      definitions.push(viewsIn(60 + n * 10, `a${n}`))
      const next = await openFeatureEngine({ log, store: memoryOnlineStore(records), definitions, clock })
      await next.catchUp()
      await next.stop()
    }
    const manifest = JSON.parse(Buffer.from(records.bySpace.get(MANIFEST_SPACE)!.get(MANIFEST_KEY)!).toString())
    expect(manifest.serving.map(({ id }: { id: number }) => id)).toEqual([5])
    expect(manifest.active.map(({ name }: { name: string }) => name)).toEqual(['a0', 'a1', 'a2', 'a3', 'a4'])
  })
})

describe('an engine', () => {
  test('is alone on its store', async () => {
    const { log, engine, records } = await settled(views(5), [viewsIn(60)])
    const options = { log, definitions: [viewsIn(60)], clock }
    await expect(openFeatureEngine({ ...options, store: memoryOnlineStore(records) })).rejects.toMatchObject({
      code: 'ONLINE_STORE_TAKEN',
    })
    await engine.stop()
    await openFeatureEngine({ ...options, store: memoryOnlineStore(records) })
  })

  test('counts nothing twice when a commit fails and it is opened anew', async () => {
    const { log, engine, records } = await settled(views(35), [viewsIn(120)])
    log.length = 10
    const fresh = memoryRecords()
    const first = await openFeatureEngine({ log, store: memoryOnlineStore(fresh), definitions: [viewsIn(120)], clock })
    await first.catchUp()
    log.length = 35
    fresh.failWith = new Error('no room')
    await expect(first.step()).rejects.toThrow('no room')
    await first.stop()
    const second = await openFeatureEngine({ log, store: memoryOnlineStore(fresh), definitions: [viewsIn(120)], clock })
    await second.catchUp()
    expect(fresh.bySpace.get('features-1')!.get('uu')).toEqual(records.bySpace.get('features-1')!.get('uu'))
    await engine.stop()
  })

  test('is behind by how long the log has had an event, not by how long that was known', async () => {
    const events = views(3).map((stored) => ({
      ...stored,
      appendedTimeMs: stored.availableTimeMs,
      availableTimeMs: 1000,
    }))
    const { records } = await settled(events.slice(0, 1), [viewsIn(60)])
    records.holder = undefined
    const log = growingLog(events)
    log.length = 3
    const status = await statusOf([viewsIn(60)], { log, records, nowMs: NOON_MS + 501 })
    expect(status).toMatchObject({ isKept: false, lagEventCount: 2, lagMs: 500 })
  })

  test('follows the log until it is stopped, and says what it lags behind', async () => {
    const events = views(30)
    const { log, records } = await settled(events.slice(0, 10), [viewsIn(120)])
    records.holder = undefined
    const more = growingLog(events)
    more.length = 30
    const engine = await openFeatureEngine({
      log: more,
      store: memoryOnlineStore(records),
      definitions: [viewsIn(120)],
      clock: { now: () => NOON_MS + 1010 },
    })
    const status = () => statusOf([viewsIn(120)], { log: more, records, nowMs: NOON_MS + 1010 })
    expect(await status()).toEqual({ isKept: true, lagEventCount: 20, lagMs: 1000, backfill: undefined })
    engine.run((error) => expect.unreachable(String(error)))
    while ((await status()).lagEventCount > 0) await new Promise((resolve) => setImmediate(resolve))
    await engine.stop()
    expect(log.committed.get('features')).toBe(10)
  })

  test('takes steps of about five milliseconds while it runs, whatever an event costs', async () => {
    const events = views(3000)
    for (const eventsPerMs of [20, 100]) {
      const log = growingLog(events)
      log.length = events.length
      const records = memoryRecords()
      const readCounts: number[] = []
      let nowMs = NOON_MS
      const engine = await openFeatureEngine({
        log: {
          ...log,
          bounds: () => log.bounds(),
          read: async (fromOffset, limit) => {
            const read = await log.read(fromOffset, limit)
            // Only steps ask for more than one; what they read is what takes their time.
            if (limit > 1) readCounts.push(read.length)
            nowMs += limit > 1 ? read.length / eventsPerMs : 0
            return read
          },
        },
        store: memoryOnlineStore(records),
        definitions: [viewsIn(120)],
        clock: { now: () => nowMs },
      })
      engine.run((error) => expect.unreachable(String(error)))
      const pending = async () => (await statusOf([viewsIn(120)], { log, records })).backfill !== undefined
      while (await pending()) await new Promise((resolve) => setImmediate(resolve))
      await engine.stop()
      expect(readCounts.reduce((sum, count) => sum + count, 0)).toBe(events.length)
      // A step that is too long is followed by one that fits; growth overshoots by a quarter at most.
      expect(Math.max(...readCounts)).toBeLessThanOrEqual(1.25 * 5 * eventsPerMs)
      expect(Math.max(...readCounts)).toBeGreaterThan(0.75 * 5 * eventsPerMs)
    }
  })

  test('takes fewer events at once where they bring catalogue entries, of whatever size', async () => {
    const change = { kind: 'entity', entity: 'item', entityId: 'i', change: 'patch', attributes: {} } as const
    const events = [...views(6000), ...views(30_000, change as Partial<LogEvent>)].map((stored, offset) => ({
      ...stored,
      offset,
    }))
    const log = growingLog(events)
    log.length = events.length
    const records = memoryRecords()
    const engine = await openFeatureEngine({
      log,
      store: memoryOnlineStore(records),
      definitions: [viewsIn(120)],
      clock,
    })
    const readCounts: (number | undefined)[] = []
    while (await engine.step()) readCounts.push((await statusOf([viewsIn(120)], { log, records })).backfill?.readCount)
    // The first batch: 5,000 and 1,000 views, then changes 4,000, 5,000 and 5,000 at a time until there are 10,000.
    expect(readCounts).toEqual([20_000, 30_000, undefined])
    await engine.stop()
  })

  test('refuses to go on where the log lost events that it has not read', async () => {
    const events = views(30)
    const { records } = await settled(events.slice(0, 10), [viewsIn(120)])
    records.holder = undefined
    const trimmed = growingLog(events, 15)
    trimmed.length = 30
    const engine = await openFeatureEngine({
      log: trimmed,
      store: memoryOnlineStore(records),
      definitions: [viewsIn(120)],
      clock,
    })
    await expect(engine.step()).rejects.toMatchObject({ code: 'FEATURE_LOG_GAP' })
  })

  test('builds state of an older format anew, and refuses a newer one', async () => {
    const { log, records } = await settled(views(30), [viewsIn(120)])
    const asFormat = (format: number): void => {
      const known = records.bySpace.get(MANIFEST_SPACE)!
      const manifest = JSON.parse(Buffer.from(known.get(MANIFEST_KEY)!).toString())
      known.set(MANIFEST_KEY, Buffer.from(JSON.stringify({ ...manifest, format })))
      records.holder = undefined
    }
    asFormat(99)
    const open = () => openFeatureEngine({ log, store: memoryOnlineStore(records), definitions: [viewsIn(120)], clock })
    await expect(open()).rejects.toMatchObject({ code: 'DATA_FOLDER_NEWER' })
    asFormat(0)
    const engine = await open()
    expect((await statusOf([viewsIn(120)], { log, records })).backfill).toMatchObject({ readCount: 0 })
    await engine.catchUp()
    const { rows } = await featureReader({ store: memoryOnlineStore(records), clock }).read({
      features: ['views'],
      entities: [{ userId: 'u' }],
    })
    expect(rows[0]![0]!.value).toBe(30)
  })

  test('remembers a deletion for late events, also where it knows nothing else of the user', async () => {
    const [view] = views(1)
    const at = (offset: number, minute: number, event: Partial<LogEvent>): StoredEvent => ({
      offset,
      availableTimeMs: NOON_MS + minute * MINUTE_MS,
      event: { ...view!.event, id: `x${offset}`, ...event } as LogEvent,
    })
    const events = [
      at(0, 1, { eventTimeMs: NOON_MS }),
      at(1, 2, {
        kind: 'entity',
        entity: 'user',
        entityId: 'u',
        change: 'delete',
        attributes: {},
        eventTimeMs: NOON_MS + MINUTE_MS,
      } as Partial<LogEvent>),
      at(2, 3, { userId: 'other' } as Partial<LogEvent>),
      at(3, 30, { eventTimeMs: NOON_MS }),
      at(4, 30, { eventTimeMs: NOON_MS + 2 * MINUTE_MS }),
    ]
    const records = memoryRecords()
    for (let length = 1; length <= events.length; length++) {
      const { engine } = await settled(events.slice(0, length), [viewsIn(60)], records)
      await engine.stop()
    }
    const { rows } = await featureReader({ store: memoryOnlineStore(records), clock }).read({
      features: ['views'],
      entities: [{ userId: 'u' }],
    })
    expect(rows[0]![0]!.value).toBe(1)
    const left = [...records.bySpace.get('features-1')!.keys()].filter((key) => key.startsWith('u'))
    expect(left.sort()).toEqual(['uother', 'uu'])
  })

  test('lets go of whoever has not been heard of for longer than every window', async () => {
    const events = [
      ...views(3),
      {
        ...views(1, { userId: 'late', eventTimeMs: NOON_MS + 999 * MINUTE_MS } as Partial<LogEvent>)[0]!,
        offset: 3,
        availableTimeMs: NOON_MS + 999 * MINUTE_MS,
      },
    ]
    const { records } = await settled(events, [viewsIn(60)])
    const { records: long } = await settled(events, [viewsIn(6000)])
    const usersIn = (known: MemoryRecords) =>
      [...known.bySpace.get('features-1')!.keys()].filter((key) => key.startsWith('u')).sort()
    expect(usersIn(records)).toEqual(['ulate'])
    expect(usersIn(long)).toEqual(['ulate', 'uu'])
  })
})

describe('a reader', () => {
  test('answers for now by the clock, and after the newest event where the clock is behind', async () => {
    const { records } = await settled(views(5), [viewsIn(60)])
    const at = (nowMs: number) =>
      featureReader({ store: memoryOnlineStore(records), clock: { now: () => nowMs } }).read({
        features: ['views'],
        entities: [{ userId: 'u' }],
      })
    expect((await at(0)).asOfMs).toBe(NOON_MS + 5)
    expect((await at(0)).rows[0]![0]!.value).toBe(5)
    expect((await at(NOON_MS + 66 * MINUTE_MS)).rows[0]![0]!.value).toBe(0)
  })

  test('refuses the past, which it does not know any more', async () => {
    const { reader } = await settled(views(5), [viewsIn(60)])
    const request = { features: ['views'], entities: [{ userId: 'u' }], asOfMs: NOON_MS + 4 }
    await expect(reader.read(request)).rejects.toMatchObject({ code: 'FEATURE_MOMENT_PAST' })
    expect((await reader.read({ ...request, asOfMs: NOON_MS + 5 })).rows[0]![0]!.value).toBe(5)
  })

  test('answers for a moment after everything that was known, also where what came last was known long before', async () => {
    const [early] = views(1)
    const events = [
      ...views(5),
      { ...early!, offset: 5, availableTimeMs: NOON_MS - 60 * MINUTE_MS, event: { ...early!.event, id: 'early' } },
    ]
    const { reader, engine } = await settled(events, [viewsIn(60)])
    const request = { features: ['views'], entities: [{ userId: 'u' }] }
    expect((await reader.read(request)).asOfMs).toBe(NOON_MS + 5)
    await expect(reader.read({ ...request, asOfMs: NOON_MS + 4 })).rejects.toMatchObject({
      code: 'FEATURE_MOMENT_PAST',
    })
    await engine.stop()
  })

  test('names the feature that was meant', async () => {
    const { reader } = await settled(views(5), [viewsIn(60)])
    await expect(reader.read({ features: ['view'], entities: [] })).rejects.toMatchObject({
      code: 'FEATURE_UNKNOWN',
      fix: expect.stringContaining('views'),
    })
  })

  test('finds a feature that was added after it was opened', async () => {
    const { log, engine, records, reader } = await settled(views(5), [viewsIn(60)])
    await reader.read({ features: ['views'], entities: [{ userId: 'u' }] })
    await engine.stop()
    const next = await openFeatureEngine({
      log,
      store: memoryOnlineStore(records),
      definitions: [viewsIn(60), viewsIn(90, 'more')],
      clock,
    })
    await next.catchUp()
    expect(
      (await reader.read({ features: ['more', 'views'], entities: [{ userId: 'u' }] })).rows[0]!.map(
        ({ value }) => value,
      ),
    ).toEqual([5, 5])
  })
})

/** How far the features are, as whoever looks at the store sees it. */
const statusOf = (
  definitions: readonly FeatureDefinition[],
  { log, records, nowMs = 0 }: { readonly log: EventLog; readonly records: MemoryRecords; readonly nowMs?: number },
) => featureStatus(definitions, { log, store: memoryOnlineStore(records), clock: { now: () => nowMs } })
