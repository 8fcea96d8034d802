// The lists of every user ahead of time, as a run that a program asks for: what `millrace batch` does for people.
import { userInfo } from 'node:os'
import type { App } from '../app.ts'
import { type BatchOptions, type BatchReport, batchPlacements, batchRequest, batchRun } from './batch-run.ts'
import { recordRun } from './record-run.ts'

export interface MakeListsOptions extends BatchOptions {
  /** Why, for those who ask later. */
  readonly reason?: string | undefined
  /** Told each line of the run's log as well. */
  readonly log?: ((line: string) => void) | undefined
}

/**
 * A run that is lost half-way goes on with `millrace runs resume`.
 * @throws MillraceError RUN_UNDERWAY where another batch is under way; what `batchPlacements` and `batchRun` throw
 */
export async function makeLists(app: App, { reason, log, ...options }: MakeListsOptions = {}): Promise<BatchReport> {
  batchPlacements(app, options.placements)
  const request = {
    trigger: 'hand',
    by: userInfo().username,
    command: 'makeLists',
    ...(reason !== undefined && { why: reason }),
    isDetached: false,
    options: batchRequest(options),
  } as const
  return recordRun(app, { kind: 'batch', request }, (recorder) => batchRun(recorder, log))
}
