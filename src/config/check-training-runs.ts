// What the training section says of its runs: when they begin by themselves, and what they may take.
import { checkSchedule } from './check-schedule.ts'
import type { Inspection } from './inspection.ts'
import type { RetrainPlan, RunLimitsPlan, SchedulePlan } from './plan.ts'

export const trainingRunSettings = ['every', 'retrainOn', 'limits'] as const

/** More often than that, a model is hardly trained when the next training begins. */
const INTERVAL_MIN = {
  ms: 60_000,
  fix: 'What has to be fresher comes from live popularity and from features, not from training.',
}
const MEMORY_MB_MIN = 64
const MEMORY_MB_MAX = 2 ** 24
const THREADS_MAX = 1024

export function checkTrainingRuns(
  { every, retrainOn, limits }: Readonly<Record<string, unknown>>,
  inspection: Inspection,
): {
  readonly schedule?: SchedulePlan
  readonly retrainOn?: RetrainPlan
  readonly limits?: RunLimitsPlan
} {
  return {
    ...(every !== undefined && { schedule: checkSchedule(every, 'training.every', inspection, INTERVAL_MIN) }),
    ...(retrainOn !== undefined && { retrainOn: checkRetrainOn(retrainOn, 'training.retrainOn', inspection) }),
    ...(limits !== undefined && { limits: checkLimits(limits, 'training.limits', inspection) }),
  }
}

function checkRetrainOn(value: unknown, where: string, inspection: Inspection): RetrainPlan {
  const { newDay, drift, staleAfter } = inspection.fields(value, where, ['newDay', 'drift', 'staleAfter'])
  return {
    newDay: newDay === undefined ? false : inspection.flag(newDay, `${where}.newDay`),
    drift: drift === undefined ? false : inspection.flag(drift, `${where}.drift`),
    ...(staleAfter !== undefined && { staleMs: inspection.duration(staleAfter, `${where}.staleAfter`) }),
  }
}

function checkLimits(value: unknown, where: string, inspection: Inspection): RunLimitsPlan {
  const { memoryMb, threads, time } = inspection.fields(value, where, ['memoryMb', 'threads', 'time'])
  const whole = (low: number, high: number) => ({ low, high, isInteger: true })
  return {
    ...(memoryMb !== undefined && {
      memoryMb: inspection.number(memoryMb, `${where}.memoryMb`, whole(MEMORY_MB_MIN, MEMORY_MB_MAX)),
    }),
    ...(threads !== undefined && {
      threadCount: inspection.number(threads, `${where}.threads`, whole(1, THREADS_MAX)),
    }),
    ...(time !== undefined && { wallSeconds: inspection.duration(time, `${where}.time`) / 1000 }),
  }
}
