// API keys in a small LMDB environment of their own, so that `millrace keys` and a running server can use it at the same time.
import { mkdirSync } from 'node:fs'
import { open } from 'lmdb'
import type { ApiKey } from '../../domain/api-key.ts'
import type { KeyStore } from '../../ports/key-store.ts'

/**
 * Opens, or creates, the key store in this folder. Reads cost about 2 µs.
 * @param folder readable by its owner only, where it is created here
 */
export function openKeyStore({ folder }: { readonly folder: string }): KeyStore {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const keys = open<ApiKey, string>({
    path: `${folder}/keys.mdb`,
    encoding: 'json',
    // A resolved write is on disk, not merely visible.
    overlappingSync: false,
  })

  return {
    async add(key) {
      await keys.put(key.id, key)
    },
    find: (id) => keys.get(id),
    list: () =>
      [...keys.getRange()]
        .map((entry) => entry.value)
        .sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1)),
    revoke: (id, revokedAtMs) =>
      keys.transaction(() => {
        const key = keys.get(id)
        if (!key) return false
        if (key.revokedAtMs === undefined) keys.put(id, { ...key, revokedAtMs })
        return true
      }),
    close: () => keys.close(),
  }
}
