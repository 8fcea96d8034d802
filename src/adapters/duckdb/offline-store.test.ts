import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { corpusDefinitions, randomCorpus } from '../../domain/feature-corpus.contract.ts'
import { seededRng } from '../../lib/rng.ts'
import { testOfflineStore } from '../../ports/offline-store.contract.ts'
import type { Label } from '../../ports/offline-store.ts'
import { duckDbOfflineStore } from './offline-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-duckdb-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// `MILLRACE_CASES=100000` for as many as the project's claim speaks of. Once at a time, and once in parts on disk, whose number is another with every
// number of events and labels: the same contract holds that it shows in no value and no byte.
const seed = Number(process.env.MILLRACE_SEED ?? 1)
const caseCount = Number(process.env.MILLRACE_CASES ?? 1_000)
testOfflineStore(async (temporaryFolder) => duckDbOfflineStore({ temporaryFolder }), { caseCount, seed })
describe('in parts', () => {
  testOfflineStore(async (temporaryFolder) => duckDbOfflineStore({ temporaryFolder, partRowCount: 100 }), {
    caseCount,
    seed: seed + 1000,
  })
})

async function* nothing() {}

test('a temporary folder that cannot be made is an error of the store', async () => {
  writeFileSync(join(folder, 'file'), '')
  const store = duckDbOfflineStore({ temporaryFolder: join(folder, 'file', 'below') })
  await expect(store.writeEvents(nothing(), join(folder, 'events'))).rejects.toMatchObject({
    code: 'OFFLINE_STORE_FAILED',
  })
})

test('memory that does not suffice is an error that says what to do', async () => {
  const { events } = randomCorpus(seededRng(1), { eventCount: 200, spanMs: 3_600_000 })
  const labels: Label[] = [{ userId: 'u0', itemId: 'i1', momentMs: events.at(-1)!.availableTimeMs + 1 }]
  const written = join(folder, 'events')
  const files = await duckDbOfflineStore({ temporaryFolder: join(folder, 'a') }).writeEvents(
    (async function* () {
      yield events
    })(),
    written,
  )
  const poor = duckDbOfflineStore({ temporaryFolder: join(folder, 'b'), memoryBytes: 2 ** 21 })
  const joined = poor.joinFeatures({
    files: files.map(({ path, table }) => ({ path: join(written, path), table })),
    definitions: corpusDefinitions,
    attributes: { user: {}, item: {} },
    labels: [labels],
    target: join(folder, 'set.parquet'),
  })
  await expect(joined).rejects.toMatchObject({ code: 'OFFLINE_MEMORY_EXHAUSTED', fix: expect.stringMatching(/memory/) })
})
