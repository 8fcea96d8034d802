// What the HTTP server needs from the rest of the house, as narrow as it can be said. `app.ts` passes the components in.
import type { TableDescription, TableHistoryEntry } from '../data/tables/offline-tables.ts'
import type { StoredCheckResult } from '../domain/check-result.ts'
import type { EntityName } from '../domain/event.ts'
import type { ExplainedAnswer } from '../domain/explained-answer.ts'
import type { FeatureDefinition, FeatureReading } from '../domain/feature.ts'
import type { GateReport } from '../domain/gate-report.ts'
import type { RankRequest, RankResponse, RecommendRequest, RecommendResponse } from '../domain/recommendation.ts'
import type { AliasMove, ModelDecision } from '../domain/registered-model.ts'
import type { Run, RunMetric } from '../domain/run.ts'
import type { DuplicatesResponse, SearchRequest, SearchResponse } from '../domain/search.ts'
import type { SkewReport } from '../domain/skew-report.ts'
import type { ChecksSummary, SourceSummary, SystemStatus } from '../domain/system-status.ts'
import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/logger.ts'
import type { StoredEvent } from '../ports/event-log.ts'
import type { KeyStore } from '../ports/key-store.ts'
import type { AuditQuery } from '../ports/model-registry.ts'
import type { RunQuery } from '../ports/run-store.ts'
import type { UserMetric } from '../training/evaluate.ts'
import type { ExplainedRecommendation } from '../training/explanation.ts'
import type { TreeImportance } from '../training/importance.ts'
import type { MeasuredImportance } from '../training/measured-importance.ts'
import type { ModelCard } from '../training/model-card.ts'
import type { ModelEntry } from '../training/model-entry.ts'
import type { AliasOutcome, Promotion } from '../training/registered-models.ts'
import type { TuningMethod } from '../training/tune.ts'

export interface Recommender {
  /**
   * At once where nothing has to be waited for.
   * @throws MillraceError for an unknown placement or item, a filter with an error, and the like
   */
  recommend(request: RecommendRequest): RecommendResponse | Promise<RecommendResponse>
}

/** Finds items by what is written about them. */
export interface Search {
  /** @throws MillraceError REQUEST_INVALID, or FILTER_... for a filter */
  search(request: SearchRequest): Promise<SearchResponse>
  /** @throws MillraceError UNKNOWN_ITEM */
  duplicatesOf(itemId: string): Promise<DuplicatesResponse>
}

/** Puts lists of others in order. */
export interface ListRanker {
  /** @throws MillraceError REQUEST_INVALID */
  rank(request: RankRequest): Promise<RankResponse>
}

/** What each step of a ranked answer took, in milliseconds. */
export interface StepMs {
  readonly candidates: number
  /** Until the candidates of those were there who had come at the same time. */
  readonly others: number
  readonly features: number
  readonly ranking: number
}

/** What happened behind an answer, and what went wrong though it was given nevertheless. */
export interface Answered {
  readonly response: Pick<RecommendResponse, 'placement' | 'stored'>
  /** Left out where no ranker had a say. */
  readonly stepMs?: StepMs | undefined
  /** Rules that are code and had no say. */
  readonly ruleFailures?: readonly { readonly rule: string }[]
  readonly failures: readonly { readonly generator: string }[]
  /** Why the ranker had no say though it should. */
  readonly rankingFailure?: unknown
  /** Why a list made ahead of time could not be looked up. */
  readonly lookupFailure?: unknown
  readonly invalidCandidateCount: number
  /** Items that the finished list must not have held. */
  readonly withdrawnCount: number
}

/** Where rows come from, for the quarantine. */
export interface Origin {
  readonly source: string
  readonly where: string
}

export interface IntakeResult {
  readonly acceptedCount: number
  readonly duplicatePositions: readonly number[]
  readonly rejected: readonly { readonly position: number; readonly reason: string; readonly message: string }[]
}

/** A change of a user or an item, as it came: nothing of it is checked. */
export interface EntityChangeRow {
  readonly entity: EntityName
  readonly entityId: unknown
  readonly change: 'put' | 'patch' | 'delete'
  readonly attributes: unknown
  readonly eventTime: unknown
}

export interface Intake {
  /** Rows as they came; resolves once the good ones are on disk. */
  acceptEvents(rows: readonly unknown[], origin: Origin): Promise<IntakeResult>
  acceptEntityChanges(rows: readonly EntityChangeRow[], origin: Origin): Promise<IntakeResult>
}

/** How far the state that answers are made from has followed the log. */
export interface ServingStatus {
  /** Events in the log that the live state has not seen yet. */
  readonly lagEventCount: number
  /** How long the oldest of them has been waiting; 0 where there is none. */
  readonly lagMs: number
  /** Why it cannot answer yet, beside the lag: such as a model that is being loaded. */
  readonly obstacles: readonly string[]
  /** What is amiss, though answers can do without it. None where it is left out. */
  readonly shortcomings?: readonly string[]
}

