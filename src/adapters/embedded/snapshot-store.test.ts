import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe } from 'vitest'
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
