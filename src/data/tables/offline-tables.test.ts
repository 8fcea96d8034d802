// Goal: the tables hold what the log holds, each event once, whatever happens on the way; and readers get what was judged good.
// Method: the embedded stores in a temporary folder, a clock that the test moves, a new `OfflineTables` wherever another process would begin.
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { localDeltaStorage } from '../../adapters/embedded/delta-storage.ts'
import type { DeltaStorage } from '../../delta/storage.ts'
import { createDeltaTable } from '../../delta/table.ts'
import { encodedServedRows } from '../../domain/served-rows.ts'
import { MillraceError } from '../../lib/errors.ts'
import { newestRows, put, START_MS, shown, type TablesUnderTest, tablesIn, view } from './offline-tables.testing.ts'
import { tableSchemas } from './table-schema.ts'

const MINUTE_MS = 60_000
/** Of random runs with failures; `MILLRACE_CASES=150` for more of them. */
const CASE_COUNT = Number(process.env.MILLRACE_CASES ?? 4)
const DAY_MS = 86_400_000

let folder: string
let under: TablesUnderTest
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-tables-'))
  under = await tablesIn(folder)
})
afterEach(async () => {
  await under.close()
  rmSync(folder, { recursive: true, force: true })
})

const views = (count: number, changes: Parameters<typeof view>[0] = {}) =>
  Array.from({ length: count }, () => view({ eventTimeMs: under.clock.nowMs, ...changes }))
const historyOf = async (name: string) =>
  (await under.open().history(name, 100)).map(({ version, state }) => `${version} ${state}`)

test('each event is in its table once, by the day it became available, and published', async () => {
  const tables = under.open()
  const served = encodedServedRows(Float32Array.of(0.5, Number.NaN))
  const list = shown(["i'1", 'é'], { placement: 'home', scores: [0.1 + 0.2, -1], modelVersion: 'v', served })
  await under.log.append([put('i1'), ...views(3), view({ values: { durationSeconds: 0.1 + 0.2 } }), list])
  under.clock.nowMs += DAY_MS
  await under.log.append([view({ eventTimeMs: START_MS - 40 * DAY_MS })])
  const report = await tables.sync()
  expect(report).toMatchObject({ lagEventCount: 0 })
  expect(report.commits.map(({ table, rowCount, fileCount }) => [table, rowCount, fileCount])).toEqual([
    ['interactions', 5, 2],
    ['changes', 1, 1],
    ['impressions', 1, 1],
  ])
  expect(await newestRows(tables)).toEqual(await under.logged())
  expect(await tables.list()).toMatchObject([
    { table: 'interactions', rowCount: 5, fileCount: 2, newestDay: '2026-03-11', hold: undefined },
    { table: 'changes', rowCount: 1, fileCount: 1, newestDay: '2026-03-10', published: { version: 1 } },
    { table: 'impressions', rowCount: 1, newestDay: '2026-03-10', published: { version: 1 } },
  ])
  // Features are made of two of them.

  const { files, tables: versions } = await tables.files()
  expect(files.map(({ table }) => table)).toEqual(['interactions', 'interactions', 'changes'])
  expect(readFileSync(files[0]!.path).subarray(0, 4).toString()).toBe('PAR1')
  expect(versions).toEqual([
    { table: 'interactions', version: 1 },
    { table: 'changes', version: 1 },
  ])
})

test('where nothing came there is no commit, and a table whose rows did not come gets none either', async () => {
  await under.log.append(views(3))
  const tables = under.open()
  await tables.sync()
  expect((await tables.sync()).commits).toEqual([])
  expect((await under.open().sync()).commits).toEqual([])
  await under.log.append(views(1))
  expect((await under.open().sync()).commits).toMatchObject([{ table: 'interactions', version: 2, rowCount: 1 }])
  expect(await historyOf('changes')).toEqual(['0 published'])
  expect(readdirSync(join(folder, 'staging'))).toEqual([])
})

test('versions of other tables are refused, not filled up with what is published', async () => {
  await under.log.append(views(3))
  const tables = under.open()
  await tables.sync()
  for (const versions of [[{ table: 'events', version: 7 }], [{ table: 'interactions', version: 1 }], []]) {
    await expect(tables.files(versions)).rejects.toMatchObject({ code: 'TABLE_UNKNOWN' })
  }
})

