// A schedule: an interval or a cron pattern.
import { Cron } from 'croner'
import { durationExample, durationMs, durationText } from '../lib/duration.ts'
import { describe, type Inspection } from './inspection.ts'
import type { SchedulePlan } from './plan.ts'

/** @param shortest interval that makes sense, and what to do instead of a shorter one */
export function checkSchedule(
  value: unknown,
  where: string,
  inspection: Inspection,
  shortest: { readonly ms: number; readonly fix: string },
): SchedulePlan {
  const everyMs = typeof value === 'string' ? durationMs(value) : undefined
  if (everyMs !== undefined) {
    if (everyMs < shortest.ms)
      inspection.report(
        where,
        `found ${describe(value)}, expected at least ${durationText(shortest.ms)}.`,
        shortest.fix,
      )
    return { everyMs }
  }
  const cron = typeof value === 'string' ? value.trim() : ''
  if (cron.split(/\s+/).length === 5) {
    const problem = cronProblem(cron)
    if (problem !== undefined)
      inspection.report(where, `found ${describe(value)}, which is no cron pattern: ${problem}.`)
    return { cron }
  }
  inspection.report(
    where,
    `found ${describe(value)}, expected ${durationExample}, or a cron pattern of five fields such as "0 4 * * *".`,
  )
  return { everyMs: 0 }
}

/** The longest wait between two runs; of a pattern, among the next 100 runs. */
export function intervalMsOf(schedule: SchedulePlan): number {
  if ('everyMs' in schedule) return schedule.everyMs
  if (cronProblem(schedule.cron) !== undefined) return 0
  const runs = new Cron(schedule.cron, { timezone: 'UTC', paused: true }).nextRuns(100, new Date(REFERENCE_MS))
  return Math.max(0, ...runs.slice(1).map((run, i) => run.getTime() - runs[i]!.getTime()))
}

function cronProblem(cron: string): string | undefined {
  try {
    const runs = new Cron(cron, { timezone: 'UTC', paused: true }).nextRuns(1, new Date(REFERENCE_MS))
    return runs.length === 0 ? 'no such moment ever comes' : undefined
  } catch (error) {
    return (error as Error).message.replace(/^\w+: /, '').replace(/\.$/, '')
  }
}

/** Any moment: the plan must not depend on when it is made. 2026-01-01, a Thursday. */
const REFERENCE_MS = 1_767_225_600_000
