// Goal: on an honest system whatever differs is lag and nothing else, to the last reading; a planted defect is found where it is and nowhere else.
// Method: random histories through the real engine, reader, sampler and DuckDB. The log runs ahead of the engine by a known number of events when
// features are read, all families at once. The seed is in every message.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { duckDbOfflineStore } from '../../adapters/duckdb/offline-store.ts'
import type { FeatureDefinition } from '../../domain/feature.ts'
import { corpusDefinitions, randomCorpus } from '../../domain/feature-corpus.contract.ts'
import type { ServedFeatures } from '../../domain/served-features.ts'
import { type SkewReport, unexplainedCount } from '../../domain/skew-report.ts'
import { silentLogger } from '../../lib/logger.ts'
import { seededRng } from '../../lib/rng.ts'
import { appendedTimeMsOf, type StoredEvent } from '../../ports/event-log.ts'
import type { ServedFeaturesStore } from '../../ports/served-features-store.ts'
import { growingLog, someEntity } from '../feature-engine.testing.ts'
import { openFeatureEngine } from '../feature-engine.ts'
import { entityKey } from '../feature-layer.ts'
import { featureReader } from '../feature-reader.ts'
import { FeatureSampler, sampledReader } from '../feature-sampler.ts'
import { type MemoryRecords, memoryOnlineStore, memoryRecords } from '../online-store.testing.ts'
import { corpusPlan } from '../plan.testing.ts'
import { measureSkew } from './measure-skew.ts'

