// The runs there were and are, and the queue of those that wait. Every change is durable when it resolves.
import type { Run, RunKind, RunMetric, RunProcess, RunState } from '../domain/run.ts'

export interface RunQuery {
  readonly kind?: RunKind
  readonly states?: readonly RunState[]
  readonly limit: number
}

/** What changes of a run; the rest stays. Undefined takes a part away. */
export type RunChange = {
  readonly [Part in keyof Omit<Run, 'id' | 'kind' | 'request' | 'queuedAtMs'>]?: Run[Part] | undefined
}

export interface RunStore {
  /**
   * Notes a new run, waiting or running. The same one again changes nothing.
   * @throws MillraceError RUN_UNDERWAY where it would run, is a training or a tuning, and another one of its kind runs already
   */
  add(run: Run): Promise<void>
  /** @throws MillraceError RUN_NOT_FOUND */
  find(id: string): Promise<Run>
  /** The last queued first. */
  list(query: RunQuery): Promise<readonly Run[]>
  /**
   * Takes the run whose turn it is: of those that may begin by now, the one of the highest priority, and of these the one that waits longest. It runs from
   * then on, one attempt further. Two that claim at once never get the same.
   * @returns undefined where none waits, or as many run already
   */
  claim(options: {
    readonly process: RunProcess
    readonly atMs: number
    readonly runningCountMax: number
  }): Promise<Run | undefined>
  /**
   * Changes a run that is in one of these states.
   * @throws MillraceError RUN_NOT_FOUND; RUN_STATE_CHANGED where it is in another one, and nothing was changed; RUN_UNDERWAY as `add`
   */
  change(id: string, from: readonly RunState[], change: RunChange): Promise<Run>
  /** Adds to the figures of a run. One of the same name and step takes the place of the earlier one. */
  addMetrics(id: string, metrics: readonly RunMetric[]): Promise<void>
  /** By name, then by step; empty for a run that has none. */
  metrics(id: string): Promise<readonly RunMetric[]>
  /** Forgets runs that have ended, with their figures. @returns those that it forgot: one that waits or runs stays */
  remove(ids: readonly string[]): Promise<readonly string[]>
}
