// Served rows as the offline store would have them: the same keys as of the same moments, from a given history.
import { readFile } from 'node:fs/promises'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import type { Plan } from '../../config/plan.ts'
import type { FeatureStatus, FeatureValue } from '../../domain/feature.ts'
import type { ServedFeatures, ServedReading } from '../../domain/served-features.ts'
import type { JoinRequest, OfflineStore } from '../../ports/offline-store.ts'
import { attributeKinds } from '../training-set.ts'

/** By the name of the feature. */
export type Recomputed = (name: string) => Pick<ServedReading, 'status' | 'value'>

export interface RecomputeRequest {
  readonly plan: Plan
  readonly offline: OfflineStore
  readonly files: JoinRequest['files']
  /** Replaced where it is there. */
  readonly target: string
}

/** In the order of the rows. All of them are in memory: ask for some thousands at a time. */
export async function recompute(
  rows: readonly ServedFeatures[],
  { plan, offline, files, target }: RecomputeRequest,
): Promise<Recomputed[]> {
  const labels = rows.map(({ userId = '', itemId = '', momentMs }) => ({ userId, itemId, momentMs }))
  await offline.joinFeatures({
    files,
    definitions: plan.data.features,
    attributes: attributeKinds(plan),
    labels: [labels],
    target,
  })
  const bytes = await readFile(target)
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const joined = await parquetReadObjects({ file, compressors })
  return joined.map((record) => (name) => ({
    status: record[`${name}__status`] as FeatureStatus,
    value: valueIn(record[name]),
  }))
}

/** Maps come as objects. */
function valueIn(found: unknown): FeatureValue | undefined {
  if (found === null || found === undefined) return undefined
  if (Array.isArray(found) || typeof found !== 'object') return found as FeatureValue
  return new Map(Object.entries(found as Record<string, number>))
}
