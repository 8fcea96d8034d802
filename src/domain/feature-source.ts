import type { FeatureDefinition, FeatureReading } from './feature.ts'

/** Features of one user's candidates, as they were at a moment. */
export interface FeatureSource {
  readonly definitions: readonly FeatureDefinition[]
  /**
   * @param momentMs what was known before it, and nothing else; a call may not go back behind the one before it
   * @returns by item, then by definition
   */
  read(momentMs: number, userId: string, itemIds: readonly string[]): Promise<readonly (readonly FeatureReading[])[]>
}
