// Training-serving skew: what was served, against what the offline store computes of the same history as of the same moment.
import type { JsonValue } from '../lib/json.ts'
import type { FeatureStatus } from './feature.ts'
import type { ServedKey } from './served-features.ts'

/** `missingOnline`: it has a value of its own, and none was served. `extraOnline`: the other way round. `mismatch`: both have one, or neither has for the same reason. */
export type Difference = 'mismatch' | 'missingOnline' | 'extraOnline'

/**
 * `lag`: the value is right for the events that the stream engine had taken by then. The rest was waiting in the log, or came later and declares to have
 * been known before. `unexplained`: it is not; engine, definition or history differ.
 * `unjudged`: it may be either, because the place of the engine is not known or there were too many places to compute each.
 */
export type DifferenceCause = 'lag' | 'unexplained' | 'unjudged'

export interface SkewExample extends ServedKey {
  readonly momentMs: number
  readonly difference: Difference
  readonly cause: DifferenceCause
  readonly served: ShownReading
  readonly recomputed: ShownReading
}

export interface ShownReading {
  readonly status: FeatureStatus
  /** Left out where there is none. */
  readonly value?: JsonValue
}

export interface FeatureSkew {
  readonly name: string
  /** Of the formula. */
  readonly version: string
  readonly owner: string
  /** Readings that were compared. */
  readonly comparedCount: number
  readonly equalCount: number
  /** Those that differ, by how. */
  readonly differenceCounts: Readonly<Record<Difference, number>>
  /** Those that differ, by why. */
  readonly causeCounts: Readonly<Record<DifferenceCause, number>>
  /** Of two numbers, their distance; of two maps, that of the entry in which they are furthest apart. Undefined where no pair of values differs so. */
  readonly size: { readonly median: number; readonly max: number } | undefined
  /** Three at most, what is unexplained first. */
  readonly examples: readonly SkewExample[]
}

export interface SkewReport {
  readonly measuredAtMs: number
  /** Rows served from the one moment on and before the other. */
  readonly fromMs: number
  readonly toMs: number
  readonly rowCount: number
  /** Readings of definitions that the system file no longer has: nothing to compare with. */
  readonly otherVersionCount: number
  /** The oldest event of the history that was recomputed; above 0, what retention has removed may be missing from it and not from the state. */
  readonly firstOffset: number
  /** How long the oldest event that was lacking had been in the log, in rows that differ by lag. Undefined where there is none. */
  readonly lagMs: { readonly median: number; readonly max: number } | undefined
  /** By name; those of which nothing was served are left out. */
  readonly features: readonly FeatureSkew[]
}

/** Readings that differ for a reason that is not known. */
export const unexplainedCount = ({ features }: SkewReport): number =>
  features.reduce((sum, { causeCounts }) => sum + causeCounts.unexplained, 0)
