import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { duckDbOfflineStore } from '../adapters/duckdb/offline-store.ts'
import { randomCorpus } from '../domain/feature-corpus.contract.ts'
import { seededRng } from '../lib/rng.ts'
import { growingLog } from './feature-engine.testing.ts'
import { exportEvents } from './offline-events.ts'

const { events } = randomCorpus(seededRng(11), { eventCount: 60 })
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-offline-events-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const exporting = (firstOffset = 0) => {
  const log = growingLog(events, firstOffset)
  const store = duckDbOfflineStore({ temporaryFolder: join(folder, 'temporary') })
  const upTo = (length: number) => {
    log.length = length
    return exportEvents(log, store, join(folder, 'events'))
  }
  return { log, store, upTo }
}

test('an export adds what came since the last one, and leaves what is there alone', async () => {
  const { upTo } = exporting()
  const first = await upTo(20)
  const bytes = await Promise.all(first.files.map(({ path }) => readFile(path)))
  expect(await upTo(20)).toEqual(first)
  const second = await upTo(50)
  expect(second.tables).toEqual([{ table: 'events', version: 50 }])
  expect(second.files.slice(0, first.files.length)).toEqual(first.files)
  expect(second.files.length).toBeGreaterThan(first.files.length)
  expect(await Promise.all(first.files.map(({ path }) => readFile(path)))).toEqual(bytes)
  expect(await readdir(join(folder, 'events'))).toEqual(['0-20', '20-50'])
})

test('an empty log gives version 0 and no file, and one that was trimmed begins where it still begins', async () => {
  expect(await exporting().upTo(0)).toEqual({ files: [], tables: [{ table: 'events', version: 0 }] })
  await exporting(10).upTo(30)
  expect(await readdir(join(folder, 'events'))).toEqual(['10-30'])
})

test('no event is there twice where two processes exported at once', async () => {
  const { upTo } = exporting()
  await upTo(20)
  // What the other one did: it had seen more of the log.
  const other = exporting()
  other.log.length = 50
  const own = join(folder, 'events', '0-50')
  await other.store.writeEvents(
    (async function* () {
      yield events.slice(0, 50)
    })(),
    own,
  )
  const { files, tables } = await upTo(60)
  expect(tables).toEqual([{ table: 'events', version: 60 }])
  expect(files.every(({ path }) => path.includes('0-50') || path.includes('50-60'))).toBe(true)
})

test('an export that failed leaves nothing behind, and is made the next time', async () => {
  const { store, log, upTo } = exporting()
  log.length = 20
  const failing = { ...store, writeEvents: async () => Promise.reject(new Error('no room')) }
  await expect(exportEvents(log, failing, join(folder, 'events'))).rejects.toThrow('no room')
  expect(await readdir(join(folder, 'events'))).toEqual([])
  await writeFile(join(folder, 'events', 'README'), '')
  expect((await upTo(20)).tables).toEqual([{ table: 'events', version: 20 }])
})
