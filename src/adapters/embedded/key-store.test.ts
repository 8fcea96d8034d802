import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { createApiKey } from '../../domain/api-key.ts'
import { testKeyStore } from '../../ports/key-store.contract.ts'
import { openKeyStore } from './key-store.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-keys-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let folderCount = 0
const freshFolder = (): string => join(root, String(folderCount++))

describe('embedded key store', () =>
  testKeyStore(async () => {
    const folder = freshFolder()
    return { open: async () => openKeyStore({ folder }) }
  }))

test('the folder is readable by its owner only', async () => {
  const folder = freshFolder()
  await openKeyStore({ folder }).close()
  expect(statSync(folder).mode & 0o077).toBe(0)
})

test('a revocation by another process is seen within a second', async () => {
  const folder = freshFolder()
  const store = openKeyStore({ folder })
  const { record } = createApiKey({ name: 'web', scopes: ['read'], createdAtMs: 0 }, randomBytes)
  await store.add(record)
  expect(store.find(record.id)?.revokedAtMs).toBeUndefined()

  const module = new URL('./key-store.ts', import.meta.url).href
  const script = `const { openKeyStore } = await import(${JSON.stringify(module)})
    const store = openKeyStore({ folder: ${JSON.stringify(folder)} })
    await store.revoke(${JSON.stringify(record.id)}, 5)
    await store.close()`
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  await expect.poll(() => store.find(record.id)?.revokedAtMs, { timeout: 1000, interval: 20 }).toBe(5)
  await store.close()
})
