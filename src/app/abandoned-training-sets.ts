// Training sets whose maker was killed: they hold table versions that nobody will ever read for them.
import { isAlive } from '../adapters/embedded/process-name.ts'
import type { App } from '../app.ts'

/** Lets the table versions of those sets go. A set whose maker is at work stays as it is. @throws MillraceError METADATA_* */
export async function releaseAbandonedSets({ metadata, clock }: App): Promise<void> {
  const { trainingSets } = await metadata()
  for (const { contentHash, maker } of await trainingSets.unfinished()) {
    if (maker !== undefined && !isAlive(maker)) await trainingSets.abandon(contentHash, maker, clock.now())
  }
}
