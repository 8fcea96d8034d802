import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { createApiKey } from '../domain/api-key.ts'
import type { KeyStore } from './key-store.ts'

const record = (name: string, createdAtMs = 0) =>
  createApiKey({ name, scopes: ['read'], createdAtMs }, randomBytes).record

/** What every key store must do. `open` opens the same store each time; a fresh one per test. */
export function testKeyStore(fresh: () => Promise<{ open: () => Promise<KeyStore> }>): void {
  it('finds a key by its id, and nothing for an unknown id', async () => {
    const store = await (await fresh()).open()
    const key = record('web')
    await store.add(key)
    expect(store.find(key.id)).toEqual(key)
    expect(store.find('0000000000000000')).toBeUndefined()
    await store.close()
  })

  it('lists keys oldest first, revoked ones too', async () => {
    const store = await (await fresh()).open()
    const [newer, older] = [record('newer', 200), record('older', 100)]
    await store.add(newer)
    await store.add(older)
    await store.revoke(older.id, 300)
    expect(store.list().map((key) => [key.name, key.revokedAtMs])).toEqual([
      ['older', 300],
      ['newer', undefined],
    ])
    await store.close()
  })

  it('keeps the first moment of a revocation and says when there is no such key', async () => {
    const store = await (await fresh()).open()
    const key = record('web')
    await store.add(key)
    expect(await store.revoke(key.id, 100)).toBe(true)
    expect(await store.revoke(key.id, 200)).toBe(true)
    expect(store.find(key.id)?.revokedAtMs).toBe(100)
    expect(await store.revoke('0000000000000000', 100)).toBe(false)
    await store.close()
  })

  it('remembers keys after closing and opening again', async () => {
    const { open } = await fresh()
    const key = record('web')
    const first = await open()
    await first.add(key)
    await first.close()
    const second = await open()
    expect(second.list()).toEqual([key])
    await second.close()
  })
}
