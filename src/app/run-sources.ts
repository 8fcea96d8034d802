// The scheduled sources of a running system.
import type { App } from '../app.ts'
import { SourceRunner } from '../data/source-runner.ts'
import type { Logger } from '../lib/logger.ts'
import { seededRng } from '../lib/rng.ts'
import { systemTimers } from '../lib/timers.ts'
import { openSources } from './open-sources.ts'

/** Every source with a schedule, ready to run or to tell how it stands; undefined where the system file has none. Stop it: sources hold connections. */
export async function sourcesOf(app: App, logger: Logger): Promise<SourceRunner | undefined> {
  const sources = openSources(app.plan, { folder: app.projectDir, variable: (name) => app.variable(name) })
  if (sources.length === 0) return undefined
  const { sourceStates } = await app.metadata()
  return new SourceRunner(sources, {
    ingest: app.ingest,
    snapshots: await app.snapshots(),
    states: sourceStates,
    clock: app.clock,
    timers: systemTimers,
    // Only spreads retries of several machines.
    rng: seededRng(app.clock.now()),
    logger,
  })
}

/** Runs what is due, and goes on by the schedules. A source that fails keeps no other one waiting; where none can run, the server serves without. */
export async function startSources(app: App, logger: Logger): Promise<SourceRunner | undefined> {
  try {
    const runner = await sourcesOf(app, logger)
    await runner?.start()
    return runner
  } catch (error) {
    logger.error('the sources cannot be read', { error })
    return undefined
  }
}

/** Ready to tell how they stand, while another process reads them; undefined where there are none, or their states cannot be read. */
export async function watchSources(app: App, logger: Logger): Promise<SourceRunner | undefined> {
  try {
    return await sourcesOf(app, logger)
  } catch (error) {
    logger.error('the sources cannot be looked at', { error })
    return undefined
  }
}
