// What happened to a table, and which version it had at a moment.
import type { Commit, CommitInfo } from './action.ts'
import { listLog, readCommit, versionNotFound } from './read-log.ts'
import type { DeltaStorage } from './storage.ts'

export interface HistoryEntry {
  readonly version: number
  /** Milliseconds since 1970, never less than that of the version before; a commit that does not say when it was made has the time of that one. */
  readonly timestampMs: number
  readonly operation: string | undefined
  readonly operationParameters: CommitInfo['operationParameters']
  readonly engine: string | undefined
  readonly userMetadata: string | undefined
  readonly addedFileCount: number
  readonly removedFileCount: number
  /** Undefined where a writer did not count. */
  readonly addedRowCount: number | undefined
}

const READ_BATCH = 32

/** As far back as the log reaches, ascending by version. Reads every commit. */
export async function history(storage: DeltaStorage): Promise<readonly HistoryEntry[]> {
  const { commits } = await listLog(storage)
  const entries: HistoryEntry[] = []
  for (let i = 0; i < commits.length; i += READ_BATCH) {
    const batch = await Promise.all(commits.slice(i, i + READ_BATCH).map((version) => readCommit(storage, version)))
    for (const commit of batch) if (commit) entries.push(entryOf(commit, entries.at(-1)?.timestampMs ?? 0))
  }
  return entries
}

function entryOf({ version, actions, info }: Commit, previousMs: number): HistoryEntry {
  const added = actions.flatMap(({ add }) => (add ? [add] : []))
  const counts = added.map(({ stats }) => rowCountOf(stats))
  return {
    version,
    timestampMs: Math.max(info.timestamp ?? 0, previousMs),
    operation: info.operation,
    operationParameters: info.operationParameters,
    engine: info.engineInfo,
    userMetadata: info.userMetadata,
    addedFileCount: added.length,
    removedFileCount: actions.filter(({ remove }) => remove).length,
    addedRowCount: counts.includes(undefined) ? undefined : counts.reduce((sum: number, count) => sum + count!, 0),
  }
}

function rowCountOf(stats: string | undefined): number | undefined {
  try {
    return stats ? JSON.parse(stats).numRecords : undefined
  } catch {
    return undefined
  }
}

/**
 * The newest version that had been committed by then.
 * @throws MillraceError DELTA_VERSION_NOT_FOUND where the log reaches back to none
 */
export async function versionAt(storage: DeltaStorage, timestampMs: number): Promise<number> {
  const entries = await history(storage)
  const entry = entries.findLast((candidate) => candidate.timestampMs <= timestampMs)
  if (entry) return entry.version
  const oldest = entries[0]
  const reason = oldest
    ? `the log reaches back to version ${oldest.version}, of ${iso(oldest.timestampMs)}`
    : 'the log holds no commit'
  throw versionNotFound(undefined, `${reason}, and the moment asked for is ${iso(timestampMs)}`)
}

const iso = (timeMs: number): string => new Date(timeMs).toISOString()
