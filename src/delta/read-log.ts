// From the objects of a log to the state of a version: the newest readable checkpoint, then every commit after it.
import { MillraceError } from '../lib/errors.ts'
import { type Commit, damaged, parseCommit } from './action.ts'
import { applyCheckpoint, type LastCheckpoint } from './checkpoint.ts'
import { commitPath, LAST_CHECKPOINT_PATH, LOG_FOLDER, parseLogPath, pathBefore } from './log-path.ts'
import { assertReadable } from './protocol.ts'
import type { DeltaStorage } from './storage.ts'
import { TableState } from './table-state.ts'

/** How many commits are asked for at once. */
const READ_BATCH = 32

/** The log as a listing shows it. */
interface LogListing {
  /** Ascending. */
  readonly commits: readonly number[]
  /** Complete ones, ascending, each with its paths in the order of its parts. */
  readonly checkpoints: readonly { readonly version: number; readonly paths: readonly string[] }[]
}

/**
 * The state at a version, or at the latest one. A checkpoint that is damaged is passed over for an older one.
 * @throws MillraceError DELTA_TABLE_NOT_FOUND, DELTA_VERSION_NOT_FOUND, DELTA_LOG_DAMAGED, DELTA_PROTOCOL_UNSUPPORTED
 */
export async function readState(storage: DeltaStorage, version?: number): Promise<TableState> {
  const state = (await fromHint(storage, version)) ?? (await fromListing(storage, await listLog(storage), version))
  assertReadable(state.protocol, state.metadata)
  return state
}

/** By the last checkpoint, without listing what lies before it. Undefined where that does not lead there. */
async function fromHint(storage: DeltaStorage, version: number | undefined): Promise<TableState | undefined> {
  const hint = await lastCheckpoint(storage)
  if (hint === undefined || (version !== undefined && version < hint)) return undefined
  const listing = await listLog(storage, hint)
  if (!listing.checkpoints.some((checkpoint) => checkpoint.version <= (version ?? checkpoint.version))) return undefined
  try {
    return await fromListing(storage, listing, version)
  } catch (error) {
    // The whole log may hold an older checkpoint that is sound; what it cannot mend it reports itself.
    const isMendable = error instanceof MillraceError && /^DELTA_(LOG_DAMAGED|VERSION_NOT_FOUND)$/.test(error.code)
    if (isMendable) return undefined
    throw error
  }
}

/** The version of the last checkpoint. Only a hint: undefined where it is missing or cannot be read. */
async function lastCheckpoint(storage: DeltaStorage): Promise<number | undefined> {
  const bytes = await storage.read(LAST_CHECKPOINT_PATH)
  if (!bytes) return undefined
  try {
    const { version } = JSON.parse(new TextDecoder().decode(bytes)) as Partial<LastCheckpoint>
    return Number.isSafeInteger(version) && version! >= 0 ? version : undefined
  } catch {
    return undefined
  }
}

export async function listLog(storage: DeltaStorage, fromVersion?: number): Promise<LogListing> {
  const options = fromVersion === undefined ? {} : { after: pathBefore(fromVersion) }
  const commits: number[] = []
  const parts = new Map<string, { version: number; paths: string[]; partCount: number }>()
  for (const { path } of await storage.list(LOG_FOLDER, options)) {
    const found = parseLogPath(path)
    if (found?.kind === 'commit') commits.push(found.version)
    if (found?.kind !== 'checkpoint') continue
    const key = `${found.version}/${found.partCount}`
    const checkpoint = parts.get(key) ?? { version: found.version, paths: [], partCount: found.partCount }
    checkpoint.paths[found.part - 1] = path
    parts.set(key, checkpoint)
  }
  const checkpoints = [...parts.values()].filter(({ paths, partCount }) => Object.keys(paths).length === partCount)
  return { commits, checkpoints: checkpoints.sort((a, b) => a.version - b.version) }
}

