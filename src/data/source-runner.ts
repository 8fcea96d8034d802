// Runs every source by its own schedule. Sources know nothing of each other: one that fails or hangs keeps no other one waiting.
import { nextScheduledMs } from '../config/next-scheduled.ts'
import type { SchedulePlan } from '../config/plan.ts'
import type { SourceFailure, SourceState } from '../domain/source-state.ts'
import type { Clock } from '../lib/clock.ts'
import { MillraceError } from '../lib/errors.ts'
import type { Logger } from '../lib/logger.ts'
import { suggestName } from '../lib/nearest-name.ts'
import type { Rng } from '../lib/rng.ts'
import type { Timers } from '../lib/timers.ts'
import type { SourceStates } from '../ports/source-states.ts'
import { type Freshness, freshnessOf, retryMs } from './source-schedule.ts'
import { type SourceToSync, type SyncOutcome, type SyncParts, type SyncProgress, syncSource } from './source-sync.ts'

export interface ScheduledSource extends SourceToSync {
  readonly schedule: SchedulePlan
  /** Who answers for it. */
  readonly owner: string
  /** The target: how old the last success may be. */
  readonly freshnessMs: number
}

export interface SourceRunnerParts extends Pick<SyncParts, 'ingest' | 'snapshots'> {
  readonly states: SourceStates
  readonly clock: Clock
  readonly timers: Timers
  readonly rng: Rng
  readonly logger: Logger
}

/** A source as `millrace status` shows it. */
export interface SourceStatus {
  readonly source: string
  readonly owner: string
  readonly schedule: SchedulePlan
  readonly freshnessMs: number
  readonly freshness: Freshness
  /** Since the last success; undefined where there was none. */
  readonly ageMs: number | undefined
  /** Between now and the newest event time; undefined where there is none. */
  readonly lagMs: number | undefined
  readonly isRunning: boolean
  /** Undefined where it never ran. */
  readonly state: SourceState | undefined
}

export interface RunOptions {
  /** Deletes whatever a complete snapshot lacks, this once. */
  readonly allowDeletes?: boolean
}

export class SourceRunner {
  readonly #sources: ReadonlyMap<string, ScheduledSource>
  readonly #parts: SourceRunnerParts
  readonly #stopping = new AbortController()
  readonly #cancelTimer = new Map<string, () => void>()
  /** The run of each source, so that two never overlap. */
  readonly #running = new Map<string, Promise<SyncOutcome | undefined>>()

  constructor(sources: readonly ScheduledSource[], parts: SourceRunnerParts) {
    this.#sources = new Map(sources.map((source) => [source.name, source]))
    this.#parts = parts
  }

