// What a table no longer needs: old log entries, and files that no version one may still read refers to.
import { MillraceError } from '../lib/errors.ts'
import { damaged } from './action.ts'
import type { DeltaWorld } from './commit.ts'
import { history } from './history.ts'
import { commitPath, LOG_FOLDER, parseLogPath } from './log-path.ts'
import { assertWritable } from './protocol.ts'
import { listLog, readCommit, readState, soundCheckpoint } from './read-log.ts'
import type { StoredObject } from './storage.ts'
import { writeCheckpoint } from './write-checkpoint.ts'

export interface CleanUpOptions {
  /** Versions that were the latest within this time before now stay readable. */
  readonly retentionMs: number
  /** Versions that stay readable however old they are, such as those a model was trained on. */
  readonly pinnedVersions?: readonly number[]
  /** Only say what would be removed. */
  readonly isDryRun?: boolean
}

export interface CleanedUp {
  /** Ascending. */
  readonly removedPaths: readonly string[]
  readonly removedBytes: number
}

/**
 * Removes commits and checkpoints before the newest checkpoint that is older than the retention time. A pinned version keeps, or gets, a checkpoint of its own;
 * it can be opened by its number, and is no longer in the history.
 * @throws MillraceError DELTA_VERSION_NOT_FOUND where a pinned version is gone already; then nothing is removed
 */
export async function cleanUpLog(
  world: DeltaWorld,
  { retentionMs, pinnedVersions = [], isDryRun = false }: CleanUpOptions,
): Promise<CleanedUp> {
  const { storage } = world
  const latest = await readState(storage)
  assertWritable(latest.protocol, latest.metadata)
  const { first, older } = await neededVersions(world, retentionMs)
  const cutOff = await newestSoundCheckpoint(world, first)
  if (cutOff === undefined) return { removedPaths: [], removedBytes: 0 }

  const { checkpoints } = await listLog(storage)
  const pinned = pinnedVersions.filter((version) => version < cutOff)
  for (const version of new Set(pinned)) {
    const state = await readState(storage, version)
    const hasCheckpoint = checkpoints.some((checkpoint) => checkpoint.version === version)
    if (!hasCheckpoint && !isDryRun) await writeCheckpoint(world, state, { isLatest: false })
  }
  const kept = new Set([...pinned, ...older])
  const stale = (await storage.list(LOG_FOLDER)).filter(({ path }) => {
    const found = parseLogPath(path)
    if (!found || found.version >= cutOff) return false
    return found.kind === 'commit' || !kept.has(found.version)
  })
  // Commits first and in ascending order: while a writer finds the commit of its own version, the next one cannot have been cleaned up.
  const isCommit = ({ path }: StoredObject) => parseLogPath(path)?.kind === 'commit'
  const ordered = [...stale.filter(isCommit), ...stale.filter((object) => !isCommit(object))]
  if (!isDryRun) for (const { path } of ordered) await storage.remove(path)
  return cleanedUp(stale)
}

/**
 * Removes data files that are in no version one may still read: none of the retention time, none that is pinned. Files that no version knows are spared while
 * they are younger than the retention time, since a commit may be on its way; so it must be longer than any write takes.
 * Files and folders whose name begins with `_` or `.` are left alone.
 * @throws MillraceError DELTA_VERSION_NOT_FOUND where a pinned version is gone already; then nothing is removed
 */
export async function vacuum(
  world: DeltaWorld,
  { retentionMs, pinnedVersions = [], isDryRun = false }: CleanUpOptions,
): Promise<CleanedUp> {
  const { storage, clock } = world
  const nowMs = clock.now()
  // Listed before the log is read: a file that is committed in between is then known, or not listed.
  const objects = await storage.list('')
  const latest = await readState(storage)
  assertWritable(latest.protocol, latest.metadata)
  const { first, older } = await neededVersions(world, retentionMs)
  const kept = await pathsSince(world, first)
  for (const version of new Set([...pinnedVersions, ...older])) {
    for (const path of (await readState(storage, version)).files.keys()) kept.add(path)
  }
  const stale = objects.filter(
    ({ path, modifiedAtMs }) => !isHidden(path) && !kept.has(path) && modifiedAtMs < nowMs - retentionMs,
  )
  if (!isDryRun) for (const { path } of stale) await storage.remove(path)
  return cleanedUp(stale)
}

const cleanedUp = (stale: readonly StoredObject[]): CleanedUp => ({
  removedPaths: stale.map(({ path }) => path).sort(),
  removedBytes: stale.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
})

/** `_delta_log`, `_change_data`, `.crc`; a partition folder such as `_day=3` is not hidden. */
const isHidden = (path: string): boolean => path.split('/').some((name) => /^[_.]/.test(name) && !name.includes('='))

/**
 * `first` and whatever came after it was the latest within the retention time. So may have been `older` ones, of which an earlier clean-up, for which they
 * were pinned, left no more than a checkpoint.
 */
async function neededVersions(
  { storage, clock }: DeltaWorld,
  retentionMs: number,
): Promise<{ readonly first: number; readonly older: readonly number[] }> {
  const entries = await history(storage)
  const startMs = clock.now() - retentionMs
  const entry = entries.findLast(({ timestampMs }) => timestampMs <= startMs)
  if (entry) return { first: entry.version, older: [] }
  // Without a single commit there is a checkpoint, or reading the table would have failed.
  const first = entries[0]?.version ?? (await readState(storage)).version
  const older: number[] = []
  for (const checkpoint of (await listLog(storage)).checkpoints) {
    if (checkpoint.version < first && (await soundCheckpoint(storage, checkpoint))) older.push(checkpoint.version)
  }
  return { first, older }
}

/** Every file of the version, or the first after it that can be read, and of all later ones. */
async function pathsSince({ storage }: DeltaWorld, first: number): Promise<Set<string>> {
  const state = await readableState(storage, first)
  const paths = new Set(state.files.keys())
  const latest = await readState(storage)
  for (let version = state.version + 1; version <= latest.version; version++) {
    const commit = await readCommit(storage, version)
    // A later checkpoint may make the commit unnecessary for reading; for removing files for good that is not enough.
    if (!commit)
      throw damaged(commitPath(version), 'found no such commit, expected every commit since the oldest version to keep')
    for (const { add } of commit.actions) if (add) paths.add(add.path)
  }
  return paths
}

/** A version whose log was cleaned up in part cannot be read by anyone; the first checkpoint after it can. */
async function readableState(storage: DeltaWorld['storage'], first: number) {
  const { checkpoints } = await listLog(storage)
  const later = checkpoints.map(({ version }) => version).filter((version) => version > first)
  for (const version of [first, ...later]) {
    try {
      return await readState(storage, version)
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'DELTA_VERSION_NOT_FOUND') throw error
    }
  }
  return readState(storage)
}

/** The newest checkpoint of that version or an older one which can be read: the log before it must not be needed any more. */
async function newestSoundCheckpoint({ storage }: DeltaWorld, version: number): Promise<number | undefined> {
  const { checkpoints } = await listLog(storage)
  for (const candidate of checkpoints.filter((checkpoint) => checkpoint.version <= version).reverse()) {
    if (await soundCheckpoint(storage, candidate)) return candidate.version
  }
  return undefined
}
