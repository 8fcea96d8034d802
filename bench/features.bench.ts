// The stream engine and the online store, on one core and on disk: events per second while catching up, how soon an event shows in a feature, and how
// long reading features takes.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEventLog } from '../src/adapters/embedded/event-log.ts'
import { openOnlineStore } from '../src/adapters/embedded/online-store.ts'
import { openFeatureEngine } from '../src/data/feature-engine.ts'
import { type FeatureKey, featureReader } from '../src/data/feature-reader.ts'
import type { LogEvent } from '../src/domain/event.ts'
import type { FeatureDefinition } from '../src/domain/feature.ts'
import { type Clock, systemClock } from '../src/lib/clock.ts'
import { type Rng, seededRng } from '../src/lib/rng.ts'
import {
  catalogueEvents,
  interactionEvent,
  LOAD_START_MS,
  type LoadSize,
  manyUserFeatures,
  rankingFeatures,
  sixteenFeatures,
} from './feature-load.ts'
import { type Bench, type Figure, median, percentile, spreadOf } from './figure.ts'
import { itemIdOf, userIdOf } from './load-shop.ts'

const SEED = 1
const SPAN_MS = 10 * 86_400_000
const ENGINE_BAR = 20_000
const FRESH_BAR_MS = 50
const FRESH_RATE = 5000
const LIVE_RATE = 2000
/** One read, and as many events as come in that time. */
const LIVE_STEP_MS = 10
const ONE_ENTITY_BAR_MS = 0.3
const MANY_ITEMS_BAR_MS = 3

const bench: Bench = async ({ smoke, log }) => {
  const size: LoadSize = smoke ? { userCount: 500, itemCount: 200 } : { userCount: 50_000, itemCount: 10_000 }
  const eventCount = smoke ? 4000 : 300_000
  const runCount = smoke ? 1 : 3
  log(`${eventCount} events of ${size.userCount} users and ${size.itemCount} items`)
  const base = await filledLog(size, eventCount)
  try {
    const speeds: number[] = []
    const cpuSpeeds: number[] = []
    for (let run = 0; run < runCount; run++) {
      const { seconds, cpuSeconds } = await timeEngine(base, sixteenFeatures)
      speeds.push(eventCount / seconds)
      cpuSpeeds.push(eventCount / cpuSeconds)
      log(`${Math.round(speeds.at(-1)!)} events/s, ${Math.round(cpuSpeeds.at(-1)!)} per second of processor time`)
    }
    log('reading')
    const oneMs = await readTimes(base, manyUserFeatures, smoke ? 200 : 5000, (rng) => [
      { userId: userIdOf(Math.floor(rng.next() ** 2 * size.userCount)) },
    ])
    const names = rankingFeatures.filter(({ formula }) => formula.by !== 'user').slice(0, 20)
    const manyMs = await readTimes(base, rankingFeatures, smoke ? 50 : 1000, (rng) => someItems(rng, size), names)
    log('reading while events come')
    const liveMs = await liveReadTimes(base, size, smoke ? 50 : 1000, names)
    // Last, because it adds events of today to the log.
    log('freshness')
    const freshMs = await freshness(base, size, smoke ? 1 : 10)
    const speed = median(speeds)
    const note = `${size.userCount} users, ${size.itemCount} items, ${eventCount} events over 10 days, on disk`
    return [
      {
        name: 'features-engine',
        value: speed,
        unit: 'events/s',
        spread: spreadOf(speeds),
        bar: `>= ${ENGINE_BAR}`,
        ok: speed >= ENGINE_BAR,
        note: `16 features, catching up from an empty store, one thread; goal 50,000; ${note}`,
      },
      {
        name: 'features-engine-cpu',
        value: median(cpuSpeeds),
        unit: 'events/s of processor time',
        note: 'all threads of the process, those that write pages to disk too',
      },
      ...figuresOf(
        'features-fresh',
        freshMs,
        FRESH_BAR_MS,
        `from the log's acknowledgement until a reader sees it, ${FRESH_RATE} events/s, 16 features; log, engine and reader in one process`,
      ),
      ...figuresOf('features-read-one', oneMs, ONE_ENTITY_BAR_MS, `one user, 250 features; ${note}`),
      ...figuresOf(
        'features-read-many',
        manyMs,
        MANY_ITEMS_BAR_MS,
        `500 items and a user, 20 features of item and pair; ${note}`,
      ),
      ...figuresOf(
        'features-read-many-live',
        liveMs,
        undefined,
        `the same, of now, every ${LIVE_STEP_MS} ms, while the engine in the same process takes ${LIVE_RATE} events/s`,
      ),
    ]
  } finally {
    rmSync(base, { recursive: true, force: true })
  }
}
export default bench

