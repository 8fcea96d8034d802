// The one family of expected failures. Programmer errors are `assert` and crash; everything an operator or a caller can cause is one of these.
import { type ErrorCode, errorCatalogue } from './error-catalogue.ts'

/** One thing that is wrong with an input. */
export interface Problem {
  /** Where: a config path, `file:line`, or a JSON pointer into a request body. */
  readonly where: string
  /** What was found and what was expected, in one sentence. */
  readonly message: string
  readonly fix?: string
}

export interface MillraceErrorOptions {
  /** What the reader should do next, as an imperative sentence. */
  readonly fix?: string
  /** Every problem, when a validation found several. */
  readonly problems?: readonly Problem[]
  readonly cause?: unknown
}

/** An expected failure with a stable code; the catalogue gives its HTTP status, exit code and meaning. */
export class MillraceError extends Error {
  readonly code: ErrorCode
  readonly fix: string | undefined
  readonly problems: readonly Problem[]

  constructor(code: ErrorCode, message: string, options: MillraceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'MillraceError'
    this.code = code
    this.fix = options.fix
    this.problems = options.problems ?? []
  }

  get httpStatus(): number {
    return errorCatalogue[this.code].httpStatus
  }

  get exitCode(): number {
    return errorCatalogue[this.code].exitCode
  }
}

/** The message, every problem and the fix, as lines for a terminal. */
export function describeError(error: MillraceError): string {
  const lines = [`${error.code}: ${error.message}`]
  for (const problem of error.problems) {
    lines.push(`  ${problem.where}: ${problem.message}${problem.fix ? ` ${problem.fix}` : ''}`)
  }
  if (error.fix) lines.push(error.fix)
  return lines.join('\n')
}
