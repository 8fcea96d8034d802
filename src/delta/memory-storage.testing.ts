// A table's storage in a map, on a clock of its own, for tests.
import { commitPath } from './log-path.ts'
import type { DeltaColumn } from './schema.ts'
import type { DeltaStorage } from './storage.ts'
import type { NewDeltaFile } from './write.ts'

export interface MemoryWorld {
  readonly storage: DeltaStorage
  readonly objects: Map<string, { bytes: Uint8Array; modifiedAtMs: number }>
  readonly clock: { nowMs: number; now(): number }
  readonly newId: () => string
}

export function memoryWorld(startMs = 1_000_000_000_000): MemoryWorld {
  const objects: MemoryWorld['objects'] = new Map()
  const clock = { nowMs: startMs, now: () => clock.nowMs }
  let idCount = 0
  const put = (path: string, bytes: Uint8Array) => {
    objects.set(path, { bytes: bytes.slice(), modifiedAtMs: clock.nowMs })
  }
  const storage: DeltaStorage = {
    read: async (path) => objects.get(path)?.bytes,
    list: async (prefix, { after = '' } = {}) =>
      [...objects]
        .filter(([path]) => path.startsWith(prefix) && path > after)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([path, { bytes, modifiedAtMs }]) => ({ path, sizeBytes: bytes.byteLength, modifiedAtMs })),
    writeIfAbsent: async (path, bytes) => {
      if (objects.has(path)) return false
      put(path, bytes)
      return true
    },
    write: async (path, bytes) => put(path, bytes),
    remove: async (path) => void objects.delete(path),
  }
  return { storage, objects, clock, newId: () => `id-${idCount++}` }
}

export const column = (name: string, type: DeltaColumn['type'] = 'long', nullable = true): DeltaColumn => ({
  name,
  type,
  nullable,
})

/** Columns `date` (of the partition) and `clicks`. */
export const clicksByDate = {
  schema: [column('date', 'date'), column('clicks')],
  partitionColumns: ['date'],
}

export const dayFile = (path: string, date: string | null, rowCount = 10): NewDeltaFile => ({
  path,
  sizeBytes: 100,
  partitionValues: { date },
  rowCount,
})

/** Lays an object there as some other tool would. */
export function layObject({ objects, clock }: MemoryWorld, path: string, text: string): void {
  objects.set(path, { bytes: new TextEncoder().encode(text), modifiedAtMs: clock.nowMs })
}

export const layCommit = (world: MemoryWorld, version: number, actions: readonly object[]): void =>
  layObject(world, commitPath(version), actions.map((action) => JSON.stringify(action)).join('\n'))
