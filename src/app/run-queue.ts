// The queue of this system's runs, each executed by the command line in a process of its own, so that training never slows an answer.
import { mkdirSync } from 'node:fs'
import { processCompute } from '../adapters/embedded/compute.ts'
import { isAlive, thisProcess } from '../adapters/embedded/process-name.ts'
import type { App } from '../app.ts'
import type { Run } from '../domain/run.ts'
import { MillraceError } from '../lib/errors.ts'
import type { Logger } from '../lib/logger.ts'
import { seededRng } from '../lib/rng.ts'
import type { JobSpec } from '../ports/compute.ts'
import { type CancelParts, cancelRun } from '../training/cancel-run.ts'
import { RunQueue } from '../training/run-queue.ts'
import { runFolder, runLogFile } from './record-run.ts'

/** Behind everything that answers, and still before what waits for an idle machine. */
const NICENESS = 10

/** @throws MillraceError CONFIG_NOT_FOUND where the system was given as a value: another process could not read it; METADATA_* */
export async function runQueueOf(app: App, logger: Logger): Promise<RunQueue> {
  const { systemFile, clock } = app
  if (systemFile === undefined) {
    throw new MillraceError('CONFIG_NOT_FOUND', 'Runs in processes of their own need a system file to read.', {
      fix: 'Open the app by its file.',
    })
  }
  const { runs } = await app.metadata()
  return new RunQueue({
    runs,
    clock,
    logger,
    isRunning: isAlive,
    process: thisProcess(),
    compute: processCompute(),
    jobOf: (run) => jobOf(app, systemFile, run),
    // Only spreads retries.
    rng: seededRng(clock.now()),
  })
}

/** @throws MillraceError RUN_NOT_FOUND; RUN_STATE_CHANGED where it has ended */
export async function cancelOf(
  app: App,
  id: string,
  asked: { readonly by: string; readonly why?: string | undefined },
) {
  const { runs } = await app.metadata()
  const parts: CancelParts = {
    runs,
    isRunning: isAlive,
    clock: app.clock,
    signal: ({ pid }, signal) => {
      process.kill(pid, signal)
    },
  }
  return cancelRun(id, asked, parts)
}

function jobOf(app: App, systemFile: string, { id }: Run): JobSpec {
  mkdirSync(runFolder(app, id), { recursive: true })
  const { memoryMb, wallSeconds } = app.plan.training.limits ?? {}
  return {
    args: ['runs', 'execute', id, '--system', systemFile, '--data', app.dataDir],
    workingDir: app.projectDir,
    logFile: runLogFile(app, id),
    limits: { memoryMb, wallSeconds, niceness: NICENESS },
  }
}
