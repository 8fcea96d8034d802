// How a system stands, as `millrace status` and `GET /v1/status` show it. Moments are ISO 8601.
import type { Verdict } from './check.ts'

export interface SystemStatus {
  readonly log: { readonly eventCount: number; readonly megabytes: number }
  readonly quarantinedCount: number
  /** The version in charge; undefined before the first training. */
  readonly model: string | undefined
  /** Why it does not answer, or cannot; undefined where nothing is amiss. */
  readonly modelProblem: string | undefined
  /** What answers in its place, where a server is asked: an older version, or "popular items". */
  readonly answeringInstead: string | undefined
  /** Undefined where the system file defines none. */
  readonly features: FeaturesStatus | undefined
  readonly sources: readonly SourceSummary[]
  /** Offline tables of which a version is published or held back; empty before the first sync. */
  readonly tables: readonly TableSummary[]
  /** What the last run of the checks found; undefined before the first. */
  readonly checks: ChecksSummary | undefined
}

export interface FeaturesStatus {
  readonly count: number
  /** Whether a server or a command keeps them up to date at present. */
  readonly isKept: boolean
  /** Events that answers do not know yet, and how long the log has had the next of them. */
  readonly lagEventCount: number
  readonly lagMs: number
  /** Names of those that are not answered yet, or still by an older definition. */
  readonly backfilling: readonly string[]
  /** Why they do not follow the log at present, where this process keeps them and fails. */
  readonly problem: string | undefined
}

export interface SourceSummary {
  readonly name: string
  readonly owner: string
  readonly freshness: 'fresh' | 'late' | 'never'
  /** The target: how old the last success may be. */
  readonly freshnessMs: number
  /** Since the last success; undefined where there was none. */
  readonly ageMs: number | undefined
  readonly lastSuccess: string | undefined
  /** Undefined where it never ran: it is due. */
  readonly nextRun: string | undefined
  /** Rows accepted into the log, of all runs. */
  readonly rowCount: number
  /** Since the last success. */
  readonly failure: { readonly code: string; readonly message: string } | undefined
}

export interface TableSummary {
  readonly name: string
  /** Undefined where readers get nothing yet. */
  readonly publishedVersion: number | undefined
  readonly publishedAt: string | undefined
  /** What keeps newer versions back; undefined where nothing does. */
  readonly hold:
    | { readonly sinceVersion: number; readonly since: string; readonly reasons: readonly string[] }
    | undefined
}

export interface ChecksSummary {
  readonly checkedAt: string
  readonly counts: Readonly<Record<Verdict, number>>
}
