// Goal: a feature at an earlier moment is what the oracle says it was, and a question that has no answer says why.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { duckDbOfflineStore } from '../adapters/duckdb/offline-store.ts'
import type { FeatureReading } from '../domain/feature.ts'
import { corpusDefinitions, randomCorpus } from '../domain/feature-corpus.contract.ts'
import { readFeature } from '../domain/feature-oracle.contract.ts'
import { seededRng } from '../lib/rng.ts'
import type { StoredEvent } from '../ports/event-log.ts'
import { type EarlierFeaturesRequest, earlierFeatures } from './earlier-features.ts'
import { growingLog, someDefinitions, someEntity } from './feature-engine.testing.ts'
import { corpusPlan } from './plan.testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-earlier-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const plan = corpusPlan()

function ask(
  events: readonly StoredEvent[],
  request: EarlierFeaturesRequest,
  { nowMs = Number.MAX_SAFE_INTEGER, firstOffset = 0 } = {},
) {
  const log = growingLog(events, firstOffset)
  log.length = events.length
  const offlineStore = duckDbOfflineStore({ temporaryFolder: join(folder, 'temporary'), threadCount: 1 })
  return earlierFeatures(
    { plan, log, offlineStore, folder: join(folder, 'questions'), clock: { now: () => nowMs } },
    request,
  )
}

const plain = ({ value, ...rest }: FeatureReading) => ({
  ...rest,
  value: value instanceof Map ? Object.fromEntries(value) : value,
})

describe('features at an earlier moment', () => {
  it.each(Array.from({ length: 12 }, (_, n) => n))('are those of the oracle, history %i', async (number) => {
    const rng = seededRng(`earlier ${number}`)
    const corpus = randomCorpus(rng.fork('corpus'), { eventCount: 60 })
    const { availableTimeMs } = corpus.events[rng.integer(corpus.events.length)]!
    const features = someDefinitions(rng, corpusDefinitions, 10)
    const asKnownNow = number % 3 === 0
    // As if everything had been known when it happened.
    const events = asKnownNow
      ? corpus.events.map((stored) => ({
          ...stored,
          availableTimeMs: Math.min(stored.availableTimeMs, stored.event.eventTimeMs),
        }))
      : corpus.events
    const firstMs = Math.min(...events.map((stored) => stored.availableTimeMs))
    const asOfMs = Math.max(availableTimeMs + rng.integer(3), firstMs + 1)
    const entity = someEntity(rng, corpus)
    const { rows, asOfMs: answeredMs } = await ask(corpus.events, { features, entity, asOfMs, asKnownNow })
    expect(answeredMs).toBe(asOfMs)
    for (const [f, { name }] of features.entries()) {
      const expected = readFeature(corpusDefinitions, events, { name, entity, asOfMs })
      expect(plain(rows[0]![f]!), `${name} of ${JSON.stringify(entity)}`).toEqual(plain(expected))
    }
  })

  const { events } = randomCorpus(seededRng(3), { eventCount: 40 })
  const views = corpusDefinitions.filter(({ name }) => name === 'views_1h')
  const firstMs = Math.min(...events.map(({ availableTimeMs }) => availableTimeMs))
  const newestMs = Math.max(...events.map(({ availableTimeMs }) => availableTimeMs))

  it('of nobody are nothing, not an error', async () => {
    const interactions = events.filter(({ event }) => event.kind === 'interaction')
    const { rows } = await ask(interactions, { features: views, entity: { userId: 'nobody' }, asOfMs: newestMs + 1 })
    expect(rows).toEqual([[{ status: 'present', value: 0, newestEventTimeMs: undefined }]])
  })

  it('before everything that is known, and in the future, are errors that name both moments', async () => {
    const request = { features: views, entity: { userId: 'u0' } }
    await expect(ask(events, { ...request, asOfMs: firstMs })).rejects.toMatchObject({
      code: 'FEATURE_MOMENT_UNKNOWN',
      message: expect.stringContaining(new Date(firstMs).toISOString()),
    })
    await expect(ask([], { ...request, asOfMs: firstMs })).rejects.toMatchObject({ code: 'FEATURE_MOMENT_UNKNOWN' })
    await expect(ask(events, { ...request, asOfMs: newestMs + 1 }, { nowMs: newestMs })).rejects.toMatchObject({
      code: 'FEATURE_MOMENT_UNKNOWN',
      message: expect.stringContaining('future'),
    })
  })

  it('lack what a shortened log has no more, and say where it begins', async () => {
    const asOfMs = newestMs + 1
    const viewed = events.findIndex(({ event }) => event.kind === 'interaction')
    const { event } = events[viewed]!
    const entity = event.kind === 'interaction' ? { userId: event.userId, itemId: event.itemId } : {}
    const { firstOffset, rows } = await ask(
      events,
      { features: corpusDefinitions, entity, asOfMs },
      { firstOffset: 30 },
    )
    expect(firstOffset).toBe(30)
    for (const [f, { name }] of corpusDefinitions.entries()) {
      const expected = readFeature(corpusDefinitions, events.slice(30), { name, entity, asOfMs })
      expect(plain(rows[0]![f]!), name).toEqual(plain(expected))
    }
    expect((await ask(events, { features: views, entity, asOfMs })).firstOffset).toBe(0)
  })

  it('leave nothing behind', () => {
    expect(readdirSync(join(folder, 'questions'))).toEqual([])
  })
})