test('the newest rows come first, of the version that is asked for', async () => {
  const tables = under.open()
  await under.log.append(views(4))
  await tables.sync()
  await under.log.append(views(4))
  await tables.sync()
  const offsets = async (options: { version?: number; limit: number }) =>
    (await tables.rows('interactions', options)).rows.map(({ offset }) => offset)
  expect(await offsets({ limit: 3 })).toEqual([7, 6, 5])
  expect(await offsets({ version: 1, limit: 3 })).toEqual([3, 2, 1])
  expect(await offsets({ version: 0, limit: 3 })).toEqual([])
  for (const version of [3, 99]) {
    const missing = tables.rows('interactions', { version, limit: 3 })
    await expect(missing).rejects.toMatchObject({
      code: 'DELTA_VERSION_NOT_FOUND',
      message: expect.stringContaining('Table "interactions"'),
    })
  }
  await expect(tables.rows('interaction', { limit: 3 })).rejects.toMatchObject({
    code: 'TABLE_UNKNOWN',
    fix: expect.stringContaining('interactions'),
  })
})

test(
  'whatever operation of the storage fails, before or after it took effect, the next sync leaves every event in its table once',
  async () => {
    const seed = Number(process.env.MILLRACE_SEED ?? 1)
    let runCount = 0
    const steps = fc.array(
      fc.record({
        appendCount: fc.integer({ min: 0, max: 6 }),
        failAt: fc.integer({ min: 0, max: 14 }),
        isAfter: fc.boolean(),
        isNewProcess: fc.boolean(),
        chunkLength: fc.integer({ min: 1, max: 9 }),
      }),
      { minLength: 1, maxLength: 6 },
    )
    await fc.assert(
      fc.asyncProperty(steps, async (plan) => {
        const own = await tablesIn(join(folder, `run-${runCount++}`))
        let remaining = Number.POSITIVE_INFINITY
        let isAfter = false
        const through = failingStorage(() => ({ isNow: --remaining === 0, isAfter }))
        let tables = own.open({ through })
        for (const step of plan) {
          own.clock.nowMs += 11 * 3_600_000
          const time = own.clock.nowMs
          if (step.appendCount > 0) {
            const events = Array.from({ length: step.appendCount }, (_, i) =>
              i % 3 === 0 ? put(`i${i}`) : view({ eventTimeMs: time }),
            )
            await own.log.append(events)
          }
          if (step.isNewProcess) tables = own.open({ through, chunkLength: step.chunkLength })
          remaining = step.failAt === 0 ? Number.POSITIVE_INFINITY : step.failAt
          isAfter = step.isAfter
          await tables.sync().catch((error: unknown) => {
            if (!(error instanceof MillraceError) || error.code !== 'DISK_FULL') throw error
          })
        }
        remaining = Number.POSITIVE_INFINITY
        await own.open().sync()
        expect(await newestRows(own.open())).toEqual(await own.logged())
        await own.close()
      }),
      { seed, numRuns: CASE_COUNT },
    )
  },
  60_000 + CASE_COUNT * 5_000,
)

/** Fails where it is told, having done what it was asked or not: as a process that dies, and as a disk that is full. */
function failingStorage(next: () => { readonly isNow: boolean; readonly isAfter: boolean }) {
  return (storage: DeltaStorage): DeltaStorage => {
    const faulty =
      <Args extends unknown[], Result>(work: (...args: Args) => Promise<Result>) =>
      async (...args: Args): Promise<Result> => {
        const { isNow, isAfter } = next()
        if (isNow && !isAfter) throw new MillraceError('DISK_FULL', 'made to fail before')
        const result = await work(...args)
        if (isNow) throw new MillraceError('DISK_FULL', 'made to fail after')
        return result
      }
    return {
      read: faulty(storage.read),
      list: faulty(storage.list),
      write: faulty(storage.write),
      writeIfAbsent: faulty(storage.writeIfAbsent),
      remove: faulty(storage.remove),
    }
  }
}

test('several that sync at once lose nothing and double nothing', async () => {
  for (let round = 0; round < 3; round++) {
    await under.log.append([...views(4), put(`i${round}`)])
    await Promise.all([1, 2, 3].map((chunkLength) => under.open({ chunkLength }).sync()))
  }
  expect(await newestRows(under.open())).toEqual(await under.logged())
  expect((await under.open().list()).map(({ hold }) => hold)).toEqual([undefined, undefined, undefined])
  const { published, newestVersion } = await under.open().describe('interactions')
  expect(published?.version).toBe(newestVersion)
})