/** Features as they are now, and as they were. */
export interface Features {
  /** By name. */
  definitions(): Promise<readonly FeatureDefinition[]>
  /** @throws MillraceError FEATURE_UNKNOWN */
  read(request: {
    readonly features: readonly string[]
    readonly entities: readonly { readonly userId?: string; readonly itemId?: string }[]
  }): Promise<{ readonly asOfMs: number; readonly rows: readonly (readonly FeatureReading[])[] }>
  /**
   * Of one entity, at an earlier moment.
   * @param request `asKnownNow`: whether events count from when they happened, however late they came
   * @returns also where the log begins: above 0 where retention has removed what came before, which the values lack
   * @throws MillraceError FEATURE_MOMENT_UNKNOWN
   */
  readAsOf(request: {
    readonly features: readonly FeatureDefinition[]
    readonly entity: { readonly userId?: string; readonly itemId?: string }
    readonly asOfMs: number
    readonly asKnownNow: boolean
  }): Promise<{
    readonly asOfMs: number
    readonly firstOffset: number
    readonly rows: readonly (readonly FeatureReading[])[]
  }>
}

/** The offline tables, to be looked at. */
export interface Tables {
  list(): Promise<readonly TableDescription[]>
  /** @throws MillraceError TABLE_UNKNOWN, as the others that take a name; DELTA_* */
  describe(table: string): Promise<TableDescription>
  /** Newest first. */
  history(table: string, limit: number): Promise<readonly TableHistoryEntry[]>
  /** The newest rows of a version, or of the published one. @throws MillraceError TABLE_NOT_PUBLISHED, DELTA_VERSION_NOT_FOUND */
  rows(
    table: string,
    options: { readonly version?: number | undefined; readonly limit: number },
  ): Promise<{ readonly version: number; readonly rows: readonly StoredEvent[] }>
}

/** How the parts of the system stand. */
export interface Operations {
  status(): Promise<SystemStatus>
  /** Those with a schedule, in the order of the system file. */
  sources(): Promise<readonly SourceSummary[]>
  /** What checks found, newest first. */
  checks(query: {
    readonly table?: string
    readonly check?: string
    readonly limit: number
  }): Promise<readonly StoredCheckResult[]>
  /** The last report; undefined before the first. */
  skew(): Promise<SkewReport | undefined>
  /** For the metrics; never fails, and leaves out what cannot be read. */
  figures(): Promise<OperationFigures>
}

export interface OperationFigures {
  /** Undefined where the system defines none. */
  readonly features:
    | {
        readonly lag: { readonly lagEventCount: number; readonly lagMs: number } | undefined
        /** Of the stream engine, since the start. */
        readonly failureCount: number
        /** Rows of the sample of served features, since the start. */
        readonly samples: { readonly keptCount: number; readonly droppedCount: number }
      }
    | undefined
  /** What was shown since the start, in the log or lost; undefined where it is not kept. */
  readonly impressions: { readonly recordedCount: number; readonly lostCount: number } | undefined
  /** Records of answers since the start, and those on their way; undefined where none are kept. */
  readonly answers?:
    | { readonly recordedCount: number; readonly lostCount: number; readonly queueLength: number }
    | undefined
  readonly sources: readonly SourceSummary[]
  readonly checks: ChecksSummary | undefined
  /** Whether the model in charge is the one that answers; undefined where none is in charge. */
  readonly championAnswers: boolean | undefined
}

/** The registry of models, and which of them this server answers from. */
export interface Models {
  /** All that ever were, newest training first. */
  list(): Promise<readonly ModelEntry[]>
  /** @throws MillraceError MODEL_NOT_FOUND */
  find(version: string): Promise<ModelEntry>
  /** Newest first. */
  audit(query: AuditQuery): Promise<readonly AliasMove[]>
  /** The move that put in charge what was in charge at a moment; undefined where nothing was. */
  inChargeAt(atMs: number): Promise<AliasMove | undefined>
  /** The newest report of a version; undefined where no gates have judged it. */
  gateReport(version: string): Promise<GateReport | undefined>
  /** @throws MillraceError MODEL_NOT_FOUND */
  card(version: string): Promise<ModelCard>
  /** @throws MillraceError MODEL_NOT_FOUND, MODEL_WITHOUT_TREES, MODEL_MISMATCH, BUNDLE_* */
  importance(version: string): Promise<{
    readonly version: string
    readonly gain: readonly TreeImportance[]
    /** By the newest run that has succeeded. */
    readonly measured?: Omit<MeasuredImportance, 'version' | 'gain'> & {
      readonly runId: string
      readonly atMs: number
    }
  }>
  /** One question after the other. @throws MillraceError as `importance`; USER_UNKNOWN, NO_CANDIDATE, FEATURE_UNKNOWN */
  explain(request: {
    readonly userId: string
    readonly itemId?: string
    readonly version?: string
    readonly limit?: number
  }): Promise<ExplainedRecommendation>
  /** @throws MillraceError MODEL_*, BUNDLE_*, as `rollBack` */
  promote(promotion: Promotion): Promise<AliasOutcome>
  rollBack(options: { readonly expected?: string; readonly decision: ModelDecision }): Promise<AliasOutcome>
  /** Undefined where popular items are all there is. */
  answering(): string | undefined
}

