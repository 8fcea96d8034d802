// The commit loop: optimistic, without locks. A version belongs to whoever creates its file first; the others look at what came and try the next one.
import type { Clock } from '../lib/clock.ts'
import { MillraceError } from '../lib/errors.ts'
import { type Action, type Commit, damaged, formatCommit, parseCommit } from './action.ts'
import { conflictWith } from './conflict.ts'
import { commitPath } from './log-path.ts'
import { assertReadable, assertWritable } from './protocol.ts'
import { readCommit, readState, versionNotFound } from './read-log.ts'
import type { DeltaStorage } from './storage.ts'
import type { TableState } from './table-state.ts'
import type { Write } from './write.ts'

/** What a table needs of the world. */
export interface DeltaWorld {
  readonly storage: DeltaStorage
  readonly clock: Clock
  /** Ids that never repeat, such as `crypto.randomUUID`: for the table, and for each commit. */
  readonly newId: () => string
}

export interface CommitOptions {
  /**
   * Makes the write idempotent: where the table has this version of the application or a newer one already, nothing happens.
   * Versions of an application must ascend. Several processes may write them where each says what it goes on from: with `follows`, the
   * application's version in the table must be that one (null: none), or the write is a DELTA_CONFLICT.
   */
  readonly txn?: { readonly appId: string; readonly version: number; readonly follows?: number | null }
  /** The version that the write was worked out from; what came since may conflict. Default: the latest when the write begins. */
  readonly basedOn?: number
  /** Free text for the history. */
  readonly userMetadata?: string
}

export interface Committed {
  readonly version: number
  /** False where `txn` had been written before, or there was nothing to do. Then `version` is the table's latest. */
  readonly isNew: boolean
}

/** Brings the state to the latest version. */
export async function refresh({ storage }: DeltaWorld, state: TableState): Promise<TableState> {
  for (;;) {
    const commit = await readCommit(storage, state.version + 1)
    if (!commit) break
    state.apply(commit)
    assertReadable(state.protocol, state.metadata)
  }
  // A clean-up removes commits in ascending order. So as long as ours is there the next one was not cleaned up; it has not come yet.
  if (await readCommit(storage, state.version)) return state
  const latest = await readState(storage)
  if (latest.version < state.version) throw damaged(commitPath(state.version), 'found no such commit any more')
  return latest
}

/**
 * Commits a write on top of the latest version.
 * @returns the state after it, which may be another object than the one given
 * @throws MillraceError DELTA_CONFLICT, DELTA_COMMIT_INVALID, DELTA_SCHEMA_MISMATCH, DELTA_PROTOCOL_UNSUPPORTED, DISK_FULL, DELTA_STORAGE_UNUSABLE
 */
export async function commit(
  world: DeltaWorld,
  start: TableState,
  { write, options }: { readonly write: Write; readonly options: CommitOptions },
): Promise<{ readonly state: TableState; readonly committed: Committed }> {
  let state = await refresh(world, start)
  const commitId = world.newId()
  const basedOn = options.basedOn ?? state.version
  const unchanged = () => ({ state, committed: { version: state.version, isNew: false } })
  if (isWritten(state, options)) return unchanged()
  assertWritable(state.protocol, state.metadata)
  const since = await commitsSince(world.storage, { basedOn, latest: state.version })
  const hasNewMetadata = since.some(({ actions }) => actions.some(({ metaData }) => metaData))
  const { metadata } = hasNewMetadata ? await readState(world.storage, basedOn) : state
  const check = (other: Commit) => assertNoConflict(other, write, metadata)
  since.forEach(check)
  for (;;) {
    assertFollows(state, options)
    const actions = actionsOf(state, { world, write, options, commitId, basedOn })
    if (actions.length === 0) return unchanged()
    const version = state.version + 1
    const bytes = formatCommit(actions)
    if (await world.storage.writeIfAbsent(commitPath(version), bytes)) {
      state.apply(parseCommit(bytes, { version, path: commitPath(version) }))
      return { state, committed: { version, isNew: true } }
    }
    state = await refresh(world, state)
    if (state.version < version) throw unreadable(version)
    const others = await commitsSince(world.storage, { basedOn: version - 1, latest: state.version })
    // A storage may have written and then reported a failure to itself, and tried again.
    const own = others.find(({ info }) => info.txnId === commitId)
    if (own) return { state, committed: { version: own.version, isNew: true } }
    if (isWritten(state, options)) return unchanged()
    assertWritable(state.protocol, state.metadata)
    others.forEach(check)
  }
}

