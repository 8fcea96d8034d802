// When a source runs next, and whether what it gave is fresh enough. Pure.
import { nextScheduledMs } from '../config/next-scheduled.ts'
import type { SchedulePlan } from '../config/plan.ts'
import type { SourceState } from '../domain/source-state.ts'
import type { Rng } from '../lib/rng.ts'

/** The first failure is tried again after about this time, or after the schedule's own interval where that is shorter. */
const FIRST_RETRY_MS = 30_000
/** However often it fails, a source is asked again about this often, so that it recovers soon after its cause does. */
const RETRY_MS_MAX = 15 * 60_000

/**
 * When a source that failed is tried again: exponential backoff, between half and all of it at random, so that sources that failed together do not
 * come back together. No later than its schedule says, unless the schedule is so frequent that waiting is the point.
 * @param failureCount failures in a row, from 1
 */
export function retryMs(
  schedule: SchedulePlan,
  { nowMs, failureCount, rng }: { readonly nowMs: number; readonly failureCount: number; readonly rng: Rng },
): number {
  const intervalMs = nextScheduledMs(schedule, nowMs) - nowMs
  const firstMs = Math.min(FIRST_RETRY_MS, intervalMs)
  const backoffMs = Math.min(RETRY_MS_MAX, firstMs * 2 ** Math.min(failureCount - 1, 30))
  return nowMs + backoffMs * (0.5 + rng.next() / 2)
}

/** `never`: no run has come to its end yet. `late`: the last success is older than the target. */
export type Freshness = 'fresh' | 'late' | 'never'

export function freshnessOf(
  state: Pick<SourceState, 'lastSuccessMs'> | undefined,
  { freshnessMs, nowMs }: { readonly freshnessMs: number; readonly nowMs: number },
): Freshness {
  if (state?.lastSuccessMs === undefined) return 'never'
  return nowMs - state.lastSuccessMs <= freshnessMs ? 'fresh' : 'late'
}
