import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { testSnapshotStore } from '../../ports/snapshot-store.contract.ts'
import { openSnapshotStore } from './snapshot-store.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-snapshots-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let storeCount = 0
describe('embedded snapshot store', () =>
  testSnapshotStore(async () => {
    const folder = join(root, String(storeCount++))
    return { open: async () => openSnapshotStore({ folder }) }
  }))

it('writes nothing to a disk that is nearly full', async () => {
  const store = openSnapshotStore({ folder: join(root, 'poor'), roomBytes: Number.MAX_SAFE_INTEGER })
  const entry = { id: 'a', fingerprint: 'f', status: 'told', seenIn: 1 } as const
  await expect(store.write('s', [entry])).rejects.toMatchObject({ code: 'EVENT_LOG_FULL' })
  expect(await store.read('s', ['a'])).toEqual([undefined])
  await store.close()
})
