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
  /** In the order in which they came; another array with every write. In one that goes on, or in a map, they would outlive their answers (docs/decisions/0041-young-objects.md). */
  let gathered: AnswerRecord[] = []
  /** What is on its way to the store. */
  let underWay: readonly AnswerRecord[] = []
  let waitingBytes = 0
  let recordedCount = 0
  let lostCount = 0
  /** Whether the last write failed: a store that stays broken is told of once. */
  let isFailing = false
  let writing: Promise<void> | undefined

  const write = async (answers: readonly AnswerRecord[]): Promise<void> => {
    underWay = answers
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
    underWay = []
    for (const answer of answers) waitingBytes -= bytesOfRecord(answer)
  }
  const writeAll = async (): Promise<void> => {
    try {
      while (gathered.length > 0) {
        // Writing costs as much as some records do, and answers that are under way go out first.
        await (gathered.length < BATCH_LENGTH && gatherMs > 0 ? pause(gatherMs) : othersTurn())
        const answers = gathered.slice(0, BATCH_LENGTH)
        gathered = gathered.slice(BATCH_LENGTH)
        await write(answers)
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
      gathered.push(answer)
      writing ??= writeAll()
    },
    async find(requestId) {
      const isMeant = ({ response }: AnswerRecord): boolean => response.requestId === requestId
      return underWay.find(isMeant) ?? gathered.find(isMeant) ?? store.find(requestId)
    },
    counts: () => ({ recordedCount, lostCount, queueLength: underWay.length + gathered.length }),
    async settled() {
      while (writing !== undefined) await writing
    },
  }
}
