import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { duckDbOfflineStore } from '../adapters/duckdb/offline-store.ts'
import { corpusDefinitions, randomCorpus } from '../domain/feature-corpus.contract.ts'
import { seededRng } from '../lib/rng.ts'
import type { StoredEvent } from '../ports/event-log.ts'
import type { JoinRequest } from '../ports/offline-store.ts'
import { corpusPlan } from './plan.testing.ts'
import { writeTrainingSet } from './training-set.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-training-set-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const plan = corpusPlan()
const { events } = randomCorpus(seededRng(7), { eventCount: 300, spanMs: 86_400_000 })
const store = duckDbOfflineStore({ temporaryFolder: join(folder, 'temporary'), threadCount: 1 })

async function filesOf(known: readonly StoredEvent[], name: string): Promise<JoinRequest['files']> {
  const files = await store.writeEvents(
    (async function* () {
      yield known
    })(),
    join(folder, name),
  )
  return files.map(({ path, table }) => ({ path: join(folder, name, path), table }))
}

test('the manifest tells what the set was made of, and the set is made again byte for byte after new data came', async () => {
  const momentMs = events[200]!.availableTimeMs
  const labels = [
    [{ userId: 'u0', itemId: 'i0é', momentMs }],
    [{ userId: 'u1/', itemId: 'i1', momentMs: momentMs - 1 }],
  ]
  const known = events.slice(0, 200)
  const behind = events.slice(200).filter(({ availableTimeMs }) => availableTimeMs >= momentMs)
  const tableVersions = { interactions: '12', changes: '3' }
  const before = join(folder, 'before.parquet')
  const manifest = await writeTrainingSet(store, {
    plan,
    labels,
    tableVersions,
    files: await filesOf(known, 'known'),
    target: before,
  })

  expect(manifest).toMatchObject({ format: 1, planHash: plan.hash, tableVersions, rowCount: 2 })
  expect(manifest.features).toHaveLength(corpusDefinitions.length)
  expect(JSON.parse(readFileSync(`${before}.manifest.json`, 'utf8'))).toEqual(manifest)

  const after = join(folder, 'after.parquet')
  const later = await writeTrainingSet(store, {
    plan,
    labels,
    tableVersions,
    files: await filesOf([...known, ...behind], 'all'),
    target: after,
  })
  expect(later).toEqual(manifest)
  expect(readFileSync(after).equals(readFileSync(before))).toBe(true)
  expect(readFileSync(`${after}.manifest.json`, 'utf8')).toBe(readFileSync(`${before}.manifest.json`, 'utf8'))
})

test('what values depend on changes the hash of the definitions, what is said of them does not', async () => {
  const files = await filesOf(events, 'again')
  const labels = [[{ userId: 'u0', itemId: 'i1', momentMs: events.at(-1)!.availableTimeMs + 1 }]]
  const [views] = corpusDefinitions
  const hashOf = async (changed: object) => {
    const request = { plan, labels, files, tableVersions: {}, target: join(folder, 'hash.parquet') }
    return (await writeTrainingSet(store, { ...request, features: [{ ...views!, ...changed }] })).definitionsHash
  }
  const hash = await hashOf({})
  expect(await hashOf({ description: 'Views.', owner: 'somebody' })).toBe(hash)
  expect(await hashOf({ ttlMs: 1 })).not.toBe(hash)
  expect(await hashOf({ default: 0 })).not.toBe(hash)
  expect(await hashOf({ formula: { ...views!.formula, windowMs: 7_200_000 } })).not.toBe(hash)
})
