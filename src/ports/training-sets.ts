// The training sets that were made, and the table versions that they keep from being vacuumed.
import type { TrainingSet } from '../domain/training-set.ts'

export interface TrainingSets {
  /**
   * Durable when it resolves; from then on its table versions are pinned, so record a set before reading for it. A set that is there already
   * stays as it is, except that a released one is pinned again: recording again after METADATA_UNAVAILABLE is safe.
   */
  record(set: Omit<TrainingSet, 'releasedAtMs'>): Promise<void>
  /** Undefined where there is none with this hash. */
  find(contentHash: string): Promise<TrainingSet | undefined>
  /** Newest first. */
  list(limit: number): Promise<readonly TrainingSet[]>
  /** Lets its table versions go; a set that was released before keeps its first moment. False where there is no such set. */
  release(contentHash: string, atMs: number): Promise<boolean>
  /** The versions of a table that some set still needs, ascending, each once. */
  pinnedVersions(table: string): Promise<readonly number[]>
}
