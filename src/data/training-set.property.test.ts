// Goal: a training set stays what it is. What became available later changes no row, and the set is made again byte for byte: from the table versions it was
// made of after new data came, from the newest versions, after a compaction made few files of many, and after a vacuum.
// Method: random histories with everything that goes wrong, cut anywhere, through the real tables in commits of any length; a random part of the definitions;
// what comes behind the cut is declared by nobody.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { duckDbOfflineStore } from '../adapters/duckdb/offline-store.ts'
import { localDeltaStorage } from '../adapters/embedded/delta-storage.ts'
import { openMetadataStore } from '../adapters/embedded/metadata-store.ts'
import { corpusDefinitions, randomCorpus } from '../domain/feature-corpus.contract.ts'
import type { TableVersion } from '../domain/training-set.ts'
import { type Rng, seededRng } from '../lib/rng.ts'
import { appendedTimeMsOf, type StoredEvent } from '../ports/event-log.ts'
import type { Label } from '../ports/offline-store.ts'
import { growingLog, someDefinitions } from './feature-engine.testing.ts'
import { corpusPlan } from './plan.testing.ts'
import { OfflineTables } from './tables/offline-tables.ts'
import { attributeKinds } from './training-set.ts'

const CASE_COUNT = Number(process.env.MILLRACE_SET_CASES ?? 2)
const SEED = Number(process.env.MILLRACE_SEED ?? 20_261_125)

const DAY_MS = 86_400_000

const plan = corpusPlan()
let compactedCount = 0

test(`a training set stays what it is, whatever comes later: ${CASE_COUNT} histories`, {
  timeout: 60_000 + CASE_COUNT * 10_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), (number) => staysWhatItIs(`${number}`)),
    { numRuns: CASE_COUNT, seed: SEED },
  )
  // Otherwise nothing was said of compactions.
  expect(compactedCount).toBeGreaterThan(0)
})

async function staysWhatItIs(seed: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-set-'))
  const clock = { nowMs: 0, now: () => clock.nowMs }
  const metadata = await openMetadataStore({ folder: join(folder, 'metadata'), clock })
  try {
    const rng = seededRng(seed)
    const history = cutHistory(rng)
    fc.pre(history !== undefined)
    const { known, all, labels } = history
    const definitions = someDefinitions(rng, corpusDefinitions, 6)
    const log = growingLog(all)
    const store = duckDbOfflineStore({ temporaryFolder: join(folder, 'temporary'), threadCount: 1 })
    let idCount = 0
    const tables = new OfflineTables({
      plan,
      log,
      store,
      clock,
      newId: () => `${idCount++}`,
      stagingFolder: join(folder, 'staging'),
      chunkLength: 1 + rng.integer(all.length),
      checkResults: metadata.checkResults,
      publications: metadata.tablePublications,
      trainingSets: metadata.trainingSets,
      placeOf: (table) => {
        const own = join(folder, 'tables', table)
        return { folder: own, storage: localDeltaStorage({ folder: own }) }
      },
    })
    const setOf = async (versions: readonly TableVersion[]): Promise<Buffer> => {
      const target = join(folder, `${idCount++}.parquet`)
      const { files } = await tables.files(versions)
      await store.joinFeatures({ files, definitions, attributes: attributeKinds(plan), labels: [labels], target })
      return readFile(target)
    }
    const newest = async (): Promise<TableVersion[]> =>
      (await tables.list()).map(({ table, newestVersion }) => ({ table, version: newestVersion }))
    // In steps, as a running system would.
    const syncUpTo = async (length: number): Promise<void> => {
      log.length = length
      clock.nowMs = appendedTimeMsOf(all[Math.max(0, length - 1)]!) + 1
      await tables.sync()
    }
    await syncUpTo(rng.integer(known.length))
    await syncUpTo(known.length)
    const made = await newest()
    const recorded = { contentHash: 'a'.repeat(64), manifest: {}, tables: made, createdAtMs: 0 }
    await metadata.trainingSets.begin(recorded, { pid: 1, startedAt: '' })
    const set = await setOf(made)
    const isSame = async (versions: readonly TableVersion[]) => (await setOf(versions)).equals(set)

    await syncUpTo(known.length + rng.integer(all.length - known.length))
    await syncUpTo(all.length)
    expect(await isSame(made), 'from the same versions').toBe(true)
    expect(await isSame(await newest()), 'with what came later').toBe(true)
    // Whatever the checks say of such data: what is not published is not compacted.
    for (const { table } of made) await tables.publish(table, { by: 'test', why: 'compaction' })
    const compactions = await tables.compact()
    compactedCount += compactions.length
    expect(await isSame(await newest()), 'after a compaction').toBe(true)
    clock.nowMs += 30 * DAY_MS
    await tables.vacuum(undefined, { keepDays: 1, isDryRun: false })
    expect(await isSame(made), 'after a vacuum').toBe(true)
    expect(await isSame(await newest()), 'of the newest versions after a vacuum').toBe(true)
  } finally {
    await metadata.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** A history, what is in the log up to a cut, and labels of moments up to then. Undefined where nothing was known before the cut. */
function cutHistory(rng: Rng): { known: StoredEvent[]; all: StoredEvent[]; labels: Label[] } | undefined {
  const { events, userIds, itemIds } = randomCorpus(rng.fork('corpus'), { eventCount: 20 + rng.integer(80) })
  const known = events.slice(0, 2 + rng.integer(events.length - 4))
  const cutMs = appendedTimeMsOf(known.at(-1)!)
  const firstMs = Math.min(...known.map(({ availableTimeMs }) => availableTimeMs))
  if (firstMs >= cutMs) return undefined
  const labels = Array.from({ length: 5 }, () => {
    const nearMs = known[rng.integer(known.length)]!.availableTimeMs + rng.integer(2)
    return {
      userId: userIds[rng.integer(userIds.length)]!,
      itemId: itemIds[rng.integer(itemIds.length)]!,
      momentMs: Math.max(firstMs + 1, Math.min(cutMs, nearMs)),
    }
  })
  return { known, all: [...known, ...events.slice(known.length).map(undeclared)], labels }
}

/** Known from when the log took it, which was at the cut or later. */
function undeclared(stored: StoredEvent): StoredEvent {
  const { knownTimeMs: _, ...event } = stored.event
  return { offset: stored.offset, availableTimeMs: appendedTimeMsOf(stored), event: event as StoredEvent['event'] }
}
