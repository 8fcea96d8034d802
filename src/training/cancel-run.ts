// Ends a run that waits or runs. That it is cancelled is said in the store first, so that it stays true whatever its process does about it.
import type { Run, RunProcess } from '../domain/run.ts'
import { pause } from '../lib/within.ts'
import type { RunWatch } from './lost-runs.ts'

export interface CancelParts extends RunWatch {
  /** Sends a signal to a process of this machine. */
  readonly signal: (process: RunProcess, signal: 'SIGTERM' | 'SIGKILL') => void
}

/** How long its process may take to end by itself. */
const PATIENCE_MS = 10_000
const LOOK_EVERY_MS = 50

/**
 * Resolves when its process is gone, which is asked to end at first, and killed where it does not listen.
 * @throws MillraceError RUN_NOT_FOUND; RUN_STATE_CHANGED where it has ended
 */
export async function cancelRun(
  id: string,
  { by, why }: { readonly by: string; readonly why?: string | undefined },
  { runs, isRunning, clock, signal }: CancelParts,
): Promise<Run> {
  const outcome = `Cancelled by ${by}${why === undefined ? '.' : `: ${why}`}`
  const run = await runs.change(id, ['queued', 'running'], { state: 'cancelled', endedAtMs: clock.now(), outcome })
  const { process } = run
  // The queue itself ends what it has only just begun.
  if (process === undefined || process.isQueue) return run
  for (let waitedMs = 0; isRunning(process); waitedMs += LOOK_EVERY_MS) {
    if (waitedMs === 0) signal(process, 'SIGTERM')
    if (waitedMs === PATIENCE_MS) signal(process, 'SIGKILL')
    await pause(LOOK_EVERY_MS)
  }
  return run
}