const isWritten = ({ txns }: TableState, { txn }: CommitOptions): boolean =>
  txn !== undefined && (txns.get(txn.appId)?.version ?? -1) >= txn.version

function assertFollows({ txns }: TableState, { txn }: CommitOptions): void {
  if (txn?.follows === undefined) return
  const found = txns.get(txn.appId)?.version ?? null
  if (found === txn.follows) return
  throw new MillraceError(
    'DELTA_CONFLICT',
    `The table has version ${found ?? 'none'} of application "${txn.appId}", and this write goes on from ${txn.follows ?? 'none'}.`,
    { fix: 'Read the latest version, work the write out again from there, and commit that.' },
  )
}

async function commitsSince(
  storage: DeltaStorage,
  { basedOn, latest }: { readonly basedOn: number; readonly latest: number },
): Promise<Commit[]> {
  if (basedOn > latest) throw versionNotFound(basedOn, `the latest is ${latest}`)
  const commits: Commit[] = []
  for (let version = basedOn + 1; version <= latest; version++) {
    const commit = await readCommit(storage, version)
    if (!commit) throw versionNotFound(version, 'its commit was cleaned up, so what came since cannot be checked')
    commits.push(commit)
  }
  return commits
}

function assertNoConflict(other: Commit, write: Write, metadata: TableState['metadata']): void {
  const reason = conflictWith(other, write.claim, metadata)
  if (!reason) return
  throw new MillraceError('DELTA_CONFLICT', `Another commit was first: version ${other.version} ${reason}.`, {
    fix: 'Read the latest version, work the write out again from it, and commit that.',
  })
}

function actionsOf(
  state: TableState,
  given: { world: DeltaWorld; write: Write; options: CommitOptions; commitId: string; basedOn: number },
): Action[] {
  const { txn, userMetadata } = given.options
  // Time in the log never runs backwards, whatever the clocks of the writers do.
  const nowMs = Math.max(given.world.clock.now(), state.timestampMs)
  const { actions, operation, parameters } = given.write.plan(state, nowMs)
  if (actions.length === 0 && !txn) return []
  return [
    {
      commitInfo: {
        timestamp: nowMs,
        operation,
        operationParameters: parameters,
        operationMetrics: metricsOf(actions),
        engineInfo: 'millrace-delta',
        readVersion: given.basedOn,
        isBlindAppend: given.write.claim.partitions.length === 0 && given.write.claim.paths.size === 0,
        txnId: given.commitId,
        ...(userMetadata !== undefined && { userMetadata }),
      },
    },
    ...(txn ? [{ txn: { appId: txn.appId, version: txn.version, lastUpdated: nowMs } }] : []),
    ...actions,
  ]
}

/** By the names that Spark gives them, as text. */
function metricsOf(actions: readonly Action[]): Record<string, string> {
  let addedCount = 0
  let removedCount = 0
  let rowCount = 0
  for (const { add, remove } of actions) {
    if (remove) removedCount++
    if (!add) continue
    addedCount++
    rowCount += JSON.parse(add.stats!).numRecords
  }
  return { numFiles: String(addedCount), numRemovedFiles: String(removedCount), numOutputRows: String(rowCount) }
}

function unreadable(version: number): MillraceError {
  return new MillraceError(
    'DELTA_STORAGE_UNUSABLE',
    `${commitPath(version)} could not be created because it exists, and could not be read because it does not.`,
    { fix: 'Check that the storage is consistent: a written object must be readable at once.' },
  )
}
