// The training sets that were made, or are being made, and the table versions that they keep from being vacuumed.
import type { TrainingSet, TrainingSetMaker } from '../domain/training-set.ts'

export interface TrainingSets {
  /**
   * Notes that a set is being made. Durable when it resolves; from then on its table versions are pinned, so begin a set before reading for it. One that is made and
   * kept stays as it is; of one that is not, whoever began last is the maker, and a released one is pinned again. Beginning again after METADATA_UNAVAILABLE is safe.
   */
  begin(set: Omit<TrainingSet, 'releasedAtMs' | 'maker'>, maker: TrainingSetMaker): Promise<void>
  /** The set is made, and kept from now on, whatever happened to it in between: somebody may have taken its maker for dead. Unknown ones stay unknown. */
  finish(contentHash: string): Promise<void>
  /** Lets the table versions of a set go that comes to nothing. Where it is made, or has another maker by now, nothing changes. */
  abandon(contentHash: string, maker: TrainingSetMaker, atMs: number): Promise<void>
  /** Those that are pinned and not made, oldest first: their makers are at work, or have died. */
  unfinished(): Promise<readonly TrainingSet[]>
  /** Newest first. */
  list(limit: number): Promise<readonly TrainingSet[]>
  /** Lets its table versions go; a set that was released before keeps its first moment. False where there is no such set. */
  release(contentHash: string, atMs: number): Promise<boolean>
  /** The versions of a table that some set still needs, ascending, each once. */
  pinnedVersions(table: string): Promise<readonly number[]>
}
