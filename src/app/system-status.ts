// How a system stands, from its stores: whether or not a server runs over them. Nothing is changed by looking.
import type { App } from '../app.ts'
import { featureStatus } from '../data/feature-status.ts'
import type { SourceRunner } from '../data/source-runner.ts'
import type { Verdict } from '../domain/check.ts'
import type { StoredCheckResult } from '../domain/check-result.ts'
import { offlineTableNames } from '../domain/offline-table.ts'
import type {
  ChecksSummary,
  FeaturesStatus,
  SourceSummary,
  SystemStatus,
  TableSummary,
} from '../domain/system-status.ts'
import { inspectBundle } from '../models/bundle.ts'
import { bundleState } from '../training/model-entry.ts'
import type { LiveModel } from './live-model.ts'

export interface StatusOptions {
  readonly sources: SourceRunner | undefined
  /** Why features do not follow the log, where the process that asks keeps them. */
  readonly featureProblem?: string | undefined
  /** Of the process that asks, where it serves. */
  readonly liveModel?: Pick<LiveModel, 'manifest' | 'problem'> | undefined
}

/** @throws MillraceError of the stores */
export async function systemStatus(
  app: App,
  { sources, featureProblem, liveModel }: StatusOptions,
): Promise<SystemStatus> {
  const { firstOffset, nextOffset, bytes } = await app.log.bounds()
  const quarantined = await app.quarantine.counts()
  return {
    log: { eventCount: nextOffset - firstOffset, megabytes: Math.round(bytes / 1e5) / 10 },
    quarantinedCount: quarantined.reduce((sum, { count }) => sum + count, 0),
    ...(await modelStatus(app, liveModel)),
    features: await featuresStatus(app, featureProblem),
    sources: await sourceSummaries(sources),
    tables: await tableSummaries(app),
    checks: checksSummary(await lastChecks(app)),
  }
}

async function modelStatus(
  app: App,
  liveModel: StatusOptions['liveModel'],
): Promise<Pick<SystemStatus, 'model' | 'modelProblem' | 'answeringInstead'>> {
  const { champion: model } = await (await app.models()).aliases()
  if (liveModel !== undefined) {
    const { problem, manifest } = liveModel
    const answering = manifest?.version ?? 'popular items'
    const answeringInstead = problem === undefined || answering === model ? undefined : answering
    return { model, modelProblem: problem, answeringInstead }
  }
  const bundle = model === undefined ? undefined : await bundleState(() => inspectBundle(app.modelsDir, model))
  return { model, modelProblem: bundle?.problem, answeringInstead: undefined }
}

/** From what was decided of them: the tables themselves are not opened. */
async function tableSummaries(app: App): Promise<TableSummary[]> {
  const { tablePublications } = await app.metadata()
  const summaries = offlineTableNames.map(async (name) => {
    const published = await tablePublications.find(name)
    const hold = await tablePublications.openHold(name)
    if (published === undefined && hold === undefined) return []
    return {
      name,
      publishedVersion: published?.version,
      publishedAt: isoOf(published?.publishedAtMs),
      hold: hold && { sinceVersion: hold.sinceVersion, since: isoOf(hold.heldAtMs)!, reasons: hold.reasons },
    }
  })
  return (await Promise.all(summaries)).flat()
}

async function featuresStatus(app: App, problem: string | undefined): Promise<FeaturesStatus | undefined> {
  const { features } = app.plan.data
  if (features.length === 0) return undefined
  const { isKept, lagEventCount, lagMs, backfill } = await featureStatus(features, {
    ...app,
    store: await app.onlineStore(),
  })
  return { count: features.length, isKept, lagEventCount, lagMs, backfilling: backfill?.names ?? [], problem }
}

export async function sourceSummaries(sources: SourceRunner | undefined): Promise<SourceSummary[]> {
  const status = (await sources?.status()) ?? []
  return status.map(({ source, owner, freshness, freshnessMs, ageMs, state }) => ({
    name: source,
    owner,
    freshness,
    freshnessMs,
    ageMs,
    lastSuccess: isoOf(state?.lastSuccessMs),
    nextRun: isoOf(state?.nextRunMs),
    rowCount: state?.rowCount ?? 0,
    failure: state && state.consecutiveFailureCount > 0 ? state.lastFailure : undefined,
  }))
}

/** More than any plan has. */
const CHECKS_OF_ONE_RUN_MAX = 10_000

/** The results of the last run of the checks, in its order; empty before the first. */
export async function lastChecks(app: App): Promise<readonly StoredCheckResult[]> {
  const { checkResults } = await app.metadata()
  const [newest] = await checkResults.list({ limit: 1 })
  if (newest === undefined) return []
  const results = await checkResults.list({ limit: CHECKS_OF_ONE_RUN_MAX })
  return results.filter(({ checkedAtMs }) => checkedAtMs === newest.checkedAtMs)
}

/** Undefined where there are no results. */
export function checksSummary(results: readonly StoredCheckResult[]): ChecksSummary | undefined {
  const [first] = results
  if (first === undefined) return undefined
  const counts: Record<Verdict, number> = { pass: 0, warn: 0, fail: 0, notEnoughHistory: 0 }
  for (const { verdict } of results) counts[verdict]++
  return { checkedAt: new Date(first.checkedAtMs).toISOString(), counts }
}

const isoOf = (timeMs: number | undefined): string | undefined =>
  timeMs === undefined ? undefined : new Date(timeMs).toISOString()
