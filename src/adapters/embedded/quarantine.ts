// The quarantine in an LMDB environment of its own. Rows that are rejected are few, so writing waits for the disk on the caller's thread.
import { hash } from 'node:crypto'
import { type Database, open } from 'lmdb'
import { type Clock, systemClock } from '../../lib/clock.ts'
import type { Quarantine, QuarantinedRow, RejectedRow } from '../../ports/quarantine.ts'
import { assertRoom, ROOM_BYTES } from './disk-room.ts'
import { lmdbError, prepareLmdbFolder } from './lmdb-folder.ts'

/** Characters of a payload that are kept. */
const PAYLOAD_LENGTH_MAX = 65_536

interface ReasonCount {
  readonly source: string
  readonly reason: string
  readonly count: number
}

/**
 * Opens, or creates, the quarantine in this folder. Several processes may have it open at once.
 * @throws MillraceError EVENT_LOG_UNUSABLE
 */
export async function openQuarantine(options: {
  readonly folder: string
  readonly clock?: Clock
  /** Nothing is added on a disk on which less than this is free; 32 MiB by default. */
  readonly roomBytes?: number
}): Promise<Quarantine> {
  const { folder, clock = systemClock, roomBytes = ROOM_BYTES } = options
  prepareLmdbFolder(folder)
  const environment = opened(folder)
  const rows: Database<QuarantinedRow, number> = environment.openDB('rows', { encoding: 'json' })
  /** Row id by hash of what makes a row the same. */
  const identities: Database<number, string> = environment.openDB('identities', { encoding: 'json' })
  const counts: Database<ReasonCount, string> = environment.openDB('counts', { encoding: 'json' })
  const meta: Database<number, string> = environment.openDB('meta', { encoding: 'json' })

  const write = <T>(change: () => T): T => {
    try {
      return environment.transactionSync(change)
    } catch (error) {
      throw lmdbError(error, folder)
    }
  }
  const count = ({ source, reason, count: change }: ReasonCount): void => {
    const key = shortHash([source, reason])
    const total = (counts.get(key)?.count ?? 0) + change
    if (total === 0) counts.removeSync(key)
    else counts.put(key, { source, reason, count: total })
  }
  let isClosed = false

  return {
    async add(rejected) {
      if (rejected.length === 0) return
      const rejectedAtMs = clock.now()
      write(() => {
        assertRoom(folder, roomBytes)
        let nextId = meta.get('nextId') ?? 1
        const added: RejectedRow[] = []
        for (const { payload, ...row } of rejected) {
          const kept = { ...row, payload: payload.slice(0, PAYLOAD_LENGTH_MAX) }
          const identity = identityOf(kept)
          if (identities.get(identity) !== undefined) continue
          identities.put(identity, nextId)
          rows.put(nextId, { ...kept, id: nextId, rejectedAtMs })
          added.push(kept)
          nextId++
        }
        for (const reasonCount of countsOf(added)) count(reasonCount)
        meta.put('nextId', nextId)
      })
    },

    async list({ afterId = 0, limit, reason, source }) {
      environment.resetReadTxn()
      const found: QuarantinedRow[] = []
      if (limit <= 0) return found
      for (const { value: row } of rows.getRange({ start: afterId + 1 })) {
        if ((reason !== undefined && row.reason !== reason) || (source !== undefined && row.source !== source)) continue
        found.push(row)
        if (found.length === limit) break
      }
      return found
    },

    async counts() {
      environment.resetReadTxn()
      return [...counts.getRange({})]
        .map(({ value }) => value)
        .sort((a, b) => compareText(a.source, b.source) || compareText(a.reason, b.reason))
    },

    async remove(ids) {
      write(() => {
        for (const id of ids) {
          const row = rows.get(id)
          if (!row) continue
          rows.removeSync(id)
          identities.removeSync(identityOf(row))
          count({ source: row.source, reason: row.reason, count: -1 })
        }
      })
    },

    async close() {
      if (isClosed) return
      isClosed = true
      await environment.close()
    },
  }
}

function opened(folder: string) {
  try {
    // A transaction that returned is on disk, not merely visible.
    return open<unknown, string>({ path: folder, noSubdir: false, maxDbs: 4, overlappingSync: false })
  } catch (error) {
    throw lmdbError(error, folder)
  }
}

/** Of thousands of rows that a file's batch brings, most have the same reason. */
function countsOf(rows: readonly RejectedRow[]): ReasonCount[] {
  const bySource = Map.groupBy(rows, ({ source }) => source)
  return [...bySource].flatMap(([source, ofSource]) =>
    [...Map.groupBy(ofSource, ({ reason }) => reason)].map(([reason, { length }]) => ({
      source,
      reason,
      count: length,
    })),
  )
}

const identityOf = ({ source, where, reason, payload }: RejectedRow): string =>
  shortHash([source, where, reason, payload])

const shortHash = (parts: readonly string[]): string => hash('sha256', JSON.stringify(parts), 'base64url').slice(0, 24)

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
