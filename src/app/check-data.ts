// Runs the checks over the newest whole day of every table, and keeps what they found.
import { randomUUID } from 'node:crypto'
import type { App } from '../app.ts'
import { runChecks } from '../data/checks/run-checks.ts'
import { dailyProfiles, emptyProfile } from '../data/daily-profiles.ts'
import { type CheckResult, type Decision, decide } from '../domain/check.ts'

const DAY_MS = 86_400_000

export interface DataCheck {
  /** The day that was checked, such as "2026-03-01" (UTC). */
  readonly date: string
  /** Grave or not, in the order of tables and checks. */
  readonly results: readonly CheckResult[]
  readonly decision: Decision
}

/**
 * Today is not over: comparing a part of it with whole days would always alarm. So it is yesterday that is looked at, except for freshness.
 * @param options.date another day, such as "2026-03-01"
 */
export async function checkData(app: App, options: { readonly date?: string } = {}): Promise<DataCheck> {
  const nowMs = app.clock.now()
  const dayNumber =
    options.date === undefined ? Math.floor(nowMs / DAY_MS) - 1 : Math.floor(Date.parse(options.date) / DAY_MS)
  const tables = await dailyProfiles(app.log, app.plan, dayNumber)
  const results = runChecks(
    tables.map(({ rules, days, newest: { newestEventTimeMs, newestAvailableTimeMs } }) => ({
      rules,
      today: {
        dayNumber,
        profile: {
          ...(days.find((day) => day.dayNumber === dayNumber)?.profile ?? emptyProfile(rules)),
          newestEventTimeMs,
          newestAvailableTimeMs,
        },
      },
      history: days.filter((day) => day.dayNumber < dayNumber),
    })),
    app.plan.data.checks,
    nowMs,
  )
  const { checkResults } = await app.metadata()
  await checkResults.append({
    runId: randomUUID(),
    results: results.map((result) => ({ ...result, checkedAtMs: nowMs })),
  })
  return { date: new Date(dayNumber * DAY_MS).toISOString().slice(0, 10), results, decision: decide(results) }
}
