// One LMDB environment for the snapshots of all sources: an entry per row, keyed by source and id.
import { type Key, open } from 'lmdb'
import type { SnapshotEntry, SnapshotStatus, SnapshotStore } from '../../ports/snapshot-store.ts'
import { assertRoom, ROOM_BYTES } from './disk-room.ts'
import { lmdbError, prepareLmdbFolder } from './lmdb-folder.ts'

type Stored = readonly [fingerprint: string, status: SnapshotStatus, seenIn: number]

/**
 * Opens, or creates, the store in this folder. One process at a time writes a source.
 * @throws MillraceError EVENT_LOG_UNUSABLE, EVENT_LOG_FULL
 */
export function openSnapshotStore(options: {
  readonly folder: string
  /** Nothing is written to a disk on which less than this is free; 32 MiB by default. */
  readonly roomBytes?: number
}): SnapshotStore {
  const { folder, roomBytes = ROOM_BYTES } = options
  prepareLmdbFolder(folder)
  const entries = open<Stored, Key>({ path: folder, encoding: 'msgpack', overlappingSync: false })
  const entryOf = (id: string, [fingerprint, status, seenIn]: Stored): SnapshotEntry => ({
    id,
    fingerprint,
    status,
    seenIn,
  })

  function* present(source: string, afterId?: string): Generator<SnapshotEntry> {
    const start: Key = afterId === undefined ? [source] : [source, afterId]
    for (const { key, value } of entries.getRange({ start })) {
      const [keySource, id] = key as [string, string]
      if (keySource !== source) return
      if (id !== afterId && value[1] !== 'deleted') yield entryOf(id, value)
    }
  }

  return {
    async read(source, ids) {
      return ids.map((id) => {
        const stored = entries.get([source, id])
        return stored && entryOf(id, stored)
      })
    },
    async write(source, changed) {
      try {
        assertRoom(folder, roomBytes)
        await entries.transaction(() => {
          for (const { id, fingerprint, status, seenIn } of changed)
            entries.put([source, id], [fingerprint, status, seenIn])
        })
      } catch (error) {
        throw lmdbError(error, folder)
      }
    },
    async count(source, run) {
      let presentCount = 0
      let unseenCount = 0
      for (const { seenIn } of present(source)) {
        presentCount++
        if (seenIn !== run) unseenCount++
      }
      return { presentCount, unseenCount }
    },
    async unseen(source, run, { afterId, limit }) {
      const page: SnapshotEntry[] = []
      for (const entry of present(source, afterId)) {
        if (entry.seenIn === run) continue
        page.push(entry)
        if (page.length === limit) break
      }
      return page
    },
    close: () => entries.close(),
  }
}
