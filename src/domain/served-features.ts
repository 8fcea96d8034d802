// Features as they were served, kept for a share of the keys, so that they can be held against what the offline store makes of the same history.
import { contentHash } from '../lib/canonical-json.ts'
import { unitHash } from '../lib/unit-hash.ts'
import type { FeatureDefinition, FeatureReading } from './feature.ts'

/** Whose features were read: a user, an item, or both. */
export interface ServedKey {
  readonly userId?: string
  readonly itemId?: string
}

export interface ServedReading extends Pick<FeatureReading, 'status' | 'value'> {
  readonly name: string
  /** `servedVersion` of the definition that answered. */
  readonly version: string
}

/** What one key was served in one answer. */
export interface ServedFeatures extends ServedKey {
  /** The moment that the values are of, in milliseconds since 1970. */
  readonly momentMs: number
  /** The state had taken the log's events before this offset, and no other. Undefined where parts of the state were not equally far. */
  readonly nextOffset?: number
  readonly readings: readonly ServedReading[]
}

/** Everything that a reading depends on besides the history: the formula's version, and time to live and default, too. */
export function servedVersion({ version, ttlMs, default: standIn }: FeatureDefinition): string {
  return contentHash({ version, ttlMs, default: standIn }).slice(0, 16)
}

/** Whether what this key is served is kept. The same keys for the same share, in every process; a larger share has them all and more. */
export const isSampled = ({ userId = '', itemId = '' }: ServedKey, sampleShare: number): boolean =>
  unitHash(`${userId}\n${itemId}`) < sampleShare
