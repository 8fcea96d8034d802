import { Cron } from 'croner'
import type { SchedulePlan } from './plan.ts'

/**
 * When the next run begins after a run that began at `startMs`. An interval is counted from the beginning, so that long runs do not shift it; one
 * that is over already is not made up for.
 */
export function nextScheduledMs(schedule: SchedulePlan, startMs: number): number {
  if ('everyMs' in schedule) return startMs + schedule.everyMs
  const next = new Cron(schedule.cron, { timezone: 'UTC', paused: true }).nextRun(new Date(startMs))
  // A pattern such as "the 30th of February" never comes.
  return next ? next.getTime() : Number.POSITIVE_INFINITY
}