function figuresOf(
  name: string,
  timesMs: readonly number[],
  /** A p99 below it is wanted; undefined for none. */
  barMs: number | undefined,
  note: string,
): Figure[] {
  const p99 = percentile(timesMs, 0.99)
  return [
    {
      name: `${name}-p99`,
      value: p99,
      unit: 'ms',
      ...(barMs !== undefined && { bar: `<= ${barMs}`, ok: p99 <= barMs }),
      note,
    },
    { name: `${name}-p50`, value: percentile(timesMs, 0.5), unit: 'ms' },
  ]
}

/** A folder with a log in it: the catalogue, then interactions at even distances over ten days, which became available as they happened. */
async function filledLog(size: LoadSize, eventCount: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-features-'))
  const rng = seededRng(SEED)
  let nowMs = LOAD_START_MS
  const log = await openEventLog({ folder: join(folder, 'log'), clock: { now: () => nowMs } })
  await log.append(catalogueEvents(size, rng))
  // Many at a time, which the log takes in one go: the disk is not what is measured here.
  let pending: Promise<unknown>[] = []
  for (let begin = 0; begin < eventCount; begin += 500) {
    const batch: LogEvent[] = []
    for (let n = begin; n < Math.min(eventCount, begin + 500); n++) {
      nowMs = LOAD_START_MS + Math.floor((n / eventCount) * SPAN_MS)
      // One in twenty comes up to two hours late.
      const lateMs = rng.integer(20) === 0 ? rng.integer(7_200_000) : 0
      batch.push(interactionEvent(n, nowMs - lateMs, size, rng))
    }
    pending.push(log.append(batch))
    if (pending.length < 50) continue
    await Promise.all(pending)
    pending = []
  }
  await Promise.all(pending)
  await log.close()
  return folder
}

let storeNumber = 0