const SEED = Number(process.env.MILLRACE_SEED ?? 11)
const folder = mkdtempSync(join(tmpdir(), 'millrace-skew-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// A join of so many features takes a second or two on a busy machine, and a lagging row takes another.
const TIMEOUT_MS = 120_000

function memoryServed(): ServedFeaturesStore & { readonly rows: ServedFeatures[] } {
  const rows: ServedFeatures[] = []
  return {
    rows,
    append: async (added) => void rows.push(...added),
    async *read({ fromMs, toMs }) {
      yield rows.filter(({ momentMs }) => momentMs >= fromMs && momentMs < toMs)
    },
    saveReport: async () => {},
    lastReport: async () => undefined,
    close: async () => {},
  }
}

interface Serving {
  readonly seed: string
  /** Events that are available and not yet taken, at each reading. */
  readonly lagCount: number
  /** What the engine computes; those of the plan unless given. */
  readonly engineDefinitions?: readonly FeatureDefinition[]
  readonly firstOffset?: number
  /** Called when the engine stands still, before each reading. */
  readonly tamper?: (records: MemoryRecords) => void
  readonly judgedPlaceCountMax?: number
  /** Events declare to have been known before they reached the log, those after a reading too; by default none does. */
  readonly declaresKnown?: boolean
  /** Of the plan; those of every family unless given. */
  readonly definitions?: readonly FeatureDefinition[]
}

/** For what has nothing to do with families: a join of all of them takes seconds. */
const fewDefinitions = corpusDefinitions.filter(({ formula }) =>
  ['count', 'sum', 'last', 'attribute'].includes(formula.family),
)

const READING_COUNT = 4

let runCount = 0

async function served(
  serving: Serving,
): Promise<{ report: SkewReport; rows: readonly ServedFeatures[]; events: readonly StoredEvent[] }> {
  const { definitions = corpusDefinitions } = serving
  const rng = seededRng(`skew ${SEED} ${serving.seed}`)
  const corpus = randomCorpus(rng.fork('corpus'), {
    eventCount: 300,
    spanMs: 3 * 86_400_000,
    declaresKnown: serving.declaresKnown === true,
  })
  const { events } = corpus
  const log = growingLog(events, serving.firstOffset)
  const records = memoryRecords()
  const clock = { now: () => events.at(-1)!.availableTimeMs + 1000 }
  const store = memoryOnlineStore(records)
  const kept = memoryServed()
  const sampler = new FeatureSampler({ store: kept, sampleShare: 1, logger: silentLogger })
  const reader = sampledReader(featureReader({ store, clock }), sampler)
  const engine = await openFeatureEngine({
    log,
    store,
    clock,
    definitions: serving.engineDefinitions ?? definitions,
  })
  for (let reading = 1; reading <= READING_COUNT; reading++) {
    const last = events[Math.floor((events.length * reading) / READING_COUNT) - 1]!
    const asOfMs = appendedTimeMsOf(last) + 1
    const appendedCount = events.filter((event) => appendedTimeMsOf(event) < asOfMs).length
    log.length = Math.max(1, appendedCount - serving.lagCount)
    await engine.catchUp()
    serving.tamper?.(records)
    await reader.read({
      features: definitions.map(({ name }) => name),
      entities: [someEntity(rng, corpus), someEntity(rng, corpus)],
      asOfMs,
    })
  }
  await sampler.settled()
  log.length = events.length
  const own = join(folder, String(runCount++))
  const report = await measureSkew({
    plan: corpusPlan(definitions),
    log,
    served: kept,
    offline: duckDbOfflineStore({ temporaryFolder: join(own, 'duckdb'), threadCount: 1 }),
    clock,
    folder: join(own, 'files'),
    fromMs: 0,
    toMs: Number.MAX_SAFE_INTEGER,
    ...(serving.judgedPlaceCountMax !== undefined && { judgedPlaceCountMax: serving.judgedPlaceCountMax }),
  })
  return { report, rows: kept.rows, events }
}

const sumOf = (report: SkewReport, count: (feature: SkewReport['features'][number]) => number): number =>
  report.features.reduce((sum, feature) => sum + count(feature), 0)
const examplesOf = (report: SkewReport) =>
  JSON.stringify(
    report.features.flatMap(({ name, examples }) => examples.map((example) => ({ name, ...example }))),
    undefined,
    1,
  )

test('what an engine without lag served is recomputed to the last bit, for every family', {
  timeout: TIMEOUT_MS,
}, async () => {
  const { report, rows } = await served({ seed: 'honest', lagCount: 0 })
  expect(
    sumOf(report, ({ comparedCount, equalCount }) => comparedCount - equalCount),
    `seed ${SEED} ${examplesOf(report)}`,
  ).toBe(0)
  expect(report).toMatchObject({ rowCount: 2 * READING_COUNT, otherVersionCount: 0, firstOffset: 0, lagMs: undefined })
  // Nothing was left out of the comparison.
  expect(sumOf(report, ({ comparedCount }) => comparedCount)).toBe(
    rows.reduce((sum, { readings }) => sum + readings.length, 0),
  )
  expect(report.features.map(({ name }) => name).sort()).toEqual(corpusDefinitions.map(({ name }) => name).sort())
  const presentNames = rows.flatMap(({ readings }) =>
    readings.filter(({ status }) => status === 'present').map(({ name }) => name),
  )
  expect(new Set(presentNames).size).toBeGreaterThan(0.8 * corpusDefinitions.length)
})

test('what differs behind a lagging engine is lag, and nothing of it is unexplained', {
  timeout: TIMEOUT_MS,
}, async () => {
  for (const [lagCount, definitions] of [
    [5, corpusDefinitions],
    [60, fewDefinitions],
  ] as const) {
    const { report } = await served({ seed: `lag ${lagCount}`, lagCount, definitions })
    const lag = sumOf(report, ({ causeCounts }) => causeCounts.lag)
    expect(lag, `seed ${SEED}`).toBeGreaterThan(0)
    expect(unexplainedCount(report), `seed ${SEED} ${examplesOf(report)}`).toBe(0)
    expect(sumOf(report, ({ causeCounts }) => causeCounts.unjudged)).toBe(0)
    expect(sumOf(report, ({ comparedCount, equalCount }) => comparedCount - equalCount)).toBe(lag)
    expect(report.lagMs!.max).toBeGreaterThan(0)
  }
})

test('what was appended later and declares to have been known before is lag of no length, not a defect', {
  timeout: TIMEOUT_MS,
}, async () => {
  const { report } = await served({ seed: 'declared', lagCount: 0, declaresKnown: true })
  const lag = sumOf(report, ({ causeCounts }) => causeCounts.lag)
  expect(lag, `seed ${SEED}`).toBeGreaterThan(0)
  expect(
    sumOf(report, ({ comparedCount, equalCount }) => comparedCount - equalCount),
    examplesOf(report),
  ).toBe(lag)
  expect(report.lagMs).toEqual({ median: 0, max: 0 })
})

test('of more places of the engine than may be computed, the rest is unjudged, not guessed', {
  timeout: TIMEOUT_MS,
}, async () => {
  const whole = (await served({ seed: 'lag 60', lagCount: 60, definitions: fewDefinitions })).report
  const { report } = await served({
    seed: 'lag 60',
    lagCount: 60,
    judgedPlaceCountMax: 2,
    definitions: fewDefinitions,
  })
  const lag = sumOf(report, ({ causeCounts }) => causeCounts.lag)
  const unjudged = sumOf(report, ({ causeCounts }) => causeCounts.unjudged)
  expect(lag).toBeGreaterThan(0)
  expect(unjudged).toBeGreaterThan(0)
  expect(lag + unjudged).toBe(sumOf(whole, ({ causeCounts }) => causeCounts.lag))
})

test('a state that was tampered with is found, with the key whose state it is, though the engine lags as well', {
  timeout: TIMEOUT_MS,
}, async () => {
  // The state of another user, from the moment that both have one.
  const swap = (records: MemoryRecords): void => {
    for (const [space, known] of records.bySpace) {
      const other = known.get(entityKey('user', 'u1/'))
      if (space.startsWith('features-') && other && known.has(entityKey('user', 'u0')))
        known.set(entityKey('user', 'u0'), other)
    }
  }
  for (const lagCount of [0, 20]) {
    const { report } = await served({
      seed: `tampered ${lagCount}`,
      lagCount,
      tamper: swap,
      definitions: fewDefinitions,
    })
    expect(unexplainedCount(report), `seed ${SEED}`).toBeGreaterThan(0)
    const unexplained = report.features.flatMap(({ examples }) =>
      examples.filter(({ cause }) => cause === 'unexplained'),
    )
    expect(unexplained.length).toBeGreaterThan(0)
    expect(new Set(unexplained.map(({ userId }) => userId)), `seed ${SEED} ${examplesOf(report)}`).toEqual(
      new Set(['u0']),
    )
    const byItem = report.features.filter(
      ({ name }) => corpusDefinitions.find((one) => one.name === name)!.formula.by === 'item',
    )
    expect(byItem.length).toBeGreaterThan(0)
    for (const { name, causeCounts } of byItem) expect(causeCounts.unexplained, name).toBe(0)
  }
})

test('a definition that the engine computes otherwise is found, and no other one', {
  timeout: TIMEOUT_MS,
}, async () => {
  const broken = fewDefinitions.find(({ formula }) => formula.family === 'count' && formula.by === 'item')!
  const engineDefinitions = fewDefinitions.map((definition) =>
    definition === broken
      ? { ...broken, formula: { ...broken.formula, windowMs: 60_000 } as FeatureDefinition['formula'] }
      : definition,
  )
  const { report } = await served({
    seed: 'broken',
    lagCount: 10,
    engineDefinitions,
    definitions: fewDefinitions,
  })
  const found = report.features.filter(({ causeCounts }) => causeCounts.unexplained > 0)
  expect(
    found.map(({ name }) => name),
    `seed ${SEED} ${examplesOf(report)}`,
  ).toEqual([broken.name])
  expect(found[0]).toMatchObject({
    version: broken.version,
    owner: broken.owner,
    differenceCounts: { missingOnline: 0 },
  })
  expect(found[0]!.examples).toHaveLength(3)
  expect(found[0]!.size!.max).toBeGreaterThanOrEqual(found[0]!.size!.median)
  expect(found[0]!.size!.median).toBeGreaterThan(0)
})

test('readings of definitions that are no longer in the plan, and of another default, are counted and not compared', {
  timeout: TIMEOUT_MS,
}, async () => {
  const [first, second] = fewDefinitions
  const engineDefinitions = fewDefinitions.map((definition) =>
    definition === first
      ? { ...first!, version: 'before' }
      : definition === second
        ? { ...second!, default: 77 }
        : definition,
  )
  const { report, rows } = await served({
    seed: 'other version',
    lagCount: 0,
    engineDefinitions,
    definitions: fewDefinitions,
  })
  const readingCount = rows.flatMap(({ readings }) =>
    readings.filter(({ name }) => name === first!.name || name === second!.name),
  ).length
  expect(report.otherVersionCount).toBe(readingCount)
  expect(unexplainedCount(report), examplesOf(report)).toBe(0)
})

test('a log that retention has shortened is said to be so', { timeout: TIMEOUT_MS }, async () => {
  const { report } = await served({ seed: 'trimmed', lagCount: 0, firstOffset: 100, definitions: fewDefinitions })
  expect(report.firstOffset).toBe(100)
})
