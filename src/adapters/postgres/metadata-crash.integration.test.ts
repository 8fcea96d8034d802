// Goal: whatever moment Postgres dies at, a change is made wholly or not at all, the caller is told that trying again can help, and trying again
// neither loses nor doubles anything. Method: a Postgres of its own, ended as in a crash at random moments while changes are made.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../../scripts/services/postgres.ts'
import { seededRng } from '../../lib/rng.ts'
import { makeChangeInTheEnd, problemsAfter } from '../kysely/metadata-changes.testing.ts'
import { openPostgresMetadataStore } from './metadata-store.ts'

const KILL_COUNT = 10

let postgres: RunningPostgres
beforeAll(async () => {
  postgres = await startPostgres()
})
afterAll(() => postgres?.stop())

test(`after ${KILL_COUNT} crashes every change is there once`, async () => {
  const seed = 20260301
  const rng = seededRng(seed)
  const store = await openPostgresMetadataStore({ url: postgres.url })
  let acknowledgedCount = 0
  let failureCount = 0
  let isOver = false
  const changing = (async () => {
    while (!isOver) {
      failureCount += await makeChangeInTheEnd(store, acknowledgedCount + 1)
      acknowledgedCount++
    }
  })()
  // Looked at below; until then a failure must not count as unhandled.
  changing.catch(() => {})
  for (let kill = 0; kill < KILL_COUNT; kill++) {
    await delay(rng.next() * 300)
    await postgres.kill()
    await postgres.restart()
  }
  isOver = true
  await changing
  expect(await problemsAfter(store, acknowledgedCount), `seed ${seed}`).toEqual([])
  // That the crashes came in the middle of something, and that work went on between them.
  expect(failureCount).toBeGreaterThanOrEqual(KILL_COUNT / 2)
  expect(acknowledgedCount).toBeGreaterThan(KILL_COUNT)
  await store.close()
})

test('a store survives a crash while nobody uses it, and its next use finds the new server', async () => {
  const store = await openPostgresMetadataStore({ url: postgres.url, schema: 'idle' })
  await store.sourceStates.list()
  await postgres.kill()
  await expect(store.sourceStates.list()).rejects.toThrow(expect.objectContaining({ code: 'METADATA_UNAVAILABLE' }))
  await postgres.restart()
  expect(await store.sourceStates.list()).toEqual([])
  await store.close()
})
