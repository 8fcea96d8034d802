// Keeps what was shown, beside the answers: an answer waits for nothing, memory is bounded, and what had to be left out is counted.
import type { ImpressionEvent } from '../domain/event.ts'
import { encodedServedRows } from '../domain/served-rows.ts'
import type { Logger } from '../lib/logger.ts'
import { othersTurn } from '../lib/others-turn.ts'
import { unitHash } from '../lib/unit-hash.ts'
import type { EventLog } from '../ports/event-log.ts'

/** An answer as it went out. */
export interface ShownAnswer extends Omit<ImpressionEvent, 'kind' | 'knownTimeMs' | 'served'> {
  /** What the ranker saw: items x its columns, row-major, in the order of `itemIds`. Copied at once where it is kept, so a view will do. */
  readonly served?: Float32Array
}

/** Answers since the start. */
export interface ImpressionCounts {
  /** In the log, on disk. */
  readonly recordedCount: number
  /** Not in the log: it failed, or was too slow. */
  readonly lostCount: number
}

/** Where answers are told to, so that they can be learned from. */
export interface ImpressionRecorder {
  /** Returns at once, and never throws. An answer without items shows nothing, and is nothing to record. */
  record(answer: ShownAnswer): void
  counts(): ImpressionCounts
  /** Resolves when everything that was recorded before is in the log, or lost. */
  settled(): Promise<void>
}

export interface ImpressionRecorderOptions {
  readonly log: Pick<EventLog, 'append'>
  readonly logger: Logger
  /**
   * Of the answers, in [0, 1], whose rows are kept as the ranker saw them; the lists of all are. Which ones goes by their ids, so that any process would choose the
   * same. 1 by default.
   */
  readonly servedShare?: number
  /** What may wait to be written, about; 32 MiB by default: some thousand answers with their rows. */
  readonly waitingBytesMax?: number
}

const WAITING_BYTES_MAX = 2 ** 25
/** Events in one append: enough that a sync of the disk costs each of them little. */
const BATCH_LENGTH = 1000
/** Of an answer besides its rows and its items, about. */
const ANSWER_BYTES = 500
const ITEM_BYTES = 60

/** Writes to the event log in batches: while one is on its way to the disk, the next one gathers. */
export function impressionRecorder(options: ImpressionRecorderOptions): ImpressionRecorder {
  const { log, logger, servedShare = 1, waitingBytesMax = WAITING_BYTES_MAX } = options
  let waiting: ShownAnswer[] = []
  let waitingBytes = 0
  let recordedCount = 0
  let lostCount = 0
  /** Whether the last write failed: a log that stays broken is told of once. */
  let isFailing = false
  let writing: Promise<void> | undefined

  const write = async (answers: readonly ShownAnswer[]): Promise<void> => {
    try {
      const { duplicatePositions } = await log.append(answers.map(impressionOf))
      recordedCount += answers.length - duplicatePositions.length
      isFailing = false
    } catch (error) {
      lostCount += answers.length
      if (!isFailing) logger.error('what was shown cannot be recorded', { error })
      isFailing = true
    }
    // Only now: what is being written takes room, too.
    for (const answer of answers) waitingBytes -= bytesOf(answer)
  }
  const writeAll = async (): Promise<void> => {
    // The rest of this turn may bring more for the same batch, and the answer that is under way goes out first.
    await othersTurn()
    try {
      while (waiting.length > 0) {
        const answers = waiting.slice(0, BATCH_LENGTH)
        waiting = waiting.slice(BATCH_LENGTH)
        await write(answers)
      }
    } finally {
      writing = undefined
    }
  }

  return {
    record({ served, ...list }) {
      if (list.itemIds.length === 0) return
      const isKept = served !== undefined && unitHash(list.id) < servedShare
      const bytes = bytesOf(isKept ? { ...list, served } : list)
      if (waitingBytes + bytes > waitingBytesMax) {
        lostCount++
        return
      }
      waitingBytes += bytes
      waiting.push(isKept ? { ...list, served: served.slice() } : list)
      writing ??= writeAll()
    },
    counts: () => ({ recordedCount, lostCount }),
    async settled() {
      while (writing !== undefined) await writing
    },
  }
}

const bytesOf = ({ itemIds, served }: ShownAnswer): number =>
  ANSWER_BYTES + itemIds.length * ITEM_BYTES + (served?.byteLength ?? 0)

const impressionOf = ({ served, ...list }: ShownAnswer): ImpressionEvent => ({
  kind: 'impression',
  ...list,
  ...(served !== undefined && { served: encodedServedRows(served) }),
})
