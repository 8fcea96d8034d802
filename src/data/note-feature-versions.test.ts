// Goal: the record of versions says what was in charge when, whatever the way from one system file to the next.
// Method: a real engine over a store in memory, a real metadata store; definitions that change, come and go.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openMetadataStore } from '../adapters/embedded/metadata-store.ts'
import type { FeatureDefinition } from '../domain/feature.ts'
import { corpusDefinitions, randomCorpus } from '../domain/feature-corpus.contract.ts'
import { seededRng } from '../lib/rng.ts'
import type { MetadataStore } from '../ports/metadata-store.ts'
import { growingLog } from './feature-engine.testing.ts'
import { type DefinitionsInUse, openFeatureEngine } from './feature-engine.ts'
import { noteFeatureVersions } from './note-feature-versions.ts'
import { memoryOnlineStore, memoryRecords } from './online-store.testing.ts'

const { events } = randomCorpus(seededRng(3), { eventCount: 40, declaresKnown: false })
const [views, other] = corpusDefinitions as [FeatureDefinition, FeatureDefinition]
const changed = { ...views, version: 'later' }

let folder: string
let metadata: MetadataStore
let nowMs = 0
beforeEach(async () => {
  nowMs = 0
  folder = mkdtempSync(join(tmpdir(), 'millrace-versions-'))
  metadata = await openMetadataStore({ folder, clock: { now: () => nowMs } })
})
afterEach(async () => {
  await metadata.close()
  rmSync(folder, { recursive: true })
})

const note = (inUse: DefinitionsInUse) => noteFeatureVersions(metadata.featureVersions, inUse, ++nowMs)
const states = async () =>
  (await metadata.featureVersions.list()).map(({ feature, version, state }) => [feature, version, state])

test('a definition is backfilling until it is answered, and the one before it is retired then', async () => {
  const records = memoryRecords()
  const log = growingLog(events)
  log.length = events.length
  const runWith = async (definitions: readonly FeatureDefinition[], { isCaughtUp }: { isCaughtUp: boolean }) => {
    const told: DefinitionsInUse[] = []
    const engine = await openFeatureEngine({
      log,
      store: memoryOnlineStore(records),
      definitions,
      clock: { now: () => nowMs },
      onVersions: (inUse) => told.push(inUse),
    })
    if (isCaughtUp) await engine.catchUp()
    await engine.stop()
    for (const inUse of told) await note(inUse)
  }
  await runWith([views], { isCaughtUp: false })
  expect(await states()).toEqual([[views.name, views.version, 'backfilling']])
  await runWith([views], { isCaughtUp: true })
  expect(await states()).toEqual([[views.name, views.version, 'live']])
  await runWith([changed], { isCaughtUp: false })
  expect(await states()).toEqual([
    [views.name, views.version, 'live'],
    [views.name, 'later', 'backfilling'],
  ])
  await runWith([changed], { isCaughtUp: true })
  expect(await states()).toEqual([
    [views.name, views.version, 'retired'],
    [views.name, 'later', 'live'],
  ])
  await runWith([], { isCaughtUp: true })
  expect((await states()).map(([, , state]) => state)).toEqual(['retired', 'retired'])
})

test('noting the same again changes nothing; what comes back begins again, and a backfill that is given up is retired', async () => {
  await note({ answered: [views], building: [other] })
  const before = await metadata.featureVersions.list()
  await note({ answered: [views], building: [other] })
  expect(await metadata.featureVersions.list()).toEqual(before)
  await note({ answered: [changed], building: [] })
  await note({ answered: [changed], building: [views] })
  const byVersion = Object.fromEntries(
    (await metadata.featureVersions.list()).map(({ feature, version, ...rest }) => [`${feature} ${version}`, rest]),
  )
  expect(byVersion[`${other.name} ${other.version}`]).toMatchObject({ state: 'retired', retiredAtMs: 3 })
  expect(byVersion[`${views.name} ${views.version}`]).toMatchObject({ state: 'backfilling', createdAtMs: 4 })
  expect(byVersion[`${views.name} later`]).toMatchObject({ state: 'live', activatedAtMs: 3 })
})