async function opened(base: string, definitions: readonly FeatureDefinition[], clock: Clock = systemClock) {
  const folder = join(base, `features-${storeNumber++}`)
  const log = await openEventLog({ folder: join(base, 'log'), clock })
  const store = await openOnlineStore({ folder })
  const engine = await openFeatureEngine({ log, store, definitions, clock })
  const close = async (): Promise<void> => {
    await engine.stop()
    await store.close()
    await log.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { log, store, engine, close }
}

async function timeEngine(base: string, definitions: readonly FeatureDefinition[]) {
  const { engine, close } = await opened(base, definitions)
  const cpuBefore = process.cpuUsage()
  const startMs = performance.now()
  await engine.catchUp()
  const seconds = (performance.now() - startMs) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  await close()
  return { seconds, cpuSeconds: (user + system) / 1e6 }
}

/** Appends 25 events each 5 ms; of the last of each batch it is asked, again and again, whether the user's newest event is that one. */
async function freshness(base: string, size: LoadSize, seconds: number): Promise<number[]> {
  const { log, store, engine, close } = await opened(base, sixteenFeatures)
  await engine.catchUp()
  engine.run((error) => {
    throw error
  })
  const reader = featureReader({ store, clock: systemClock })
  const rng = seededRng(SEED).fork('fresh')
  const perBatch = FRESH_RATE / 200
  const delaysMs: number[] = []
  const startMs = performance.now()
  const probes: Promise<void>[] = []
  for (let batch = 0; batch < seconds * 200; batch++) {
    const waitMs = startMs + batch * 5 - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    const events = Array.from({ length: perBatch }, (_, n) =>
      interactionEvent(1e9 + batch * perBatch + n, systemClock.now(), size, rng),
    )
    const probe = {
      kind: 'interaction',
      id: `p${batch}`,
      interaction: 'view',
      userId: `probe-${batch}`,
      itemId: itemIdOf(0),
      eventTimeMs: systemClock.now(),
    } as const
    await log.append([...events.slice(1), probe])
    const appendedMs = performance.now()
    probes.push(
      (async () => {
        for (;;) {
          const { rows } = await reader.read({ features: ['user_views_1d'], entities: [{ userId: probe.userId }] })
          if (rows[0]![0]!.value === 1) break
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
        delaysMs.push(performance.now() - appendedMs)
      })(),
    )
  }
  await Promise.all(probes)
  await close()
  return delaysMs
}

function someItems(rng: Rng, { userCount, itemCount }: LoadSize): FeatureKey[] {
  const userId = userIdOf(Math.floor(rng.next() ** 2 * userCount))
  return Array.from({ length: 500 }, () => ({ userId, itemId: itemIdOf(Math.floor(rng.next() ** 2 * itemCount)) }))
}

/** Reads while the log grows: of now, a minute after the newest event of the load to begin with. */
async function liveReadTimes(
  base: string,
  size: LoadSize,
  readCount: number,
  read: readonly FeatureDefinition[],
): Promise<number[]> {
  const beganMs = performance.now()
  const clock = { now: () => LOAD_START_MS + SPAN_MS + 60_000 + Math.floor(performance.now() - beganMs) }
  const { log, store, engine, close } = await opened(base, rankingFeatures, clock)
  await engine.catchUp()
  engine.run((error) => {
    throw error
  })
  const reader = featureReader({ store, clock })
  const rng = seededRng(SEED).fork('live')
  const features = read.map(({ name }) => name)
  const timesMs: number[] = []
  const perStep = (LIVE_RATE * LIVE_STEP_MS) / 1000
  const startMs = performance.now()
  for (let n = 0; n < readCount * 1.2; n++) {
    const waitMs = startMs + n * LIVE_STEP_MS - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    const events = Array.from({ length: perStep }, (_, k) =>
      interactionEvent(2e9 + n * perStep + k, clock.now(), size, rng),
    )
    await log.append(events)
    const entities = someItems(rng, size)
    const beginMs = performance.now()
    await reader.read({ features, entities })
    // The first sixth warms up.
    if (n >= readCount * 0.2) timesMs.push(performance.now() - beginMs)
  }
  await close()
  return timesMs
}

/** Reads after the engine has read everything, from two and a half hours after the newest event on, so that tails have moved; each 10 ms after the last. */
async function readTimes(
  base: string,
  definitions: readonly FeatureDefinition[],
  readCount: number,
  keys: (rng: Rng) => readonly FeatureKey[],
  read: readonly FeatureDefinition[] = definitions,
): Promise<number[]> {
  const { store, engine, close } = await opened(base, definitions)
  await engine.catchUp()
  const reader = featureReader({ store, clock: systemClock })
  const rng = seededRng(SEED).fork('reads')
  const features = read.map(({ name }) => name)
  const asOfMs = LOAD_START_MS + SPAN_MS + 9_000_000
  const timesMs: number[] = []
  for (let n = 0; n < readCount * 1.2; n++) {
    const entities = keys(rng)
    const startMs = performance.now()
    await reader.read({ features, entities, asOfMs: asOfMs + n * 10 })
    // The first sixth warms up.
    if (n >= readCount * 0.2) timesMs.push(performance.now() - startMs)
  }
  await close()
  return timesMs
}
