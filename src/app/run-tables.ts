// The offline tables of a running system: brought up to date with the log every minute, vacuumed once a day.
import type { App } from '../app.ts'
import { KEEP_DAYS_DEFAULT, type OfflineTables } from '../data/tables/offline-tables.ts'
import type { Logger } from '../lib/logger.ts'
import { releaseAbandonedSets } from './abandoned-training-sets.ts'
import { openTables } from './open-tables.ts'

export interface RunningTables {
  readonly tables: OfflineTables
  /** What is due now. It never fails: what went wrong is logged, and the next one goes on from there. */
  tend(): Promise<void>
  /** The newest events, one commit at most, so that stopping takes seconds. */
  last(): Promise<void>
}

const DAY_MS = 86_400_000

/** @returns undefined where they cannot be opened: the server serves without */
export async function runTables(app: App, logger: Logger): Promise<RunningTables | undefined> {
  let vacuumedDay = 0
  /** By table: a hold is told once. */
  const toldHolds = new Map<string, number>()
  try {
    const tables = await openTables(app, { isBesideServing: true })
    const sync = async (options: { readonly stepCountMax?: number } = {}): Promise<void> => {
      const { audits } = await tables.sync(options)
      for (const { table, hold } of audits) {
        if (hold && toldHolds.get(table) !== hold.heldAtMs) {
          logger.warn('new versions of an offline table are held back', { table, reasons: hold.reasons })
        }
        if (hold) toldHolds.set(table, hold.heldAtMs)
      }
    }
    const guarded = async (work: () => Promise<void>): Promise<void> => {
      try {
        await work()
      } catch (error) {
        logger.error('the offline tables could not be brought up to date', { error })
      }
    }
    return {
      tables,
      tend: () =>
        guarded(async () => {
          await sync()
          const day = Math.floor(app.clock.now() / DAY_MS)
          if (day === vacuumedDay) return
          vacuumedDay = day
          await releaseAbandonedSets(app)
          await tables.vacuum(undefined, { keepDays: KEEP_DAYS_DEFAULT, isDryRun: false })
        }),
      last: () => guarded(() => sync({ stepCountMax: 1 })),
    }
  } catch (error) {
    logger.error('the offline tables cannot be opened', { error })
    return undefined
  }
}
