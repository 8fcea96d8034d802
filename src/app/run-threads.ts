import { availableParallelism } from 'node:os'
import type { App } from '../app.ts'
import type { RunRequest } from '../domain/run.ts'

/** With how many threads a run works, where it was not told: a queued one leaves a processor to those who answer. Undefined: with all. */
export function threadCountOf(app: App, { isDetached, options }: RunRequest): number | undefined {
  if (options.threads !== undefined) return Number(options.threads)
  if (!isDetached) return undefined
  return app.plan.training.limits?.threadCount ?? Math.max(1, availableParallelism() - 1)
}
