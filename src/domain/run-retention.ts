// Which runs a collection keeps, and why.
import { hasEnded, type Run } from './run.ts'

export interface RunRetention {
  /** The newest so many that have ended, 1 or more. */
  readonly newestCount: number
  /** Whatever ended within so many days. */
  readonly days: number
}

const DAY_MS = 86_400_000

/**
 * The runs that stay, each with the first reason that holds, in words.
 * @param modelVersions of the models that are not deleted: how they came about is kept as long as they are
 */
export function keptRuns(
  {
    runs,
    modelVersions,
    nowMs,
  }: { readonly runs: readonly Run[]; readonly modelVersions: ReadonlySet<string>; readonly nowMs: number },
  { newestCount, days }: RunRetention,
): ReadonlyMap<string, string> {
  const kept = new Map<string, string>()
  let endedCount = 0
  for (const run of [...runs].sort((a, b) => b.queuedAtMs - a.queuedAtMs || (a.id < b.id ? 1 : -1))) {
    if (!hasEnded(run)) {
      kept.set(run.id, run.state)
      continue
    }
    endedCount++
    if (run.modelVersion !== undefined && modelVersions.has(run.modelVersion))
      kept.set(run.id, `it made ${run.modelVersion}`)
    else if (endedCount <= newestCount)
      kept.set(run.id, newestCount === 1 ? 'the newest' : `among the newest ${newestCount}`)
    else if ((run.endedAtMs ?? run.queuedAtMs) > nowMs - days * DAY_MS)
      kept.set(run.id, `ended within the last ${days} days`)
  }
  return kept
}
