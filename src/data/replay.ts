// Judges quarantined rows again, after the system file has been mended. What is accepted now goes to the log and leaves the quarantine.
import type { Plan } from '../config/plan.ts'
import type { LogEvent } from '../domain/event.ts'
import { type RejectionReason, rejectionReasons } from '../domain/rejection.ts'
import type { Quarantine, QuarantinedRow, RejectedRow } from '../ports/quarantine.ts'
import { type FileRecord, rowMapper } from './column-mapping.ts'
import type { Ingest, IngestParts } from './ingest.ts'
import { isRejection, type RowCheck, type RowContext } from './row-check.ts'
import { type MappedSourcePlan, missingTimeOf, sourceCheck } from './source-rows.ts'

export interface ReplayAccount {
  readonly acceptedCount: number
  /** Rows whose event was in the log already, from a later import or an earlier replay. They leave the quarantine too. */
  readonly duplicateCount: number
  readonly stillRejectedCount: number
  /** Rows that judging again cannot help: they could not be read, or their source is no longer in the system file. */
  readonly notReplayableCount: number
}

const BATCH_ROW_COUNT = 1000

/** Can be stopped and repeated at any point: a row leaves the quarantine only once its event is on disk, and an event is stored once. */
export async function replayQuarantine(
  parts: IngestParts & { readonly ingest: Ingest },
  filter: { readonly reason?: string; readonly source?: string } = {},
): Promise<ReplayAccount> {
  const account = { acceptedCount: 0, duplicateCount: 0, stillRejectedCount: 0, notReplayableCount: 0 }
  const judges = new Judges(parts)
  // Rows that are rejected for another reason now are added anew, behind the last one there is at the beginning.
  const lastId = await newestId(parts.quarantine, filter)
  let afterId = 0
  while (afterId < lastId) {
    const rows = await parts.quarantine.list({ ...filter, afterId, limit: BATCH_ROW_COUNT })
    const known = rows.filter(({ id }) => id <= lastId)
    if (known.length === 0) break
    afterId = known.at(-1)!.id

    const accepted: { id: number; event: LogEvent }[] = []
    const changed: { id: number; row: RejectedRow }[] = []
    for (const row of known) {
      const verdict = judges.judge(row)
      if (verdict === undefined) account.notReplayableCount++
      else if (!isRejection(verdict)) accepted.push({ id: row.id, event: verdict })
      else {
        account.stillRejectedCount++
        if (verdict.reason !== row.reason) changed.push({ id: row.id, row: { ...withoutId(row), ...verdict } })
      }
    }
    const appended = await parts.log.append(accepted.map(({ event }) => event))
    account.acceptedCount += appended.acceptedCount
    account.duplicateCount += appended.duplicatePositions.length
    await parts.quarantine.add(changed.map(({ row }) => row))
    await parts.quarantine.remove([...accepted, ...changed].map(({ id }) => id))
  }
  return account
}

async function newestId(
  quarantine: Quarantine,
  filter: { readonly reason?: string; readonly source?: string },
): Promise<number> {
  let newest = 0
  for (;;) {
    const rows = await quarantine.list({ ...filter, afterId: newest, limit: BATCH_ROW_COUNT })
    if (rows.length === 0) return newest
    newest = rows.at(-1)!.id
  }
}

function withoutId({ id: _, rejectedAtMs: __, ...row }: QuarantinedRow): RejectedRow {
  return row
}

/** How the rows of each source are judged; prepared once per source. */
class Judges {
  readonly #plan: Plan
  readonly #parts: IngestParts & { readonly ingest: Ingest }
  readonly #files = new Map<string, FileJudge>()

  constructor(parts: IngestParts & { readonly ingest: Ingest }) {
    this.#plan = parts.plan
    this.#parts = parts
  }

  /** Undefined where judging again cannot help. */
  judge(row: QuarantinedRow): ReturnType<RowCheck> | undefined {
    const entry = rejectionReasons[row.reason as RejectionReason] as
      | (typeof rejectionReasons)[RejectionReason]
      | undefined
    if (!entry?.canReplay) return undefined
    const payload = parsed(row.payload)
    if (payload === undefined) return undefined
    const context = { nowMs: this.#parts.clock.now(), source: row.source, where: () => row.where }
    const definition =
      this.#plan.data.sources[row.source] ?? (row.source === 'http' ? { kind: 'http' as const } : undefined)
    if (definition?.kind === 'http') {
      return this.#parts.ingest.checkHttpRow(payload, 0, { ...context, missingTime: row.rejectedAtMs })
    }
    const source =
      definition ??
      (row.sourceDefinition === undefined ? undefined : (parsed(row.sourceDefinition) as MappedSourcePlan))
    if (!source) return undefined
    const file = this.#fileJudge(row, source)
    return file.check(file.toRow(payload), 0, { ...context, missingTime: file.missingTime(row) })
  }

  #fileJudge({ source: name, sourceDefinition = '' }: QuarantinedRow, source: MappedSourcePlan): FileJudge {
    const key = JSON.stringify([name, sourceDefinition])
    let judge = this.#files.get(key)
    if (!judge) {
      judge = fileJudge(this.#plan, source)
      this.#files.set(key, judge)
    }
    return judge
  }
}

interface FileJudge {
  readonly check: RowCheck
  readonly toRow: (payload: unknown) => unknown
  readonly missingTime: (row: QuarantinedRow) => RowContext['missingTime']
}

function fileJudge(plan: Plan, source: MappedSourcePlan): FileJudge {
  const mapped = rowMapper(source.holds, source.columns)
  const hasOwnNames = Object.keys(source.columns).length === 0
  return {
    check: sourceCheck(plan, source),
    toRow: (payload) =>
      hasOwnNames || typeof payload !== 'object' || payload === null
        ? payload
        : mapped(withNumbers(payload as FileRecord)),
    missingTime: ({ rejectedAtMs }) => missingTimeOf(source, rejectedAtMs),
  }
}

/** A record by name can be asked by number, too: a mapping may say either. */
function withNumbers(record: FileRecord): FileRecord {
  return Array.isArray(record) ? record : { ...Object.values(record), ...record }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
