// A sample of the features that were served, and what the last comparison with the offline store found. A record for diagnosis: it may lose its newest
// rows in a crash, and lets go of the oldest ones by itself.
import type { ServedFeatures } from '../domain/served-features.ts'
import type { SkewReport } from '../domain/skew-report.ts'

export interface ServedFeaturesStore {
  /**
   * Adds rows at the new end; several processes may. Where it rejects, some of them may have been added.
   * @throws MillraceError DISK_FULL, DATA_FOLDER_UNUSABLE
   */
  append(rows: readonly ServedFeatures[]): Promise<void>
  /**
   * The rows with a moment in [fromMs, toMs), each process's in the order that it added them. A row that a crash cut short is passed over.
   * @throws MillraceError DATA_FOLDER_UNUSABLE
   */
  read(range: { readonly fromMs: number; readonly toMs: number }): AsyncIterable<readonly ServedFeatures[]>
  /** Replaces the one before. */
  saveReport(report: SkewReport): Promise<void>
  /** Undefined before the first. */
  lastReport(): Promise<SkewReport | undefined>
  close(): Promise<void>
}
