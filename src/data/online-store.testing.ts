// The online store in memory, for tests of what uses it.
import { MillraceError } from '../lib/errors.ts'
import type { ChangedRecords, OnlineStore, StoreMark } from '../ports/online-store.ts'

/** Everything that it keeps; several stores over the same records are one store opened several times. */
export interface MemoryRecords {
  readonly bySpace: Map<string, Map<string, Uint8Array>>
  holder: object | undefined
  /** The next commit fails with it, and stores nothing. */
  failWith: Error | undefined
  /** What each commit changed. */
  readonly marks: { readonly mark: StoreMark; readonly changed: readonly ChangedRecords[] }[]
}

const expiryByRecord = new WeakMap<Uint8Array, number>()

export const memoryRecords = (): MemoryRecords => ({
  bySpace: new Map(),
  holder: undefined,
  failWith: undefined,
  marks: [{ mark: {}, changed: [] }],
})

export function memoryOnlineStore(records: MemoryRecords = memoryRecords()): OnlineStore {
  const spaceOf = (space: string): Map<string, Uint8Array> => {
    const known = records.bySpace.get(space) ?? new Map<string, Uint8Array>()
    records.bySpace.set(space, known)
    return known
  }
  const held = new Set<object>()
  const note = (changed: readonly ChangedRecords[]): void => {
    records.marks.push({ mark: {}, changed })
  }
  return {
    read: async (requests) =>
      requests.map(({ space, keys, isRepeated }) =>
        keys.map((key) => {
          const bytes = records.bySpace.get(space)?.get(key)
          return isRepeated ? bytes : bytes?.slice()
        }),
      ),
    async changesSince(since) {
      const { marks } = records
      const known = marks.findIndex(({ mark }) => mark === since)
      return {
        mark: marks.at(-1)!.mark,
        changed: known < 0 ? undefined : marks.slice(known + 1).flatMap(({ changed }) => changed),
      }
    },
    async claim() {
      if (records.holder !== undefined) throw new MillraceError('ONLINE_STORE_TAKEN', 'Another engine holds it.')
      const holder = {}
      records.holder = holder
      held.add(holder)
      const assertHeld = (): void => {
        if (records.holder !== holder) throw new MillraceError('ONLINE_STORE_TAKEN', 'Another engine holds it now.')
      }
      return {
        async commit(changes, nowMs) {
          assertHeld()
          const { failWith } = records
          records.failWith = undefined
          if (failWith) throw failWith
          for (const { space, puts, removes } of changes) {
            const known = spaceOf(space)
            for (const { key, bytes, expiresAtMs } of puts) {
              const kept = bytes.slice()
              known.set(key, kept)
              if (expiresAtMs !== undefined) expiryByRecord.set(kept, expiresAtMs)
            }
            for (const key of removes) known.delete(key)
          }
          note(
            changes.map(({ space, puts, removes }) => ({ space, keys: [...puts.map(({ key }) => key), ...removes] })),
          )
          for (const known of records.bySpace.values()) {
            for (const [key, bytes] of known) if ((expiryByRecord.get(bytes) ?? nowMs + 1) <= nowMs) known.delete(key)
          }
        },
        async clear(space, limit) {
          assertHeld()
          const known = spaceOf(space)
          const doomed = [...known.keys()].slice(0, limit)
          for (const key of doomed) known.delete(key)
          note([{ space, keys: doomed }])
          return doomed.length
        },
        async release() {
          held.delete(holder)
          if (records.holder === holder) records.holder = undefined
        },
      }
    },
    isClaimed: async () => records.holder !== undefined,
    async close() {
      if (records.holder !== undefined && held.has(records.holder)) records.holder = undefined
    },
  }
}
