// How far the features are, from the store alone: it changes nothing, and does not matter who keeps them.
import type { FeatureDefinition } from '../domain/feature.ts'
import type { Clock } from '../lib/clock.ts'
import { appendedTimeMsOf, type EventLog } from '../ports/event-log.ts'
import type { OnlineStore } from '../ports/online-store.ts'
import { decodeText, HEAD_KEY, type LayerHead } from './feature-layer.ts'
import {
  emptyManifest,
  type FeatureManifest,
  type LayerPlan,
  layerSpace,
  MANIFEST_KEY,
  MANIFEST_SPACE,
} from './feature-manifest.ts'

export interface FeatureStatus {
  /** Whether somebody keeps the features up to date. */
  readonly isKept: boolean
  /** Events in the log that answers do not know yet. All of them where there are no answers yet. */
  readonly lagEventCount: number
  /** How long the log has had the next of them; 0 where there is none. */
  readonly lagMs: number
  /** Of definitions that are not answered, or still in an older version: events read and to read. Undefined where there are none. */
  readonly backfill:
    | { readonly names: readonly string[]; readonly readCount: number; readonly eventCount: number }
    | undefined
}

export async function featureStatus(
  definitions: readonly FeatureDefinition[],
  { log, store, clock }: { readonly log: EventLog; readonly store: OnlineStore; readonly clock: Clock },
): Promise<FeatureStatus> {
  const [records] = await store.read([{ space: MANIFEST_SPACE, keys: [MANIFEST_KEY] }])
  const manifest = records![0] === undefined ? emptyManifest : (decodeText(records![0]) as FeatureManifest)
  const { firstOffset, nextOffset } = await log.bounds()
  const placeOf = async (layers: readonly LayerPlan[]): Promise<number> => {
    const read = await store.read(layers.map(({ id }) => ({ space: layerSpace(id), keys: [HEAD_KEY] })))
    const places = read.map(([head]) => (head === undefined ? firstOffset : (decodeText(head) as LayerHead).nextOffset))
    return Math.min(nextOffset, ...places)
  }
  const builtOffset = manifest.building === undefined ? firstOffset : await placeOf([manifest.building.layer])
  const answeredOffset = manifest.serving.length === 0 ? builtOffset : await placeOf(manifest.serving)
  const answered = new Map(manifest.active.map(({ name, version }) => [name, version]))
  const names = definitions.flatMap(({ name, version }) => (answered.get(name) === version ? [] : [name]))
  const [next] = answeredOffset < nextOffset ? await log.read(answeredOffset, 1) : []
  return {
    isKept: await store.isClaimed(),
    lagEventCount: nextOffset - answeredOffset,
    lagMs: next === undefined ? 0 : Math.max(0, clock.now() - appendedTimeMsOf(next)),
    backfill: names.length === 0 ? undefined : { names, readCount: builtOffset, eventCount: nextOffset },
  }
}
