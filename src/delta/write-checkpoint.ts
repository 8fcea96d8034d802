// Puts a checkpoint into the log, so that the next reader begins there.
import type { MetadataAction } from './action.ts'
import { formatCheckpoint, type LastCheckpoint } from './checkpoint.ts'
import type { DeltaWorld } from './commit.ts'
import { checkpointPath, LAST_CHECKPOINT_PATH } from './log-path.ts'
import type { TableState } from './table-state.ts'

const DAY_MS = 86_400_000

/** Delta's default of `delta.deletedFileRetentionDuration`. */
const TOMBSTONE_RETENTION_MS = 7 * DAY_MS

/** Of tables that do not say `delta.checkpointInterval`. */
const CHECKPOINT_INTERVAL = 100

/** Writes, or writes again, the checkpoint of the state's version; with `isLatest` readers are pointed to it. */
export async function writeCheckpoint(
  { storage, clock }: DeltaWorld,
  state: TableState,
  { isLatest }: { readonly isLatest: boolean },
): Promise<void> {
  const forgetBeforeMs = clock.now() - tombstoneRetentionMs(state.metadata)
  const { bytes, actionCount } = formatCheckpoint(state, { forgetBeforeMs })
  await storage.write(checkpointPath(state.version), bytes)
  if (!isLatest) return
  const last: LastCheckpoint = {
    version: state.version,
    size: actionCount,
    sizeInBytes: bytes.byteLength,
    numOfAddFiles: state.files.size,
  }
  await storage.write(LAST_CHECKPOINT_PATH, new TextEncoder().encode(JSON.stringify(last)))
}

export function isCheckpointDue({ version, metadata }: TableState): boolean {
  const interval = Number(metadata.configuration['delta.checkpointInterval'] ?? CHECKPOINT_INTERVAL)
  return version > 0 && version % (interval > 0 ? interval : CHECKPOINT_INTERVAL) === 0
}

const unitMs: Readonly<Record<string, number>> = {
  week: 7 * DAY_MS,
  day: DAY_MS,
  hour: 3_600_000,
  minute: 60_000,
  second: 1000,
  millisecond: 1,
}

/** From a table property such as "interval 2 weeks"; one that says something else counts as not set. */
function tombstoneRetentionMs({ configuration }: MetadataAction): number {
  const found = /^(?:interval\s+)?(\d+)\s+([a-z]+?)s?$/i.exec(configuration['delta.deletedFileRetentionDuration'] ?? '')
  const unit = unitMs[found?.[2]?.toLowerCase() ?? '']
  return unit === undefined ? TOMBSTONE_RETENTION_MS : Number(found![1]) * unit
}
