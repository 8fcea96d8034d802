// Runs whose process is gone: nobody could say how they ended, so whoever looks finds out.
import type { Run, RunProcess } from '../domain/run.ts'
import type { Clock } from '../lib/clock.ts'
import { MillraceError } from '../lib/errors.ts'
import type { RunStore } from '../ports/run-store.ts'

export interface RunWatch {
  readonly runs: RunStore
  readonly isRunning: (process: RunProcess) => boolean
  readonly clock: Clock
}

/** More than ever run at once. */
const RUNNING_MAX = 1000

/** Marks every run as lost that is said to run and whose process does not. @returns these */
export async function markLostRuns({ runs, isRunning, clock }: RunWatch): Promise<readonly Run[]> {
  const lost: Run[] = []
  for (const run of await runs.list({ states: ['running'], limit: RUNNING_MAX })) {
    if (run.process !== undefined && isRunning(run.process)) continue
    const failure = {
      code: 'RUN_KILLED',
      message: `Process ${run.process?.pid} is gone without having said how the run ended: it was killed, or the machine went down.`,
      fix: `It goes on from its checkpoints with "millrace runs resume ${run.id}".`,
    }
    const change = { state: 'lost', endedAtMs: clock.now(), failure } as const
    const marked = await unlessChanged(() => runs.change(run.id, ['running'], change))
    if (marked) lost.push(marked)
  }
  return lost
}

/** What became of a run in another process meanwhile holds: then there is nothing to do. */
export async function unlessChanged<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'RUN_STATE_CHANGED') return undefined
    throw error
  }
}
