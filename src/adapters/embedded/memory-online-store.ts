// The online store in the memory of one process, for state that is needed for as long as a question takes, such as features of the past. Nothing outlives it.
import { MillraceError } from '../../lib/errors.ts'
import type { ChangedRecords, OnlineStore, StoreMark } from '../../ports/online-store.ts'

/** What stores over the same memory share. */
export interface OnlineMemory {
  readonly bySpace: Map<string, Map<string, Uint8Array>>
  holder: object | undefined
  /** What the last commit changed; the marks lead from the older to the newer ones, so that those which nobody holds go. */
  newest: MemoryMark
}

interface MemoryMark {
  next?: { readonly mark: MemoryMark; readonly changed: readonly ChangedRecords[] }
}

export const onlineMemory = (): OnlineMemory => ({ bySpace: new Map(), holder: undefined, newest: {} })

/** Takes what its records take, and about 100 bytes more for each. Records that have expired stay until they are replaced or removed. */
export function memoryOnlineStore(memory: OnlineMemory = onlineMemory()): OnlineStore {
  const { bySpace } = memory
  let isClosed = false
  let own: object | undefined
  const recordsOf = (space: string): Map<string, Uint8Array> => {
    if (isClosed) throw closedError()
    const known = bySpace.get(space) ?? new Map<string, Uint8Array>()
    bySpace.set(space, known)
    return known
  }
  const note = (changed: readonly ChangedRecords[]): void => {
    const mark: MemoryMark = {}
    memory.newest.next = { mark, changed }
    memory.newest = mark
  }
  return {
    async read(requests) {
      return requests.map(({ space, keys }) => {
        const records = recordsOf(space)
        return keys.map((key) => records.get(key))
      })
    },
    async changesSince(since) {
      if (isClosed) throw closedError()
      if (since === undefined) return { mark: memory.newest, changed: undefined }
      return { mark: memory.newest, changed: changedAfter(since) }
    },
    async claim() {
      if (memory.holder !== undefined) {
        throw new MillraceError('ONLINE_STORE_TAKEN', 'The online store in memory has a writer.')
      }
      const claimed = {}
      memory.holder = own = claimed
      const assertHeld = (): void => {
        if (memory.holder !== claimed)
          throw new MillraceError('ONLINE_STORE_TAKEN', 'The right to write was given back.')
      }
      return {
        async commit(changes) {
          assertHeld()
          for (const { space, puts, removes } of changes) {
            const records = recordsOf(space)
            // A copy of its own: what the caller gives may be a small part of a large buffer.
            for (const { key, bytes } of puts) records.set(key, bytes.slice())
            for (const key of removes) records.delete(key)
          }
          note(
            changes.map(({ space, puts, removes }) => ({ space, keys: [...puts.map(({ key }) => key), ...removes] })),
          )
        },
        async clear(space, limit) {
          assertHeld()
          const records = recordsOf(space)
          const doomed = [...records.keys().take(limit)]
          for (const key of doomed) records.delete(key)
          note([{ space, keys: doomed }])
          return doomed.length
        },
        async release() {
          if (memory.holder === claimed) memory.holder = undefined
        },
      }
    },
    isClaimed: async () => memory.holder !== undefined,
    async close() {
      isClosed = true
      if (own !== undefined && memory.holder === own) memory.holder = undefined
    },
  }
}

const closedError = (): MillraceError =>
  new MillraceError('ONLINE_STORE_UNUSABLE', 'The online store in memory was closed.')

function changedAfter(since: StoreMark): readonly ChangedRecords[] {
  const changed: ChangedRecords[] = []
  for (let { next } = since as MemoryMark; next !== undefined; next = next.mark.next) changed.push(...next.changed)
  return changed
}
