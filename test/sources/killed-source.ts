// Goal: a source whose server is killed in the middle of a run, again and again, leaves the log saying what the source says.
// Method: the source changes; a run begins; at a random batch of it the server is killed with -9, and started again; whether that run then fails or
// gets over it, runs are repeated until one comes to its end. Then the state of the entities, folded from the log as the catalogue does it, must
// equal the source, row by row.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEventLog } from '../../src/adapters/embedded/event-log.ts'
import { openQuarantine } from '../../src/adapters/embedded/quarantine.ts'
import { openSnapshotStore } from '../../src/adapters/embedded/snapshot-store.ts'
import type { Plan } from '../../src/config/plan.ts'
import { Ingest } from '../../src/data/ingest.ts'
import { memoryStates } from '../../src/data/memory-sources.testing.ts'
import { type ScheduledSourcePlan, scheduledSource } from '../../src/data/scheduled-source.ts'
import { SourceRunner } from '../../src/data/source-runner.ts'
import type { EntityEvent } from '../../src/domain/event.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLogger } from '../../src/lib/logger.ts'
import { type Rng, seededRng } from '../../src/lib/rng.ts'
import { systemTimers } from '../../src/lib/timers.ts'
import type { EventLog } from '../../src/ports/event-log.ts'
import type { RecordSource } from '../../src/ports/record-source.ts'

export interface KilledServer {
  kill(): Promise<void>
  start(): Promise<void>
}

export interface KillReport {
  /** Kills while a run was under way. */
  readonly killCount: number
  /** Runs that came to their end although the server was killed during them. */
  readonly survivedCount: number
  /** Runs that failed. */
  readonly failedCount: number
  /** After how many kills the log differed from the source once a run had come to its end. */
  readonly differentCount: number
  /** Events in the log. */
  readonly eventCount: number
  /** Rows that were inserted, changed or deleted, all times together. */
  readonly changeCount: number
}

export interface KillTrial {
  readonly plan: Plan
  readonly source: ScheduledSourcePlan
  readonly records: RecordSource
  readonly server: KilledServer
  /** Batches of a whole run; a kill comes before one of them. */
  readonly batchCount: number
  /** Changes some rows; gives how many. */
  readonly change: (rng: Rng) => Promise<number>
  /** Titles by item, as the source has them. */
  readonly truth: () => Promise<ReadonlyMap<string, string>>
  readonly killCount: number
  readonly seed: number
}

export async function runKillTrials(trial: KillTrial): Promise<KillReport> {
  const { plan, source, server, records, killCount } = trial
  const folder = mkdtempSync(join(tmpdir(), 'millrace-killed-source-'))
  const log = await openEventLog({ folder: join(folder, 'log') })
  const quarantine = await openQuarantine({ folder: join(folder, 'quarantine'), clock: systemClock })
  const snapshots = openSnapshotStore({ folder: join(folder, 'snapshots') })
  const rng = seededRng(trial.seed)
  /** Called before each batch with its number in the run. */
  let beforeBatch: (number: number) => Promise<void> = async () => {}
  const watched: RecordSource = {
    ...records,
    async *pull(cursor, signal) {
      let number = 0
      for await (const batch of records.pull(cursor, signal)) {
        await beforeBatch(number++)
        yield batch
      }
    },
  }
  const runner = new SourceRunner([scheduledSource(plan, { name: 'items', source, records: watched })], {
    ingest: new Ingest({ plan, log, quarantine, clock: systemClock }),
    snapshots,
    states: memoryStates(),
    clock: systemClock,
    timers: systemTimers,
    rng: rng.fork('backoff'),
    logger: silentLogger,
  })
  const report = { killCount: 0, survivedCount: 0, failedCount: 0, differentCount: 0, changeCount: 0 }
  try {
    await server.start()
    for (let trialNumber = 0; trialNumber < killCount; trialNumber++) {
      report.changeCount += await trial.change(rng)
      const killAt = rng.integer(trial.batchCount)
      let restarted: Promise<void> | undefined
      beforeBatch = async (number) => {
        if (number !== killAt || restarted) return
        report.killCount++
        await server.kill()
        // Sometimes at once, so that a run can get over it, and sometimes later.
        const downMs = rng.integer(2) * rng.integer(300)
        restarted = new Promise((resolve) => setTimeout(resolve, downMs)).then(() => server.start())
      }
      const outcome = await runner.runNow('items').catch(() => undefined)
      await restarted
      if (outcome?.run) report.survivedCount += restarted ? 1 : 0
      else {
        report.failedCount++
        await untilDone(runner)
      }
      if (!isSame(await titlesIn(log), await trial.truth())) report.differentCount++
    }
    const { nextOffset } = await log.bounds()
    return { ...report, eventCount: nextOffset }
  } finally {
    await runner.stop()
    await Promise.all([log.close(), quarantine.close(), snapshots.close()])
    rmSync(folder, { recursive: true, force: true })
  }
}

async function untilDone(runner: SourceRunner): Promise<void> {
  let last: unknown
  for (let attempt = 0; attempt < 10; attempt++) {
    const outcome = await runner.runNow('items').catch((error: unknown) => {
      last = error
    })
    if (outcome?.run) return
  }
  throw last
}

/** By the newest event time, and among equals by the later offset. */
async function titlesIn(log: EventLog): Promise<Map<string, string>> {
  const newest = new Map<string, EntityEvent>()
  for (let offset = 0; ; ) {
    const stored = await log.read(offset, 10_000)
    if (stored.length === 0) break
    offset = stored.at(-1)!.offset + 1
    for (const { event } of stored) {
      const change = event as EntityEvent
      const known = newest.get(change.entityId)
      if (!known || change.eventTimeMs >= known.eventTimeMs) newest.set(change.entityId, change)
    }
  }
  const present = [...newest].filter(([, { change }]) => change !== 'delete')
  return new Map(present.map(([id, { attributes }]) => [id, String(attributes.title)]))
}

const isSame = (found: ReadonlyMap<string, string>, expected: ReadonlyMap<string, string>): boolean =>
  found.size === expected.size && [...expected].every(([id, title]) => found.get(id) === title)
