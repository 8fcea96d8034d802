// Searches of the catalogue from a command: of what the log says now, whether or not a server runs over the same folder.
import { randomUUID } from 'node:crypto'
import type { App } from '../app.ts'
import { logBatches } from '../data/log-batches.ts'
import type { Logger } from '../lib/logger.ts'
import { LiveState } from '../serving/live-state.ts'
import { ItemSearch } from '../serving/search/item-search.ts'

export interface OpenedSearch {
  readonly search: ItemSearch
  readonly live: LiveState
}

/** Reads the log once: items only, so that nobody's taste and no popularity has a say. */
export async function openSearch(app: App, logger: Logger): Promise<OpenedSearch> {
  const live = new LiveState(app.plan)
  for await (const batch of logBatches(app.log, await app.log.bounds())) {
    live.apply(batch.filter(({ event }) => event.kind === 'entity' && event.entity === 'item'))
  }
  const search = new ItemSearch({
    plan: app.plan,
    live,
    newRequestId: randomUUID,
    onFailure: (error) => logger.error('searches do without what is alike', { error }),
  })
  return { search, live }
}