async function fromListing(storage: DeltaStorage, listing: LogListing, version?: number): Promise<TableState> {
  const newest = Math.max(listing.commits.at(-1) ?? -1, listing.checkpoints.at(-1)?.version ?? -1)
  if (newest === -1) {
    throw new MillraceError(
      'DELTA_TABLE_NOT_FOUND',
      `Found no commit and no checkpoint in ${LOG_FOLDER}, expected a Delta table.`,
      {
        fix: 'Check the address, or create the table.',
      },
    )
  }
  const target = version ?? newest
  if (target > newest) throw versionNotFound(target, `the latest is ${newest}`)

  const failures: MillraceError[] = []
  for (const checkpoint of listing.checkpoints.filter((candidate) => candidate.version <= target).reverse()) {
    const state = await soundCheckpoint(storage, checkpoint, (failure) => failures.push(failure))
    if (state) return replayed(storage, state, { listing, target, failures })
  }
  if (listing.commits[0] !== 0) throw withoutStart(listing, target, failures)
  return replayed(storage, new TableState(), { listing, target, failures })
}

/** The state that a checkpoint alone gives; undefined where it is damaged or gone. */
export async function soundCheckpoint(
  storage: DeltaStorage,
  { version, paths }: LogListing['checkpoints'][number],
  onFailure: (failure: MillraceError) => void = () => {},
): Promise<TableState | undefined> {
  const state = new TableState()
  try {
    const parts = await Promise.all(paths.map((path) => storage.read(path)))
    if (parts.includes(undefined)) return undefined
    await applyCheckpoint(state, parts as Uint8Array[], { version, path: paths[0]! })
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'DELTA_LOG_DAMAGED') throw error
    onFailure(error)
    return undefined
  }
  return state
}

async function replayed(
  storage: DeltaStorage,
  state: TableState,
  { listing, target, failures }: { listing: LogListing; target: number; failures: readonly MillraceError[] },
): Promise<TableState> {
  // The checkpoint's own commit may say when it was made; ours say it themselves.
  const isDated = state.version < 0 || state.timestampMs > 0
  if (!isDated && listing.commits.includes(state.version)) {
    const commit = await readCommit(storage, state.version)
    state.timestampMs = commit?.info.timestamp ?? 0
  }
  const present = new Set(listing.commits)
  for (let from = state.version + 1; from <= target; from += READ_BATCH) {
    const versions = range(from, Math.min(from + READ_BATCH - 1, target))
    const missing = versions.find((candidate) => !present.has(candidate))
    if (missing !== undefined) {
      const oldest = listing.commits[0] ?? 0
      const isCleanedUp = missing < oldest && target < (listing.commits.at(-1) ?? 0) && failures.length === 0
      throw isCleanedUp
        ? versionNotFound(target, `the log before version ${oldest} was cleaned up`)
        : missingCommit(missing, target, failures)
    }
    for (const commit of await Promise.all(versions.map((candidate) => readCommit(storage, candidate)))) {
      if (!commit) throw missingCommit(state.version + 1, target, failures)
      state.apply(commit)
    }
  }
  return state
}

/** Undefined where there is no such commit. */
export async function readCommit(storage: DeltaStorage, version: number): Promise<Commit | undefined> {
  const path = commitPath(version)
  const bytes = await storage.read(path)
  return bytes && parseCommit(bytes, { version, path })
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

function missingCommit(version: number, target: number, failures: readonly MillraceError[]): MillraceError {
  const reason =
    failures.length === 0 ? '' : ` A checkpoint that would make it unnecessary is damaged: ${failures[0]!.message}`
  return damaged(commitPath(version), `found no such commit, expected every commit up to version ${target}.${reason}`)
}

function withoutStart(listing: LogListing, target: number, failures: readonly MillraceError[]): MillraceError {
  if (failures.length > 0) {
    return damaged(
      commitPath(0),
      `found no start of the log: every checkpoint up to version ${target} is damaged (${failures[0]!.message})`,
      failures[0],
    )
  }
  const oldest = listing.checkpoints[0]?.version
  if (oldest === undefined) return missingCommit(0, target, failures)
  return versionNotFound(target, `the log before version ${oldest} was cleaned up`)
}

/** @param version undefined where a moment was asked for */
export function versionNotFound(version: number | undefined, reason: string): MillraceError {
  const which = version === undefined ? 'for that moment' : version
  return new MillraceError('DELTA_VERSION_NOT_FOUND', `The table has no version ${which}: ${reason}.`, {
    fix: 'Ask for a version that its history lists.',
  })
}