test('many small files of a day become one with the same rows, and older versions stay what they were', async () => {
  const tables = under.open()
  for (let n = 0; n < 4; n++) {
    await under.log.append(views(2))
    await tables.sync()
  }
  const before = await newestRows(tables)
  const [compaction, ...others] = await tables.compact('interactions')
  expect(compaction).toMatchObject({ date: '2026-03-10', fileCountBefore: 4, rowCount: 8, version: 5 })
  expect(others).toEqual([])
  expect(await newestRows(tables)).toEqual(before)
  expect(await tables.describe('interactions')).toMatchObject({ fileCount: 1, rowCount: 8, published: { version: 5 } })
  expect((await tables.rows('interactions', { version: 4, limit: 100 })).rows).toHaveLength(8)
  expect(await tables.compact()).toEqual([])
  // By itself only where there are many.
  for (let n = 0; n < 32; n++) {
    await under.log.append(views(1))
    await tables.sync()
  }
  expect((await tables.describe('interactions')).fileCount).toBeLessThan(32)
  expect(await newestRows(tables)).toEqual(await under.logged())
}, 60_000)

test('rows that break a rule are held back with all that comes after them, until a person lets them through', async () => {
  const tables = under.open()
  await under.log.append([put('i1'), ...views(3)])
  await tables.sync()
  await under.log.append([view({ interaction: 'stare' })])
  const report = await tables.sync()
  expect(report.audits[0]).toMatchObject({ table: 'interactions', newestVersion: 2, publishedVersion: 1 })
  expect(report.audits[0]!.hold).toMatchObject({
    sinceVersion: 2,
    reasons: [expect.stringMatching(/enumeration.*stare/)],
  })
  await under.log.append(views(2))
  await under.open().sync()
  expect(await historyOf('interactions')).toEqual(['3 held', '2 held', '1 published', '0 older'])
  expect((await tables.rows('interactions', { limit: 10 })).rows).toHaveLength(3)
  expect((await tables.files()).tables.map(({ version }) => version)).toEqual([1, 1])
  // It can be read by its number all the same.
  expect((await tables.rows('interactions', { version: 2, limit: 10 })).rows).toHaveLength(4)
  const [found] = await under.metadata.checkResults.list({ table: 'interactions', check: 'enumeration', limit: 1 })
  expect(found).toMatchObject({ verdict: 'fail', tableVersion: 2 })

  const decision = { version: 3, by: 'ada', why: 'an experiment' }
  expect(await tables.publish('interactions', decision)).toMatchObject({ version: 3, by: 'ada', why: 'an experiment' })
  expect(await historyOf('interactions')).toEqual(['3 published', '2 older', '1 older', '0 older'])
  const [hold] = await under.metadata.tablePublications.holds('interactions', 1)
  expect(hold).toMatchObject({
    sinceVersion: 2,
    released: { atMs: START_MS, by: 'ada', why: 'an experiment', version: 3 },
  })
  // What was let through is not judged again.
  await under.log.append(views(1))
  await tables.sync()
  expect((await tables.describe('interactions')).published).toMatchObject({ version: 4 })
  await expect(tables.publish('interactions', { ...decision, version: 9 })).rejects.toMatchObject({
    code: 'DELTA_VERSION_NOT_FOUND',
  })
})

test('before anything is published there is nothing to train on, and the error says why', async () => {
  const tables = under.open()
  await expect(tables.files()).rejects.toMatchObject({
    code: 'TABLE_NOT_PUBLISHED',
    fix: expect.stringContaining('sync'),
  })
  await under.log.append([view({ interaction: 'stare' })])
  await tables.sync()
  await expect(tables.rows('interactions', { limit: 1 })).rejects.toMatchObject({
    code: 'TABLE_NOT_PUBLISHED',
    message: expect.stringMatching(/stare/),
    fix: expect.stringMatching(/data publish interactions/),
  })
})

