// What keeps the data of a running system up to date: sources are read, features learned, tables brought up to date, runs executed, the log trimmed. Beside the
// answers in one process, or in a process of its own; there the answering ones only look at it.
import type { App } from '../app.ts'
import type { SourceRunner } from '../data/source-runner.ts'
import type { Logger } from '../lib/logger.ts'
import { repeat } from '../lib/repeat.ts'
import { type RunningFeatures, readFeatures, runFeatures } from './run-features.ts'
import { runRuns } from './run-runs.ts'
import { startSources, watchSources } from './run-sources.ts'
import { type RunningTables, runTables } from './run-tables.ts'

/** How often the log is relieved of what the system's retention lets go. */
const TRIM_EVERY_MS = 3_600_000
/** How often the queue of runs is looked at. */
const RUNS_EVERY_MS = 1000
/** How often what is new in the log goes to the offline tables. */
const TABLES_EVERY_MS = 60_000

export interface Pipeline {
  /** Undefined where the system defines none. */
  readonly features: RunningFeatures | undefined
  /** Undefined where they cannot be opened. */
  readonly tables: RunningTables['tables'] | undefined
  /** Undefined until it is started, and where there are none. */
  sources(): SourceRunner | undefined
  start(): Promise<void>
  /** Ends the runs, which wait in the queue for whoever comes next. */
  endRuns(): Promise<void>
  /** Ends what changes something; features can still be read. */
  endWork(): Promise<void>
  /** Lets go of features and tables. */
  end(): Promise<void>
}

/**
 * A shop without features has no online store either. One that cannot keep its features does not start: answers would silently lack them.
 * @param isElsewhere whether another process does the work: then it is only looked at here
 * @throws MillraceError DATA_FOLDER_NEWER, FEATURE_LOG_GAP, ONLINE_STORE_UNUSABLE
 */
export async function openPipeline(
  app: App,
  { logger, isElsewhere }: { readonly logger: Logger; readonly isElsewhere: boolean },
): Promise<Pipeline> {
  const openFeatures = isElsewhere ? readFeatures : runFeatures
  const features = app.plan.data.features.length === 0 ? undefined : await openFeatures(app, logger)
  const tables = await runTables(app, logger)
  let sources: SourceRunner | undefined
  let endRuns = async (): Promise<void> => {}
  let endWork = async (): Promise<void> => {}

  const startWork = async (): Promise<void> => {
    const stopTrimming = repeat(TRIM_EVERY_MS, () => trimLog(app, logger))
    void trimLog(app, logger)
    const stopTables = repeat(TABLES_EVERY_MS, async () => tables?.tend())
    sources = await startSources(app, logger)
    const runs = await runRuns(app, logger)
    const stopRuns = repeat(RUNS_EVERY_MS, async () => runs?.tend())
    endRuns = async () => {
      await stopRuns()
      await runs?.stop()
    }
    endWork = async () => {
      await stopTrimming()
      await stopTables()
      await sources?.stop()
    }
  }
  const startWatching = async (): Promise<void> => {
    sources = await watchSources(app, logger)
    endWork = async () => sources?.stop()
  }
  return {
    features,
    tables: tables?.tables,
    sources: () => sources,
    start: isElsewhere ? startWatching : startWork,
    endRuns: () => endRuns(),
    endWork: () => endWork(),
    end: async () => {
      await features?.stop()
      if (!isElsewhere) await tables?.last()
    },
  }
}

/** Retention applies to the log only: a serving process keeps what it has read until it is started again. */
async function trimLog(app: App, logger: Logger): Promise<void> {
  const { retention } = app.plan.data
  if (retention.maxAgeMs === undefined && retention.maxBytes === undefined) return
  try {
    const { removedCount } = await app.log.trim(retention)
    if (removedCount > 0) logger.info('events beyond the retention removed', { removedCount })
  } catch (error) {
    logger.error('the log could not be trimmed', { error })
  }
}
