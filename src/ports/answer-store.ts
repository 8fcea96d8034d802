// Answers that went out, for as long as somebody may want to page on, ask why, or compute them again. Records for that, not for the books: the newest may be lost in a
// crash of the machine, the oldest go by themselves.
import type { AnswerRecord } from '../domain/answer-record.ts'

export interface AnswerStore {
  /**
   * Adds answers, by their request ids, which are unique; several processes may. What is added together may be kept and let go together. Found by any process when it resolves. All or, when it rejects, none of them.
   * @throws MillraceError DISK_FULL, DATA_FOLDER_UNUSABLE
   */
  append(records: readonly AnswerRecord[]): Promise<void>
  /**
   * Undefined where no such answer was added, or where it was let go.
   * @throws MillraceError DATA_FOLDER_UNUSABLE
   */
  find(requestId: string): Promise<AnswerRecord | undefined>
  /**
   * By the moment of asking, the newest first; those of one moment by their ids, the last one first. At most `limit`.
   * @throws MillraceError DATA_FOLDER_UNUSABLE
   */
  newest(limit: number): Promise<readonly AnswerRecord[]>
  close(): Promise<void>
}

/** Bounds to about what goes at once: a store may let go of whole segments of what it keeps, by the newest record in each. */
export interface AnswerRetention {
  /** Answers that were asked for longer ago are let go. */
  readonly maxAgeMs: number
  /** The oldest go until the rest is no larger than this. */
  readonly maxBytes: number
}
