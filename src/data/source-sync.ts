// One run of one source: rows are pulled, judged and made durable, and only then is it remembered how far the source was read.
import { type FileSourcePlan, holdsEntities } from '../config/plan.ts'
import type { SourceRun } from '../domain/source-state.ts'
import type { Clock } from '../lib/clock.ts'
import type { MillraceError } from '../lib/errors.ts'
import type { PulledBatch, RecordSource } from '../ports/record-source.ts'
import type { SnapshotStore } from '../ports/snapshot-store.ts'
import type { RowMapper } from './column-mapping.ts'
import type { AcceptResult, Ingest, RowsOrigin } from './ingest.ts'
import { isRejection, type RowCheck, type RowContext } from './row-check.ts'
import { contentId } from './row-id.ts'
import { fingerprintOf, type RowChange, snapshotId, tellChanges, tellDeletions } from './snapshot-changes.ts'

/** A source as a run needs it. */
export interface SourceToSync {
  readonly name: string
  readonly records: RecordSource
  /** From columns to our field names; undefined where the rows have these already. */
  readonly toRow: RowMapper | undefined
  readonly check: RowCheck
  readonly holds: FileSourcePlan['holds']
  /** Whether a column says when each row happened. */
  readonly hasEventTime: boolean
  /** Of how rows are pulled and judged. */
  readonly definitionHash: string
  /** Of a snapshot, in [0, 1]: see `DeletionPolicy`. */
  readonly deletedShareMax: number
}

export interface SyncStart {
  readonly cursor: string | undefined
  /** Number of the run, from 1. */
  readonly run: number
  /** Event time of rows without one, and of deletions; later than that of any earlier run. */
  readonly momentMs: number
}

export interface SyncParts {
  readonly ingest: Pick<Ingest, 'accept'>
  readonly snapshots: SnapshotStore
  readonly clock: Clock
  /** Once aborted, the batch at hand is finished and no other begun. */
  readonly signal: AbortSignal
  /** Called, and waited for, once everything before the cursor is durable. */
  readonly commit: (cursor: string | undefined, progress: SyncProgress) => Promise<void>
}

/** What a run has done up to a commit. */
export interface SyncProgress extends Omit<SourceRun, 'startMs' | 'durationMs' | 'pageCount' | 'isNotModified'> {
  /** The newest event time among the rows that were accepted. */
  readonly newestEventTimeMs: number | undefined
}

export interface SyncOutcome {
  /** Undefined where it was stopped before its end. */
  readonly run: SourceRun | undefined
  /** What could not be read, where the rest could. */
  readonly failures: readonly MillraceError[]
}

type Row = Readonly<Record<string, unknown>>

/** @throws MillraceError what the source throws, SOURCE_DELETES_HELD, EVENT_LOG_FULL; what was committed before stays */
export async function syncSource(source: SourceToSync, start: SyncStart, parts: SyncParts): Promise<SyncOutcome> {
  const { records } = source
  const { clock, signal, commit } = parts
  const startMs = clock.now()
  const sync = new Sync(source, start, parts)
  for await (const batch of records.pull(start.cursor, signal)) {
    await sync.take(batch)
    // Deletions come before the cursor: it may say "not modified" next time, and then they would never come.
    if (records.isSnapshot && batch.end && !batch.end.isNotModified) await sync.takeDeletions()
    await commit(batch.cursor, sync.progress())
    if (batch.end) {
      const { newestEventTimeMs: _, ...counts } = sync.progress()
      const { pageCount, isNotModified, failures } = batch.end
      return { run: { startMs, durationMs: clock.now() - startMs, ...counts, pageCount, isNotModified }, failures }
    }
    if (signal.aborted) break
  }
  return { run: undefined, failures: [] }
}

class Sync {
  readonly #source: SourceToSync
  readonly #start: SyncStart
  readonly #parts: SyncParts
  #readCount = 0
  #acceptedCount = 0
  #unchangedCount = 0
  #quarantinedCount = 0
  #deletedCount = 0
  #newestEventTimeMs: number | undefined

  constructor(source: SourceToSync, start: SyncStart, parts: SyncParts) {
    this.#source = source
    this.#start = start
    this.#parts = parts
  }