/** Records of answers that went out. */
export interface Answers {
  /** One question after the other. @throws MillraceError ANSWER_NOT_FOUND */
  explain(request: { readonly requestId: string; readonly itemId?: string | undefined }): Promise<ExplainedAnswer>
}

interface AnyWantedRun {
  readonly by: string
  readonly command: string
  readonly why: string
  readonly priority?: number | undefined
  readonly threads?: number | undefined
}

interface WantedTraining extends AnyWantedRun {
  readonly kind: 'train'
  readonly evaluate?: boolean | undefined
  readonly promote?: boolean | undefined
  readonly despiteChecks?: string | undefined
}

/** What a ranker loses without each feature. */
interface WantedImportance extends AnyWantedRun {
  readonly kind: 'importance'
  /** The one in charge where it is left out. */
  readonly version?: string | undefined
  readonly permutation?: boolean | undefined
  readonly leaveOneOut?: boolean | undefined
  readonly testShare?: number | undefined
}

interface WantedTuning extends AnyWantedRun {
  readonly kind: 'tune'
  /** A candidate generator, or `ranker`. */
  readonly target: string
  readonly trials?: number | undefined
  readonly minutes?: number | undefined
  readonly metric?: UserMetric | undefined
  readonly k?: number | undefined
  readonly method?: TuningMethod | undefined
  readonly ranges?: string | undefined
  readonly restart?: boolean | undefined
}

/** Lists of every user, made ahead of time. */
interface WantedBatch extends AnyWantedRun {
  readonly kind: 'batch'
  /** Those with lists of their own where it is left out. */
  readonly placements?: readonly string[] | undefined
}

/** A run that somebody wants. */
export type WantedRun = WantedTraining | WantedImportance | WantedTuning | WantedBatch

/** The runs of training and tuning, and the queue of those that wait. */
export interface Runs {
  /** The last queued first. */
  list(query: RunQuery): Promise<readonly Run[]>
  /** @throws MillraceError RUN_NOT_FOUND */
  find(id: string): Promise<{ readonly run: Run; readonly metrics: readonly RunMetric[] }>
  /** @throws MillraceError UNKNOWN_GENERATOR, TUNING_INPUT_INVALID for a tuning of what there is not; UNKNOWN_PLACEMENT, PLACEMENT_PATTERN_MISSING for such a batch */
  queue(wanted: WantedRun): Promise<Run>
  /** Resolves when its process has ended. @throws MillraceError RUN_NOT_FOUND; RUN_STATE_CHANGED where it has ended before */
  cancel(id: string, asked: { readonly by: string; readonly why: string }): Promise<Run>
}

/** What one process counts, in the text format of Prometheus. */
export interface ProcessMetrics {
  readonly process: string
  readonly text: string
}

/** The processes that answer on one port together: whichever of them is asked for metrics tells those of all. */
export interface ProcessGroup {
  /** Of this process, such as "worker-1". */
  readonly name: string
  /** Of the others; those that do not answer within a second are left out. */
  others(): Promise<readonly ProcessMetrics[]>
}

export interface ServerDependencies {
  readonly recommender: Recommender
  /** Left out where nothing is searched: then there are no routes of it. */
  readonly search?: Search
  /** Left out where no lists are put in order: then there is no route for it. */
  readonly lists?: ListRanker
  readonly intake: Intake
  readonly keys: KeyStore
  readonly clock: Clock
  readonly log: Logger
  /** Names and patterns of the placements, in the order of the system file. */
  readonly placements: Readonly<Record<string, { readonly pattern: string }>>
  status(): ServingStatus
  /** How long requests wait before anybody looks at them, at least, in milliseconds. */
  readonly waitMs?: () => number
  /** Left out where no records of answers are kept: then there is no route that explains them. */
  readonly answers?: Answers
  /** Left out where there is no registry: then there are no routes of models. */
  readonly models?: Models
  /** Left out where nothing executes them: then there are no routes of runs. */
  readonly runs?: Runs
  /** Left out where the system defines none. */
  readonly features?: Features
  /** Left out where they cannot be opened. */
  readonly tables?: Tables
  /** Left out where there is nothing but answers: then there are no routes that tell of the rest. */
  readonly operations?: Operations
  /** Left out where one process is the whole system. */
  readonly group?: ProcessGroup | undefined
  /** Shown as labels of `millrace_build_info`. */
  readonly build: { readonly version: string; readonly planHash: string }
}
