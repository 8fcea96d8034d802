import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { seededRng } from '../../lib/rng.ts'
import { testMetadataStore } from '../../ports/metadata-store.contract.ts'
import { someModel } from '../../ports/model-registry.contract.ts'
import { newSourceState } from '../../ports/source-states.contract.ts'
import { problemsAfter } from '../kysely/metadata-changes.testing.ts'
import { openMetadataStore } from './metadata-store.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-metadata-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let folderCount = 0
const freshFolder = (): string => join(root, String(folderCount++))

/** The file as SQLite has it, past the store. */
const rawDatabase = (folder: string): DatabaseSync => new DatabaseSync(join(folder, 'metadata.sqlite'))

describe('embedded metadata store', () =>
  testMetadataStore(async () => {
    const folder = freshFolder()
    return {
      open: () => openMetadataStore({ folder }),
      remove: async () => rmSync(folder, { recursive: true }),
    }
  }))

test('every commit is synced, readers do not wait for a writer, and references are checked', async () => {
  const folder = freshFolder()
  const store = await openMetadataStore({ folder })
  const raw = rawDatabase(folder)
  expect(raw.prepare('pragma journal_mode').get()).toEqual({ journal_mode: 'wal' })
  raw.exec('begin immediate')
  expect(await store.sourceStates.list()).toEqual([])
  raw.exec('rollback')
  raw.close()
  await store.close()
})

test('waits for another process without holding up its own', async () => {
  const folder = freshFolder()
  const store = await openMetadataStore({ folder })
  const raw = rawDatabase(folder)
  raw.exec('begin immediate')
  const saving = store.sourceStates.save(newSourceState('s'), 0)
  // Timers run on meanwhile; with a wait inside SQLite this one would not, and the save would fail in the end.
  await delay(100)
  raw.exec('commit')
  raw.close()
  expect(await saving).toBe(1)
  await store.close()
})

test('a database that a newer version wrote is refused, naming both versions', async () => {
  const folder = freshFolder()
  await (await openMetadataStore({ folder })).close()
  const raw = rawDatabase(folder)
  raw.exec(`insert into migration values (99, 'later', 0)`)
  raw.close()
  await expect(openMetadataStore({ folder })).rejects.toThrow(
    expect.objectContaining({ code: 'METADATA_NEWER', message: expect.stringMatching(/version 99.*up to \d+\.$/) }),
  )
})

test('a database of an older version keeps what it holds: sets that it has are made ones, and versions lose the progress that nobody noted', async () => {
  const folder = freshFolder()
  await (await openMetadataStore({ folder })).close()
  const raw = rawDatabase(folder)
  raw.exec(`
    alter table training_set drop column maker;
    alter table feature_version add column backfilled_to_offset bigint not null default 0;
    drop table run_metric;
    drop table run;
    drop table gate_report;
    drop table model_use;
    drop table model_alias_move;
    drop table model_alias;
    drop table model_version;
    delete from migration where version > 2;
    insert into training_set values ('h', '{}', '[{"table":"events","version":3}]', 100, null), ('g', '{}', '[]', 50, 60);
    insert into training_set_table values ('h', 'events', 3);
    insert into feature_version (feature, version, state, definition, created_at_ms) values ('f', 'v', 'live', 'null', 10);
  `)
  raw.close()
  const store = await openMetadataStore({ folder })
  expect(await store.trainingSets.list(10)).toEqual([
    { contentHash: 'h', manifest: {}, tables: [{ table: 'events', version: 3 }], createdAtMs: 100 },
    { contentHash: 'g', manifest: {}, tables: [], createdAtMs: 50, releasedAtMs: 60 },
  ])
  expect(await store.trainingSets.pinnedVersions('events')).toEqual([3])
  const version = { feature: 'f', version: 'v', state: 'live', definition: null, createdAtMs: 10 }
  expect(await store.featureVersions.list()).toEqual([version])
  await store.featureVersions.begin({ feature: 'f', version: 'w', definition: null, atMs: 20 })
  await store.close()
})

test('the log of moves cannot be changed, not even past the store', async () => {
  const folder = freshFolder()
  const store = await openMetadataStore({ folder })
  await store.modelRegistry.register(someModel('a', 1), 1)
  const decision = { by: 'ada', command: 'millrace promote', why: 'first' }
  await store.modelRegistry.move({ from: {}, to: { champion: 'a' }, atMs: 1, decision })
  const raw = rawDatabase(folder)
  for (const change of ['update model_alias_move set at_ms = 0', 'delete from model_alias_move']) {
    expect(() => raw.exec(change)).toThrow('model_alias_move is append-only')
  }
  raw.close()
  expect(await store.modelRegistry.audit({ limit: 10 })).toHaveLength(1)
  await store.close()
})

