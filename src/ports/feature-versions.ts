// Which version of each feature is in charge, and which one is on its way; how far its backfill has come, the online store says. Every change is durable when it
// resolves, and making it again changes nothing more, so repeating after METADATA_UNAVAILABLE is safe.
import type { FeatureVersion, FeatureVersionId } from '../domain/feature-version.ts'
import type { JsonValue } from '../lib/json.ts'

export interface FeatureVersions {
  /**
   * Makes the version known as `backfilling`. One that is backfilling or live stays as it is; a retired one begins again, because its state may
   * be gone. Returns what is stored then.
   */
  begin(version: FeatureVersionId & { readonly definition: JsonValue; readonly atMs: number }): Promise<FeatureVersion>
  /**
   * Puts a backfilled version in charge and retires the one that was, at once: at no moment has a feature two live versions, or none between.
   * @throws MillraceError FEATURE_VERSION_NOT_BACKFILLING when it is unknown or retired
   */
  activate(id: FeatureVersionId, atMs: number): Promise<void>
  /** For a feature that is no longer defined, or a backfill that was given up. Unknown and retired versions stay as they are. */
  retire(id: FeatureVersionId, atMs: number): Promise<void>
  /** Of one feature, or of all: by name, then oldest first. */
  list(feature?: string): Promise<readonly FeatureVersion[]>
}