  /** Runs what is due at once, and everything else when its time comes. */
  async start(): Promise<void> {
    for (const source of this.#sources.values()) {
      const state = (await this.#parts.states.load(source.name))?.state
      this.#schedule(source, firstRunMs(source, state, this.#parts.clock.now()))
    }
  }

  /**
   * Runs a source now, or waits for the run that is on its way.
   * @returns undefined where it was stopped before it began
   * @throws MillraceError SOURCE_UNKNOWN, and what made the run fail; it is in the source's state as well
   */
  async runNow(name: string, options: RunOptions = {}): Promise<SyncOutcome | undefined> {
    const source = this.#sources.get(name)
    if (!source) {
      throw new MillraceError('SOURCE_UNKNOWN', `No source with a schedule is called "${name}".`, {
        fix: suggestName(name, [...this.#sources.keys()]),
      })
    }
    const underway = this.#running.get(name)
    if (underway) return underway
    this.#cancelTimer.get(name)?.()
    const run = this.#run(source, options).finally(() => this.#running.delete(name))
    this.#running.set(name, run)
    return run
  }

  async status(): Promise<readonly SourceStatus[]> {
    const nowMs = this.#parts.clock.now()
    const sources = [...this.#sources.values()]
    return Promise.all(
      sources.map(async ({ name: source, owner, schedule, freshnessMs }) => {
        const state = (await this.#parts.states.load(source))?.state
        const since = (timeMs: number | undefined) => (timeMs === undefined ? undefined : nowMs - timeMs)
        return {
          source,
          owner,
          schedule,
          freshnessMs,
          freshness: freshnessOf(state, { freshnessMs, nowMs }),
          ageMs: since(state?.lastSuccessMs),
          lagMs: since(state?.newestEventTimeMs),
          isRunning: this.#running.has(source),
          state,
        }
      }),
    )
  }

  /** Every run finishes the batch at hand and no more. Resolves once all have ended and the sources are closed. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    for (const cancel of this.#cancelTimer.values()) cancel()
    await Promise.allSettled(this.#running.values())
    await Promise.all([...this.#sources.values()].map(({ records }) => records.close()))
  }

  #schedule(source: ScheduledSource, atMs: number): void {
    if (this.#stopping.signal.aborted || atMs === Number.POSITIVE_INFINITY) return
    const { clock, timers } = this.#parts
    this.#cancelTimer.get(source.name)?.()
    const cancel = timers.after(atMs - clock.now(), () => {
      // Timers may be early where the wait is long or the clock was set.
      if (clock.now() < atMs) this.#schedule(source, atMs)
      // What failed is in the state and in the log by then.
      else this.runNow(source.name).catch(() => {})
    })
    this.#cancelTimer.set(source.name, cancel)
  }

  async #run(source: ScheduledSource, options: RunOptions): Promise<SyncOutcome | undefined> {
    const { signal } = this.#stopping
    if (signal.aborted) return undefined
    const { states, clock, logger } = this.#parts
    const startMs = clock.now()
    let state: SourceState | undefined
    // Of the state as it was stored last: where another process runs the same source, saving fails and this run ends.
    let generation = 0
    const write = async (changed: SourceState): Promise<void> => {
      state = changed
      generation = await states.save(changed, generation)
    }
    let atMs = Number.POSITIVE_INFINITY
    try {
      const stored = await states.load(source.name)
      generation = stored?.generation ?? 0
      const before = begun(source, stored?.state, startMs)
      await write(before)
      let newest = before
      const outcome = await syncSource(
        options.allowDeletes ? { ...source, deletedShareMax: 1 } : source,
        { cursor: before.cursor, run: before.runCount, momentMs: before.momentMs },
        {
          ...this.#parts,
          signal,
          commit: (cursor, progress) => {
            newest = advanced(newest, before, { cursor, progress })
            return write(newest)
          },
        },
      )
      atMs = nextScheduledMs(source.schedule, startMs)
      if (outcome.run) await write(succeeded(newest, outcome, { nowMs: clock.now(), nextRunMs: atMs }))
      for (const failure of outcome.failures) logger.warn('source: a part was left out', reportOf(source, failure))
      if (outcome.run) logger.info('source: read', { source: source.name, ...outcome.run })
      return outcome
    } catch (error) {
      const failureCount = (state?.consecutiveFailureCount ?? 0) + 1
      atMs = retryMs(source.schedule, { nowMs: clock.now(), failureCount, rng: this.#parts.rng })
      logger.error('source: failed', { ...reportOf(source, error), failureCount })
      // Without a state that could be read there is none to write: it would forget the cursor.
      if (state) await write(failed(state, error, { nowMs: clock.now(), nextRunMs: atMs }))
      throw error
    } finally {
      this.#schedule(source, atMs)
    }
  }
}

/** At once where it never ran, or another definition did. */
function firstRunMs(source: ScheduledSource, state: SourceState | undefined, nowMs: number): number {
  if (!state || state.definitionHash !== source.definitionHash) return nowMs
  // The schedule may have become more frequent, and a stop may have come before the end of a run.
  return Math.max(nowMs, Math.min(state.nextRunMs, nextScheduledMs(source.schedule, nowMs)))
}

/** The state of a run that is about to begin. */
function begun(source: ScheduledSource, known: SourceState | undefined, nowMs: number): SourceState {
  const { cursor, ...state } = known ?? {
    source: source.name,
    definitionHash: source.definitionHash,
    runCount: 0,
    momentMs: 0,
    consecutiveFailureCount: 0,
    rowCount: 0,
    nextRunMs: nowMs,
  }
  const isSameDefinition = state.definitionHash === source.definitionHash
  return {
    ...state,
    definitionHash: source.definitionHash,
    // A cursor of another definition says nothing about this one: everything is read again.
    ...(isSameDefinition && cursor !== undefined && { cursor }),
    runCount: state.runCount + 1,
    momentMs: Math.max(nowMs, state.momentMs + 1),
  }
}

/** @param before the state in which the run began */
function advanced(
  { cursor: _, ...state }: SourceState,
  before: SourceState,
  { cursor, progress }: { readonly cursor: string | undefined; readonly progress: SyncProgress },
): SourceState {
  const newestEventTimeMs = Math.max(before.newestEventTimeMs ?? 0, progress.newestEventTimeMs ?? 0)
  return {
    ...state,
    ...(cursor !== undefined && { cursor }),
    rowCount: before.rowCount + progress.acceptedCount,
    ...(newestEventTimeMs > 0 && { newestEventTimeMs }),
  }
}

function succeeded(
  state: SourceState,
  { run, failures }: SyncOutcome,
  { nowMs, nextRunMs }: { readonly nowMs: number; readonly nextRunMs: number },
): SourceState {
  return {
    ...state,
    lastSuccessMs: nowMs,
    lastRun: run!,
    ...(failures[0] && { lastFailure: failureOf(failures[0], nowMs) }),
    consecutiveFailureCount: 0,
    nextRunMs,
  }
}

const failed = (
  state: SourceState,
  error: unknown,
  { nowMs, nextRunMs }: { readonly nowMs: number; readonly nextRunMs: number },
): SourceState => ({
  ...state,
  lastFailure: failureOf(error, nowMs),
  consecutiveFailureCount: state.consecutiveFailureCount + 1,
  nextRunMs,
})

function failureOf(error: unknown, atMs: number): SourceFailure {
  if (!(error instanceof MillraceError)) return { code: 'INTERNAL', message: String(error), atMs }
  const { code, message, fix } = error
  return { code, message, ...(fix !== undefined && { fix }), atMs }
}

const reportOf = ({ name, owner }: ScheduledSource, error: unknown) => ({ source: name, owner, error })
