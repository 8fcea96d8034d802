// The life of one version of a feature: it is backfilled beside the version in charge, takes over, and is retired by its successor.
import type { JsonValue } from '../lib/json.ts'

/** A feature by name and the hash of its formula (`FeatureDefinition.version`). */
export interface FeatureVersionId {
  readonly feature: string
  readonly version: string
}

/** `backfilling`: its state is being computed, nobody reads it. `live`: the one that is read; at most one of a feature. `retired`: replaced, or no longer defined. */
export type FeatureVersionState = 'backfilling' | 'live' | 'retired'

export interface FeatureVersion extends FeatureVersionId {
  readonly state: FeatureVersionState
  /** The definition that the version was computed from. */
  readonly definition: JsonValue
  /** When its backfill began, the last time if there were several. */
  readonly createdAtMs: number
  /** When it went live; undefined until then. */
  readonly activatedAtMs?: number
  /** Undefined unless it is retired. */
  readonly retiredAtMs?: number
}
