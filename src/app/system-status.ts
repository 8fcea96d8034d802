// How a system stands, from its stores alone: whether or not a server runs over them.
import type { App } from '../app.ts'
import type { SourceRunner } from '../data/source-runner.ts'
import { currentVersion } from '../models/bundle.ts'
import { engineUnlessTaken } from './feature-engine.ts'

export interface SystemStatus {
  readonly log: { readonly eventCount: number; readonly megabytes: number }
  readonly quarantinedCount: number
  /** The version in charge. */
  readonly model: string | undefined
  /** Undefined where the system file defines none. */
  readonly features:
    | {
        readonly count: number
        readonly keptBy: 'nobody' | 'another process'
        /** 0 where another process keeps them: it knows. */
        readonly lagEventCount: number
        readonly backfilling: readonly string[]
      }
    | undefined
  readonly sources: readonly {
    readonly name: string
    readonly owner: string
    readonly freshness: 'fresh' | 'late' | 'never'
    readonly freshnessMs: number
    /** ISO 8601, as the other moments. */
    readonly lastSuccess: string | undefined
    readonly nextRun: string | undefined
    readonly rowCount: number
    /** Since the last success. */
    readonly failure: { readonly code: string; readonly message: string } | undefined
  }[]
}

/** @throws MillraceError of the stores */
export async function systemStatus(app: App, sources: SourceRunner | undefined): Promise<SystemStatus> {
  const { firstOffset, nextOffset, bytes } = await app.log.bounds()
  const quarantined = await app.quarantine.counts()
  return {
    log: { eventCount: nextOffset - firstOffset, megabytes: Math.round(bytes / 1e5) / 10 },
    quarantinedCount: quarantined.reduce((sum, { count }) => sum + count, 0),
    model: await currentVersion(app.modelsDir),
    features: app.plan.data.features.length === 0 ? undefined : await featuresStatus(app),
    sources: ((await sources?.status()) ?? []).map(({ source, owner, freshness, freshnessMs, state }) => ({
      name: source,
      owner,
      freshness,
      freshnessMs,
      lastSuccess: isoOf(state?.lastSuccessMs),
      nextRun: isoOf(state?.nextRunMs),
      rowCount: state?.rowCount ?? 0,
      failure: state && state.consecutiveFailureCount > 0 ? state.lastFailure : undefined,
    })),
  }
}

async function featuresStatus(app: App): Promise<NonNullable<SystemStatus['features']>> {
  const { length: count } = app.plan.data.features
  const engine = await engineUnlessTaken(app)
  if (engine === undefined) return { count, keptBy: 'another process', lagEventCount: 0, backfilling: [] }
  const { lagEventCount, backfill } = await engine.status()
  await engine.stop()
  return { count, keptBy: 'nobody', lagEventCount, backfilling: backfill?.names ?? [] }
}

const isoOf = (timeMs: number | undefined): string | undefined =>
  timeMs === undefined ? undefined : new Date(timeMs).toISOString()
