// The log's events as files that are never changed: each export adds the events that came since the last one, in a folder named for their offsets.
// What a training set was made of is the files up to an offset, which stay what they are, whatever comes later.
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TableVersion } from '../domain/training-set.ts'
import type { EventLog } from '../ports/event-log.ts'
import type { JoinRequest, OfflineStore } from '../ports/offline-store.ts'
import { logBatches } from './log-batches.ts'

export interface OfflineEvents {
  readonly files: JoinRequest['files']
  /** Of the table of events: the offset up to which the files have them. */
  readonly tables: readonly TableVersion[]
}

const EVENTS_TABLE = 'events'

/**
 * Brings the files up to date with the log.
 * @param folder of the exports; created where it is missing
 * @throws MillraceError OFFLINE_STORE_FAILED, DISK_FULL
 */
export async function exportEvents(log: EventLog, store: OfflineStore, folder: string): Promise<OfflineEvents> {
  await mkdir(folder, { recursive: true })
  const { firstOffset, nextOffset } = await log.bounds()
  const begin = Math.max(firstOffset, (await exportsIn(folder)).at(-1)?.nextOffset ?? 0)
  if (begin < nextOffset) {
    const unfinished = join(folder, `.unfinished-${randomUUID()}`)
    try {
      await store.writeEvents(logBatches(log, { firstOffset: begin, nextOffset }), unfinished)
      await rename(unfinished, join(folder, exportName({ firstOffset: begin, nextOffset })))
    } catch (error) {
      await rm(unfinished, { recursive: true, force: true })
      // Another process may have made the same export meanwhile.
      if ((await exportsIn(folder)).at(-1)?.nextOffset !== nextOffset) throw error
    }
  }
  return exportedEvents(folder)
}

/** What was exported before, up to an offset; everything where none is given. */
async function exportedEvents(folder: string): Promise<OfflineEvents> {
  const files: JoinRequest['files'][number][] = []
  const exports = await exportsIn(folder)
  for (const one of exports) {
    const own = join(folder, exportName(one))
    const paths = await readdir(own, { recursive: true })
    for (const path of paths.filter((name) => name.endsWith('.parquet')).sort()) {
      files.push({ path: join(own, path), table: path.startsWith('interactions') ? 'interactions' : 'changes' })
    }
  }
  return { files, tables: [{ table: EVENTS_TABLE, version: exports.at(-1)?.nextOffset ?? 0 }] }
}

interface Export {
  readonly firstOffset: number
  readonly nextOffset: number
}

const exportName = ({ firstOffset, nextOffset }: Export): string => `${firstOffset}-${nextOffset}`

/** In the order of offsets, no event twice: where two processes exported at once, the longer of two that begin together counts. */
async function exportsIn(folder: string): Promise<Export[]> {
  const found = (await readdir(folder)).flatMap((name) => {
    const match = /^(\d+)-(\d+)$/.exec(name)
    return match ? [{ firstOffset: Number(match[1]), nextOffset: Number(match[2]) }] : []
  })
  found.sort((a, b) => a.firstOffset - b.firstOffset || b.nextOffset - a.nextOffset)
  const chosen: Export[] = []
  for (const one of found) if (one.firstOffset >= (chosen.at(-1)?.nextOffset ?? 0)) chosen.push(one)
  return chosen
}
