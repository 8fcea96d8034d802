// What the process of a queued run does, and what a run does again that goes on.
import type { App } from '../app.ts'
import { MillraceError } from '../lib/errors.ts'
import { batchRun } from './batch-run.ts'
import { importanceRun } from './importance-run.ts'
import { executeClaimed, type RunRecorder, resumeRun } from './record-run.ts'
import { trainingRun } from './training-run.ts'
import { tuningRun } from './tuning-run.ts'

/** The work of a run that a queue has started a process for: this one. */
export const executeRun = (app: App, id: string): Promise<unknown> => executeClaimed(app, id, workOfRun)

/** @param say told each line of the run's log as well @throws MillraceError RUN_NOT_FOUND, RUN_STATE_CHANGED, RUN_UNDERWAY, and what the work throws */
export const goOnWithRun = (app: App, id: string, say: (line: string) => void): Promise<unknown> =>
  resumeRun(app, id, (recorder) => workOfRun(recorder, say))

function workOfRun(recorder: RunRecorder, say?: (line: string) => void): Promise<unknown> {
  const { kind, id, request } = recorder.run
  if (kind === 'train') return trainingRun(recorder, say)
  // It has no checkpoints, and begins again.
  if (kind === 'importance') return importanceRun(recorder, say)
  if (kind === 'tune') return tuningRun(recorder, say)
  if (kind === 'batch') return batchRun(recorder, say)
  throw new MillraceError('RUN_STATE_CHANGED', `Run ${id} (${kind}) cannot go on: it keeps nothing to go on from.`, {
    fix: `Run it anew: ${request.command}.`,
  })
}
