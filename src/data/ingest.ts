// The way into the log, for the HTTP server and for files alike: good rows are made durable, bad ones go to quarantine with their reason, and only
// then does the sender get an answer.
import type { Plan } from '../config/plan.ts'
import type { EntityName, LogEvent } from '../domain/event.ts'
import type { RejectionReason } from '../domain/rejection.ts'
import type { Clock } from '../lib/clock.ts'
import type { AppendResult, EventLog } from '../ports/event-log.ts'
import type { Quarantine, RejectedRow } from '../ports/quarantine.ts'
import { impressionCheck } from './impression-check.ts'
import { isRejection, type RowCheck, type RowContext } from './row-check.ts'
import { UnreadableRow } from './unreadable-row.ts'
import { entityCheck, interactionCheck } from './validate-event.ts'

export interface RowsOrigin {
  /** The source's name, or "http". */
  readonly source: string
  /** File and line, or request and position, for people who look for the row. */
  readonly where: (position: number) => string
  readonly check: RowCheck
  readonly missingTime: RowContext['missingTime']
  /** The row as it came, for the quarantine. Default: the row given. */
  readonly original?: ((position: number) => unknown) | undefined
  /** For the quarantine, where the source is none of the system file's. */
  readonly sourceDefinition?: string | undefined
}

export interface AcceptResult {
  /** Rows that are in the log now and were not before. */
  readonly acceptedCount: number
  /** Positions of rows whose id the log had already. */
  readonly duplicatePositions: readonly number[]
  readonly rejected: readonly {
    readonly position: number
    readonly reason: RejectionReason
    readonly message: string
  }[]
  /** A reader of the log that has come this far has seen all of these rows. */
  readonly nextOffset: number
}

/** Where a batch over HTTP comes from. */
export interface BatchOrigin {
  readonly source: string
  /** The request's id. */
  readonly where: string
}

/** A change of a user or an item, as it came. */
export interface EntityChangeRow {
  readonly entity: EntityName
  readonly entityId: unknown
  readonly change: 'put' | 'patch' | 'delete'
  readonly attributes: unknown
  readonly eventTime: unknown
}

interface JudgedRows {
  readonly events: readonly LogEvent[]
  /** Position among the rows, for each event. */
  readonly positions: readonly number[]
  readonly rejected: AcceptResult['rejected']
  readonly rejectedRows: readonly RejectedRow[]
}

export interface IngestParts {
  readonly plan: Plan
  readonly log: EventLog
  readonly quarantine: Quarantine
  readonly clock: Clock
}

export class Ingest {
  readonly #parts: IngestParts
  readonly #checkInteraction: RowCheck
  readonly #checkImpression: RowCheck
  readonly #checkChange: Readonly<Record<EntityName, RowCheck>>

  constructor(parts: IngestParts) {
    this.#parts = parts
    this.#checkInteraction = interactionCheck(parts.plan)
    this.#checkImpression = impressionCheck(parts.plan)
    this.#checkChange = {
      user: entityCheck(parts.plan, { entity: 'user' }),
      item: entityCheck(parts.plan, { entity: 'item' }),
    }
  }

  /**
   * Resolves once the good rows are in the log and the bad ones in quarantine, both on disk. When it rejects, nothing was acknowledged and the batch
   * can be sent again.
   * @throws MillraceError EVENT_LOG_FULL, EVENT_LOG_CLOSED
   */
  accept(rows: readonly unknown[], origin: RowsOrigin): Promise<AcceptResult> {
    const { events, ...rest } = this.#judge(rows, origin)
    // From here on nothing holds the rows: millions of them pass through here, and garbage that lives until the disk has answered is expensive.
    return this.#answer(this.#parts.log.append(events), rest)
  }

  #judge(rows: readonly unknown[], origin: RowsOrigin): JudgedRows {
    const context: RowContext = { ...origin, nowMs: this.#parts.clock.now() }
    const events: LogEvent[] = []
    const positions: number[] = []
    const rejected: AcceptResult['rejected'][number][] = []
    const rejectedRows: RejectedRow[] = []
    for (let position = 0; position < rows.length; position++) {
      const row = rows[position]
      const verdict = row instanceof UnreadableRow ? row : origin.check(row, position, context)
      if (!isRejection(verdict)) {
        events.push(verdict)
        positions.push(position)
        continue
      }
      const { reason, message } = verdict
      rejected.push({ position, reason, message })
      const original = row instanceof UnreadableRow ? row.content : origin.original ? origin.original(position) : row
      rejectedRows.push(rejectedRow({ reason, message, position, original, origin }))
    }
    return { events, positions, rejected, rejectedRows }
  }

  async #answer(
    appending: Promise<AppendResult>,
    { positions, rejected, rejectedRows }: Omit<JudgedRows, 'events'>,
  ): Promise<AcceptResult> {
    const appended = await appending
    await this.#parts.quarantine.add(rejectedRows)
    return {
      acceptedCount: appended.acceptedCount,
      duplicatePositions: appended.duplicatePositions.map((eventPosition) => positions[eventPosition]!),
      rejected,
      nextOffset: appended.nextOffset,
    }
  }

  /** Interactions and impressions over HTTP. One without a time happened when it arrived. */
  acceptEvents(rows: readonly unknown[], origin: BatchOrigin): Promise<AcceptResult> {
    return this.accept(rows, { ...rowsOf(origin), check: this.#checkEvent })
  }

  /** Changes of users and items over HTTP. One without a time happened when it arrived. */
  acceptEntityChanges(rows: readonly EntityChangeRow[], origin: BatchOrigin): Promise<AcceptResult> {
    return this.accept(rows, { ...rowsOf(origin), check: this.checkHttpRow })
  }

  readonly #checkEvent: RowCheck = (row, position, context) => {
    const check = isImpressionRow(row) ? this.#checkImpression : this.#checkInteraction
    return check(row, position, context)
  }

  /** Judges whatever came over HTTP: a change says which entity it is about, an event does not. */
  readonly checkHttpRow: RowCheck = (row, position, context) => {
    const entity = (row as Partial<EntityChangeRow> | null)?.entity
    const check = entity === 'user' || entity === 'item' ? this.#checkChange[entity] : this.#checkEvent
    return check(row, position, context)
  }
}

/** What is sent as an event says so where it is no interaction. */
const isImpressionRow = (row: unknown): boolean => (row as { readonly kind?: unknown } | null)?.kind === 'impression'

const rowsOf = ({ source, where }: BatchOrigin): Omit<RowsOrigin, 'check'> => ({
  source,
  where: (position) => `request ${where}, position ${position}`,
  missingTime: 'arrival',
})

function rejectedRow({
  reason,
  message,
  position,
  original,
  origin,
}: {
  readonly reason: RejectionReason
  readonly message: string
  readonly position: number
  readonly original: unknown
  readonly origin: RowsOrigin
}): RejectedRow {
  const { source, where, sourceDefinition } = origin
  const row = { reason, message, source, where: where(position), payload: asPayload(original) }
  return sourceDefinition === undefined ? row : { ...row, sourceDefinition }
}

/** JSON of a row, whatever it is made of: Parquet has integers of 64 bits. */
function asPayload(row: unknown): string {
  return JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)) ?? 'null'
}
