import type { FeatureDefinition } from '../domain/feature.ts'
import type { FeatureVersion, FeatureVersionId } from '../domain/feature-version.ts'
import type { JsonValue } from '../lib/json.ts'
import type { FeatureVersions } from '../ports/feature-versions.ts'
import type { DefinitionsInUse } from './feature-engine.ts'

/**
 * Brings the record of versions to what is in use: what is built is backfilling, what is answered is live, and whatever else was is retired. Doing it again changes
 * nothing.
 * @throws MillraceError METADATA_*
 */
export async function noteFeatureVersions(
  versions: FeatureVersions,
  { answered, building }: DefinitionsInUse,
  atMs: number,
): Promise<void> {
  const known = new Map((await versions.list()).map((version) => [keyOf(version), version]))
  const isIn = (state: FeatureVersion['state'], definition: FeatureDefinition): boolean =>
    known.get(keyOf(idOf(definition)))?.state === state
  const begin = (definition: FeatureDefinition) =>
    versions.begin({ ...idOf(definition), definition: definition as unknown as JsonValue, atMs })

  const live = new Set(answered.map((definition) => keyOf(idOf(definition))))
  for (const definition of answered) {
    if (isIn('live', definition)) continue
    if (!isIn('backfilling', definition)) await begin(definition)
    await versions.activate(idOf(definition), atMs)
  }
  const begun = building.filter((definition) => !live.has(keyOf(idOf(definition))))
  for (const definition of begun) if (!isIn('backfilling', definition)) await begin(definition)
  const inUse = new Set([...live, ...begun.map((definition) => keyOf(idOf(definition)))])
  for (const version of known.values()) {
    if (version.state !== 'retired' && !inUse.has(keyOf(version))) await versions.retire(version, atMs)
  }
}

const idOf = ({ name, version }: FeatureDefinition): FeatureVersionId => ({ feature: name, version })
const keyOf = ({ feature, version }: FeatureVersionId): string => JSON.stringify([feature, version])