test('a day that is not like the others takes readers back to the version before it, and they come again when it is mended', async () => {
  const tables = under.open()
  await under.log.append(Array.from({ length: 5 }, (_, i) => put(`i${i}`)))
  // Three weeks of about a hundred views a day.
  for (let day = 0; day < 21; day++) {
    await under.log.append(views(95 + (day % 11), { weight: 1 }))
    under.clock.nowMs += DAY_MS
  }
  await tables.sync()
  const good = (await tables.describe('interactions')).published!
  expect(good.checked).toEqual({ through: new Date(under.clock.nowMs - DAY_MS).toISOString().slice(0, 10), version: 3 })
  // A sensor gone mad: fifty times the rows, published as they come, because no row by itself is wrong.
  await under.log.append(views(5000))
  await tables.sync()
  expect((await tables.describe('interactions')).published?.version).toBe(8)

  under.clock.nowMs += DAY_MS
  await under.log.append(views(10))
  await tables.sync()
  const held = await tables.describe('interactions')
  expect(held.published?.version).toBe(3)
  expect(held.hold).toMatchObject({ sinceVersion: 4, reasons: [expect.stringMatching(/volume: 5,?000 rows/)] })
  // While it is held nobody looks again before the next day, unless asked.
  expect((await tables.sync()).audits[0]!.alarms).toEqual([])
  expect((await tables.sync({ isAuditAgain: true })).audits[0]!.alarms).toMatchObject([{ check: 'volume' }])
  under.clock.nowMs += DAY_MS
  expect((await tables.sync()).audits[0]).toMatchObject({
    publishedVersion: 3,
    alarms: expect.arrayContaining([expect.objectContaining({ check: 'volume' })]),
  })
  await tables.publish('interactions', { by: 'ada', why: 'a sale' })
  expect((await tables.describe('interactions')).hold).toBeUndefined()
  expect((await tables.describe('interactions')).published?.version).toBe(9)
}, 60_000)

test('a person takes readers back, and only a person brings them forward again', async () => {
  const tables = under.open()
  for (let n = 0; n < 3; n++) {
    await under.log.append(views(2))
    await tables.sync()
  }
  await tables.publish('interactions', { version: 1, by: 'ada', why: 'the import was broken' })
  await under.log.append(views(2))
  under.clock.nowMs += 2 * DAY_MS
  await tables.sync({ isAuditAgain: true })
  expect(await historyOf('interactions')).toEqual(['4 held', '3 held', '2 held', '1 published', '0 older'])
  expect((await tables.describe('interactions')).hold).toMatchObject({ by: 'ada', reasons: ['the import was broken'] })
  await tables.publish('interactions', { by: 'bob', why: 'mended' })
  expect((await tables.rows('interactions', { limit: 100 })).rows).toHaveLength(8)
})

test('a vacuum spares what is published, what a training set needs and what is young, and says what it would take', async () => {
  const tables = under.open()
  for (let n = 0; n < 6; n++) {
    await under.log.append(views(1))
    await tables.sync()
  }
  const pinned = [{ table: 'interactions', version: 3 }]
  const set = { contentHash: 'a'.repeat(64), manifest: {}, tables: pinned, createdAtMs: START_MS }
  await under.metadata.trainingSets.begin(set, { pid: 1, startedAt: '' })
  await tables.compact()
  // Real files have the real time, so the clock goes where they are old.
  under.clock.nowMs = Math.max(Date.now(), under.clock.nowMs) + 30 * DAY_MS
  const [none] = await tables.vacuum('interactions', { keepDays: 100_000, isDryRun: false })
  expect(none!.removedPaths).toEqual([])
  const [would] = await tables.vacuum('interactions', { keepDays: 7, isDryRun: true })
  const dataFiles = (paths: readonly string[]) =>
    paths.filter((path) => path.endsWith('.parquet') && path.startsWith('date'))
  expect(dataFiles(would!.removedPaths)).toHaveLength(3)
  const [did] = await tables.vacuum('interactions', { keepDays: 7, isDryRun: false })
  expect(dataFiles(did!.removedPaths)).toEqual(dataFiles(would!.removedPaths))
  expect((await tables.rows('interactions', { limit: 100 })).rows).toHaveLength(6)
  expect((await tables.rows('interactions', { version: 3, limit: 100 })).rows).toHaveLength(3)
  await expect(tables.rows('interactions', { version: 5, limit: 100 })).rejects.toMatchObject({
    code: 'TABLE_FILE_DAMAGED',
    message: expect.stringMatching(/^Version 5 of table "interactions" cannot be read\. .*found no such file/),
    fix: expect.stringContaining('A vacuum takes the files that only old versions need'),
  })
})