test('a step that fails leaves nothing of the steps before it', async () => {
  const folder = freshFolder()
  mkdirSync(folder)
  const raw = rawDatabase(folder)
  raw.exec('create table training_set_table (x)')
  await expect(openMetadataStore({ folder })).rejects.toThrow(expect.objectContaining({ code: 'METADATA_UNUSABLE' }))
  const tables = raw.prepare(`select name from sqlite_master where type = 'table'`).all()
  expect(tables).toEqual([{ name: 'training_set_table' }])
  raw.exec('drop table training_set_table')
  raw.close()
  await (await openMetadataStore({ folder })).close()
})

test('a file that is no database, and a file in the way of the folder, get a clear error', async () => {
  const folder = freshFolder()
  mkdirSync(folder)
  writeFileSync(join(folder, 'metadata.sqlite'), 'not a database, but longer than a header'.repeat(100))
  const unusable = expect.objectContaining({ code: 'METADATA_UNUSABLE', message: expect.stringContaining(folder) })
  await expect(openMetadataStore({ folder })).rejects.toThrow(unusable)
  await expect(openMetadataStore({ folder: join(folder, 'metadata.sqlite') })).rejects.toThrow(unusable)
})

// Goal: whatever moment a process dies at, a change is made wholly or not at all, and none that was acknowledged is lost.
// Method: a process that makes changes is killed with -9 at random moments and replaced, and what is there is looked at after each kill.
test('after each of five kills every change is there once', async () => {
  const seed = 20260302
  const rng = seededRng(seed)
  const folder = freshFolder()
  const store = await openMetadataStore({ folder })
  let acknowledgedCount = 0
  for (let kill = 0; kill < 5; kill++) {
    const changer = startChanger(folder, acknowledgedCount + 1)
    await changer.firstAcknowledgement
    await delay(rng.next() * 100)
    acknowledgedCount = await changer.kill()
    expect(await problemsAfter(store, acknowledgedCount), `seed ${seed}, kill ${kill}`).toEqual([])
  }
  expect(acknowledgedCount).toBeGreaterThanOrEqual(5)
  await store.close()
}, 60_000)

test('several processes change one store at the same time and lose nothing', async () => {
  const folder = freshFolder()
  const script = `
    const { openMetadataStore } = await import(${JSON.stringify(moduleUrl('./metadata-store.ts'))})
    const store = await openMetadataStore({ folder: ${JSON.stringify(folder)} })
    for (let saved = 0; saved < 30; ) {
      const before = await store.sourceStates.load('s')
      const state = before?.state ?? ${JSON.stringify(newSourceState('s'))}
      try {
        await store.sourceStates.save({ ...state, rowCount: state.rowCount + 1 }, before?.generation ?? 0)
        saved++
      } catch (error) {
        if (error.code !== 'SOURCE_STATE_CHANGED') throw error
      }
    }
    await store.close()`
  const codes = await Promise.all(
    Array.from(
      { length: 4 },
      () =>
        new Promise((resolve) => {
          spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' }).on('exit', resolve)
        }),
    ),
  )
  expect(codes).toEqual([0, 0, 0, 0])
  const store = await openMetadataStore({ folder })
  expect(await store.sourceStates.load('s')).toMatchObject({ state: { rowCount: 120 }, generation: 120 })
  await store.close()
}, 60_000)

const moduleUrl = (path: string): string => new URL(path, import.meta.url).href

interface Changer {
  readonly firstAcknowledgement: Promise<void>
  /** Resolves, with the last change that was acknowledged, when it is dead and everything it printed has been read. */
  kill(): Promise<number>
}

/** A process that makes changes from the given one on, and prints the number of each that was acknowledged. */
function startChanger(folder: string, firstChange: number): Changer {
  const script = `
    const { openMetadataStore } = await import(${JSON.stringify(moduleUrl('./metadata-store.ts'))})
    const { makeChange } = await import(${JSON.stringify(moduleUrl('../kysely/metadata-changes.testing.ts'))})
    const store = await openMetadataStore({ folder: ${JSON.stringify(folder)} })
    for (let n = ${firstChange}; ; n++) {
      await makeChange(store, n)
      process.stdout.write(n + '\\n')
    }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  const firstAcknowledgement = new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text
      if (printed.includes('\n')) resolve()
    })
    child.on('exit', () => reject(new Error('the changing process ended by itself')))
  })
  return {
    firstAcknowledgement,
    kill: () =>
      new Promise((resolve) => {
        child.on('close', () => resolve(Number(printed.slice(0, printed.lastIndexOf('\n')).split('\n').at(-1))))
        child.kill('SIGKILL')
      }),
  }
}
