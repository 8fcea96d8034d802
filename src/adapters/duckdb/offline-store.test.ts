import { expect, test } from 'vitest'
import { testOfflineStore } from '../../ports/offline-store.contract.ts'
import { duckDbOfflineStore } from './offline-store.ts'

// 1,000 cases in a second or two; `MILLRACE_CASES=100000` for all that the project's figures speak of.
testOfflineStore(async (temporaryFolder) => duckDbOfflineStore({ temporaryFolder }), {
  caseCount: Number(process.env.MILLRACE_CASES ?? 1_000),
  seed: Number(process.env.MILLRACE_SEED ?? 1),
})

test('memory that does not suffice is an error with a way out', async () => {
  const store = duckDbOfflineStore({ temporaryFolder: '/proc/millrace', memoryBytes: 2 ** 20 })
  await expect(store.writeEvents((async function* () {})(), '/nowhere')).rejects.toMatchObject({
    code: 'OFFLINE_STORE_FAILED',
  })
})
