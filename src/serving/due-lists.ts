// Which placements' lists should be made by themselves now, and why. Pure.
import { nextScheduledMs } from '../config/next-scheduled.ts'
import type { PlacementPlan } from '../config/plan.ts'
import { hasEnded, type Run } from '../domain/run.ts'
import { durationText } from '../lib/duration.ts'

export interface DueListsInput {
  readonly placements: Readonly<Record<string, PlacementPlan>>
  /** Batches, the last queued first, with the placements that each was for. */
  readonly batches: readonly { readonly run: Run; readonly placements: readonly string[] }[]
  /** Since when somebody looks: a pattern whose moment came before is not made up for. */
  readonly sinceMs: number
  readonly nowMs: number
}

export interface DueLists {
  readonly placements: readonly string[]
  readonly why: string
}

/** @returns undefined where nothing is due, and while a batch waits or runs */
export function dueLists({ placements, batches, sinceMs, nowMs }: DueListsInput): DueLists | undefined {
  if (batches.some(({ run }) => !hasEnded(run))) return undefined
  const due = Object.entries(placements).flatMap(([name, { batches: schedule }]) => {
    if (schedule === undefined) return []
    const lastMs = batches.find((batch) => batch.placements.includes(name))?.run.queuedAtMs
    if ('everyMs' in schedule) {
      const isDue = lastMs === undefined || nextScheduledMs(schedule, lastMs) <= nowMs
      return isDue ? [{ name, why: `${name}: every ${durationText(schedule.everyMs)}` }] : []
    }
    const isDue = nextScheduledMs(schedule, Math.max(sinceMs, lastMs ?? sinceMs)) <= nowMs
    return isDue ? [{ name, why: `${name}: by the pattern "${schedule.cron}"` }] : []
  })
  if (due.length === 0) return undefined
  return { placements: due.map(({ name }) => name), why: `${due.map(({ why }) => why).join('; ')}.` }
}
