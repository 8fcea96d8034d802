// Whether a training should begin by itself now, and why. Pure.
import { nextScheduledMs } from '../config/next-scheduled.ts'
import type { Plan } from '../config/plan.ts'
import type { StoredCheckResult } from '../domain/check-result.ts'
import { hasEnded, type Run, type RunTable } from '../domain/run.ts'
import { durationText } from '../lib/duration.ts'

export interface DueInput {
  readonly training: Pick<Plan['training'], 'schedule' | 'retrainOn'>
  /** Trainings, the last queued first. */
  readonly runs: readonly Run[]
  /** What is published now. */
  readonly tables: readonly RunTable[]
  /** The results of the last run of the checks. */
  readonly checks: readonly StoredCheckResult[]
  /** Since when somebody looks: a pattern whose moment came before is not made up for. */
  readonly sinceMs: number
  readonly nowMs: number
}

export interface DueTraining {
  readonly trigger: 'schedule' | 'signal'
  readonly why: string
}

/** @returns undefined where nothing is due, and while a training waits or runs: what it begins with is new enough */
export function dueTraining(input: DueInput): DueTraining | undefined {
  if (input.runs.some((run) => !hasEnded(run))) return undefined
  const reason = scheduleReason(input)
  if (reason !== undefined) return { trigger: 'schedule', why: reason }
  const signal = newDayReason(input) ?? driftReason(input) ?? staleReason(input)
  return signal === undefined ? undefined : { trigger: 'signal', why: signal }
}

/** At once where there was no training yet, and a schedule by intervals. */
function scheduleReason({ training: { schedule }, runs, sinceMs, nowMs }: DueInput): string | undefined {
  if (schedule === undefined) return undefined
  const last = runs[0]
  if ('everyMs' in schedule) {
    if (last === undefined) return 'There was no training yet.'
    return nextScheduledMs(schedule, last.queuedAtMs) <= nowMs ? `Every ${durationText(schedule.everyMs)}.` : undefined
  }
  const fromMs = Math.max(sinceMs, last?.queuedAtMs ?? sinceMs)
  return nextScheduledMs(schedule, fromMs) <= nowMs ? `By the pattern "${schedule.cron}".` : undefined
}

/** A day that a training has seen, however it ended, does not begin another one. */
function newDayReason({ training: { retrainOn }, runs, tables }: DueInput): string | undefined {
  if (!retrainOn?.newDay) return undefined
  const seen = runs.flatMap(({ inputs }) => inputs?.tables ?? [])
  for (const { table, checkedThrough } of tables) {
    if (checkedThrough === undefined) continue
    const newest = seen
      .flatMap((known) => (known.table === table ? (known.checkedThrough ?? []) : []))
      .sort()
      .at(-1)
    if (newest === undefined || newest < checkedThrough)
      return `${table}: the data of ${checkedThrough} was found good.`
  }
  return undefined
}

/** What was found before the last training began is in its data. */
function driftReason({ training: { retrainOn }, runs, checks }: DueInput): string | undefined {
  if (!retrainOn?.drift) return undefined
  const lastMs = runs[0]?.queuedAtMs ?? Number.NEGATIVE_INFINITY
  const found = checks.find(
    ({ check, verdict, checkedAtMs }) =>
      check === 'drift' && (verdict === 'warn' || verdict === 'fail') && checkedAtMs > lastMs,
  )
  return found && `${found.table}.${found.column}: ${found.message}`
}

function staleReason({ training: { retrainOn }, runs, nowMs }: DueInput): string | undefined {
  const staleMs = retrainOn?.staleMs
  if (staleMs === undefined) return undefined
  const last = runs[0]
  if (last !== undefined && nowMs - last.queuedAtMs < staleMs) return undefined
  const trained = runs.find(({ state }) => state === 'succeeded')
  if (trained === undefined) return 'There is no model yet.'
  const isStale = nowMs - (trained.inputs?.asOfMs ?? 0) >= staleMs
  return isStale ? `The last model is older than ${durationText(staleMs)}.` : undefined
}
