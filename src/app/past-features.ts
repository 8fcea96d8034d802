import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openOnlineStore } from '../adapters/embedded/online-store.ts'
import type { App } from '../app.ts'
import { openFeatureReplay } from '../data/feature-replay.ts'
import type { FeatureSource } from '../domain/feature-source.ts'

/**
 * The system's features at moments of the past, for as long as `use` takes; undefined where it has none. The state is played into a store of its own beside the
 * data, which goes afterwards.
 */
export async function withPastFeatures<Result>(
  app: App,
  use: (features: FeatureSource | undefined) => Promise<Result>,
): Promise<Result> {
  const definitions = app.plan.data.features
  if (definitions.length === 0) return use(undefined)
  const folder = await mkdtemp(join(app.dataDir, 'replay-'))
  try {
    const store = await openOnlineStore({ folder })
    const replay = await openFeatureReplay({ log: app.log, store, definitions })
    try {
      return await use(replay)
    } finally {
      await replay.close()
      await store.close()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
