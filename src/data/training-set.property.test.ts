// Goal: a training set stays what it is. What became available later changes no row, and the set is made again byte for byte: from the files it was made
// of after new data came, from all files, and after a compaction made few files of many.
// Method: random histories with everything that goes wrong, cut anywhere; a random part of the definitions; what comes behind the cut is declared by nobody.
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openDuckDb } from '../adapters/duckdb/connection.ts'
import { duckDbOfflineStore } from '../adapters/duckdb/offline-store.ts'
import { corpusDefinitions, randomCorpus } from '../domain/feature-corpus.contract.ts'
import { type Rng, seededRng } from '../lib/rng.ts'
import { appendedTimeMsOf, type StoredEvent } from '../ports/event-log.ts'
import type { JoinRequest, Label } from '../ports/offline-store.ts'
import { growingLog, someDefinitions } from './feature-engine.testing.ts'
import { exportEvents } from './offline-events.ts'

const CASE_COUNT = Number(process.env.MILLRACE_SET_CASES ?? 5)
const SEED = Number(process.env.MILLRACE_SEED ?? 20_261_125)

const attributes: JoinRequest['attributes'] = {
  user: { country: 'text', interests: 'tags' },
  item: { category: 'text', tags: 'tags', price: 'number', isNew: 'boolean' },
}

test(`a training set stays what it is, whatever comes later: ${CASE_COUNT} histories`, {
  timeout: 60_000 + CASE_COUNT * 10_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), (number) => staysWhatItIs(`${number}`)),
    { numRuns: CASE_COUNT, seed: SEED },
  )
})

async function staysWhatItIs(seed: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-set-'))
  try {
    const rng = seededRng(seed)
    const history = cutHistory(rng)
    fc.pre(history !== undefined)
    const { known, all, labels } = history
    const definitions = someDefinitions(rng, corpusDefinitions, 6)
    const log = growingLog(all)
    const store = duckDbOfflineStore({ temporaryFolder: join(folder, 'temporary') })
    let setNumber = 0
    const setOf = async (files: JoinRequest['files']): Promise<Buffer> => {
      const target = join(folder, `${setNumber++}.parquet`)
      await store.joinFeatures({ files, definitions, attributes, labels: [labels], target })
      return readFile(target)
    }
    // Exported in steps, as a running system would.
    const exportUpTo = async (length: number) => {
      log.length = length
      return exportEvents(log, store, join(folder, 'events'))
    }
    await exportUpTo(rng.integer(known.length))
    const before = await exportUpTo(known.length)
    const set = await setOf(before.files)

    await exportUpTo(known.length + rng.integer(all.length - known.length))
    const after = await exportUpTo(all.length)
    expect(after.tables).toEqual([{ table: 'events', version: all.length }])
    for (const { path } of before.files) expect(after.files.map((file) => file.path)).toContain(path)
    expect((await setOf(before.files)).equals(set), 'from the same files').toBe(true)
    expect((await setOf(after.files)).equals(set), 'with what came later').toBe(true)
    const compacted = await compact(rng, after.files, join(folder, 'compacted'))
    expect(compacted.length).toBeLessThanOrEqual(after.files.length)
    expect((await setOf(compacted)).equals(set), 'after a compaction').toBe(true)
  } finally {
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

/** The same rows in fewer files, each of them of several. */
async function compact(rng: Rng, files: JoinRequest['files'], folder: string): Promise<JoinRequest['files']> {
  const duckDb = await openDuckDb({ temporaryFolder: join(folder, 'temporary') })
  try {
    await mkdir(folder, { recursive: true })
    const compacted: JoinRequest['files'][number][] = []
    for (const table of ['interactions', 'changes'] as const) {
      const rest = files.filter((file) => file.table === table).map(({ path }) => path)
      while (rest.length > 0) {
        const some = rest.splice(0, 1 + rng.integer(rest.length))
        const path = join(folder, `${table}-${compacted.length}.parquet`)
        const list = some.map((one) => `'${one}'`).join(', ')
        await duckDb.run(
          `copy (select * from read_parquet([${list}], hive_partitioning = false) order by off) to '${path}' (format parquet)`,
        )
        compacted.push({ path, table })
      }
    }
    return compacted
  } finally {
    duckDb.close()
  }
}
