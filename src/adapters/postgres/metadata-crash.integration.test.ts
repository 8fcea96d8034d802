// Goal: whatever moment Postgres dies at, a change is made wholly or not at all, the caller is told that trying again can help, and trying again
// neither loses nor doubles anything. Method: a Postgres of its own, ended as in a crash at random moments while changes are made.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningPostgres, startPostgres } from '../../../scripts/services/postgres.ts'
import { seededRng } from '../../lib/rng.ts'
import { makeChange, problemsAfter } from '../kysely/metadata-changes.testing.ts'
import { openPostgresMetadataStore } from './metadata-store.ts'

const KILL_COUNT = 15

let postgres: RunningPostgres
beforeAll(async () => {
  postgres = await startPostgres()
})
afterAll(() => postgres?.stop())

test(`after each of ${KILL_COUNT} crashes every change is there once`, async () => {
  const seed = 20260301
  const rng = seededRng(seed)
  const store = await openPostgresMetadataStore({ url: postgres.url })
  let acknowledgedCount = 0
  const changeUntilFailure = async (): Promise<unknown> => {
    try {
      for (;;) {
        await makeChange(store, acknowledgedCount + 1)
        acknowledgedCount++
      }
    } catch (error) {
      return error
    }
  }
  for (let kill = 0; kill < KILL_COUNT; kill++) {
    // The first thing it does is what the crash before interrupted, again.
    const failing = changeUntilFailure()
    await expect.poll(() => acknowledgedCount, { timeout: 20_000, interval: 5 }).toBeGreaterThan(kill)
    await delay(rng.next() * 100)
    await postgres.kill()
    expect(await failing).toMatchObject({ code: 'METADATA_UNAVAILABLE' })
    await postgres.restart()
    expect(await problemsAfter(store, acknowledgedCount), `seed ${seed}, kill ${kill}`).toEqual([])
  }
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