  async take(batch: PulledBatch): Promise<void> {
    const { toRow, records } = this.#source
    const rows = toRow ? batch.rows.map((row) => (isRow(row) ? toRow(row) : row)) : batch.rows
    this.#readCount += rows.length
    if (rows.length === 0) return
    if (records.isSnapshot) await this.#takeSnapshot(batch, rows)
    else
      await this.#accept(
        rows.map((row, position) => this.#withVersion(row, batch.versionOf?.(position))),
        batch,
      )
  }

  /** Rows of entities without a time of their own are one event as long as they say the same in the same version. */
  #withVersion(row: unknown, version: string | undefined): unknown {
    const { holds, hasEventTime, name } = this.#source
    if (version === undefined || !holdsEntities(holds) || hasEventTime || !isRow(row)) return row
    return { ...row, id: contentId([name, holds, version, textOf(row)]) }
  }

  async #takeSnapshot(batch: PulledBatch, rows: readonly unknown[]): Promise<void> {
    const { name, definitionHash } = this.#source
    const { run } = this.#start
    const snapshotRows = rows.map((row) => ({
      id: isRow(row) ? snapshotId(row.entityId) : undefined,
      fingerprint: fingerprintOf(row, definitionHash),
    }))
    this.#unchangedCount += await tellChanges(
      this.#parts.snapshots,
      { source: name, run },
      snapshotRows,
      async (changes) => {
        const positions = [...changes.keys()].sort((a, b) => a - b)
        const changed = positions.map((position) => this.#told(rows[position], changes.get(position)!))
        await this.#accept(changed, batch, positions)
      },
    )
  }

  /**
   * A row that was deleted and is back has changed now, whatever time it bears: an older one would lose against the deletion. And a row that says
   * again what it said before another change is an event of its own, also where its own time stayed the same.
   */
  #told(row: unknown, change: RowChange): unknown {
    if (!isRow(row)) return row
    const { momentMs } = this.#start
    const told = change === 'again' ? { ...row, eventTime: new Date(momentMs) } : row
    return { ...told, id: contentId([this.#source.name, this.#source.holds, momentMs, textOf(told)]) }
  }

  async takeDeletions(): Promise<void> {
    const { name, deletedShareMax } = this.#source
    const { run, momentMs } = this.#start
    const eventTime = new Date(momentMs)
    this.#deletedCount = await tellDeletions(
      this.#parts.snapshots,
      { source: name, run },
      { deletedShareMax },
      async (ids) => {
        const rows = ids.map((entityId) => ({ entityId, change: 'delete', eventTime }))
        await this.#parts.ingest.accept(
          rows,
          this.#origin((position) => `${name}: no longer has ${ids[position]}`),
        )
      },
    )
  }

  async #accept(rows: readonly unknown[], batch: PulledBatch, positions?: readonly number[]): Promise<void> {
    const inBatch = (position: number): number => positions?.[position] ?? position
    const original = batch.original ?? ((position: number) => batch.rows[position])
    const result = await this.#parts.ingest.accept(rows, {
      ...this.#origin((position) => batch.where(inBatch(position)), batch.missingTimeMs),
      original: (position) => original(inBatch(position)),
    })
    this.#count(result)
  }

  #origin(where: (position: number) => string, missingTimeMs = this.#start.momentMs): RowsOrigin {
    const { name, holds, hasEventTime, check } = this.#source
    const mustHaveTime = !holdsEntities(holds) || hasEventTime
    return {
      source: name,
      where,
      missingTime: mustHaveTime ? 'reject' : missingTimeMs,
      check: (row: unknown, position: number, context: RowContext) => {
        const verdict = check(row, position, context)
        if (!isRejection(verdict)) this.#newestEventTimeMs = Math.max(this.#newestEventTimeMs ?? 0, verdict.eventTimeMs)
        return verdict
      },
    }
  }

  #count({ acceptedCount, duplicatePositions, rejected }: AcceptResult): void {
    this.#acceptedCount += acceptedCount
    this.#unchangedCount += duplicatePositions.length
    this.#quarantinedCount += rejected.length
  }

  progress(): SyncProgress {
    return {
      readCount: this.#readCount,
      acceptedCount: this.#acceptedCount,
      unchangedCount: this.#unchangedCount,
      quarantinedCount: this.#quarantinedCount,
      deletedCount: this.#deletedCount,
      newestEventTimeMs: this.#newestEventTimeMs,
    }
  }
}

const isRow = (row: unknown): row is Row =>
  typeof row === 'object' && row !== null && !Array.isArray(row) && Object.getPrototypeOf(row) === Object.prototype

const textOf = (row: Row): string =>
  JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
