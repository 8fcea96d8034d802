import type { Rejection, RejectionReason } from '../domain/rejection.ts'

/** Stands for a row of a file that could not even be split into values. */
export class UnreadableRow implements Rejection {
  readonly reason: RejectionReason
  readonly message: string
  /** What can be shown of it: its text, its cells, or its bytes. */
  readonly content: unknown

  constructor(reason: RejectionReason, message: string, content: unknown) {
    this.reason = reason
    this.message = message
    this.content = content
  }
}
