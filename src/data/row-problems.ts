import type { Rejection, RejectionReason } from '../domain/rejection.ts'

/** Everything that is wrong with one row. Reused from row to row, so that a good row costs no allocation. */
export class RowProblems {
  readonly #messages: string[] = []
  #reason: RejectionReason | undefined

  clear(): void {
    if (this.#reason === undefined) return
    this.#reason = undefined
    this.#messages.length = 0
  }

  /** Always undefined, so that a check can end with it. */
  add(reason: RejectionReason, message: string): undefined {
    this.#reason ??= reason
    this.#messages.push(message)
    return undefined
  }

  /** Undefined where there is no problem. */
  rejection(): Rejection | undefined {
    if (this.#reason === undefined) return undefined
    return { reason: this.#reason, message: this.#messages.join(' ') }
  }
}

const SHOWN_LENGTH = 80

/** A value as a message shows it: short, on one line, and told apart from its text form. */
export function shown(found: unknown): string {
  if (found === undefined || found === '') return 'nothing'
  if (typeof found === 'number' || typeof found === 'bigint') return String(found)
  const text = asJson(found)
  return text.length <= SHOWN_LENGTH ? text : `${text.slice(0, SHOWN_LENGTH)}… (${text.length} characters)`
}

function asJson(found: unknown): string {
  try {
    return JSON.stringify(found) ?? typeof found
  } catch {
    return typeof found
  }
}
