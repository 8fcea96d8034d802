// Reads files into the log. Reading, judging and storing overlap: while some batches are on their way to the disk, the next ones are read.
import { stat } from 'node:fs/promises'
import type { FileSourcePlan, Plan } from '../config/plan.ts'
import type { Clock } from '../lib/clock.ts'
import { MillraceError } from '../lib/errors.ts'
import { openFile } from './file-bytes.ts'
import { fileRows } from './file-rows.ts'
import type { AcceptResult, Ingest, RowsOrigin } from './ingest.ts'
import { missingTimeOf, sourceCheck } from './source-rows.ts'

export interface FileImport {
  /** The source's name: part of the ids of rows without one, and what the quarantine files them under. */
  readonly sourceName: string
  readonly source: FileSourcePlan
  /** Where the file lies. */
  readonly path: string
  /** Whether the system file defines the source. If not, the quarantine keeps its definition for a replay. */
  readonly isDefined: boolean
}

export interface ImportProgress {
  readonly path: string
  readonly readCount: number
  readonly readBytes: number
  readonly totalBytes: number
  readonly elapsedMs: number
}

/** Where every row of a file went: read = accepted + duplicate + quarantined. */
export interface FileAccount {
  readonly path: string
  readonly sourceName: string
  readonly readCount: number
  readonly acceptedCount: number
  readonly duplicateCount: number
  readonly quarantinedCount: number
  readonly quarantinedByReason: Readonly<Record<string, number>>
  readonly elapsedMs: number
  /** Why the file could not be read to its end; what the account counts came before. */
  readonly failure?: MillraceError
}

export interface ImportParts {
  readonly plan: Plan
  readonly ingest: Ingest
  readonly clock: Clock
  readonly onProgress?: (progress: ImportProgress) => void
}

/** Batches on their way to the disk at once: enough to keep the disk busy, few enough to be held. */
const BATCHES_IN_FLIGHT = 4

/**
 * Imports one file. Importing it again adds nothing. Memory does not grow with the file.
 * @returns the account, with a `failure` where the file is damaged
 * @throws MillraceError IMPORT_FILE_UNREADABLE, IMPORT_MAPPING_INVALID before anything is stored, also where the file is said to be known since a moment that is
 *   still to come; EVENT_LOG_FULL
 */
export async function importFile(
  file: FileImport,
  { plan, ingest, clock, onProgress }: ImportParts,
): Promise<FileAccount> {
  const { path, source, sourceName } = file
  assertKnownBefore(clock.now(), file)
  await (await openFile(path)).close()
  const { size, mtimeMs } = await stat(path)
  const origin: Omit<RowsOrigin, 'where'> = {
    source: sourceName,
    check: sourceCheck(plan, source),
    missingTime: missingTimeOf(source, mtimeMs),
    sourceDefinition: file.isDefined ? undefined : JSON.stringify(source),
  }
  const startMs = clock.now()
  const tally = new Tally()
  const inFlight = new Set<Promise<void>>()
  let failure: MillraceError | undefined
  try {
    for await (const { rows, where, original, readBytes } of fileRows(path, source)) {
      // Kept by itself, so that the rows are not.
      const rowCount = rows.length
      const accepted: Promise<void> = ingest.accept(rows, { ...origin, where, original }).then((result) => {
        tally.add(rowCount, result)
        inFlight.delete(accepted)
        onProgress?.({
          path,
          readCount: tally.readCount,
          readBytes,
          totalBytes: size,
          elapsedMs: clock.now() - startMs,
        })
      })
      // Handled when it is waited for; until then another one may fail first.
      accepted.catch(() => {})
      inFlight.add(accepted)
      while (inFlight.size >= BATCHES_IN_FLIGHT) await Promise.race(inFlight)
    }
  } catch (error) {
    if (!(error instanceof MillraceError && error.code === 'IMPORT_FILE_DAMAGED')) throw error
    failure = error
  } finally {
    await Promise.allSettled(inFlight)
  }
  await Promise.all(inFlight)
  return { path, sourceName, ...tally.counts(), elapsedMs: clock.now() - startMs, ...(failure && { failure }) }
}

/** What is known since tomorrow is not known today. The log would take it from now on, and nobody would hear that it was meant otherwise. */
function assertKnownBefore(nowMs: number, { source: { known }, sourceName, isDefined }: FileImport): void {
  if (typeof known !== 'object' || known.sinceMs <= nowMs) return
  const where = isDefined ? `data.sources.${sourceName}.known.since` : '--known'
  const [found, now] = [known.sinceMs, nowMs].map((timeMs) => new Date(timeMs).toISOString())
  throw new MillraceError(
    'IMPORT_MAPPING_INVALID',
    `${where}: found ${found}, which is in the future, expected a moment up to now, ${now}.`,
    { fix: 'Name the day since when this history was known, or leave it out: then it is known from when it is read.' },
  )
}

class Tally {
  readCount = 0
  #acceptedCount = 0
  #duplicateCount = 0
  #quarantinedCount = 0
  readonly #byReason = new Map<string, number>()

  add(rowCount: number, { acceptedCount, duplicatePositions, rejected }: AcceptResult): void {
    this.readCount += rowCount
    this.#acceptedCount += acceptedCount
    this.#duplicateCount += duplicatePositions.length
    this.#quarantinedCount += rejected.length
    for (const { reason } of rejected) this.#byReason.set(reason, (this.#byReason.get(reason) ?? 0) + 1)
  }

  counts() {
    return {
      readCount: this.readCount,
      acceptedCount: this.#acceptedCount,
      duplicateCount: this.#duplicateCount,
      quarantinedCount: this.#quarantinedCount,
      quarantinedByReason: Object.fromEntries([...this.#byReason].sort(([a], [b]) => (a < b ? -1 : 1))),
    }
  }
}
