import { memoryOnlineStore } from '../adapters/embedded/memory-online-store.ts'
import type { App } from '../app.ts'
import { openFeatureReplay } from '../data/feature-replay.ts'
import type { FeatureSource } from '../domain/feature-source.ts'

/**
 * The system's features at moments of the past, for as long as `use` takes; undefined where it has none. Their state is played into memory: some hundred bytes to a
 * few kilobytes for every user and item.
 */
export async function withPastFeatures<Result>(
  app: App,
  use: (features: FeatureSource | undefined) => Promise<Result>,
): Promise<Result> {
  const definitions = app.plan.data.features
  if (definitions.length === 0) return use(undefined)
  const store = memoryOnlineStore()
  const replay = await openFeatureReplay({ log: app.log, store, definitions })
  try {
    return await use(replay)
  } finally {
    await replay.close()
    await store.close()
  }
}
