import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { afterAll, describe, expect, test } from 'vitest'
import { corpusDefinitions, randomCorpus } from '../../domain/feature-corpus.contract.ts'
import { seededRng } from '../../lib/rng.ts'
import { corpusAttributes, testOfflineStore } from '../../ports/offline-store.contract.ts'
import type { Label } from '../../ports/offline-store.ts'
import { ROW_GROUP_ROW_COUNT } from './event-files.ts'
import { duckDbOfflineStore } from './offline-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-duckdb-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// `MILLRACE_CASES=100000` for as many as the project's claim speaks of. Then also in parts on disk, whose number is another with every number of
// events and labels: the same contract holds that it shows in no value and no byte.
const seed = Number(process.env.MILLRACE_SEED ?? 1)
const caseCount = Number(process.env.MILLRACE_CASES ?? 30)
// A join of many labels costs little more than one of few, and a part costs as much as a whole.
const isDeep = caseCount > 1000
const density = isDeep ? { momentCountPerHistory: 100 } : {}
// So few rows are one thread's work, and the second one costs half as much again. Deep, both work.
const threads = isDeep ? {} : { threadCount: 1 }
testOfflineStore(async (temporaryFolder) => duckDbOfflineStore({ temporaryFolder, ...threads }), {
  caseCount,
  ...density,
  seed,
})
if (isDeep) {
  describe('in parts', () => {
    const partRowCount = 10_000
    testOfflineStore(async (temporaryFolder) => duckDbOfflineStore({ temporaryFolder, partRowCount }), {
      caseCount: caseCount / 5,
      ...density,
      seed: seed + 1000,
    })
  })
}

test('in parts on disk every feature has the bytes that it has at once', async () => {
  const { events, userIds, itemIds } = randomCorpus(seededRng(seed), { eventCount: 150, spanMs: 86_400_000 })
  const written = join(folder, 'all-features')
  const store = (partRowCount?: number) =>
    duckDbOfflineStore({ temporaryFolder: join(folder, 'd'), ...threads, ...(partRowCount && { partRowCount }) })
  const files = await store().writeEvents(
    (async function* () {
      yield events
    })(),
    written,
  )
  const labels = Array.from({ length: 40 }, (_, n) => ({
    userId: userIds[n % userIds.length]!,
    itemId: itemIds[n % itemIds.length]!,
    momentMs: events[(n * 7) % events.length]!.availableTimeMs + 1,
  }))
  // The second in three parts: each costs as much as the whole.
  const hashes = [undefined, 200].map(async (partRowCount) => {
    const joined = await store(partRowCount).joinFeatures({
      files: files.map(({ path, table }) => ({ path: join(written, path), table })),
      definitions: corpusDefinitions,
      attributes: corpusAttributes,
      labels: [labels],
      target: join(folder, `all-features-${partRowCount}.parquet`),
    })
    return joined.sha256
  })
  const [whole, inParts] = await Promise.all(hashes)
  expect(inParts).toBe(whole)
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

// Goal: how the work is cut up shows in nothing. Method: more labels than a group of rows of the file holds, joined whole and in parts.
test('a set of several groups of rows has the same bytes whatever the parts and threads, and the rows that its labels have alone', async () => {
  const { events, userIds, itemIds } = randomCorpus(seededRng(9), { eventCount: 150, spanMs: 86_400_000 })
  const written = join(folder, 'few-events')
  const files = await duckDbOfflineStore({ temporaryFolder: join(folder, 'c') }).writeEvents(
    (async function* () {
      yield events
    })(),
    written,
  )
  const labels = Array.from({ length: ROW_GROUP_ROW_COUNT + 1000 }, (_, n) => ({
    userId: userIds[n % userIds.length]!,
    itemId: itemIds[n % itemIds.length]!,
    momentMs: events[n % events.length]!.availableTimeMs + (n % 7),
  }))
  const names = ['views_1h', 'category_affinity', 'category_match', 'views_to_category']
  const joined = async (
    name: string,
    of: readonly Label[],
    options: { partRowCount?: number; threadCount?: number },
  ) => {
    const target = join(folder, `${name}.parquet`)
    const { sha256 } = await duckDbOfflineStore({ temporaryFolder: join(folder, 'c'), ...options }).joinFeatures({
      files: files.map(({ path, table }) => ({ path: join(written, path), table })),
      definitions: corpusDefinitions.filter((definition) => names.includes(definition.name)),
      attributes: { user: {}, item: { category: 'text' } },
      labels: [of],
      target,
    })
    return { sha256, target }
  }
  const whole = await joined('whole', labels, {})
  expect((await joined('parts', labels, { partRowCount: 500_000, threadCount: 1 })).sha256).toBe(whole.sha256)

  // Around the border of the two groups of rows.
  const rowStart = ROW_GROUP_ROW_COUNT - 300
  const alone = await joined('alone', labels.slice(rowStart, rowStart + 600), {})
  const expected = (await rowsOf(alone.target)).map((row, n) => ({ ...row, rowId: BigInt(rowStart + n) }))
  expect(await rowsOf(whole.target, { rowStart, rowEnd: rowStart + 600 })).toEqual(expected)
})

async function rowsOf(path: string, range: { rowStart?: number; rowEnd?: number } = {}) {
  const bytes = readFileSync(path)
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  return parquetReadObjects({ file, compressors, ...range })
}

test('what a join writes in between is gone when it ends, however it ends', async () => {
  const temporaryFolder = join(folder, 'in-between')
  const { events } = randomCorpus(seededRng(10), { eventCount: 200, spanMs: 3_600_000 })
  const written = join(folder, 'in-between-events')
  const store = duckDbOfflineStore({ temporaryFolder, partRowCount: 200 })
  const files = await store.writeEvents(
    (async function* () {
      yield events
    })(),
    written,
  )
  const labels = Array.from({ length: 40 }, (_, n) => ({
    userId: `u${n % 3}`,
    itemId: `i${n % 4}`,
    momentMs: events.at(-1)!.availableTimeMs + 1 + n,
  }))
  const request = {
    files: files.map(({ path, table }) => ({ path: join(written, path), table })),
    definitions: corpusDefinitions.filter(({ name }) => ['views_1h', 'views_to_category'].includes(name)),
    attributes: { user: {}, item: {} },
    labels: [labels],
  }
  await store.joinFeatures({ ...request, target: join(folder, 'in-between.parquet') })
  expect(readdirSync(temporaryFolder)).toEqual([])
  // A folder is in the way of the file.
  mkdirSync(join(folder, 'in-the-way.parquet', 'below'), { recursive: true })
  await expect(store.joinFeatures({ ...request, target: join(folder, 'in-the-way.parquet') })).rejects.toThrow()
  expect(readdirSync(temporaryFolder)).toEqual([])
})
