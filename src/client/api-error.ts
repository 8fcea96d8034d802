export interface ApiProblem {
  /** JSON pointer into the body, or a parameter's name. */
  readonly where: string
  readonly message: string
  readonly fix?: string
}

/** A call that failed: the server's problem details, or why there was no answer. */
export class MillraceApiError extends Error {
  /** The server's code, such as REQUEST_INVALID; UNREACHABLE, TIMED_OUT, ABORTED or UNEXPECTED_ANSWER where the server gave none. */
  readonly code: string
  /** 0 where there was no answer. */
  readonly status: number
  readonly fix: string | undefined
  readonly problems: readonly ApiProblem[]
  /** To be found in the server's log. */
  readonly requestId: string | undefined

  constructor(
    code: string,
    message: string,
    details: {
      readonly status?: number
      readonly fix?: string | undefined
      readonly problems?: readonly ApiProblem[]
      readonly requestId?: string | undefined
      readonly cause?: unknown
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'MillraceApiError'
    this.code = code
    this.status = details.status ?? 0
    this.fix = details.fix
    this.problems = details.problems ?? []
    this.requestId = details.requestId
  }
}
