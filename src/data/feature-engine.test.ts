// Goal: what the online store answers is what the naive oracle computes from the raw events, for every family, whatever the history, however the
// engine was interrupted. Method: random histories, read by the engine in random batches with restarts in between; at random moments all features of
// a random user and item are compared. MILLRACE_FEATURE_CASES sets the number of (history, moment) cases.
import { describe, expect, test } from 'vitest'
import type { FeatureDefinition } from '../domain/feature.ts'
import { corpusDefinitions, definitionOf, randomCorpus } from '../domain/feature-corpus.testing.ts'
import { type Rng, seededRng } from '../lib/rng.ts'
import { expectOracle, growingLog, momentAfter, someDefinitions, someEntity } from './feature-engine.testing.ts'
import { openFeatureEngine } from './feature-engine.ts'
import { featureReader } from './feature-reader.ts'
import { memoryOnlineStore, memoryRecords } from './online-store.testing.ts'

const CASE_COUNT = Number(process.env.MILLRACE_FEATURE_CASES ?? 2000)
const MOMENTS_PER_HISTORY = 8
const SEED = Number(process.env.MILLRACE_FEATURE_SEED ?? 20_261_125)
const clock = { now: () => 0 }

async function compareHistory(seed: string): Promise<number> {
  const rng = seededRng(seed)
  const corpus = randomCorpus(rng.fork('corpus'), { eventCount: 20 + rng.integer(100) })
  const definitions = someDefinitions(rng, corpusDefinitions, 12)
  const log = growingLog(corpus.events)
  const records = memoryRecords()
  let store = memoryOnlineStore(records)
  const open = (batchLength: number) =>
    openFeatureEngine({ log, store, definitions, clock, batchLength, cacheLength: 1 + rng.integer(8) })
  let engine = await open(1 + rng.integer(40))
  for (let moment = 0; moment < MOMENTS_PER_HISTORY; moment++) {
    log.length = Math.min(corpus.events.length, log.length + rng.integer(corpus.events.length / 3))
    await engine.catchUp()
    if (rng.integer(3) === 0) {
      // Killed: what was in memory is gone, and so is the holder of the right to write.
      records.holder = undefined
      store = memoryOnlineStore(records)
      engine = await open(1 + rng.integer(40))
    }
    const events = corpus.events.slice(0, log.length)
    await expectOracle({
      reader: featureReader({ store, clock }),
      definitions,
      events,
      entities: [someEntity(rng, corpus)],
      asOfMs: momentAfter(rng, events),
      label: `seed ${seed}`,
    })
  }
  return MOMENTS_PER_HISTORY
}

describe('the engine equals the oracle', () => {
  test(`in ${CASE_COUNT} cases of a history and a moment`, { timeout: 600_000 + CASE_COUNT * 20 }, async () => {
    let caseCount = 0
    for (let history = 0; caseCount < CASE_COUNT; history++) caseCount += await compareHistory(`${SEED}/${history}`)
    expect(caseCount).toBeGreaterThanOrEqual(CASE_COUNT)
  })
})
