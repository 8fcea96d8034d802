// Keeps records of answers, beside the answers: an answer waits for nothing, memory is bounded, and what had to be left out is counted.
import { type AnswerRecord, bytesOfRecord } from '../domain/answer-record.ts'
import type { Logger } from '../lib/logger.ts'
import { othersTurn } from '../lib/others-turn.ts'
import { pause } from '../lib/within.ts'
import type { AnswerStore } from '../ports/answer-store.ts'

/** Since the start, but for the queue. */
export interface AnswerCounts {
  /** In the store. */
  readonly recordedCount: number
  /** Not in the store: it failed, or was too slow. */
  readonly lostCount: number
  /** On their way to the store now. */
  readonly queueLength: number
}

export interface AnswerRecorder {
  /** Returns at once, and never throws. Its arrays may not be written into any more. */
  record(answer: AnswerRecord): void
  /** Also one that is still on its way to the store. @throws MillraceError DATA_FOLDER_UNUSABLE */
  find(requestId: string): Promise<AnswerRecord | undefined>
  counts(): AnswerCounts
  /** Resolves when everything that was recorded before is in the store, or lost. */
  settled(): Promise<void>
}

export interface AnswerRecorderOptions {
  readonly store: Pick<AnswerStore, 'append' | 'find'>
  readonly logger: Logger
  /** What may wait to be written, about; 32 MiB by default: some hundred answers with all of their candidates, ten thousand without. */
  readonly waitingBytesMax?: number
  /** So long a batch may gather, in milliseconds; 20 by default. Another process that is asked for the next page does not find the record before. */
  readonly gatherMs?: number
}

const WAITING_BYTES_MAX = 2 ** 25
/** Answers in one append; they are put into bytes on the thread that answers. */
const BATCH_LENGTH = 100
const GATHER_MS = 20

/** Writes in batches: while one is on its way to the disk, the next one gathers. */
export function answerRecorder(options: AnswerRecorderOptions): AnswerRecorder {
  const { store, logger, waitingBytesMax = WAITING_BYTES_MAX, gatherMs = GATHER_MS } = options
  /** By request id, those that are being written included, in the order in which they came. */
  const waiting = new Map<string, AnswerRecord>()
  let waitingBytes = 0
  let recordedCount = 0
  let lostCount = 0
  /** Whether the last write failed: a store that stays broken is told of once. */
  let isFailing = false
  let writing: Promise<void> | undefined

  const write = async (answers: readonly AnswerRecord[]): Promise<void> => {
    try {
      await store.append(answers)
      recordedCount += answers.length
      isFailing = false
    } catch (error) {
      lostCount += answers.length
      if (!isFailing) logger.error('answers cannot be recorded', { error })
      isFailing = true
    }
    // Only now: what is being written takes room, and is not to be found elsewhere.
    for (const answer of answers) {
      waitingBytes -= bytesOfRecord(answer)
      waiting.delete(answer.response.requestId)
    }
  }
  const writeAll = async (): Promise<void> => {
    try {
      while (waiting.size > 0) {
        // Writing costs as much as some records do, and answers that are under way go out first.
        await (waiting.size < BATCH_LENGTH && gatherMs > 0 ? pause(gatherMs) : othersTurn())
        await write([...waiting.values().take(BATCH_LENGTH)])
      }
    } finally {
      writing = undefined
    }
  }

  return {
    record(answer) {
      const bytes = bytesOfRecord(answer)
      if (waitingBytes + bytes > waitingBytesMax) {
        lostCount++
        return
      }
      waitingBytes += bytes
      waiting.set(answer.response.requestId, answer)
      writing ??= writeAll()
    },
    find: async (requestId) => waiting.get(requestId) ?? store.find(requestId),
    counts: () => ({ recordedCount, lostCount, queueLength: waiting.size }),
    async settled() {
      while (writing !== undefined) await writing
    },
  }
}