test('a file of a table that is gone or cut short is told with its table and version, whoever reads it', async () => {
  const tables = under.open()
  for (let n = 0; n < 3; n++) {
    await under.log.append([...views(2), put(`i${n}`)])
    await tables.sync()
  }
  const { files } = await tables.files()
  const [gone, cut] = files.filter(({ table }) => table === 'interactions').map(({ path }) => path) as [string, string]
  renameSync(gone, `${gone}.away`)
  const missing = expect.objectContaining({
    code: 'TABLE_FILE_DAMAGED',
    message: expect.stringMatching(
      /^Version 3 of table "interactions" cannot be read\. \/.*\.parquet: found no such file, expected one of \d+ bytes\.$/,
    ),
    fix: expect.stringContaining('"millrace data history interactions"'),
  })
  await expect(tables.rows('interactions', { limit: 10 })).rejects.toEqual(missing)
  await expect(tables.compact('interactions')).rejects.toEqual(missing)
  expect((await tables.rows('changes', { limit: 10 })).rows).toHaveLength(3)

  writeFileSync(cut, readFileSync(cut).subarray(0, 100))
  const both = { message: expect.stringMatching(/2 of its 3 files are not as they were written/) }
  const error = await tables.rows('interactions', { limit: 10 }).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'TABLE_FILE_DAMAGED', ...both })
  expect((error as MillraceError).problems).toMatchObject([
    { where: cut, message: expect.stringMatching(/^found 100 bytes, expected \d+\.$/) },
  ])
  // The rows of the next day are judged with those of the days before it.
  under.clock.nowMs += DAY_MS
  await under.log.append(views(1))
  await expect(tables.sync()).rejects.toMatchObject({ code: 'TABLE_FILE_DAMAGED' })
})

test('a table whose log lost a commit says which, keeps no other table waiting, and goes on once it is mended', async () => {
  const tables = under.open()
  for (let n = 0; n < 3; n++) {
    await under.log.append([...views(1), put(`i${n}`)])
    await tables.sync()
  }
  const commit = join(folder, 'tables', 'interactions', '_delta_log', '00000000000000000002.json')
  renameSync(commit, `${commit}.away`)
  await under.log.append([...views(1), put('i9')])
  const damaged = expect.objectContaining({
    code: 'DELTA_LOG_DAMAGED',
    message: expect.stringMatching(/^Table "interactions": .*00000000000000000002\.json/),
  })
  await expect(under.open().sync()).rejects.toEqual(damaged)
  expect((await under.open().describe('changes')).rowCount).toBe(4)
  renameSync(`${commit}.away`, commit)
  await tables.sync()
  expect(await newestRows(tables)).toEqual(await under.logged())

  const bytes = readFileSync(commit)
  writeFileSync(commit, bytes.subarray(0, bytes.length / 2))
  await expect(under.open().sync()).rejects.toEqual(damaged)
})

test('a table that goes back to an older version gets its rows again', async () => {
  const tables = under.open()
  for (let n = 0; n < 3; n++) {
    await under.log.append([...views(2), put(`i${n}`)])
    await tables.sync()
  }
  rmSync(join(folder, 'tables', 'interactions', '_delta_log', '00000000000000000003.json'))
  await under.open().sync()
  expect(await newestRows(under.open())).toEqual(await under.logged())
})

test('the log keeps what a table needs; a log that was lost is told, not passed over', async () => {
  await under.log.append([...views(4), put('i1'), shown(['i1'])])
  await under.open().sync()
  expect(await under.log.committedOffset('offline-tables')).toBe(0)
  await under.open().sync()
  expect(await under.log.committedOffset('offline-tables')).toBe(6)
  const bounds = under.log.bounds
  under.log.bounds = async () => ({ ...(await bounds.call(under.log)), firstOffset: 7, nextOffset: 9 })
  await expect(under.open().sync()).rejects.toMatchObject({
    code: 'TABLE_LOG_GAP',
    message: expect.stringContaining('1 events'),
  })
})

test('a table that an older version made gets the columns that came since', async () => {
  const place = {
    storage: localDeltaStorage({ folder: join(folder, 'tables', 'changes') }),
    clock: under.clock,
    newId: () => 'old',
  }
  const schema = tableSchemas.changes.filter(({ name }) => name !== 'change')
  await createDeltaTable(place, { schema, partitionColumns: ['date'] })
  await under.log.append([put('i1')])
  await under.open().sync()
  expect(await newestRows(under.open())).toEqual(await under.logged())
  const log = join(folder, 'tables', 'changes', '_delta_log', '00000000000000000001.json')
  expect(readFileSync(log, 'utf8')).toMatch(/"metaData".*\\"change\\"/)
})

test('events of a day that is over, and values and attributes that are new, change no column', async () => {
  await under.log.append(views(1, { eventTimeMs: START_MS - 3 * DAY_MS }))
  await under.open().sync()
  under.clock.nowMs += MINUTE_MS
  await under.log.append([view({ values: { brandNew: 5 } }), put('i1', { category: 'lamps', colour: 'red' })])
  await under.open().sync()
  expect(await newestRows(under.open())).toEqual(await under.logged())
  const log = join(folder, 'tables', 'interactions', '_delta_log', '00000000000000000002.json')
  expect(readFileSync(log, 'utf8')).not.toContain('metaData')
})
